// The stress test for a moment: few deeds of each role, the same ones in each run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stress } from './stress.ts';

test('processes that do everything at once, while days pass and some die, lose nothing', async () => {
  const { counts, removedChunks, snapshots, wrong } = await stress({
    seed: 'short',
    seconds: 0,
    deeds: 12,
    pause: 400,
    kills: 2,
  });
  assert.deepEqual(wrong, []);
  const done = JSON.stringify(counts);
  for (const what of ['backup', 'collection', 'time passed']) assert.ok((counts[what] ?? 0) > 0, `${what}: ${done}`);
  assert.ok(snapshots > 0, done);
  assert.ok(removedChunks > 0, done);
});
