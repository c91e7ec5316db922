// An encryption key in the browser: what follows from it (formats.md 2), and the file that holds it (formats.md 11).
// Nothing of this is ever sent; the key itself is kept where scripts cannot read it back.

import { type Bytes, concat, fromBase64, fromHex, sha256, toBase64, toHex } from './bytes.ts';
import { pbkdf2, scrypt } from './scrypt.ts';

/** A text for people: what is wrong with a key, or with what it should open. */
export class KeyError extends Error {}

const keySize = 32;
const ivSize = 16;
const tagSize = 16;
const saltSize = 32;
const leastPassphrase = 5;
/** What a foreign file may ask for: more is an attack rather than a precaution. */
const limits = { memory: 512 * 1024 * 1024, scryptWork: 2 ** 26, iterations: 100_000_000 };
/** SHA-256 of `Proxmox Backup Encryption Key Fingerprint`. */
const fingerprintInput = fromHex('6ed0ef77471fff4d55c7a8fe4a9db62161407f134c725ddf30992d25ec45ed26');

/** A key that scripts cannot read back. */
type ImportedKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

export class Key {
  readonly #cipher: ImportedKey;
  readonly #signer: ImportedKey;
  readonly #idKey: Bytes;
  /** `aa:bb:...`, 32 bytes. */
  readonly fingerprint: string;

  private constructor(cipher: ImportedKey, signer: ImportedKey, idKey: Bytes, fingerprint: string) {
    this.#cipher = cipher;
    this.#signer = signer;
    this.#idKey = idKey;
    this.fingerprint = fingerprint;
  }

  static async from(raw: Bytes): Promise<Key> {
    if (raw.byteLength !== keySize) throw new KeyError(`an encryption key has ${keySize} bytes, not ${raw.byteLength}`);
    const cipher = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['decrypt']);
    const idKey = await pbkdf2(raw, new TextEncoder().encode('_id_key'), 10, 32);
    const hmac = { name: 'HMAC', hash: 'SHA-256' };
    const signer = await crypto.subtle.importKey('raw', idKey, hmac, false, ['sign']);
    const print = toHex(await sha256(concat(fingerprintInput, idKey)));
    return new Key(cipher, signer, idKey, print.replace(/(..)(?!$)/g, '$1:'));
  }

  /** The digest that names encrypted content. */
  digest(content: Uint8Array): Promise<Bytes> {
    return sha256(concat(content, this.#idKey));
  }

  /** The signature of a manifest. */
  async authTag(message: Bytes): Promise<Bytes> {
    return new Uint8Array(await crypto.subtle.sign('HMAC', this.#signer, message));
  }

  /** Undefined where the tag is not right: another key, or damage. */
  open(iv: Bytes, tag: Bytes, sealed: Uint8Array): Promise<Bytes | undefined> {
    return openSealed(this.#cipher, iv, tag, sealed);
  }
}

async function openSealed(key: ImportedKey, iv: Bytes, tag: Bytes, sealed: Uint8Array): Promise<Bytes | undefined> {
  try {
    const text = concat(sealed, tag);
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, tagLength: 8 * tagSize }, key, text));
  } catch {
    return undefined;
  }
}

export type KeyDerivation =
  | null
  | { Scrypt: { n: number; r: number; p: number; salt: string } }
  | { PBKDF2: { iter: number; salt: string } };

export interface KeyFile {
  kdf: KeyDerivation;
  created: string;
  modified: string;
  /** The raw key, or IV, tag and sealed key. */
  data: Bytes;
  fingerprint?: string;
  hint?: string;
}

/** Throws `KeyError` saying which member is wrong. Nothing is decrypted. */
export function parseKeyFile(text: string): KeyFile {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    throw new KeyError('this is not a key file: it is not JSON');
  }
  if (!isObject(root)) throw new KeyError('this is not a key file: it holds no object');
  const kdf = parseDerivation(root['kdf']);
  const data = typeof root['data'] === 'string' ? fromBase64(root['data']) : undefined;
  if (data === undefined) throw new KeyError("the key file's 'data' is not base64");
  const size = kdf === null ? keySize : ivSize + tagSize + keySize;
  if (data.byteLength !== size) throw new KeyError(`the key file's 'data' has ${data.byteLength} bytes, not ${size}`);
  const { created, modified, fingerprint, hint } = root;
  if (!isTime(created) || !isTime(modified))
    throw new KeyError("'created' or 'modified' of the key file is not a time");
  const print = typeof fingerprint === 'string' ? fingerprint.replaceAll(':', '').toLowerCase() : undefined;
  if (fingerprint !== undefined && fingerprint !== null && !/^[0-9a-f]{64}$/.test(print ?? '')) {
    throw new KeyError("the key file's 'fingerprint' is not one");
  }
  return {
    kdf,
    created,
    modified,
    data,
    ...(print === undefined ? {} : { fingerprint: print.replace(/(..)(?!$)/g, '$1:') }),
    ...(typeof hint === 'string' ? { hint } : {}),
  };
}

function parseDerivation(value: unknown): KeyDerivation {
  if (value === null) return null;
  const [name, parameters] = isObject(value) && Object.keys(value).length === 1 ? Object.entries(value)[0]! : [];
  if (!isObject(parameters)) throw new KeyError("the key file's 'kdf' is neither null, Scrypt nor PBKDF2");
  const { salt } = parameters;
  if (typeof salt !== 'string' || fromBase64(salt) === undefined) throw new KeyError("the kdf's 'salt' is not base64");
  const positive = (member: string): number => {
    const n = parameters[member];
    if (!Number.isSafeInteger(n) || (n as number) < 1) throw new KeyError(`'${member}' of the kdf is not a number`);
    return n as number;
  };
  if (name === 'PBKDF2') {
    const iter = positive('iter');
    if (iter > limits.iterations) throw new KeyError(`PBKDF2 with ${iter} iterations takes too long`);
    return { PBKDF2: { iter, salt } };
  }
  if (name !== 'Scrypt') throw new KeyError(`the key file's kdf '${name}' is not known`);
  const [n, r, p] = [positive('n'), positive('r'), positive('p')];
  if (n < 2 || !Number.isInteger(Math.log2(n))) throw new KeyError(`'n' of Scrypt is not a power of two: ${n}`);
  if (128 * n * r > limits.memory || n * r * p > limits.scryptWork) {
    throw new KeyError(`Scrypt with n=${n}, r=${r}, p=${p} needs more memory or time than a browser has`);
  }
  return { Scrypt: { n, r, p, salt } };
}

/** Opens the key of a file; the passphrase is not looked at where the file needs none. Throws `KeyError`. */
export async function openKeyFile(file: KeyFile, passphrase: string): Promise<Key> {
  const raw = file.kdf === null ? file.data : await unseal(file, file.kdf, passphrase);
  const key = await Key.from(raw);
  if (file.fingerprint !== undefined && file.fingerprint !== key.fingerprint) {
    throw new KeyError(`the key file states fingerprint ${file.fingerprint}, but its key has ${key.fingerprint}`);
  }
  return key;
}

async function unseal(file: KeyFile, kdf: NonNullable<KeyDerivation>, passphrase: string): Promise<Bytes> {
  const derived = await derive(kdf, passphrase);
  const cipher = await crypto.subtle.importKey('raw', derived, 'AES-GCM', false, ['decrypt']);
  const [iv, tag] = [file.data.slice(0, ivSize), file.data.slice(ivSize, ivSize + tagSize)];
  const raw = await openSealed(cipher, iv, tag, file.data.subarray(ivSize + tagSize));
  if (raw !== undefined) return raw;
  throw new KeyError(`the passphrase does not open the key${file.hint === undefined ? '' : ` (hint: ${file.hint})`}`);
}

async function derive(kdf: NonNullable<KeyDerivation>, passphrase: string): Promise<Bytes> {
  const bytes = checkPassphrase(passphrase);
  if ('PBKDF2' in kdf) return await pbkdf2(bytes, fromBase64(kdf.PBKDF2.salt)!, kdf.PBKDF2.iter, 32);
  return await scrypt(bytes, fromBase64(kdf.Scrypt.salt)!, kdf.Scrypt, 32);
}

/** Throws `KeyError` for one below 5 bytes. */
export function checkPassphrase(passphrase: string): Bytes {
  const bytes = new TextEncoder().encode(passphrase);
  if (bytes.byteLength < leastPassphrase) throw new KeyError(`a passphrase has at least ${leastPassphrase} bytes`);
  return bytes;
}

export interface Protection {
  /** Without one the file holds the raw key. */
  passphrase?: string;
  /** 1 to 64 characters; only with a passphrase. */
  hint?: string;
}

export interface NewKey extends Protection {
  /** Milliseconds. */
  now: number;
  /** Source of key, salt and IV. */
  random?: (size: number) => Bytes;
}

const randomBytes = (size: number): Bytes => crypto.getRandomValues(new Uint8Array(size));

/** Makes a key and its file, protected with scrypt where there is a passphrase. Throws `KeyError`. */
export async function createKeyFile({ now, random = randomBytes, ...protection }: NewKey): Promise<KeyFile> {
  const raw = random(keySize);
  const { fingerprint } = await Key.from(raw);
  const time = localTime(now);
  return await protect({ kdf: null, created: time, modified: time, data: raw, fingerprint }, protection, random);
}

/** The file of a raw key as it is to be kept from now on (milliseconds). Throws `KeyError`. */
export async function protectKeyFile(file: KeyFile, protection: Protection, now: number): Promise<KeyFile> {
  return await protect({ ...file, modified: localTime(now) }, protection, randomBytes);
}

async function protect(
  { data: raw, created, modified, fingerprint }: KeyFile,
  { passphrase, hint }: Protection,
  random: (size: number) => Bytes,
): Promise<KeyFile> {
  if (hint !== undefined && (passphrase === undefined || [...hint].length < 1 || [...hint].length > 64)) {
    throw new KeyError('a hint has 1 to 64 characters, and is for keys with a passphrase');
  }
  const stated = fingerprint === undefined ? {} : { fingerprint };
  if (passphrase === undefined) return { kdf: null, created, modified, data: raw, ...stated };
  const kdf = { Scrypt: { n: 65536, r: 8, p: 1, salt: toBase64(random(saltSize)) } };
  const derived = await derive(kdf, passphrase);
  const cipher = await crypto.subtle.importKey('raw', derived, 'AES-GCM', false, ['encrypt']);
  const iv = random(ivSize);
  const sealed = new Uint8Array(
    await crypto.subtle.encrypt({ name: 'AES-GCM', iv, tagLength: 8 * tagSize }, cipher, raw),
  );
  const data = concat(iv, sealed.subarray(keySize), sealed.subarray(0, keySize));
  return { kdf, created, modified, data, ...stated, ...(hint === undefined ? {} : { hint }) };
}

/** The text of a key file, in the order of its members: one line, or indented as it is printed on paper. */
export function writeKeyFile(file: KeyFile, indent?: number): string {
  const { kdf, created, modified, data, fingerprint, hint } = file;
  return JSON.stringify({ kdf, created, modified, data: toBase64(data), fingerprint, hint }, undefined, indent);
}

/** `YYYY-MM-DDTHH:MM:SS+HH:MM` in the zone of this machine. */
function localTime(now: number): string {
  const date = new Date(now);
  const offset = -date.getTimezoneOffset();
  const two = (n: number): string => String(Math.trunc(Math.abs(n))).padStart(2, '0');
  const shifted = new Date(now + offset * 60_000).toISOString().slice(0, 19);
  return `${shifted}${offset < 0 ? '-' : '+'}${two(offset / 60)}:${two(offset % 60)}`;
}

function isTime(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/.test(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
