// Items put together by hand, so that tests can write what the encoder refuses to.

import { setU64 } from '../goodbye.ts';
import { Item, itemTypes } from '../items.ts';

/** One item; `size` overrides the full size in its header. */
export function rawItem(code: Item, content: Uint8Array | string = '', size?: number): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
  return Buffer.concat([rawHeader(code, size ?? 16 + bytes.byteLength), bytes]);
}

function rawHeader(code: Item, size: number): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(itemTypes[code]!.lo, 0);
  header.writeUInt32LE(itemTypes[code]!.hi, 4);
  setU64(new DataView(header.buffer, header.byteOffset, 16), 8, size);
  return header;
}

/** Little-endian u64 values in a row. */
export function u64s(...values: (number | bigint)[]): Buffer {
  const out = Buffer.alloc(8 * values.length);
  for (const [i, value] of values.entries()) out.writeBigUInt64LE(BigInt(value), 8 * i);
  return out;
}

export function rawEntry(mode: number, nanos = 0): Buffer {
  const content = Buffer.alloc(40);
  content.writeBigUInt64LE(BigInt(mode), 0);
  content.writeUInt32LE(nanos, 32);
  return rawItem(Item.entry, content);
}

export const rawName = (name: string) => rawItem(Item.filename, `${name}\0`);

/** A GOODBYE without children, which the sequential decoder takes for any. */
export function rawGoodbye(): Buffer {
  return rawItem(Item.goodbye, u64s(0xef5eed5b753e1555n, 0, 40));
}
