import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ArenaRoom, SharedArena } from './shared-arena.ts';

test('rooms are page-aligned, disjoint, and all come back', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 70_000 }), fc.nat(20)), { maxLength: 60 }), (steps) => {
      const arena = new SharedArena(256 * 1024, 5000);
      const whole = arena.available;
      const held: ArenaRoom[] = [];
      for (const [size, victim] of steps) {
        const room = arena.tryAcquire(size);
        if (room) {
          assert.equal(room.offset % 4096, 0);
          assert.ok(room.offset >= 8192 && room.length >= size);
          for (const other of held) {
            assert.ok(room.offset + room.length <= other.offset || other.offset + other.length <= room.offset);
          }
          held.push(room);
        } else held.splice(victim % held.length, 1)[0]!.release();
        assert.equal(arena.available, whole - held.reduce((sum, r) => sum + r.length, 0));
      }
      for (const room of held) {
        room.release();
        room.release();
      }
      assert.equal(arena.available, whole);
      assert.equal(arena.tryAcquire(whole)?.length, whole);
    }),
    { numRuns: 50 },
  );
});

test('who waits is served in order, and an aborted wait leaves the queue', async () => {
  const arena = new SharedArena(128 * 1024);
  const first = await arena.acquire(128 * 1024);
  const served: string[] = [];
  const abort = new AbortController();
  const large = arena.acquire(100 * 1024, abort.signal);
  const small = arena.acquire(4096).then(() => served.push('small'));
  assert.equal(arena.tryAcquire(1), undefined, 'nobody overtakes');
  abort.abort();
  await assert.rejects(large, { code: 'aborted' });
  first.release();
  await small;
  assert.deepEqual(served, ['small']);
  await assert.rejects(arena.acquire(1024 * 1024), { code: 'internal' });
});
