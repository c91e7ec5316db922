// Content to a Zstandard frame (RFC 8878), if that makes it smaller. What no sample of promises to is not tried: music,
// pictures, archives and encrypted data would cost a twentieth of a backup's processor time for nothing.

import { constants, zstdCompressSync } from 'node:zlib';
import { copyBytes, freeBytes } from '../base/bytes.ts';

/** Smaller content is compressed to see whether it gets smaller. */
const leastSampled = 1024 * 1024;

/**
 * Many small pieces find text and tables among anything else: a quarter of the content, however it is scattered, with
 * 0.75 ** 32. Few large ones find what has to be compared with itself over a distance. Each kind is one frame.
 */
const samples = [
  { count: 32, size: 1024 },
  { count: 4, size: 64 * 1024 },
] as const;

/** The frame; undefined when the content does not get smaller, or when nothing speaks for it. */
export function compress(data: Uint8Array, level: number): Uint8Array | undefined {
  const isHopeless = data.byteLength >= leastSampled && samples.every((sample) => !shrinks(data, sample, level));
  if (data.byteLength === 0 || isHopeless) return undefined;
  const packed = pack(data, level);
  if (packed.byteLength < data.byteLength) return packed;
  freeBytes(packed);
  return undefined;
}

/** Whether pieces from all over the content get smaller together: zstd keeps a block as it is that saves less than 1.6 %. */
function shrinks(data: Uint8Array, { count, size }: { count: number; size: number }, level: number): boolean {
  const sample = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    const from = Math.floor(((data.byteLength - size) * i) / (count - 1));
    copyBytes(sample, data.subarray(from, from + size), i * size);
  }
  const packed = pack(sample, level);
  const isSmaller = packed.byteLength < sample.byteLength;
  freeBytes(sample, 0);
  freeBytes(packed, 0);
  return isSmaller;
}

function pack(data: Uint8Array, level: number): Uint8Array {
  return zstdCompressSync(data, {
    // One output buffer that surely suffices: growing it costs up to two thirds of the speed.
    chunkSize: data.byteLength + 64 * 1024,
    params: { [constants.ZSTD_c_compressionLevel]: level },
  });
}
