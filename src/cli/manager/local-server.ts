// The running server on this machine: found through its state file, pinned to its own certificate, entered with a
// ticket that whoever may read the server's keys can issue (cli.md 1, 5).

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GranaryError, isErrno, messageOf } from '../../base/errors.ts';
import { Connection } from '../../client/connection.ts';
import { type Directories, defaultHome, resolveDirectories } from '../../config/directories.ts';
import { rootUser } from '../../model/auth-id.ts';
import type { Terminal } from '../framework/terminal.ts';

/** Directories of the server that the environment means. */
export function serverDirectories(terminal: Terminal): Directories {
  return resolveDirectories(defaultHome(terminal.env), terminal.env['GRANARY_LAYOUT']);
}

/** A connection as root@pam. Throws `connection` when no server runs. */
export async function openLocalServer(terminal: Terminal): Promise<Connection> {
  const directories = serverDirectories(terminal);
  const port = await runningPort(directories);
  const { AccessControl } = await import('../../access/access-control.ts');
  const { loadIdentity } = await import('../../certificates/identity.ts');
  await mustReadKeys(directories);
  const access = await AccessControl.open(directories, terminal.clock);
  const identity = await loadIdentity(directories.config);
  if (!identity) throw notRunning(directories, 'it has no certificate yet');
  return Connection.open({
    repository: { authId: rootUser, host: 'localhost', port },
    env: {},
    clock: terminal.clock,
    signal: terminal.signal,
    fingerprint: identity.fingerprint,
    issueTicket: async () => {
      const { ticket, csrf } = access.issueTicket(rootUser);
      return { ticket, token: csrf, timestamp: Math.floor(terminal.clock.now() / 1000) };
    },
  });
}

/** The port in `run/proxy.json`, which a server writes when it listens. Throws `connection` when there is none. */
export async function runningPort(directories: Directories): Promise<number> {
  const file = join(directories.run, 'proxy.json');
  try {
    const state: unknown = JSON.parse(await readFile(file, 'utf8'));
    const port = state !== null && typeof state === 'object' && 'port' in state ? state.port : undefined;
    if (typeof port === 'number' && Number.isInteger(port)) return port;
    throw new GranaryError('config-invalid', `'${file}' names no port`);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw notRunning(directories, `there is no '${file}'`);
    if (error instanceof GranaryError) throw error;
    throw new GranaryError('io', `cannot read '${file}': ${messageOf(error)}`, { cause: error });
  }
}

function notRunning(directories: Directories, reason: string): GranaryError {
  return new GranaryError('connection', `the server does not run: ${reason}`, {
    details: {
      hint: `Start it with 'npm start' or 'proxmox-backup-proxy', or set GRANARY_HOME if it is not the one in '${directories.config}'.`,
    },
  });
}

/** The keys are made by the server: without them, or without the right to read them, no ticket can be issued. */
async function mustReadKeys(directories: Directories): Promise<void> {
  const file = join(directories.config, 'authkey.key');
  try {
    await stat(file);
    await readFile(file);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw notRunning(directories, `there is no '${file}'`);
    throw new GranaryError('permission-denied', `cannot read the server's key '${file}': ${messageOf(error)}`, {
      details: { hint: 'Run this as root, or as the user that the server runs as.' },
    });
  }
}
