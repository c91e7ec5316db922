import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryBudget, type MemoryShare } from './memory-budget.ts';

test('shares stay within the sum, each has what it asks or its part of the rest, and all of it comes back', () => {
  const step = fc.record({ most: fc.integer({ min: 1, max: 2000 }), give: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const budget = new MemoryBudget(1000, 4);
      const held: MemoryShare[] = [];
      for (const { most, give } of steps) {
        const before = budget.left;
        const share = budget.take(most);
        assert.equal(share.bytes, Math.min(most, Math.floor(before / 4)));
        held.push(share);
        assert.equal(budget.left + held.reduce((sum, { bytes }) => sum + bytes, 0), 1000);
        for (const { release } of held.splice(give)) release();
      }
      for (const { release } of [...held, ...held]) release();
      assert.equal(budget.left, 1000);
    }),
  );
});

test('nobody gets less than the least, whatever is left', () => {
  const budget = new MemoryBudget(100, 2);
  const shares = Array.from({ length: 20 }, () => budget.take(1000, 10));
  assert.deepEqual(
    shares.slice(0, 4).map(({ bytes }) => bytes),
    [50, 25, 12, 10],
  );
  assert.ok(shares.slice(3).every(({ bytes }) => bytes === 10));
  assert.equal(budget.left, 100 - 50 - 25 - 12 - 170);
});
