// The master key: an RSA pair whose public half seals a copy of the encryption key into each backup, so that
// who holds the private half can recover it (formats.md 11.5). PKCS#1 v1.5 throughout, as in the field.

import {
  constants,
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  pbkdf2,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { promisify } from 'node:util';
import { concatBytes } from '../base/bytes.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { CryptConfig } from './crypt-config.ts';
import { checkPassphrase, type KeyFile, parseKeyFile, serializeKeyFile } from './key-file.ts';

const modulusBits = 4096;
/** PKCS#1 v1.5: 00 02, at least eight bytes that are not zero, 00. */
const leastPadding = 11;

export interface MasterKeyPair {
  /** SubjectPublicKeyInfo. */
  publicPem: string;
  /** PKCS#8, encrypted with the passphrase. */
  privatePem: string;
}

/** Generates an RSA pair of 4096 bits off the main thread; throws `key-invalid` for a passphrase below 5 bytes. */
export async function generateMasterKey(passphrase: string): Promise<MasterKeyPair> {
  const secret = checkPassphrase(passphrase);
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: modulusBits,
    publicExponent: 65537,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  return { publicPem: publicKey, privatePem: await sealPrivateKey(privateKey, secret) };
}

/**
 * Seals a raw encryption key for the holder of the private key: the data of `rsa-encrypted.key.blob`.
 * `created` and `now` are epoch seconds. Throws `key-invalid` if the public key is not RSA or too small.
 */
export function wrapKey(publicPem: string, encKey: Uint8Array, created: number, now: number): Uint8Array<ArrayBuffer> {
  const key = readPublicKey(publicPem);
  const { fingerprint } = CryptConfig.fromKey(encKey);
  const text = serializeKeyFile({ kdf: null, created, modified: now, data: encKey, fingerprint });
  const room = modulusBytes(key) - leastPadding;
  if (Buffer.byteLength(text) > room) {
    throw new GranaryError(
      'key-invalid',
      `the master key of ${modulusBytes(key) * 8} bits is too small: a key file of ${Buffer.byteLength(text)} bytes has to fit into ${room}`,
    );
  }
  return Uint8Array.from(publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from(text)));
}

/**
 * Opens what `wrapKey` or the product sealed; `ciphertext` is the content of the blob, without its header.
 * Throws `key-invalid` for a wrong passphrase, another master key, or damage.
 */
export function unwrapKey(privatePem: string, passphrase: string, ciphertext: Uint8Array): KeyFile {
  const key = readPrivateKey(privatePem, passphrase);
  const expected = modulusBytes(key);
  if (ciphertext.byteLength !== expected) {
    throw new GranaryError(
      'key-invalid',
      `a key sealed with this master key has ${expected} bytes, this one ${ciphertext.byteLength}`,
    );
  }
  let padded: Buffer;
  try {
    // Node refuses to strip PKCS#1 v1.5 padding itself, lest a server become an oracle; this is one's own key.
    padded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, ciphertext);
  } catch (error) {
    throw new GranaryError('key-invalid', `the sealed key cannot be opened: ${messageOf(error)}`, { cause: error });
  }
  return parseKeyFile(stripPadding(padded).toString(), 'sealed key');
}

export interface PublicKeyFacts {
  /** Upper-case hex without leading zeros. */
  modulus: string;
  /** Decimal. */
  exponent: string;
  /** Bits. */
  length: number;
}

/** What a public master key is; throws `key-invalid` if it is not an RSA key in PEM. */
export function describePublicKey(publicPem: string): PublicKeyFacts {
  const { n, e } = readPublicKey(publicPem).export({ format: 'jwk' });
  const number = (base64url: string | undefined): bigint =>
    BigInt(`0x${Buffer.from(base64url ?? '', 'base64url').toString('hex')}`);
  const modulus = number(n);
  return {
    modulus: modulus
      .toString(16)
      .toUpperCase()
      .replace(/^(?=(?:..)*.$)/, '0'),
    exponent: number(e).toString(),
    length: modulus.toString(2).length,
  };
}

function readPublicKey(pem: string): KeyObject {
  // A private key would be accepted too, and then lie where only the public half belongs.
  if (!/-----BEGIN (RSA )?PUBLIC KEY-----/.test(pem)) {
    throw new GranaryError('key-invalid', 'the master public key is not a PEM public key');
  }
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw new GranaryError('key-invalid', `the master public key cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return requireRsa(key);
}

function readPrivateKey(pem: string, passphrase: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem', passphrase });
  } catch (error) {
    throw new GranaryError(
      'key-invalid',
      `the master private key cannot be opened: the passphrase is wrong or the file is damaged (${messageOf(error)})`,
      { cause: error },
    );
  }
  return requireRsa(key);
}

function requireRsa(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== 'rsa') {
    throw new GranaryError('key-invalid', `a master key is an RSA key, this one is ${key.asymmetricKeyType}`);
  }
  return key;
}

function modulusBytes(key: KeyObject): number {
  return Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}

function stripPadding(padded: Buffer): Buffer {
  const end = padded.indexOf(0, 2);
  if (padded[0] !== 0 || padded[1] !== 2 || end < leastPadding - 1) {
    throw new GranaryError('key-invalid', 'the key was sealed with another master key, or is damaged');
  }
  return padded.subarray(end + 1);
}

/**
 * PKCS#8 encrypted with PBES2: PBKDF2-HMAC-SHA-256 with 8 bytes of salt and 2048 iterations, AES-256-CBC.
 * Written out because the library's own encoder takes a longer salt than the field's files have.
 */
async function sealPrivateKey(pkcs8: Buffer, passphrase: Buffer): Promise<string> {
  const salt = randomBytes(8);
  const iterations = 2048;
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', await promisify(pbkdf2)(passphrase, salt, iterations, 32, 'sha256'), iv);
  const sealed = concatBytes([cipher.update(pkcs8), cipher.final()]);
  const prf = sequence(objectId('2a864886f70d0209'), der(0x05));
  const kdf = sequence(
    objectId('2a864886f70d01050c'),
    sequence(der(0x04, salt), der(0x02, Uint8Array.of(iterations >> 8, iterations & 0xff)), prf),
  );
  const encryption = sequence(objectId('60864801650304012a'), der(0x04, iv));
  const scheme = sequence(objectId('2a864886f70d01050d'), sequence(kdf, encryption));
  const lines = Buffer.from(sequence(scheme, der(0x04, sealed)))
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${lines}-----END ENCRYPTED PRIVATE KEY-----\n`;
}

/** One DER element. */
function der(tag: number, content: Uint8Array = new Uint8Array(0)): Uint8Array {
  const { byteLength: length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concatBytes([Uint8Array.of(tag, ...head), content]);
}

function sequence(...items: Uint8Array[]): Uint8Array {
  return der(0x30, concatBytes(items));
}

function objectId(hex: string): Uint8Array {
  return der(0x06, Buffer.from(hex, 'hex'));
}
