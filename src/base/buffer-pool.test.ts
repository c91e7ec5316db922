import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferPool } from './buffer-pool.ts';

test('memory that was given back is used again, once', () => {
  const pool = new BufferPool(1024 * 1024);
  const first = pool.take(100_000);
  const { buffer } = first.bytes;
  assert.equal(first.bytes.byteLength, 100_000);
  assert.notEqual(pool.take(100_000).bytes.buffer, buffer);
  first.release();
  first.release();
  const again = pool.take(99_000);
  assert.equal(again.bytes.buffer, buffer);
  assert.equal(again.bytes.byteLength, 99_000);
  assert.notEqual(pool.take(99_000).bytes.buffer, buffer);
});

test('no more is kept than allowed', () => {
  const pool = new BufferPool(128 * 1024);
  const taken = [pool.take(128 * 1024), pool.take(128 * 1024), pool.take(1024 * 1024)];
  for (const { release } of taken) release();
  assert.equal(pool.take(128 * 1024).bytes.buffer, taken[0]!.bytes.buffer);
  assert.notEqual(pool.take(128 * 1024).bytes.buffer, taken[1]!.bytes.buffer);
  assert.notEqual(pool.take(1024 * 1024).bytes.buffer, taken[2]!.bytes.buffer);
});

test('nothing is too small', () => {
  const pool = new BufferPool(1024 * 1024);
  assert.equal(pool.take(0).bytes.byteLength, 0);
  assert.equal(pool.take(1).bytes.byteLength, 1);
});
