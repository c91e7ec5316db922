// When a renewal is due.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRenewalDue } from './renewal.ts';

const day = 86_400;

test('a renewal is due with a third of a short life left, or 30 days of a long one', () => {
  const due = (lifeDays: number, leftDays: number): boolean =>
    isRenewalDue({ notbefore: 0, notafter: lifeDays * day }, (lifeDays - leftDays) * day);
  assert.deepEqual([due(90, 31), due(90, 29)], [false, true]);
  assert.deepEqual([due(398, 31), due(398, 29)], [false, true]);
  assert.deepEqual([due(6, 2.1), due(6, 1.9)], [false, true]);
  assert.ok(due(90, -5));
});
