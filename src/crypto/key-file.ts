// Key files: an encryption key as JSON, raw or protected by a passphrase (formats.md 11.1 to 11.4).

import { createCipheriv, createDecipheriv, pbkdf2, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { concatBytes } from '../base/bytes.ts';
import { type Clock, epochSeconds, formatLocal, parseRfc3339, systemClock } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { CryptConfig, encryptionKeySize, parseFingerprint } from './crypt-config.ts';

/** How the passphrase becomes a key; `salt` is base64. `null`: no passphrase, the data is the raw key. */
export type KeyDerivation =
  | null
  | { Scrypt: { n: number; r: number; p: number; salt: string } }
  | { PBKDF2: { iter: number; salt: string } };

export const kdfNames = ['scrypt', 'pbkdf2', 'none'] as const;
export type KdfName = (typeof kdfNames)[number];

export interface KeyFile {
  kdf: KeyDerivation;
  /** Epoch seconds. */
  created: number;
  /** Epoch seconds. */
  modified: number;
  /** 32 bytes of raw key, or 64 bytes: IV, tag, encrypted key. */
  data: Uint8Array;
  fingerprint?: string;
  hint?: string;
}

export interface OpenedKey {
  /** 32 bytes. */
  key: Uint8Array;
  /** Epoch seconds, as the file says. */
  created: number;
  fingerprint: string;
}

const minPassphraseBytes = 5;
const maxHintCharacters = 64;
const ivSize = 16;
const tagSize = 16;
const saltSize = 32;
/** What a foreign file may ask for: more is an attack rather than a precaution. */
const limits = { memory: 1024 * 1024 * 1024, scryptWork: 2 ** 28, iterations: 100_000_000 };

/** Parses a key file; throws `key-invalid` naming `what` and the member. Nothing is decrypted. */
export function parseKeyFile(text: string, what: string): KeyFile {
  const fail = (problem: string, cause?: unknown) =>
    new GranaryError('key-invalid', `${what}: ${problem}`, cause === undefined ? {} : { cause });
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    throw fail(`not a key file: ${messageOf(error)}`, error);
  }
  if (!isObject(root)) throw fail('not a key file: no JSON object');
  const kdf = parseKdf(root['kdf'], fail);
  const data = typeof root['data'] === 'string' ? parseBase64(root['data']) : undefined;
  if (!data) throw fail("'data' is not base64");
  const size = kdf === null ? encryptionKeySize : ivSize + tagSize + encryptionKeySize;
  if (data.byteLength !== size) throw fail(`'data' has ${data.byteLength} bytes, not ${size}`);
  const keyFile: KeyFile = {
    kdf,
    created: parseTime(root, 'created', fail),
    modified: parseTime(root, 'modified', fail),
    data,
  };
  const { fingerprint, hint } = root;
  if (fingerprint !== undefined && fingerprint !== null) {
    const parsed = typeof fingerprint === 'string' ? parseFingerprint(fingerprint) : undefined;
    if (parsed === undefined) throw fail("'fingerprint' is not a key fingerprint");
    keyFile.fingerprint = parsed;
  }
  if (hint !== undefined && hint !== null) {
    if (typeof hint !== 'string' || !hint.isWellFormed()) throw fail("'hint' is not a text");
    keyFile.hint = hint;
  }
  return keyFile;
}

/** Compact JSON in the file's member order, times in the local zone, no newline. */
export function serializeKeyFile(keyFile: KeyFile): string {
  return JSON.stringify(keyFileJson(keyFile));
}

/** Indented JSON in the same order, for paper. */
export function prettyKeyFile(keyFile: KeyFile): string {
  return JSON.stringify(keyFileJson(keyFile), undefined, 2);
}

export interface CreateKeyOptions {
  kdf: KdfName;
  /** At least 5 bytes; needed unless `kdf` is `none`. */
  passphrase?: string;
  /** 1 to 64 characters; not with `kdf` `none`. */
  hint?: string;
  /** Epoch seconds; kept when a passphrase is changed. Now by default. */
  created?: number;
  clock?: Clock;
  /** Source of salt and IV. */
  random?: (size: number) => Uint8Array;
}

/** Wraps 32 key bytes. Throws `key-invalid` for a short passphrase or a hint that is not allowed. */
export async function createKeyFile(encKey: Uint8Array, options: CreateKeyOptions): Promise<KeyFile> {
  const { fingerprint } = CryptConfig.fromKey(encKey);
  const modified = epochSeconds(options.clock ?? systemClock);
  const times = { created: options.created ?? modified, modified };
  checkHint(options);
  if (options.kdf === 'none') return { kdf: null, ...times, data: Uint8Array.from(encKey), fingerprint };
  const random = options.random ?? randomBytes;
  const salt = Buffer.from(random(saltSize)).toString('base64');
  const kdf: Exclude<KeyDerivation, null> =
    options.kdf === 'scrypt' ? { Scrypt: { n: 65536, r: 8, p: 1, salt } } : { PBKDF2: { iter: 65535, salt } };
  const derived = await deriveKey(kdf, checkPassphrase(options.passphrase ?? ''));
  const iv = random(ivSize);
  const cipher = createCipheriv('aes-256-gcm', derived, iv, { authTagLength: tagSize });
  const sealed = cipher.update(encKey);
  cipher.final();
  const data = concatBytes([iv, cipher.getAuthTag(), sealed]);
  const keyFile: KeyFile = { kdf, ...times, data, fingerprint };
  return options.hint === undefined ? keyFile : { ...keyFile, hint: options.hint };
}

/**
 * Gives the raw key; `passphrase` is asked only if the file needs one. Throws `key-invalid` for a wrong or too
 * short passphrase (with the hint, if there is one) and if the key has not the fingerprint that the file states.
 */
export async function openKeyFile(keyFile: KeyFile, passphrase: () => Promise<string>): Promise<OpenedKey> {
  const key =
    keyFile.kdf === null ? keyFile.data : await unlock(keyFile, keyFile.kdf, checkPassphrase(await passphrase()));
  const { fingerprint } = CryptConfig.fromKey(key);
  if (keyFile.fingerprint !== undefined && keyFile.fingerprint !== fingerprint) {
    throw new GranaryError(
      'key-invalid',
      `the key file states fingerprint ${keyFile.fingerprint}, but its key has ${fingerprint}`,
    );
  }
  return { key: Uint8Array.from(key), created: keyFile.created, fingerprint };
}

/** The key derivation's name on the command line. */
export function kdfName(kdf: KeyDerivation): KdfName {
  if (kdf === null) return 'none';
  return 'Scrypt' in kdf ? 'scrypt' : 'pbkdf2';
}

/** The passphrase's bytes; throws `key-invalid` if there are fewer than 5. */
export function checkPassphrase(passphrase: string): Buffer {
  const bytes = Buffer.from(passphrase);
  if (bytes.byteLength < minPassphraseBytes) {
    throw new GranaryError('key-invalid', `a passphrase has at least ${minPassphraseBytes} bytes`);
  }
  return bytes;
}

/** Derives 32 bytes off the main thread; throws `key-invalid` for parameters beyond the limits. */
export async function deriveKey(kdf: Exclude<KeyDerivation, null>, passphrase: Uint8Array): Promise<Uint8Array> {
  if ('PBKDF2' in kdf) {
    const { iter, salt } = kdf.PBKDF2;
    return await promisify(pbkdf2)(passphrase, Buffer.from(salt, 'base64'), iter, 32, 'sha256');
  }
  const { n, r, p, salt } = kdf.Scrypt;
  const options = { N: n, r, p, maxmem: limits.memory + 64 * 1024 * 1024 };
  try {
    return await new Promise<Uint8Array>((resolve, reject) => {
      scrypt(passphrase, Buffer.from(salt, 'base64'), 32, options, (error, key) =>
        error ? reject(error) : resolve(key),
      );
    });
  } catch (error) {
    throw new GranaryError('key-invalid', `scrypt refuses its parameters: ${messageOf(error)}`, { cause: error });
  }
}

async function unlock(
  keyFile: KeyFile,
  kdf: Exclude<KeyDerivation, null>,
  passphrase: Uint8Array,
): Promise<Uint8Array> {
  const derived = await deriveKey(kdf, passphrase);
  const { data, hint } = keyFile;
  const decipher = createDecipheriv('aes-256-gcm', derived, data.subarray(0, ivSize), { authTagLength: tagSize });
  decipher.setAuthTag(data.subarray(ivSize, ivSize + tagSize));
  try {
    return concatBytes([decipher.update(data.subarray(ivSize + tagSize)), decipher.final()]);
  } catch (error) {
    const help = hint === undefined ? '' : ` (password hint: ${hint})`;
    throw new GranaryError('key-invalid', `the passphrase does not open the key${help}`, { cause: error });
  }
}

type Fail = (problem: string, cause?: unknown) => GranaryError;

function parseKdf(value: unknown, fail: Fail): KeyDerivation {
  if (value === null) return null;
  const variants = isObject(value) ? Object.entries(value) : [];
  const [name, parameters] = variants.length === 1 ? variants[0]! : [];
  if (name === undefined || !isObject(parameters)) throw fail("'kdf' is neither null, Scrypt nor PBKDF2");
  const { salt } = parameters;
  if (typeof salt !== 'string' || !parseBase64(salt)) throw fail("'salt' is not base64");
  const positive = (key: string): number => {
    const n = parameters[key];
    if (!Number.isSafeInteger(n) || (n as number) < 1) throw fail(`'${key}' of ${name} is not a positive integer`);
    return n as number;
  };
  if (name === 'Scrypt') {
    const [n, r, p] = [positive('n'), positive('r'), positive('p')];
    if (n < 2 || !Number.isInteger(Math.log2(n))) throw fail(`'n' of Scrypt is not a power of two: ${n}`);
    if (128 * n * r > limits.memory || n * r * p > limits.scryptWork || r * p >= 2 ** 30) {
      throw fail(`Scrypt with n=${n}, r=${r}, p=${p} needs more than 1 GiB of memory or too much time`);
    }
    return { Scrypt: { n, r, p, salt } };
  }
  if (name === 'PBKDF2') {
    const iter = positive('iter');
    if (iter > limits.iterations)
      throw fail(`PBKDF2 with ${iter} iterations, at most ${limits.iterations} are accepted`);
    return { PBKDF2: { iter, salt } };
  }
  throw fail(`'kdf' is '${name}', only Scrypt and PBKDF2 are known`);
}

function parseTime(root: Record<string, unknown>, member: string, fail: Fail): number {
  const value = root[member];
  const time = typeof value === 'string' ? parseRfc3339(value) : undefined;
  if (time === undefined) throw fail(`'${member}' is not an RFC 3339 time with a numeric offset or Z`);
  return time;
}

/** Standard base64 with padding; undefined for anything else. */
function parseBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? Uint8Array.from(bytes) : undefined;
}

function checkHint({ hint, kdf }: CreateKeyOptions): void {
  if (hint === undefined) return;
  if (kdf === 'none') throw new GranaryError('key-invalid', 'a password hint is not allowed without a passphrase');
  const length = [...hint].length;
  if (length < 1 || length > maxHintCharacters || !hint.isWellFormed()) {
    throw new GranaryError('key-invalid', `a password hint has 1 to ${maxHintCharacters} characters, not ${length}`);
  }
}

function keyFileJson(keyFile: KeyFile): Record<string, unknown> {
  const { kdf, created, modified, data, fingerprint, hint } = keyFile;
  return {
    kdf,
    created: formatLocal(created),
    modified: formatLocal(modified),
    data: Buffer.from(data).toString('base64'),
    fingerprint,
    hint,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
