import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { draw, full, LocalBucket, portionOf, rateOf } from './rate-bucket.ts';

test('a bucket gives a burst at once, then the rate', () => {
  let now = 5000;
  const bucket = new LocalBucket({ rate: 1000, burst: 500 }, () => now);
  assert.equal(bucket.take(500), 0);
  assert.equal(bucket.take(100), 100);
  now += 100;
  assert.equal(bucket.take(0), 0);
  now += 10_000;
  assert.equal(bucket.take(500), 0);
  assert.equal(bucket.take(1000), 1000);
});

test('a burst is the rate by default, and never less than late timers cost', () => {
  assert.deepEqual(rateOf(1000), { rate: 1000, burst: 1000 });
  assert.deepEqual(rateOf(1000, 5000), { rate: 1000, burst: 5000 });
  assert.deepEqual(rateOf(1000, 1), { rate: 1000, burst: 20 });
  assert.equal(rateOf(undefined, 5), undefined);
  assert.equal(rateOf(0, 5), undefined);
});

test('payments are worth about five milliseconds, in whole records, bounded', () => {
  assert.equal(portionOf({ rate: 1, burst: 1 }), 16384);
  assert.equal(portionOf({ rate: 10_000_000, burst: 1 }), 4 * 16384);
  assert.equal(portionOf({ rate: 1e12, burst: 1 }), 262144);
  assert.equal(portionOf(undefined), 262144);
});

/** Takers that take when they may, each at its own pace, with timers that come late; what passed when. */
function run(
  rate: number,
  burst: number,
  takers: readonly { pieces: readonly number[]; lateMs: number }[],
  endMs: number,
): { at: number; bytes: number }[] {
  let now = 0;
  const bucket = new LocalBucket({ rate, burst }, () => now);
  const turns = takers.map((taker) => ({ ...taker, next: 0, count: 0 }));
  const passed: { at: number; bytes: number }[] = [];
  for (;;) {
    const turn = turns.reduce((a, b) => (b.next < a.next ? b : a));
    if (turn.next > endMs) return passed;
    now = turn.next;
    const bytes = turn.pieces[turn.count++ % turn.pieces.length]!;
    passed.push({ at: now, bytes });
    turn.next = now + bucket.take(bytes) + turn.lateMs;
  }
}

const takers = fc.array(
  fc.record({
    pieces: fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 5 }),
    lateMs: fc.double({ min: 0.01, max: 3, noNaN: true }),
  }),
  { minLength: 1, maxLength: 9 },
);

test('any takers together get the rate over ten seconds, and never more than burst and rate', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2_000_000, max: 200_000_000 }), takers, (rate, list) => {
      const burst = rate / 10;
      const passed = run(rate, burst, list, 10_000);
      // A taker takes before it pays: one piece each can be on credit.
      const credit = list.length * 50_000;
      const total = passed.reduce((sum, { bytes }) => sum + bytes, 0);
      assert.ok(total <= burst + rate * 10 + credit, `${total} is too much`);
      const windows = [0, 1, 2.5, 7].map((start) => [start * 1000, start * 1000 + 1500] as const);
      for (const [from, to] of windows) {
        const bytes = passed.reduce((sum, one) => sum + (one.at >= from && one.at <= to ? one.bytes : 0), 0);
        assert.ok(bytes <= burst + rate * 1.5 + credit, `${bytes} in 1.5 s from ${from}`);
      }
      // Who takes pieces so small that it cannot use the rate is not held to it from below.
      const possible = list.reduce((sum, { pieces, lateMs }) => sum + Math.min(...pieces) / lateMs, 0) * 1000;
      if (possible > 2 * rate) assert.ok(total >= rate * 10 * 0.99, `${total} is too little`);
    }),
    { numRuns: 25 },
  );
});

test('takers that ask alike get alike', () => {
  const alike = Array.from({ length: 4 }, () => ({ pieces: [16_384], lateMs: 0.5 }));
  let now = 0;
  const bucket = new LocalBucket({ rate: 10_000_000, burst: 200_000 }, () => now);
  const got = alike.map(() => ({ next: 0, bytes: 0 }));
  while (now < 10_000) {
    const turn = got.reduce((a, b) => (b.next < a.next ? b : a));
    now = turn.next;
    turn.bytes += 16_384;
    turn.next = now + bucket.take(16_384) + 0.5;
  }
  for (const { bytes } of got) assert.ok(Math.abs(bytes / 25_000_000 - 1) < 0.05, String(bytes));
});

test('a bucket that was left alone saves up its burst and no more', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.integer({ min: 1, max: 1e9 }), (pause, rate) => {
      const { level, wait } = draw({ bytes: 0, at: 0 }, pause, 0, { rate, burst: rate });
      assert.equal(wait, 0);
      assert.ok(Math.abs(level.bytes - Math.min(rate, (pause / 1000) * rate)) < 1e-3);
    }),
  );
});

test('a debt is one of bytes: another rate pays it in its own time', () => {
  const { level } = draw(full, 1000, 3000, { rate: 1000, burst: 1000 });
  assert.equal(draw(level, 1000, 0, { rate: 1_000_000, burst: 1_000_000 }).wait, 2);
});
