// Byte helpers that run in a browser too: comparison, joining, 64-bit integers that must stay exact.

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  for (let i = 0; i < a.byteLength; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.byteLength;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

/**
 * Reads a u64 that has to be usable as an offset or size: exact as a JavaScript number.
 * Returns undefined above 2^53 - 1, so that the caller can name the field in its own error.
 */
export function readSafeU64(bytes: Uint8Array, at: number): number | undefined {
  if (at + 8 > bytes.byteLength) throw new RangeError(`8 bytes at ${at} of ${bytes.byteLength}`);
  const low = bytes[at]! + bytes[at + 1]! * 0x100 + bytes[at + 2]! * 0x1_0000 + bytes[at + 3]! * 0x100_0000;
  const high = bytes[at + 4]! + bytes[at + 5]! * 0x100 + bytes[at + 6]! * 0x1_0000 + bytes[at + 7]! * 0x100_0000;
  const value = high * 2 ** 32 + low;
  return value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}

/** Throws RangeError for what has no place in 64 bits, or where there is no room. */
export function writeU64(bytes: Uint8Array, at: number, value: number | bigint): void {
  const exact = BigInt(value);
  if (exact < 0n || exact >= 2n ** 64n) throw new RangeError(`${value} does not fit into 64 bits`);
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).setBigUint64(at, exact, true);
}
