// Small byte helpers: hex, little-endian 64-bit integers that must stay exact, comparison.

import { GranaryError } from './errors.ts';

export { bytesEqual, concatBytes, readSafeU64, writeU64 } from './plain-bytes.ts';

/** Lower-case hex without separators, the field's text form of digests and UUIDs. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Parses lower-case or upper-case hex of an exact byte length; throws `bad-request` naming `what`. */
export function fromHex(text: string, length: number, what = 'hex string'): Uint8Array<ArrayBuffer> {
  if (text.length !== length * 2 || !/^[0-9a-fA-F]*$/.test(text)) {
    throw new GranaryError('bad-request', `${what} is not ${length} bytes of hex: '${text.slice(0, 80)}'`);
  }
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

/** A Buffer over the same memory, for the Buffer methods. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Copies `source` to `at` of `target`; the two do not overlap. In shared memory this is two to three times as fast as
 * `set`, which moves single words there so that threads that look on never see half of one.
 */
export function copyBytes(target: Uint8Array, source: Uint8Array, at = 0): void {
  const end = at + source.byteLength;
  if (end > target.byteLength) throw new RangeError(`${source.byteLength} bytes at ${at} of ${target.byteLength}`);
  if (source.byteLength > 0) asBuffer(target).fill(source, at, end);
}

/** Smaller pieces may lie in a buffer that others share. */
const leastFreed = 128 * 1024;

/**
 * Gives the memory of temporary bytes back at once if their buffer is large: the collector lets hundreds of megabytes
 * gather that hang on small objects, or goes through the whole heap for them again and again. The bytes, and every
 * other view of their buffer, are empty then.
 */
export function freeBytes(bytes: Uint8Array, least = leastFreed): void {
  if (bytes.buffer instanceof ArrayBuffer && bytes.buffer.byteLength >= least) bytes.buffer.transfer(0);
}
