import assert from 'node:assert/strict';
import { test } from 'node:test';
import { threadId } from 'node:worker_threads';
import { GranaryError } from './errors.ts';
import { WorkerPool } from './worker-pool.ts';

const file = new URL('./worker-pool-fixture.ts', import.meta.url);

for (const size of [0, 1, 2]) {
  test(`size ${size}: calls functions with the thread's context, and errors keep their class`, async () => {
    await using pool = new WorkerPool({ size, file, name: 'test', init: { base: 100 } });
    assert.equal(await pool.run<number>('add', [1, 2]), 103);
    await assert.rejects(pool.run('failTyped', []), (error) => {
      assert.ok(error instanceof GranaryError);
      assert.equal(error.code, 'digest-mismatch');
      assert.deepEqual(error.details, { at: 7 });
      return true;
    });
    await assert.rejects(pool.run('failPlain', []), { message: 'no space', code: 'ENOSPC' });
    await assert.rejects(pool.run('missing', []), /exports no function 'missing'/);
    const many = await Promise.all(Array.from({ length: 20 }, (_, i) => pool.run<number>('add', [i, 0])));
    assert.deepEqual(
      many,
      Array.from({ length: 20 }, (_, i) => 100 + i),
    );
  });
}

test('the first calls need no thread, the others have one', async () => {
  await using pool = new WorkerPool({ size: 1, file, name: 'late', init: { base: 1 }, inlineFirst: 3 });
  const threads = await Promise.all(Array.from({ length: 5 }, () => pool.run<number>('thread', [])));
  assert.deepEqual(threads.slice(0, 3), [threadId, threadId, threadId]);
  assert.notEqual(threads[3], threadId);
  assert.equal(threads[4], threads[3]);
});

test('shared memory stays shared, and transferred buffers move', async () => {
  const memory = new SharedArrayBuffer(16);
  await using pool = new WorkerPool({ size: 1, file, name: 'test', init: { base: 0, memory } });
  await pool.run('fill', [4, 8, 9]);
  assert.deepEqual([...new Uint8Array(memory)], [0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0]);
  const buffer = new Uint8Array([1, 2, 3]).buffer;
  assert.equal(await pool.run<number>('lengthOf', [buffer], { transfer: [buffer] }), 3);
  assert.equal(buffer.byteLength, 0);
});

test('an urgent call overtakes those that wait', async () => {
  await using pool = new WorkerPool({ size: 1, file, name: 'test', init: { base: 0 } });
  const order: string[] = [];
  const call = (name: string, isUrgent = false): Promise<unknown> =>
    pool.run('add', [1, 1], { isUrgent }).then(() => order.push(name));
  await Promise.all([call('a'), call('b'), call('c'), call('d'), call('urgent', true)]);
  assert.deepEqual(order, ['a', 'b', 'urgent', 'c', 'd']);
});

test('a worker that dies rejects its calls and is replaced', async () => {
  await using pool = new WorkerPool({ size: 1, file, name: 'frail', init: { base: 1 } });
  await assert.rejects(pool.run('die', []), /worker of pool 'frail' died/);
  assert.equal(await pool.run<number>('add', [1, 1]), 3);
});

test('dispose rejects what is under way and what comes later', async () => {
  const pool = new WorkerPool({ size: 1, file, name: 'gone', init: { base: 1 } });
  const calls = [pool.run('never', []), pool.run('never', []), pool.run('never', [])];
  const outcomes = Promise.allSettled(calls);
  await pool[Symbol.asyncDispose]();
  for (const outcome of await outcomes) {
    assert.equal(outcome.status, 'rejected');
    assert.match(String(outcome.reason), /worker pool 'gone' was closed/);
  }
  await assert.rejects(pool.run('add', [1, 1]), { code: 'aborted' });
});
