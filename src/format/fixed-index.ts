// The fixed index `.fidx`: a header and one digest for each chunk of equal size, the last may be shorter (formats.md 6).

import { concatBytes, readSafeU64, writeU64 } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { fixedChunkSize } from '../model/names.ts';
import type { ChunkIndex } from './chunk-index.ts';
import {
  digestSize,
  encodeIndexHeader,
  entriesChecksum,
  type IndexHeader,
  indexHeaderSize,
  invalidIndex,
  parseIndexHeader,
} from './index-header.ts';

/** SHA-256 prefix of `Proxmox Backup fixed sized chunk index v1.0`. */
export const fixedIndexMagic = Uint8Array.of(0x2f, 0x7f, 0x41, 0xed, 0x91, 0xfd, 0x0f, 0xcd);

export interface FixedIndex extends ChunkIndex {
  readonly kind: 'fixed';
  /** A power of two. */
  readonly chunkSize: number;
  /** All digests, back to back. */
  readonly digests: Uint8Array;
}

export interface FixedHeader extends IndexHeader {
  /** Bytes of content. */
  size: number;
  /** Default 4 MiB. */
  chunkSize?: number;
}

/** The 4096 bytes in front of the digests. */
export function encodeFixedHeader(header: FixedHeader): Uint8Array<ArrayBuffer> {
  const bytes = encodeIndexHeader(fixedIndexMagic, header);
  writeU64(bytes, 64, header.size);
  writeU64(bytes, 72, header.chunkSize ?? fixedChunkSize);
  return bytes;
}

/** A whole index from all digests in order; the checksum is computed. Throws `internal` if their number does not fit. */
export function encodeFixedIndex(
  o: Omit<FixedHeader, 'checksum'> & { digests: readonly Uint8Array[] },
): Uint8Array<ArrayBuffer> {
  const count = Math.ceil(o.size / (o.chunkSize ?? fixedChunkSize));
  if (o.digests.length !== count || count === 0) {
    throw new GranaryError(
      'internal',
      `a fixed index of ${o.size} bytes has ${count} chunks, got ${o.digests.length} digests`,
    );
  }
  const entries = concatBytes(o.digests);
  return concatBytes([encodeFixedHeader({ ...o, checksum: entriesChecksum(entries) }), entries]);
}

/** Parses a whole `.fidx` file without copying it; throws `index-invalid` naming `what` and the field. */
export function parseFixedIndex(bytes: Uint8Array, what: string): FixedIndex {
  const { uuid, ctime } = parseIndexHeader(fixedIndexMagic, bytes, 'fixed', what);
  const size = readSafeU64(bytes, 64);
  const chunkSize = readSafeU64(bytes, 72);
  if (size === undefined) throw invalidIndex(what, 'size at offset 64 is beyond 2^53');
  if (size === 0) throw invalidIndex(what, 'size at offset 64 is 0');
  if (chunkSize === undefined || chunkSize === 0 || !isPowerOfTwo(chunkSize)) {
    throw invalidIndex(what, `chunk size at offset 72 is not a power of two below 2^53: ${chunkSize}`);
  }
  const count = Math.ceil(size / chunkSize);
  const expected = indexHeaderSize + digestSize * count;
  if (bytes.byteLength !== expected) {
    throw invalidIndex(
      what,
      `a fixed index of ${size} bytes in chunks of ${chunkSize} has ${expected} bytes, the file has ${bytes.byteLength}`,
    );
  }
  const digests = bytes.subarray(indexHeaderSize);
  return {
    kind: 'fixed',
    uuid,
    ctime,
    count,
    size,
    chunkSize,
    digests,
    digestTable: { bytes: digests, start: 0, stride: digestSize },
    digestAt: (i) => digests.subarray(i * digestSize, (i + 1) * digestSize),
    startOf: (i) => i * chunkSize,
    endOf: (i) => Math.min((i + 1) * chunkSize, size),
    find(offset) {
      if (!(offset >= 0 && offset < size))
        throw new RangeError(`${what}: offset ${offset} is outside of ${size} bytes`);
      return Math.floor(offset / chunkSize);
    },
    checksum: () => entriesChecksum(digests),
  };
}

function isPowerOfTwo(n: number): boolean {
  const value = BigInt(n);
  return (value & (value - 1n)) === 0n;
}
