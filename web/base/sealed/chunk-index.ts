// Indexes of chunks, fixed and dynamic (formats.md 6 and 7), checked against what the manifest says of them.

import { DamageError } from './blob.ts';
import { type Bytes, sha256, toHex } from './bytes.ts';

const headerSize = 4096;
const magics = {
  fixed: [0x2f, 0x7f, 0x41, 0xed, 0x91, 0xfd, 0x0f, 0xcd],
  dynamic: [0x1c, 0x91, 0x4e, 0xa5, 0x19, 0xba, 0xb3, 0xcd],
};

/** Chunk `i` is the content's bytes from `startOf(i)` to `endOf(i)`. */
export interface ChunkIndex {
  count: number;
  /** Bytes of content. */
  size: number;
  digestAt(i: number): Uint8Array;
  startOf(i: number): number;
  endOf(i: number): number;
  /** The chunk with the byte at `offset`. */
  find(offset: number): number;
}

/** Parses `NAME.fidx` or `NAME.didx`. Throws `DamageError`, also where it is not the one of the manifest. */
export async function openIndex(
  bytes: Bytes,
  stated: { filename: string; size: number; csum: string },
): Promise<ChunkIndex> {
  const { filename } = stated;
  const index = filename.endsWith('.fidx') ? parseFixed(bytes, filename) : parseDynamic(bytes, filename);
  const checksum = toHex(await sha256(bytes.slice(headerSize)));
  if (checksum !== stated.csum || index.size !== stated.size) {
    throw new DamageError(`${filename}: is not the index that the manifest states`);
  }
  return index;
}

function checkMagic(bytes: Bytes, kind: keyof typeof magics, name: string): DataView {
  if (bytes.byteLength < headerSize || !magics[kind].every((byte, i) => bytes[i] === byte)) {
    throw new DamageError(`${name}: is no ${kind} index`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function exact(view: DataView, at: number, name: string): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new DamageError(`${name}: a number is beyond 2^53`);
  return Number(value);
}

function parseFixed(bytes: Bytes, name: string): ChunkIndex {
  const view = checkMagic(bytes, 'fixed', name);
  const [size, chunkSize] = [exact(view, 64, name), exact(view, 72, name)];
  const count = Math.ceil(size / chunkSize);
  if (size === 0 || chunkSize === 0 || bytes.byteLength !== headerSize + 32 * count) {
    throw new DamageError(`${name}: its length does not fit ${size} bytes in chunks of ${chunkSize}`);
  }
  return {
    count,
    size,
    digestAt: (i) => bytes.subarray(headerSize + 32 * i, headerSize + 32 * (i + 1)),
    startOf: (i) => i * chunkSize,
    endOf: (i) => Math.min((i + 1) * chunkSize, size),
    find: (offset) => Math.floor(offset / chunkSize),
  };
}

function parseDynamic(bytes: Bytes, name: string): ChunkIndex {
  const view = checkMagic(bytes, 'dynamic', name);
  const count = (bytes.byteLength - headerSize) / 40;
  if (!Number.isInteger(count)) throw new DamageError(`${name}: is cut off`);
  const ends = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    ends[i] = exact(view, headerSize + 40 * i, name);
    if (ends[i]! <= (i === 0 ? 0 : ends[i - 1]!)) throw new DamageError(`${name}: chunk ${i} ends before it begins`);
  }
  return {
    count,
    size: count === 0 ? 0 : ends[count - 1]!,
    digestAt: (i) => bytes.subarray(headerSize + 40 * i + 8, headerSize + 40 * (i + 1)),
    startOf: (i) => (i === 0 ? 0 : ends[i - 1]!),
    endOf: (i) => ends[i]!,
    find: (offset) => {
      let [low, high] = [0, count - 1];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (offset < ends[middle]!) high = middle;
        else low = middle + 1;
      }
      return low;
    },
  };
}
