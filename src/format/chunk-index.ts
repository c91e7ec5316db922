// What fixed and dynamic indexes have in common: which chunks, in which order, make up a content (formats.md 6 and 7).

import { archiveKind } from '../model/names.ts';
import { parseDynamicIndex } from './dynamic-index.ts';
import { parseFixedIndex } from './fixed-index.ts';
import { digestSize, indexHeaderSize, invalidIndex, writeOrigin } from './index-header.ts';

/** A parsed index. Chunk `i` is the content's bytes from `startOf(i)` to `endOf(i)`; `i` is 0 to `count` - 1. */
export interface ChunkIndex {
  readonly kind: 'fixed' | 'dynamic';
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** Epoch seconds at which the index was created. */
  readonly ctime: number;
  readonly count: number;
  /** Bytes of content. */
  readonly size: number;
  /** 32 bytes, a view of the index. */
  digestAt(i: number): Uint8Array;
  startOf(i: number): number;
  endOf(i: number): number;
  /** The chunk that holds the byte at `offset`; RangeError unless 0 <= offset < size. */
  find(offset: number): number;
  /** Digest `i` is the 32 bytes of `bytes` at `start + i * stride`: for who goes through millions of them. */
  readonly digestTable: { bytes: Uint8Array; start: number; stride: number };
  /** Recomputed from the entries, 32 bytes: what the manifest states. The header's own value is of no account. */
  checksum(): Uint8Array;
}

/** Parses an index whose kind follows from its file name; throws `index-invalid`. */
export function parseIndex(fileName: string, bytes: Uint8Array, what: string): ChunkIndex {
  const kind = archiveKind(fileName);
  if (kind === 'fixed') return parseFixedIndex(bytes, what);
  if (kind === 'dynamic') return parseDynamicIndex(bytes, what);
  throw invalidIndex(what, `'${fileName}' does not name an index`);
}

/**
 * A copy of a stored index of the same content cut at the same places, in which chunk `i` has the digest `digestOf(i)`.
 * It is an index of its own, with its own UUID and time.
 */
export function replaceDigests(
  fileName: string,
  raw: Uint8Array,
  origin: Pick<ChunkIndex, 'uuid' | 'ctime'>,
  digestOf: (i: number) => Uint8Array,
): Uint8Array {
  const copy = Uint8Array.from(raw);
  const index = parseIndex(fileName, copy, fileName);
  const { start, stride } = index.digestTable;
  for (let i = 0; i < index.count; i++) {
    copy.set(digestOf(i).subarray(0, digestSize), indexHeaderSize + start + i * stride);
  }
  writeOrigin(copy, { ...origin, checksum: index.checksum() });
  return copy;
}
