// Damaged input for readers: truncated, extended, flipped bits, length fields blown up.
// A reader has to answer all of it with a GranaryError or with a result; never with another exception.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { GranaryError } from '../../src/base/errors.ts';

/** Variants of `valid` with one to four kinds of damage. */
export function damaged(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const position = fc.nat(Math.max(0, valid.byteLength - 1));
  const damage = fc.oneof(
    fc.record({ kind: fc.constant('cut' as const), at: position }),
    fc.record({ kind: fc.constant('flip' as const), at: position, bit: fc.nat(7) }),
    fc.record({ kind: fc.constant('fill' as const), at: position, bytes: hugeField }),
    fc.record({ kind: fc.constant('append' as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
    fc.record({ kind: fc.constant('remove' as const), at: position, length: fc.nat(40) }),
  );
  return fc.array(damage, { minLength: 1, maxLength: 4 }).map((list) => {
    let bytes = Buffer.from(valid);
    for (const d of list) {
      if (d.kind === 'cut') bytes = bytes.subarray(0, d.at);
      else if (d.kind === 'append') bytes = Buffer.concat([bytes, d.bytes]);
      else if (d.kind === 'remove') bytes = Buffer.concat([bytes.subarray(0, d.at), bytes.subarray(d.at + d.length)]);
      else if (d.kind === 'fill') Buffer.from(d.bytes).copy(bytes, d.at);
      else if (d.at < bytes.byteLength) bytes[d.at]! ^= 1 << d.bit;
    }
    return bytes;
  });
}

const hugeField = fc.constantFrom(
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0x20, 0),
  Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff),
  Uint8Array.of(0, 0, 0, 0),
);

/** Runs a reader; a GranaryError is fine, everything else thrown is passed on. */
export function readsOrRefuses(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof GranaryError, `expected a GranaryError, got ${String(error)}`);
  }
}

/** `readsOrRefuses` for asynchronous readers. */
export async function readsOrRefusesAsync(read: () => Promise<unknown>): Promise<void> {
  try {
    await read();
  } catch (error) {
    assert.ok(error instanceof GranaryError, `expected a GranaryError, got ${String(error)}`);
  }
}
