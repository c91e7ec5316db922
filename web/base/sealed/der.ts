// The few elements of DER that private keys are wrapped in: read with every length checked, and written.

import { type Bytes, concat } from './bytes.ts';

export const tags = { integer: 0x02, octets: 0x04, none: 0x05, objectId: 0x06, sequence: 0x30 } as const;
type Tag = (typeof tags)[keyof typeof tags];

/** Reads the elements of some bytes one after another. */
export class DerReader {
  readonly #bytes: Bytes;
  #at = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  /** The content of the next element. Throws `RangeError` where it is of another kind, or longer than the bytes. */
  take(tag: Tag): Bytes {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== tag) throw new RangeError(`element 0x${tag.toString(16)} is missing`);
    let length = bytes[this.#at + 1] ?? 0xff;
    let from = this.#at + 2;
    if (length > 0x80 && length <= 0x84) {
      const more = length - 0x80;
      length = 0;
      for (let i = 0; i < more; i++) length = length * 256 + (bytes[from + i] ?? 0);
      from += more;
    } else if (length >= 0x80) throw new RangeError('a length is not definite');
    if (from + length > bytes.byteLength) throw new RangeError('an element is longer than what it is in');
    this.#at = from + length;
    return bytes.slice(from, from + length);
  }

  inside(tag: Tag): DerReader {
    return new DerReader(this.take(tag));
  }

  /** A positive integer below 2^31. */
  smallInteger(): number {
    const bytes = this.take(tags.integer);
    const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    if (bytes.byteLength < 1 || bytes[0]! >= 0x80 || value >= 2 ** 31) throw new RangeError('a number is out of range');
    return value;
  }
}

export function der(tag: Tag, ...content: readonly Uint8Array[]): Bytes {
  const bytes = concat(...content);
  const { byteLength: length } = bytes;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concat(Uint8Array.of(tag, ...head), bytes);
}
