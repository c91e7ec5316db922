// The variable-length integers of the catalog, unsigned and signed (formats.md 10.2).

import { GranaryError } from '../base/errors.ts';

const maxU64 = 2n ** 64n - 1n;
const maxI64 = 2n ** 63n - 1n;
/** Below this many groups of 7 bits a sum stays exact as a JavaScript number. */
const exactGroups = 7;

/** Appends the bytes of an unsigned 64-bit value. */
export function pushUnsigned(out: number[], value: number | bigint): void {
  if (value < 0 || value > maxU64) throw outOfRange(value);
  let rest = value;
  if (typeof rest === 'bigint') {
    while (rest > BigInt(Number.MAX_SAFE_INTEGER)) {
      out.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    rest = Number(rest);
  }
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  out.push(rest);
}

/** Appends the bytes of a signed 64-bit value: a negative one ends in a zero byte. */
export function pushSigned(out: number[], value: number | bigint): void {
  if (value >= 0) {
    if (value > maxI64) throw outOfRange(value);
    pushUnsigned(out, value);
    return;
  }
  if (value < -maxI64 - 1n) throw outOfRange(value);
  pushUnsigned(out, -value);
  out[out.length - 1]! |= 0x80;
  out.push(0);
}

/** Reads values one after the other; `fail` makes the error for what is cut off or too large. */
export class VarintReader {
  readonly #bytes: Uint8Array;
  readonly #fail: (text: string) => GranaryError;
  /** Offset of the next byte. */
  at: number;

  constructor(bytes: Uint8Array, at: number, fail: (text: string) => GranaryError) {
    this.#bytes = bytes;
    this.at = at;
    this.#fail = fail;
  }

  /** An unsigned value that has to be exact as a number: a length, size or offset. */
  unsigned(field: string): number {
    const value = this.unsigned64(field);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.#fail(`${field} is beyond 2^53`);
    return Number(value);
  }

  /** An unsigned value of up to 64 bits. */
  unsigned64(field: string): number | bigint {
    const { value, last } = this.#groups(field, 10);
    if (last >= 0x80 || value > maxU64) throw this.#fail(`${field} has more than 64 bits`);
    return value;
  }

  /** A signed value of up to 64 bits. */
  signed64(field: string): bigint {
    const { value, last, count } = this.#groups(field, 11, true);
    const magnitude = BigInt(value);
    const negative = last === 0 && count > 1;
    if (last >= 0x80 || magnitude > (negative ? maxI64 + 1n : maxI64)) {
      throw this.#fail(`${field} has more than 64 bits`);
    }
    return negative ? -magnitude : magnitude;
  }

  /** Sums groups up to the first byte below 0x80, or `limit` bytes; a signed value's final zero adds nothing. */
  #groups(field: string, limit: number, signed = false): { value: number | bigint; last: number; count: number } {
    let value: number | bigint = 0;
    let count = 0;
    let last = 0x80;
    while (last >= 0x80 && count < limit) {
      const byte = this.#bytes[this.at];
      if (byte === undefined) throw this.#fail(`${field} is cut off`);
      this.at++;
      last = byte;
      if (signed && byte === 0 && count > 0) return { value, last, count: count + 1 };
      if (count < exactGroups) value = (value as number) + (byte & 0x7f) * 2 ** (7 * count);
      else value = BigInt(value) + (BigInt(byte & 0x7f) << BigInt(7 * count));
      count++;
    }
    return { value, last, count };
  }
}

function outOfRange(value: number | bigint): GranaryError {
  return new GranaryError('internal', `${value} does not fit into 64 bits`);
}
