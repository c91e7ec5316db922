// Sets and removes the TXT records of DNS-01 challenges by programs of the administrator: one for each kind of name
// server, named in a plugin's `api`. What they are called with is documented in docs/acme-dns-hooks.md.

import { constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GranaryError, isErrno, messageOf, withContext } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { runProgram } from '../os/run-program.ts';

/** What a hook tells of itself, for forms: an element of `config/acme/challenge-schema`. */
export interface ChallengeSchema {
  id: string;
  name: string;
  type: 'dns';
  schema: Record<string, unknown>;
}

const namePattern = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
const hookTimeoutMs = 10 * 60_000;

/** Where hooks lie: the administrator's own first, then those that packages bring. */
const foldersOf = (directories: Directories): string[] => [
  join(directories.config, 'acme', 'dns-hooks'),
  '/usr/share/granary/acme-dns-hooks',
];

/** All hooks by name, with what the file `NAME.json` beside them says. */
export function listDnsHooks(directories: Directories): ChallengeSchema[] {
  const found = new Map<string, ChallengeSchema>();
  for (const folder of foldersOf(directories)) {
    for (const id of hooksIn(folder)) {
      if (!found.has(id)) found.set(id, { id, name: id, type: 'dns', schema: {}, ...descriptionOf(folder, id) });
    }
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/**
 * Runs the hook `api` to `add` or `remove` a TXT record. `settings` are the plugin's, `KEY=value` lines, and become
 * its environment. What it prints goes to `log`. Throws `bad-request` when it does not exist or fails.
 */
export async function runDnsHook(
  directories: Directories,
  o: { api: string; settings: string; log: (line: string) => void; signal: AbortSignal },
  action: 'add' | 'remove',
  record: { name: string; value: string },
): Promise<void> {
  const path = findHook(directories, o.api);
  try {
    await runProgram([path, action, record.name, record.value], {
      env: parseHookSettings(o.settings),
      onLine: (line) => o.log(`${o.api}: ${line}`),
      timeoutMs: hookTimeoutMs,
      signal: o.signal,
    });
  } catch (error) {
    throw withContext(`DNS hook '${o.api}' could not ${action} the record ${record.name}`, error);
  }
}

/** The variables of a plugin's settings. Throws `config-invalid` naming the line. */
export function parseHookSettings(text: string): Record<string, string> {
  const variables: Record<string, string> = {};
  text.split(/\r?\n/).forEach((line, index) => {
    if (/^\s*(#|$)/.test(line)) return;
    const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$/.exec(line);
    if (!match) throw new GranaryError('config-invalid', `line ${index + 1} of the settings is not 'KEY=value'`);
    variables[match[1]!] = match[2]!.trim();
  });
  return variables;
}

/** Throws `bad-request` unless there is a hook that only root or the server's own user can change. */
function findHook(directories: Directories, api: string): string {
  const folder = foldersOf(directories).find((one) => hooksIn(one).includes(api));
  if (folder === undefined) {
    const [first] = foldersOf(directories);
    throw new GranaryError(
      'bad-request',
      `there is no DNS hook '${api}': put an executable of that name into ${first}`,
    );
  }
  const path = join(folder, api);
  const { uid, mode } = statSync(path);
  if ((uid !== 0 && uid !== process.getuid?.()) || mode & (constants.S_IWGRP | constants.S_IWOTH)) {
    throw new GranaryError(
      'bad-request',
      `the DNS hook '${path}' is not run: others than its owner root can change it`,
    );
  }
  return path;
}

function hooksIn(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw withContext(`unable to read "${folder}"`, error);
  }
  return names.filter((name) => {
    const stat = namePattern.test(name) ? statSync(join(folder, name), { throwIfNoEntry: false }) : undefined;
    return stat?.isFile() === true && (stat.mode & 0o111) !== 0;
  });
}

function descriptionOf(folder: string, id: string): { name?: string; schema?: Record<string, unknown> } {
  const path = join(folder, `${id}.json`);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return {};
    throw withContext(`unable to read "${path}"`, error);
  }
  try {
    const { name, ...schema } = JSON.parse(text) as Record<string, unknown>;
    return { ...(typeof name === 'string' ? { name } : {}), schema };
  } catch (error) {
    throw new GranaryError('config-invalid', `parsing "${path}" failed: ${messageOf(error)}`);
  }
}
