// The server that the manager works on: the one on this machine, through its local socket, on which root and the
// server's own user need no password; or another one (cli.md 1, 3, 5).

import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GranaryError, isErrno, messageOf } from '../../base/errors.ts';
import { Connection } from '../../client/connection.ts';
import { defaultPort, parseServerAddress } from '../../client/repository.ts';
import { readSetting } from '../../client/secrets.ts';
import { type Directories, defaultHome, localSocketPath, resolveDirectories } from '../../config/directories.ts';
import { rootUser } from '../../model/auth-id.ts';
import { connectOwned } from '../../wire/privileged-door.ts';
import type { Terminal } from '../framework/terminal.ts';
import { remoteVariable } from './remote.ts';

/** Directories of the server on this machine. Throws `usage` in a command that was sent to another one. */
export function serverDirectories(terminal: Terminal): Directories {
  if (terminal.env[remoteVariable] === undefined) return localDirectories(terminal);
  throw new GranaryError('usage', 'this command works with the files of the server: --repository cannot be used');
}

function localDirectories(terminal: Terminal): Directories {
  return resolveDirectories(defaultHome(terminal.env), terminal.env['GRANARY_LAYOUT']);
}

/**
 * The server that a command is about: the one on this machine, as root@pam; or another one, if `--repository` or, on a
 * machine that is no server itself, PBS_REPOSITORY names it. Throws `connection` when it cannot be reached.
 */
export async function openLocalServer(terminal: Terminal): Promise<Connection> {
  const remote = terminal.env[remoteVariable];
  if (remote !== undefined) return openRemoteServer(remote, terminal);
  const directories = localDirectories(terminal);
  if (!existsSync(directories.state)) {
    const preset = await readSetting(terminal.env, 'PBS_REPOSITORY');
    if (preset !== undefined) return openRemoteServer(preset, terminal);
  }
  const socketPath = localSocketPath(directories);
  try {
    (await connectOwned(socketPath)).destroy();
  } catch (error) {
    const cause = error instanceof GranaryError ? error.cause : error;
    if (isErrno(cause, 'ENOENT', 'ECONNREFUSED')) return openByKeys(directories, terminal);
    if (!isErrno(cause, 'EACCES', 'EPERM')) throw error;
    throw new GranaryError('permission-denied', `cannot use '${socketPath}': ${messageOf(cause)}`, {
      details: { hint: 'Run this as root, or as the user that the server runs as.' },
    });
  }
  return Connection.open({
    repository: { authId: rootUser, host: 'localhost', port: defaultPort },
    env: {},
    clock: terminal.clock,
    signal: terminal.signal,
    socketPath,
  });
}

function openRemoteServer(text: string, terminal: Terminal): Promise<Connection> {
  return Connection.open({
    repository: parseServerAddress(text),
    env: terminal.env,
    prompter: terminal,
    clock: terminal.clock,
    signal: terminal.signal,
  });
}

/** Through the port, with a ticket: for a server whose local socket is gone while it still serves. */
async function openByKeys(directories: Directories, terminal: Terminal): Promise<Connection> {
  const port = await runningPort(directories);
  const { AccessControl } = await import('../../access/access-control.ts');
  const { loadIdentity } = await import('../../certificates/identity.ts');
  await mustReadKeys(directories);
  const access = await AccessControl.open(directories, terminal.clock);
  const identity = await loadIdentity(directories.config);
  if (!identity) throw notRunning(directories, 'it has no certificate yet');
  const { isJustReplaced, untilServed } = await import('./served-certificate.ts');
  if (await isJustReplaced(directories.config)) await untilServed(port, identity.fingerprint, terminal.signal);
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
  const hint =
    directories.config === resolveDirectories('', 'system').config
      ? "Start it with 'systemctl start proxmox-backup proxmox-backup-proxy'."
      : `Start it with 'npm start' or 'proxmox-backup-proxy', or set GRANARY_HOME if it is not the one in '${directories.config}'. To manage one on another machine, give --repository.`;
  return new GranaryError('connection', `the server does not run: ${reason}`, { details: { hint } });
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
