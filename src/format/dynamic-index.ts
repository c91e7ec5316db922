// The dynamic index `.didx`: a header and for each chunk its end offset and digest (formats.md 7).

import { asBuffer, concatBytes, writeU64 } from '../base/bytes.ts';
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

/** SHA-256 prefix of `Proxmox Backup dynamic sized chunk index v1.0`. */
export const dynamicIndexMagic = Uint8Array.of(0x1c, 0x91, 0x4e, 0xa5, 0x19, 0xba, 0xb3, 0xcd);
/** Bytes of one entry: u64 end offset, digest. */
export const dynamicEntrySize = 8 + digestSize;

export interface DynamicIndex extends ChunkIndex {
  readonly kind: 'dynamic';
  /** All entries as stored, back to back. */
  readonly entries: Uint8Array;
}

/** The 4096 bytes in front of the entries. */
export function encodeDynamicHeader(header: IndexHeader): Uint8Array<ArrayBuffer> {
  return encodeIndexHeader(dynamicIndexMagic, header);
}

/** Writes one entry of 40 bytes at `at`; `end` is the offset after the chunk's last byte. */
export function encodeDynamicEntry(target: Uint8Array, at: number, end: number, digest: Uint8Array): void {
  writeU64(target, at, end);
  target.set(digest, at + 8);
}

/** A whole index from its chunks in order; the checksum is computed. */
export function encodeDynamicIndex(
  o: Omit<IndexHeader, 'checksum'> & { chunks: readonly { end: number; digest: Uint8Array }[] },
): Uint8Array<ArrayBuffer> {
  const entries = new Uint8Array(o.chunks.length * dynamicEntrySize);
  o.chunks.forEach(({ end, digest }, i) => {
    encodeDynamicEntry(entries, i * dynamicEntrySize, end, digest);
  });
  return concatBytes([encodeDynamicHeader({ ...o, checksum: entriesChecksum(entries) }), entries]);
}

/** Parses a whole `.didx` file without copying it; throws `index-invalid` naming `what` and the field. */
export function parseDynamicIndex(bytes: Uint8Array, what: string): DynamicIndex {
  const { uuid, ctime } = parseIndexHeader(dynamicIndexMagic, bytes, 'dynamic', what);
  const entries = bytes.subarray(indexHeaderSize);
  if (entries.byteLength % dynamicEntrySize !== 0) {
    throw invalidIndex(what, `${entries.byteLength} bytes of entries are not a multiple of ${dynamicEntrySize}`);
  }
  const count = entries.byteLength / dynamicEntrySize;
  const buffer = asBuffer(entries);
  const endOf = (i: number): number => {
    const at = i * dynamicEntrySize;
    return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 2 ** 32;
  };
  let size = 0;
  for (let i = 0; i < count; i++) {
    const end = endOf(i);
    // An end beyond 2^53 reads inexactly, but still as more than every safe integer.
    if (end > Number.MAX_SAFE_INTEGER) throw invalidIndex(what, `end offset of chunk ${i} is beyond 2^53`);
    if (end <= size) throw invalidIndex(what, `end offset ${end} of chunk ${i} is not after ${size}`);
    size = end;
  }
  return {
    kind: 'dynamic',
    uuid,
    ctime,
    count,
    size,
    entries,
    digestTable: { bytes: entries, start: dynamicEntrySize - digestSize, stride: dynamicEntrySize },
    digestAt: (i) => entries.subarray(i * dynamicEntrySize + 8, (i + 1) * dynamicEntrySize),
    startOf: (i) => (i === 0 ? 0 : endOf(i - 1)),
    endOf,
    find(offset) {
      if (!(offset >= 0 && offset < size))
        throw new RangeError(`${what}: offset ${offset} is outside of ${size} bytes`);
      let low = 0;
      let high = count - 1;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (offset < endOf(middle)) high = middle;
        else low = middle + 1;
      }
      return low;
    },
    checksum: () => entriesChecksum(entries),
  };
}
