// The master key in the browser: an RSA pair whose public half seals a copy of the encryption key into each backup, and
// whose private half gets it back (formats.md 11.5). Nothing of this is ever sent.

import { type Bytes, fromBase64, fromHex, toBase64, toHex } from './bytes.ts';
import { DerReader, der, tags } from './der.ts';
import { checkPassphrase, KeyError, type KeyFile, openKeyFile, parseKeyFile } from './key.ts';
import { pbkdf2 } from './scrypt.ts';

const bits = 4096;
const iterations = 2048;
/** What a foreign file may ask for. */
const mostIterations = 100_000_000;
/** PKCS#1 v1.5: 00 02, at least eight bytes that are not zero, 00. */
const leastPadding = 11;

const objectIds = {
  pbes2: '2a864886f70d01050d',
  pbkdf2: '2a864886f70d01050c',
  hmacSha256: '2a864886f70d0209',
  aes256Cbc: '60864801650304012a',
};

export interface MasterKeyPair {
  /** SubjectPublicKeyInfo, for every machine that makes backups. */
  publicPem: string;
  /** PKCS#8, encrypted with the passphrase. */
  privatePem: string;
}

const algorithm = {
  name: 'RSA-OAEP',
  hash: 'SHA-256',
  modulusLength: bits,
  publicExponent: Uint8Array.of(1, 0, 1),
} as const;

/** Makes a pair; takes seconds. Throws `KeyError` for a passphrase below 5 bytes. */
export async function createMasterKey(passphrase: string): Promise<MasterKeyPair> {
  const secret = checkPassphrase(passphrase);
  const pair = await crypto.subtle.generateKey(algorithm, true, ['encrypt', 'decrypt']);
  const [spki, pkcs8] = await Promise.all([
    crypto.subtle.exportKey('spki', pair.publicKey),
    crypto.subtle.exportKey('pkcs8', pair.privateKey),
  ]);
  return {
    publicPem: pem('PUBLIC KEY', new Uint8Array(spki)),
    privatePem: pem('ENCRYPTED PRIVATE KEY', await seal(new Uint8Array(pkcs8), secret)),
  };
}

/**
 * Opens the copy of an encryption key that backups carry: `sealed` is the content of `rsa-encrypted.key.blob`, without
 * its header. The key file has no passphrase. Throws `KeyError` for a wrong passphrase, another master key, or damage.
 */
export async function recoverKey(privatePem: string, passphrase: string, sealed: Bytes): Promise<KeyFile> {
  const { n, p, q, dp, dq, qi } = await openPrivateKey(privatePem, passphrase);
  const size = Math.ceil(n.toString(16).length / 2);
  if (sealed.byteLength !== size) {
    throw new KeyError(`a key sealed with this master key has ${size} bytes, this one ${sealed.byteLength}`);
  }
  // Browsers do not remove this padding, lest a page become an oracle for others; this is one's own key.
  const c = toNumber(sealed);
  const [a, b] = [power(c % p, dp, p), power(c % q, dq, q)];
  const padded = toBytes(b + q * ((((qi * (a - b)) % p) + p) % p), size);
  const end = padded.indexOf(0, 2);
  if (padded[0] !== 0 || padded[1] !== 2 || end < leastPadding - 1) {
    throw new KeyError('the key was sealed with another master key, or is damaged');
  }
  const file = parseKeyFile(new TextDecoder().decode(padded.subarray(end + 1)));
  // Its fingerprint is held against the key.
  await openKeyFile(file, '');
  return file;
}

/** Whether a text looks like a private master key, and whether it needs a passphrase. */
export function privateKeyKind(text: string): 'sealed' | 'plain' | undefined {
  if (text.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----')) return 'sealed';
  return text.includes('-----BEGIN PRIVATE KEY-----') ? 'plain' : undefined;
}

type PrivateNumbers = Record<'n' | 'p' | 'q' | 'dp' | 'dq' | 'qi', bigint>;

async function openPrivateKey(text: string, passphrase: string): Promise<PrivateNumbers> {
  const kind = privateKeyKind(text);
  if (kind === undefined) throw new KeyError('this is no private master key: it has no "BEGIN ENCRYPTED PRIVATE KEY"');
  const label = kind === 'sealed' ? 'ENCRYPTED PRIVATE KEY' : 'PRIVATE KEY';
  const body = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`).exec(text)?.[1];
  const bytes = body === undefined ? undefined : fromBase64(body.replace(/\s/g, ''));
  if (bytes === undefined)
    throw new KeyError('the private master key is damaged: what is between its lines is not base64');
  const pkcs8 = kind === 'sealed' ? await unseal(bytes, checkPassphrase(passphrase)) : bytes;
  let parts: Awaited<ReturnType<typeof exportedNumbers>>;
  try {
    parts = await exportedNumbers(pkcs8);
  } catch {
    throw new KeyError('the private master key is not an RSA key, or is damaged');
  }
  const number = (name: keyof PrivateNumbers): bigint => toNumber(fromBase64Url(parts[name] ?? ''));
  const [n, p, q, dp, dq, qi] = [number('n'), number('p'), number('q'), number('dp'), number('dq'), number('qi')];
  if (p * q !== n || n === 0n) throw new KeyError('the private master key is damaged: its numbers do not fit');
  return { n, p, q, dp, dq, qi };
}

async function exportedNumbers(pkcs8: Bytes) {
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['decrypt']);
  return await crypto.subtle.exportKey('jwk', key);
}

/** PBES2 with PBKDF2-HMAC-SHA-256, 8 bytes of salt and 2048 iterations, and AES-256-CBC, as the field's files have it. */
async function seal(pkcs8: Bytes, passphrase: Bytes): Promise<Bytes> {
  const [salt, iv] = [crypto.getRandomValues(new Uint8Array(8)), crypto.getRandomValues(new Uint8Array(16))];
  const key = await derivedKey(passphrase, salt, iterations, 'encrypt');
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CBC', iv }, key, pkcs8));
  const count = der(tags.integer, Uint8Array.of(iterations >> 8, iterations & 0xff));
  const prf = der(tags.sequence, objectId(objectIds.hmacSha256), der(tags.none));
  const parameters = der(tags.sequence, der(tags.octets, salt), count, prf);
  const kdf = der(tags.sequence, objectId(objectIds.pbkdf2), parameters);
  const cipher = der(tags.sequence, objectId(objectIds.aes256Cbc), der(tags.octets, iv));
  const scheme = der(tags.sequence, objectId(objectIds.pbes2), der(tags.sequence, kdf, cipher));
  return der(tags.sequence, scheme, der(tags.octets, sealed));
}

async function unseal(bytes: Bytes, passphrase: Bytes): Promise<Bytes> {
  const { salt, count, iv, sealed } = readEnvelope(bytes);
  if (count > mostIterations) throw new KeyError(`PBKDF2 with ${count} iterations takes too long`);
  const key = await derivedKey(passphrase, salt, count, 'decrypt');
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-CBC', iv }, key, sealed));
  } catch {
    throw new KeyError('the passphrase does not open the private master key');
  }
}

function readEnvelope(bytes: Bytes): { salt: Bytes; count: number; iv: Bytes; sealed: Bytes } {
  try {
    const file = new DerReader(bytes).inside(tags.sequence);
    const scheme = file.inside(tags.sequence);
    expect(scheme, 'pbes2');
    const both = scheme.inside(tags.sequence);
    const kdf = both.inside(tags.sequence);
    expect(kdf, 'pbkdf2');
    const parameters = kdf.inside(tags.sequence);
    const [salt, count] = [parameters.take(tags.octets), parameters.smallInteger()];
    expect(parameters.inside(tags.sequence), 'hmacSha256');
    const cipher = both.inside(tags.sequence);
    expect(cipher, 'aes256Cbc');
    return { salt, count, iv: cipher.take(tags.octets), sealed: file.take(tags.octets) };
  } catch (error) {
    const reason = (error as Error).message;
    throw new KeyError(`the private master key is damaged, or encrypted in another way than PBES2 (${reason})`);
  }
}

function expect(reader: DerReader, name: keyof typeof objectIds): void {
  const found = toHex(reader.take(tags.objectId));
  if (found !== objectIds[name]) throw new RangeError(`method ${found} in the place of ${name}`);
}

async function derivedKey(passphrase: Bytes, salt: Bytes, count: number, use: 'encrypt' | 'decrypt') {
  return await crypto.subtle.importKey('raw', await pbkdf2(passphrase, salt, count, 32), 'AES-CBC', false, [use]);
}

const objectId = (hex: string): Bytes => der(tags.objectId, fromHex(hex));

function fromBase64Url(text: string): Bytes {
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  return fromBase64(standard.padEnd(Math.ceil(standard.length / 4) * 4, '=')) ?? new Uint8Array();
}

function pem(label: string, bytes: Bytes): string {
  return `-----BEGIN ${label}-----\n${toBase64(bytes).replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`;
}

const toNumber = (bytes: Bytes): bigint => (bytes.byteLength === 0 ? 0n : BigInt(`0x${toHex(bytes)}`));
const toBytes = (number: bigint, size: number): Bytes => fromHex(number.toString(16).padStart(2 * size, '0'));

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let factor = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * factor) % modulus;
    factor = (factor * factor) % modulus;
  }
  return result;
}
