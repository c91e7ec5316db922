// What follows from an encryption key: the id key, digests, authentication tags and the fingerprint (formats.md 2).

import { createHash, createHmac, hash, pbkdf2Sync } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';

export const encryptionKeySize = 32;

/** SHA-256 of `Proxmox Backup Encryption Key Fingerprint`: the constant whose keyed digest names a key. */
const fingerprintInput = sha256(Buffer.from('Proxmox Backup Encryption Key Fingerprint'));

/** SHA-256, the digest of plain chunks and of stored files. */
export function plainDigest(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(data);
}

/** An encryption key and everything that is derived from it. Immutable. */
export class CryptConfig {
  /** 32 bytes: the AES-256 key. */
  readonly encKey: Uint8Array;
  /** 32 bytes, mixed into digests so that equal content under two keys does not show. */
  readonly idKey: Uint8Array;
  /** `aa:bb:...`, 32 bytes: names the key without telling it. */
  readonly fingerprint: string;

  private constructor(encKey: Uint8Array) {
    this.encKey = Uint8Array.from(encKey);
    this.idKey = Uint8Array.from(pbkdf2Sync(encKey, '_id_key', 10, 32, 'sha256'));
    this.fingerprint = formatFingerprint(this.digest(fingerprintInput));
  }

  /** Derives the rest from 32 key bytes; throws `key-invalid` for another length. */
  static fromKey(encKey: Uint8Array): CryptConfig {
    if (encKey.byteLength !== encryptionKeySize) {
      throw new GranaryError(
        'key-invalid',
        `an encryption key has ${encryptionKeySize} bytes, this one ${encKey.byteLength}`,
      );
    }
    return new CryptConfig(encKey);
  }

  /** The keyed digest that names an encrypted chunk: SHA-256(data || id key). */
  digest(data: Uint8Array): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(createHash('sha256').update(data).update(this.idKey).digest());
  }

  /** HMAC-SHA-256 with the id key: the manifest signature. */
  authTag(data: Uint8Array): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(createHmac('sha256', this.idKey).update(data).digest());
  }
}

/** Lower-case hex pairs joined by colons. */
export function formatFingerprint(bytes: Uint8Array): string {
  return toHex(bytes).replace(/(..)(?!$)/g, '$1:');
}

/** Normal form of a 32-byte fingerprint; colons are ignored wherever they are. Undefined if it is not 64 hex digits. */
export function parseFingerprint(text: string): string | undefined {
  const digits = text.replaceAll(':', '');
  return /^[0-9a-fA-F]{64}$/.test(digits) ? digits.toLowerCase().replace(/(..)(?!$)/g, '$1:') : undefined;
}

/** The first 8 bytes of a fingerprint, as shown to people. */
export function shortFingerprint(fingerprint: string): string {
  return fingerprint.slice(0, 8 * 3 - 1);
}

function sha256(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hash('sha256', data, 'buffer'));
}
