// The header that fixed and dynamic indexes share, and the checksum of their entries (formats.md 6 and 7).

import { hash } from 'node:crypto';
import { asBuffer } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';

export const indexHeaderSize = 4096;
export const digestSize = 32;

export interface IndexHeader {
  /** 16 bytes. */
  uuid: Uint8Array;
  /** Epoch seconds. */
  ctime: number;
  /** 32 bytes. */
  checksum: Uint8Array;
}

/** The part of the header that both kinds share, 4096 bytes. */
export function encodeIndexHeader(magic: Uint8Array, header: IndexHeader): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(indexHeaderSize);
  bytes.set(magic, 0);
  writeOrigin(bytes, header);
  return bytes;
}

/** Writes the fields that follow the magic, over those of an index that is there. */
export function writeOrigin(bytes: Uint8Array, { uuid, ctime, checksum }: IndexHeader): void {
  bytes.set(uuid, 8);
  asBuffer(bytes).writeBigInt64LE(BigInt(ctime), 24);
  bytes.set(checksum, 32);
}

/** Reads what `encodeIndexHeader` writes; `name` is the kind in words. */
export function parseIndexHeader(magic: Uint8Array, bytes: Uint8Array, name: string, what: string): IndexHeader {
  if (bytes.byteLength < indexHeaderSize) {
    throw invalidIndex(
      what,
      `a ${name} index has a header of ${indexHeaderSize} bytes, the file has ${bytes.byteLength}`,
    );
  }
  if (Buffer.compare(bytes.subarray(0, 8), magic) !== 0) throw invalidIndex(what, `not a ${name} index: wrong magic`);
  return {
    uuid: bytes.subarray(8, 24),
    ctime: Number(asBuffer(bytes).readBigInt64LE(24)),
    checksum: bytes.subarray(32, 64),
  };
}

/** SHA-256 over the entries as stored, which is the checksum of both kinds. */
export function entriesChecksum(entries: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hash('sha256', entries, 'buffer'));
}

export function invalidIndex(what: string, text: string): GranaryError {
  return new GranaryError('index-invalid', `${what}: ${text}`);
}
