// Which digests count as known, against a set that forgets nothing: a digest that was not met must never be taken for
// known, as its chunk would not be marked then.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digestWords, RecentDigests } from './recent-digests.ts';

/** Few digests, so that indexes share many; some differ in their last byte only. */
const digest = fc.nat(40).map((n) => {
  const bytes = new Uint8Array(32).fill(7);
  bytes[n % 2 === 0 ? 0 : 31] = n;
  return bytes;
});

/** As of a fixed index, of a dynamic one, and of one that does not begin at a whole word. */
const layouts = [
  { offset: 0, start: 0, stride: 32 },
  { offset: 0, start: 8, stride: 40 },
  { offset: 1, start: 8, stride: 40 },
];

function indexOf(digests: readonly Uint8Array[], { offset, start, stride }: (typeof layouts)[number]) {
  const bytes = new Uint8Array(offset + digests.length * stride).subarray(offset);
  digests.forEach((one, i) => {
    bytes.set(one, start + i * stride);
  });
  return digestWords({ digestTable: { bytes, start, stride }, count: digests.length });
}

/** The positions in each index that are not known. */
function unknown(recent: RecentDigests, indexes: readonly (readonly Uint8Array[])[], layout = layouts[0]!): number[][] {
  return indexes.map((digests) => {
    recent.begin(indexOf(digests, layout));
    return digests.flatMap((_one, i) => (recent.isKnown(i) ? [] : [i]));
  });
}

test('only what was met is known, and everything of it while there is room', () => {
  const indexes = fc.array(fc.array(digest, { maxLength: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(indexes, fc.integer({ min: 1, max: 60 }), fc.constantFrom(...layouts), (lists, size, layout) => {
      const found = unknown(new RecentDigests(size, size), lists, layout);
      const met = new Set<string>();
      lists.forEach((list, n) => {
        list.forEach((one, i) => {
          const isNew = !met.has(String(one));
          if (isNew) assert.ok(found[n]!.includes(i), `digest ${i} of index ${n}`);
          else if (size > 50) assert.ok(!found[n]!.includes(i), `digest ${i} of index ${n}`);
          met.add(String(one));
        });
      });
    }),
  );
});

test('an index is compared with the one before, whatever was forgotten', () => {
  const one = (n: number): Uint8Array => new Uint8Array(32).fill(n);
  const first = Array.from({ length: 100 }, (_, n) => one(n));
  const changed = first.with(50, one(200));
  assert.deepEqual(unknown(new RecentDigests(2, 2), [first, changed])[1], [50]);
});

test('of older digests as many are known as fit', () => {
  const one = (n: number): Uint8Array => new Uint8Array(32).fill(n);
  const list = Array.from({ length: 6 }, (_, n) => one(n));
  // The two generations hold 4 and 5, and none yet; those before were forgotten.
  assert.deepEqual(unknown(new RecentDigests(2, 2), [list, [], list.toReversed()])[2], [2, 3, 4, 5]);
});
