// What the key commands share: default paths, passphrases that are asked for twice, writing key files.

import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { defaultKeyName, keyPassphrase } from '../../client/encryption-keys.ts';
import { configFile, readSetting } from '../../client/secrets.ts';
import { createKeyFile, type KdfName, kdfNames, serializeKeyFile } from '../../crypto/key-file.ts';
import { createFileExclusive, replaceFile } from '../../os/atomic-file.ts';
import { option, optional } from '../framework/options.ts';
import type { Terminal } from '../framework/terminal.ts';

export const protectionOptions = {
  kdf: optional(option.choice(kdfNames, 'How the passphrase protects the key.', { default: 'scrypt' })),
  hint: optional(option.text('Reminder of the passphrase, stored readable.', { minLength: 1, maxLength: 64 })),
};
export const keyPath = optional(option.text('Key file. The default key when left out.', { valueName: 'path' }));

export function pathOrDefault(path: string | undefined, terminal: Terminal): string {
  return path ?? configFile(terminal.env, defaultKeyName);
}

export async function readKeyText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new GranaryError('io', `unable to read key file '${path}': ${messageOf(error)}`, { cause: error });
  }
}

/** The passphrase of an existing key. */
export function oldPassphrase(terminal: Terminal, what = 'Encryption Key Password'): Promise<string> {
  return keyPassphrase({ env: terminal.env, prompter: terminal }, `${what}: `);
}

/** A new passphrase: PBS_ENCRYPTION_PASSWORD, else asked for twice. */
export async function newPassphrase(terminal: Terminal, what = 'Encryption Key Password'): Promise<string> {
  const preset = await readSetting(terminal.env, 'PBS_ENCRYPTION_PASSWORD');
  return preset ?? askTwice(terminal, what);
}

export async function askTwice(terminal: Terminal, what: string): Promise<string> {
  if (!terminal.canAsk) {
    throw new GranaryError('usage', 'nobody can be asked for a new passphrase: standard input is no terminal', {
      details: { hint: 'Set PBS_ENCRYPTION_PASSWORD, or choose --kdf none for a key without passphrase.' },
    });
  }
  const first = await terminal.askSecret(`${what}: `);
  if (Buffer.byteLength(first) < 5) throw new GranaryError('key-invalid', 'Password is too short!');
  const second = await terminal.askSecret('Verify Password: ');
  if (first !== second) throw new GranaryError('usage', 'Password mismatch');
  return first;
}

/** Protects raw key bytes as asked and writes the file, mode 0600; a file that exists is kept unless `replace`. */
export async function writeKeyFile(
  path: string,
  encKey: Uint8Array,
  o: {
    kdf: KdfName;
    hint: string | undefined;
    created?: number;
    replace?: boolean;
    passphrase: () => Promise<string>;
    terminal: Terminal;
  },
): Promise<void> {
  const keyFile = await createKeyFile(encKey, {
    kdf: o.kdf,
    clock: o.terminal.clock,
    ...(o.created === undefined ? {} : { created: o.created }),
    ...(o.hint === undefined ? {} : { hint: o.hint }),
    ...(o.kdf === 'none' ? {} : { passphrase: await o.passphrase() }),
  });
  const text = serializeKeyFile(keyFile);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (o.replace) return replaceFile(path, text, { mode: 0o600 });
  if (!(await createFileExclusive(path, text, { mode: 0o600 }))) {
    throw new GranaryError('already-exists', `unable to create file '${path}': it exists already`, {
      details: { hint: 'A key that is lost makes its backups unreadable: move the old file away first.' },
    });
  }
}
