// Secrets and settings that reach the client through its environment (cli.md 3): plain, from a descriptor, a file,
// a command, or systemd's credentials. Also where the client keeps its own files.

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const credentials: Record<string, string> = {
  PBS_PASSWORD: 'password',
  PBS_ENCRYPTION_PASSWORD: 'encryption-password',
  PBS_REPOSITORY: 'repository',
  PBS_FINGERPRINT: 'fingerprint',
};

/**
 * The value of a setting: variable NAME, then NAME_FD, NAME_FILE, NAME_CMD, then the systemd credential. The first
 * line counts. Undefined when none is set; throws `usage` for one that is set but empty or cannot be read.
 */
export async function readSetting(env: Environment, name: keyof typeof credentials): Promise<string | undefined> {
  if (env[name] !== undefined) return firstLine(name, env[name]);
  const descriptor = env[`${name}_FD`];
  if (descriptor !== undefined) return firstLine(`${name}_FD`, readDescriptor(`${name}_FD`, descriptor));
  const file = env[`${name}_FILE`];
  if (file !== undefined) return firstLine(`${name}_FILE`, readText(`${name}_FILE`, file));
  const command = env[`${name}_CMD`];
  if (command !== undefined) return firstLine(`${name}_CMD`, await runCommand(`${name}_CMD`, command));
  const directory = env['CREDENTIALS_DIRECTORY'];
  if (directory === undefined) return undefined;
  const credential = join(directory, `proxmox-backup-client.${credentials[name]}`);
  try {
    return firstLine(credential, readFileSync(credential, 'utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error instanceof GranaryError ? error : unreadable(credential, error);
  }
}

function firstLine(source: string, text: string): string {
  const line = text.split('\n', 1)[0]!.replace(/\r$/, '');
  if (line === '') throw new GranaryError('usage', `${source} is set, but its first line is empty`);
  return line;
}

function readDescriptor(source: string, text: string): string {
  const fd = Number(text);
  if (!/^\d+$/.test(text)) throw new GranaryError('usage', `${source} is no file descriptor: '${text}'`);
  return readText(source, fd);
}

function readText(source: string, file: string | number): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable(`${source} (${file})`, error);
  }
}

function unreadable(source: string, error: unknown): GranaryError {
  return new GranaryError('usage', `cannot read ${source}: ${messageOf(error)}`, { cause: error });
}

async function runCommand(source: string, command: string): Promise<string> {
  // Loaded at the first need: most commands start without it.
  const { execFile } = await import('node:child_process');
  try {
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', command], { encoding: 'utf8' });
    return stdout;
  } catch (error) {
    // The error's own message repeats the command, which may hold a secret.
    const status = (error as { code?: unknown }).code;
    throw new GranaryError('usage', `the command in ${source} failed with status ${String(status)}`);
  }
}

/** The client's configuration files: default key, default master key, accepted fingerprints. */
export function configFile(env: Environment, name: string): string {
  const base = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config');
  return join(base, 'proxmox-backup', name);
}

/** The client's cache files: repositories and backup ids for completion. */
export function cacheFile(env: Environment, name: string): string {
  const base = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache');
  return join(base, 'proxmox-backup', name);
}

/** Files that live as long as the login session; undefined without XDG_RUNTIME_DIR. */
export function runtimeFile(env: Environment, name: string): string | undefined {
  const base = env['XDG_RUNTIME_DIR'];
  return base ? join(base, 'proxmox-backup', name) : undefined;
}
