// Which keys a backup or restore works with: key file, default key, master key, passphrase (cli.md 4, 13).

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { type OpenedKey, openKeyFile, parseKeyFile } from '../crypto/key-file.ts';
import type { CryptMode } from '../model/names.ts';
import type { Prompter } from './connection.ts';
import { configFile, type Environment, readSetting } from './secrets.ts';

export const defaultKeyName = 'encryption-key.json';
export const defaultMasterKeyName = 'master-public.pem';

export interface KeyOptions {
  keyfile?: string | undefined;
  keyfd?: number | undefined;
  'master-pubkey-file'?: string | undefined;
  'master-pubkey-fd'?: number | undefined;
  'crypt-mode'?: CryptMode | undefined;
}

export interface LoadedKey extends OpenedKey {
  crypt: CryptConfig;
  /** Where it came from, as a message tells it. */
  source: string;
}

export interface BackupKeys {
  mode: CryptMode;
  key?: LoadedKey;
  /** Public master key: each backup carries the encryption key sealed for it. */
  master?: { pem: string; source: string };
}

export interface KeyEnvironment {
  env: Environment;
  prompter?: Prompter | undefined;
}

/** The keys for a backup; without options the default key is used if there is one. Throws `usage` for options that contradict. */
export async function loadBackupKeys(options: KeyOptions, context: KeyEnvironment): Promise<BackupKeys> {
  const explicit = options.keyfile !== undefined || options.keyfd !== undefined;
  const mode = options['crypt-mode'];
  if (mode === 'none') {
    if (explicit) throw new GranaryError('usage', '--crypt-mode none excludes --keyfile and --keyfd');
    return { mode };
  }
  const key = await loadKey(options, context);
  if (!key) {
    if (mode === undefined) return { mode: 'none' };
    throw new GranaryError('usage', `--crypt-mode ${mode} needs a key, but there is no default key`, {
      details: { hint: "Give --keyfile, or make the default key with 'key create'." },
    });
  }
  const master = await loadMasterKey(options, context);
  return { mode: mode ?? 'encrypt', key, ...(master ? { master } : {}) };
}

/** The key for reading: the given one, else the default one, else none. Its passphrase is asked for at once. */
export async function loadKey(options: KeyOptions, context: KeyEnvironment): Promise<LoadedKey | undefined> {
  const found = await readGiven(options.keyfile, options.keyfd, 'key', defaultKeyName, context.env);
  if (!found) return undefined;
  const keyFile = parseKeyFile(found.text, found.source);
  const opened = await openKeyFile(keyFile, () => keyPassphrase(context, 'Encryption Key Password: '));
  return { ...opened, crypt: CryptConfig.fromKey(opened.key), source: found.source };
}

/** The passphrase of a key: PBS_ENCRYPTION_PASSWORD, else asked. */
export async function keyPassphrase(context: KeyEnvironment, question: string): Promise<string> {
  const preset = await readSetting(context.env, 'PBS_ENCRYPTION_PASSWORD');
  if (preset !== undefined) return preset;
  if (!context.prompter?.canAsk) {
    throw new GranaryError('usage', 'the key is protected by a passphrase, and nobody can be asked for it', {
      details: { hint: 'Set PBS_ENCRYPTION_PASSWORD, or the variable with _FILE, _FD or _CMD.' },
    });
  }
  return context.prompter.askSecret(question);
}

async function loadMasterKey(
  options: KeyOptions,
  context: KeyEnvironment,
): Promise<{ pem: string; source: string } | undefined> {
  const found = await readGiven(
    options['master-pubkey-file'],
    options['master-pubkey-fd'],
    'master-pubkey',
    defaultMasterKeyName,
    context.env,
  );
  return found ? { pem: found.text, source: found.source } : undefined;
}

/** Reads the file or descriptor that was given, else the default file if it exists. */
async function readGiven(
  file: string | undefined,
  fd: number | undefined,
  what: string,
  defaultName: string,
  env: Environment,
): Promise<{ text: string; source: string } | undefined> {
  if (file !== undefined && fd !== undefined)
    throw new GranaryError('usage', `give only one of --${what}file and --${what}fd`);
  try {
    if (file !== undefined) return { text: await readFile(file, 'utf8'), source: `'${file}'` };
    if (fd !== undefined) return { text: readFileSync(fd, 'utf8'), source: `file descriptor ${fd}` };
  } catch (error) {
    const name = file === undefined ? `file descriptor ${fd}` : `'${file}'`;
    throw new GranaryError('io', `cannot read the key from ${name}: ${messageOf(error)}`, { cause: error });
  }
  const path = configFile(env, defaultName);
  try {
    return { text: await readFile(path, 'utf8'), source: `default location '${path}'` };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw new GranaryError('io', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}
