import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { squarify } from './treemap-layout.ts';

test('the example of the paper', () => {
  const found = squarify([6, 6, 4, 3, 2, 2, 1], 6, 4).map(({ x, y, width, height }) =>
    [x, y, width, height].map((value) => Math.round(value * 100) / 100),
  );
  assert.deepEqual(found.slice(0, 4), [
    [0, 0, 3, 2],
    [0, 2, 3, 2],
    [3, 0, 1.71, 2.33],
    [4.71, 0, 1.29, 2.33],
  ]);
});

test('rectangles have their areas, lie inside and do not overlap', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(
      sizes,
      fc.integer({ min: 50, max: 2000 }),
      fc.integer({ min: 50, max: 2000 }),
      (given, width, height) => {
        const sorted = given.toSorted((a, b) => b - a);
        const found = squarify(sorted, width, height);
        const scale = (width * height) / sorted.reduce((a, b) => a + b, 0);
        const slack = 1e-6 * width * height;
        assert.equal(found.length, sorted.length);
        for (const [i, one] of found.entries()) {
          assert.ok(Math.abs(one.width * one.height - sorted[i]! * scale) <= slack);
          assert.ok(
            one.x >= 0 && one.y >= 0 && one.x + one.width <= width + 1e-6 && one.y + one.height <= height + 1e-6,
          );
          for (const other of found.slice(0, i)) {
            const across = Math.min(one.x + one.width, other.x + other.width) - Math.max(one.x, other.x);
            const down = Math.min(one.y + one.height, other.y + other.height) - Math.max(one.y, other.y);
            assert.ok(across <= 1e-6 || down <= 1e-6, `${i} overlaps`);
          }
        }
      },
    ),
  );
});
