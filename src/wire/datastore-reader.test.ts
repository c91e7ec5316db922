// Decoded content of the product's datastore, by random access and as a stream.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { fixtureDatastore } from '../../test/support/fixture.ts';
import { productFile } from '../../test/support/golden.ts';
import type { ChunkStore } from '../chunk-store/contract.ts';
import { Datastore } from '../datastore/datastore.ts';
import { DatastoreReader } from './datastore-reader.ts';

const snapshot = { type: 'vm', id: '100', time: 1700000000 } as const;
const imageSum = productFile('expected/sha256sums.txt')
  .toString()
  .split('\n')
  .find((line) => line.endsWith('disk.img'))!
  .slice(0, 64);

async function open(change: (chunks: ChunkStore) => ChunkStore = (chunks) => chunks, cacheBytes?: number) {
  const store = await Datastore.open('fixture', { path: fixtureDatastore() }, { lockDir: '/nonexistent' });
  const index = await store.openIndex([], snapshot, 'drive-scsi0.img.fidx');
  return new DatastoreReader({ chunks: change(store.chunks), index, cacheBytes });
}

test('the stream is the image; any range of it is the same by random access', async () => {
  const reader = await open();
  const parts: Uint8Array[] = [];
  for await (const part of reader.stream()) parts.push(part);
  const whole = Buffer.concat(parts);
  assert.equal(createHash('sha256').update(whole).digest('hex'), imageSum);
  assert.equal(reader.size, whole.byteLength);
  const offset = fc.nat(whole.byteLength);
  await fc.assert(
    fc.asyncProperty(offset, offset, async (a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      assert.ok(Buffer.from(await reader.readAt(from, to - from)).equals(whole.subarray(from, to)));
    }),
    { numRuns: 30 },
  );
  const middle: Uint8Array[] = [];
  for await (const part of reader.stream(4_000_000, 4_500_000)) middle.push(part);
  assert.ok(Buffer.concat(middle).equals(whole.subarray(4_000_000, 4_500_000)));
  await assert.rejects(reader.readAt(reader.size, 1), RangeError);
  await assert.rejects(reader.readAt(-1, 1), RangeError);
});

test('chunks are kept up to a bound', async () => {
  let reads = 0;
  const counting = (chunks: ChunkStore): ChunkStore =>
    new Proxy(chunks, {
      get(target, name) {
        if (name === 'read') reads++;
        const member = Reflect.get(target, name) as unknown;
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  const roomy = await open(counting);
  for (let i = 0; i < 5; i++) await roomy.readAt(0, 10);
  await Promise.all([roomy.readAt(5_000_000, 10), roomy.readAt(5_000_100, 10)]);
  assert.equal(reads, 2);
  reads = 0;
  const tight = await open(counting, 0);
  for (const at of [0, 10, 5_000_000, 0]) await tight.readAt(at, 10);
  assert.equal(reads, 3);
});

test('a damaged chunk is refused, and read anew the next time', async () => {
  let damage = true;
  const damaging = (chunks: ChunkStore): ChunkStore =>
    new Proxy(chunks, {
      get(target, name) {
        if (name !== 'read') return Reflect.get(target, name) as unknown;
        return async (digest: Uint8Array) => {
          const blob = Uint8Array.from(await target.read(digest));
          if (damage) blob[blob.byteLength - 1]! ^= 1;
          return blob;
        };
      },
    });
  const reader = await open(damaging);
  await assert.rejects(reader.readAt(0, 10), { code: 'blob-invalid' });
  damage = false;
  assert.equal((await reader.readAt(0, 10)).byteLength, 10);
});
