// Which repository and namespace a command is about: options, environment, and the connection (cli.md 3).

import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GranaryError } from '../../base/errors.ts';
import { Connection, type ConnectionOptions } from '../../client/connection.ts';
import { formatRepository, makeRepository, parseRepository, type Repository } from '../../client/repository.ts';
import { cacheFile, readSetting } from '../../client/secrets.ts';
import { replaceFile } from '../../os/atomic-file.ts';
import { option, optional } from '../framework/options.ts';
import type { Terminal } from '../framework/terminal.ts';

export const repositoryOptions = {
  repository: optional(option.text('Repository: [[AUTH-ID@]SERVER[:PORT]:]DATASTORE.', { valueName: 'repository' })),
  server: optional(option.text('Server of the repository, instead of --repository.')),
  port: optional(option.integer('Port of the server.', { minimum: 1, maximum: 65535 })),
  datastore: optional(option.text('Datastore on the server, needed with --server, --port and --auth-id.')),
  'auth-id': optional(option.text('User or API token.', { format: 'auth-id' })),
};

export const namespaceOptions = {
  ns: optional(option.text('Namespace. The default is PBS_NAMESPACE or the root.', { format: 'namespace' })),
};

export interface RepositoryValues {
  repository?: string | undefined;
  server?: string | undefined;
  port?: number | undefined;
  datastore?: string | undefined;
  'auth-id'?: string | undefined;
  ns?: string | undefined;
}

/** An open connection and what it is about. */
export interface Target extends AsyncDisposable {
  readonly connection: Connection;
  readonly repository: Repository;
  /** The namespace; empty for the root. */
  readonly ns: string;
}

/** Finds the repository: option, parts given as options, PBS_REPOSITORY, parts in the environment. Throws `usage`. */
export async function findRepository(values: RepositoryValues, terminal: Terminal): Promise<Repository> {
  const parts = {
    host: values.server,
    port: values.port,
    store: values.datastore,
    authId: values['auth-id'],
  };
  const given = Object.values(parts).some((part) => part !== undefined);
  if (values.repository !== undefined) {
    if (given) throw new GranaryError('usage', '--repository excludes --server, --port, --datastore and --auth-id');
    return parseRepository(values.repository);
  }
  if (given) return fromParts(parts, '--datastore');
  const preset = await readSetting(terminal.env, 'PBS_REPOSITORY');
  if (preset !== undefined) return parseRepository(preset);
  const { PBS_SERVER, PBS_PORT, PBS_DATASTORE, PBS_AUTH_ID } = terminal.env;
  if (PBS_SERVER ?? PBS_PORT ?? PBS_DATASTORE ?? PBS_AUTH_ID) {
    const port = PBS_PORT === undefined ? undefined : Number(PBS_PORT);
    return fromParts({ host: PBS_SERVER, port, store: PBS_DATASTORE, authId: PBS_AUTH_ID }, 'PBS_DATASTORE');
  }
  throw new GranaryError('usage', 'unable to get repository', {
    details: { hint: 'Give --repository, or set PBS_REPOSITORY, to [[AUTH-ID@]SERVER[:PORT]:]DATASTORE.' },
  });
}

function fromParts(
  parts: {
    host: string | undefined;
    port: number | undefined;
    store: string | undefined;
    authId: string | undefined;
  },
  missing: string,
): Repository {
  const { host, port, store, authId } = parts;
  if (store === undefined) throw new GranaryError('usage', `the repository has no datastore: ${missing} is missing`);
  return makeRepository({
    store,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(authId === undefined ? {} : { authId }),
  });
}

/** Opens the connection that a command works with, and remembers the repository for completion. */
export async function openTarget(
  values: RepositoryValues,
  terminal: Terminal,
  limits?: ConnectionOptions['limits'],
): Promise<Target> {
  const repository = await findRepository(values, terminal);
  const connection = await Connection.open({
    repository,
    env: terminal.env,
    prompter: terminal,
    clock: terminal.clock,
    signal: terminal.signal,
    limits,
  });
  await rememberRepository(terminal, repository);
  const ns = values.ns ?? terminal.env['PBS_NAMESPACE'] ?? '';
  return { connection, repository, ns, [Symbol.asyncDispose]: async () => connection.close() };
}

/** The path of a call below the target's datastore. */
export function storePath(target: Target, call: string): string {
  return `admin/datastore/${encodeURIComponent(target.repository.store)}/${call}`;
}

const remembered = 10;

async function rememberRepository(terminal: Terminal, repository: Repository): Promise<void> {
  const text = formatRepository(repository);
  try {
    const known = await listRepositories(terminal);
    if (known[0] === text) return;
    const list = [text, ...known.filter((other) => other !== text)].slice(0, remembered);
    const file = cacheFile(terminal.env, 'repo-list');
    await mkdir(dirname(file), { recursive: true });
    await replaceFile(file, `${list.join('\n')}\n`, { mode: 0o600, durable: false });
  } catch {
    // A home that cannot be written only costs completion.
  }
}

/** Repositories used before, newest first. */
export async function listRepositories(terminal: Terminal): Promise<string[]> {
  try {
    const text = await readFile(cacheFile(terminal.env, 'repo-list'), 'utf8');
    return text.split('\n').filter((line) => /^[^\s{}"]+$/.test(line));
  } catch {
    return [];
  }
}
