// Password hashes as crypt(3) makes them, so that user databases stay readable by the field's own server:
// written as yescrypt cost 5, verified in every scheme that the host's libcrypt knows (access-control.md 8).

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { callOffThread, cString, lastErrno, libcrypt, native, systemError } from './libc.ts';

const cryptR = native('intptr_t crypt_rn(const void *phrase, const void *setting, void *data, int size)', libcrypt);
const gensalt = native(
  'intptr_t crypt_gensalt_rn(const void *prefix, ulong count, const void *random, int length, void *out, int size)',
  libcrypt,
);

/** `struct crypt_data`; the hash is the C string at its start. */
const cryptDataSize = 32768;
const maxPasswordBytes = 512;

/** `$y$j9T$SALT$HASH` with a fresh 16-byte salt. */
export function hashPassword(password: string): string {
  return finish(cryptSync(password, newSetting()));
}

/** `hashPassword` off the main thread. */
export async function hashPasswordAsync(password: string): Promise<string> {
  return finish(await cryptAsync(password, newSetting()));
}

/** Whether `hash` was made from `password`. An unknown scheme or a malformed hash verifies nothing. */
export function verifyPassword(password: string, hash: string): boolean {
  return isPlausible(password, hash) && matches(cryptSync(password, hash), hash);
}

/** `verifyPassword` off the main thread. */
export async function verifyPasswordAsync(password: string, hash: string): Promise<boolean> {
  return isPlausible(password, hash) && matches(await cryptAsync(password, hash), hash);
}

function isPlausible(password: string, hash: string): boolean {
  return !password.includes('\0') && Buffer.byteLength(password) <= maxPasswordBytes && /^[!-~]{3,383}$/.test(hash);
}

function newSetting(): string {
  const out = Buffer.alloc(192);
  const salt = randomBytes(16);
  if (Number(gensalt()(cString('$y$'), 5, salt, salt.byteLength, out, out.byteLength)) === 0) {
    throw systemError(lastErrno(), 'crypt_gensalt_rn');
  }
  return text(out);
}

function cryptSync(password: string, setting: string): string | undefined {
  const data = Buffer.alloc(cryptDataSize);
  const result = cryptR()(cString(password), cString(setting), data, data.byteLength);
  return Number(result) === 0 ? undefined : text(data);
}

async function cryptAsync(password: string, setting: string): Promise<string | undefined> {
  const data = Buffer.alloc(cryptDataSize);
  const result = await callOffThread(cryptR(), cString(password), cString(setting), data, data.byteLength);
  return Number(result) === 0 ? undefined : text(data);
}

function finish(hash: string | undefined): string {
  if (hash === undefined || !hash.startsWith('$y$')) {
    throw Object.assign(new Error('EINVAL: the password cannot be hashed: libcrypt refuses it or has no yescrypt'), {
      code: 'EINVAL',
    });
  }
  return hash;
}

function matches(computed: string | undefined, hash: string): boolean {
  // crypt answers a failure with a string that starts with `*` and is never a valid hash.
  if (computed === undefined || computed.startsWith('*')) return false;
  const a = Buffer.from(computed);
  const b = Buffer.from(hash);
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

function text(buffer: Buffer): string {
  return buffer.toString('latin1', 0, buffer.indexOf(0));
}
