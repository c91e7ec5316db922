import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate } from './gate.ts';

test('no more than so many at once, in order, failures included', async () => {
  const gate = new Gate(3);
  let running = 0;
  let most = 0;
  const order: number[] = [];
  const calls = Array.from({ length: 12 }, (_, i) =>
    gate.run(async () => {
      order.push(i);
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
      if (i % 3 === 0) throw new Error(`call ${i}`);
      return i;
    }),
  );
  const outcomes = await Promise.allSettled(calls);
  assert.equal(most, 3);
  assert.deepEqual(order, [...calls.keys()]);
  assert.equal(outcomes.filter((o) => o.status === 'rejected').length, 4);
  assert.equal(await gate.run(async () => 'free again'), 'free again');
});
