// What every chunk store has to do, in the words of contract.ts. A backend's test calls `chunkStoreSuite`.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesEqual, toHex } from '../../base/bytes.ts';
import { GranaryError } from '../../base/errors.ts';
import { checkBlob, decodeBlob } from '../../format/blob.ts';
import { maxBlobSize } from '../../model/names.ts';
import type { ChunkKind, ChunkStore, InsertResult } from '../contract.ts';
import { encryptedChunk, noise, plainChunk, type TestChunk } from './chunks.ts';

/** A new, empty store named `test`, and a way to change a stored chunk behind its back. */
export interface StoreUnderTest extends AsyncDisposable {
  store: ChunkStore;
  damage(digest: Uint8Array, change: (blob: Uint8Array) => Uint8Array): void | Promise<void>;
  /** Makes a chunk, or the copies of it that were set aside, last used at that time, epoch seconds. */
  age(digest: Uint8Array, used: number): void;
}

export async function receiveChunk(store: ChunkStore, chunk: TestChunk, blob = chunk.blob): Promise<InsertResult> {
  using slot = await store.acquireSlot(blob.byteLength);
  slot.bytes.set(blob);
  return await store.receive(chunk.digest, chunk.size, slot, blob.byteLength);
}

const text = (seed: string): Uint8Array => new TextEncoder().encode(`${seed} `.repeat(2000));

function refuses(code: string, message: string | RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof GranaryError, String(error));
    assert.equal(error.code, code);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  };
}

export function chunkStoreSuite(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`chunk store '${name}'`, () => {
    it('gives back what it received, of each kind', async () => {
      await using under = await open();
      const { store } = under;
      for (const chunk of [
        plainChunk(text('a')),
        plainChunk(noise('b', 70_000)),
        plainChunk(Uint8Array.of(7)),
        encryptedChunk(text('c')),
        encryptedChunk(noise('d', 70_000)),
      ]) {
        const expected = { duplicate: false, storedSize: chunk.blob.byteLength };
        assert.deepEqual(await receiveChunk(store, chunk), expected);
        assert.ok(bytesEqual(await store.read(chunk.digest), chunk.blob));
        assert.equal(await store.storedSize(chunk.digest), chunk.blob.byteLength);
        assert.deepEqual(await receiveChunk(store, chunk), { duplicate: true, storedSize: chunk.blob.byteLength });
      }
    });

    it('takes chunks of the largest size', async () => {
      await using under = await open();
      const chunk = plainChunk(noise('big', 16 * 1024 * 1024), false);
      assert.equal((await receiveChunk(under.store, chunk)).duplicate, false);
      assert.ok(bytesEqual(await under.store.read(chunk.digest), chunk.blob));
    });

    it('writes its own CRC', async () => {
      await using under = await open();
      for (const chunk of [plainChunk(text('crc')), encryptedChunk(text('crc'))]) {
        const wrong = Uint8Array.from(chunk.blob);
        wrong.fill(0, 8, 12);
        await receiveChunk(under.store, chunk, wrong);
        assert.ok(bytesEqual(await under.store.read(chunk.digest), chunk.blob));
      }
    });

    it('takes the copy of a chunk only with the right CRC, and of the right kind', async () => {
      await using under = await open();
      const receive = async (chunk: TestChunk, blob: Uint8Array, kind: ChunkKind) => {
        using slot = await under.store.acquireSlot(blob.byteLength);
        slot.bytes.set(blob);
        return await under.store.receive(chunk.digest, chunk.size, slot, blob.byteLength, { copyOf: kind });
      };
      for (const [chunk, kind, other] of [
        [plainChunk(text('from')), 'plain', 'encrypted'],
        [encryptedChunk(text('from')), 'encrypted', 'plain'],
      ] as const) {
        const flipped = Uint8Array.from(chunk.blob);
        flipped[flipped.length - 1]! ^= 1;
        await assert.rejects(
          receive(chunk, flipped, kind),
          refuses('blob-invalid', 'Data blob has wrong CRC checksum.'),
        );
        await assert.rejects(receive(chunk, chunk.blob, other), refuses('blob-invalid', /, but has to be/));
        assert.equal(await under.store.storedSize(chunk.digest), undefined);
        assert.equal((await receive(chunk, chunk.blob, kind)).duplicate, false);
        assert.ok(bytesEqual(await under.store.read(chunk.digest), chunk.blob));
      }
    });

    it('refuses what is not the chunk it is said to be, and stores nothing', async () => {
      await using under = await open();
      const { store } = under;
      const chunk = plainChunk(text('x'));
      const other = plainChunk(text('y'));
      await assert.rejects(
        receiveChunk(store, chunk, other.blob),
        refuses('digest-mismatch', 'detected chunk with wrong digest.'),
      );
      await assert.rejects(
        receiveChunk(store, { ...chunk, size: chunk.size + 1 }),
        refuses('blob-invalid', `detected chunk with wrong length (${chunk.size + 1} != ${chunk.size})`),
      );
      await assert.rejects(
        receiveChunk(store, { ...chunk, size: 1 }),
        refuses('blob-invalid', `detected chunk with wrong length (1 != ${chunk.size})`),
      );
      await assert.rejects(
        receiveChunk(store, chunk, new Uint8Array(20)),
        refuses('blob-invalid', 'unable to parse raw blob - wrong magic'),
      );
      await assert.rejects(
        receiveChunk(store, chunk, new Uint8Array(11)),
        refuses('blob-invalid', 'blob too small (11 bytes).'),
      );
      const encrypted = encryptedChunk(text('e'));
      await assert.rejects(
        receiveChunk(store, encrypted, encrypted.blob.slice(0, 43)),
        refuses('blob-invalid', 'encrypted blob too small (43 bytes).'),
      );
      await assert.rejects(
        receiveChunk(store, chunk, chunk.blob.slice(0, -3)),
        refuses('blob-invalid', /compressed data is damaged/),
      );
      assert.deepEqual(await digestsOf(store), []);
    });

    it('refuses chunks with more content than a chunk may have', async () => {
      await using under = await open();
      const bomb = plainChunk(new Uint8Array(17 * 1024 * 1024));
      await assert.rejects(receiveChunk(under.store, bomb), refuses('blob-invalid', /larger than 16777216 bytes/));
    });

    it('inserts what the caller vouches for, but only whole blobs', async () => {
      await using under = await open();
      const { store } = under;
      const chunk = plainChunk(text('vouched'));
      assert.deepEqual(await store.insert(chunk.digest, chunk.blob), {
        duplicate: false,
        storedSize: chunk.blob.byteLength,
      });
      const wrong = Uint8Array.from(chunk.blob);
      wrong[9]! ^= 1;
      await assert.rejects(store.insert(noise('w', 32), wrong), refuses('blob-invalid', /wrong CRC checksum/));
      assert.deepEqual(await digestsOf(store), [toHex(chunk.digest)]);
    });

    it('keeps or replaces by the insert table', async () => {
      await using under = await open();
      const { store } = under;
      const content = new TextEncoder().encode('0123456789'.repeat(500));
      const small = plainChunk(content);
      const big = plainChunk(content, false);
      assert.deepEqual(await receiveChunk(store, small), { duplicate: false, storedSize: small.blob.byteLength });
      assert.deepEqual(await receiveChunk(store, big), { duplicate: true, storedSize: small.blob.byteLength });
      assert.ok(bytesEqual(await store.read(small.digest), small.blob));

      const more = new TextEncoder().encode('abcdefghij'.repeat(500));
      const first = plainChunk(more, false);
      const better = plainChunk(more);
      await receiveChunk(store, first);
      assert.deepEqual(await receiveChunk(store, better), { duplicate: false, storedSize: better.blob.byteLength });
      assert.ok(bytesEqual(await store.read(first.digest), better.blob));

      const sealed = encryptedChunk(content, false);
      await assert.rejects(
        receiveChunk(store, { ...sealed, digest: small.digest }),
        refuses(
          'bad-request',
          `Overwriting unencrypted chunk '${toHex(small.digest)}' on store 'test' with encrypted chunk with same digest not allowed!`,
        ),
      );
      await receiveChunk(store, sealed);
      await assert.rejects(
        receiveChunk(store, { ...encryptedChunk(more.slice(1), false), digest: sealed.digest }),
        refuses(
          'bad-request',
          `Overwriting existing (encrypted) chunk '${toHex(sealed.digest)}' on store 'test' is not allowed!`,
        ),
      );
      const shorter = { ...encryptedChunk(content), digest: sealed.digest };
      assert.deepEqual(await receiveChunk(store, shorter), { duplicate: true, storedSize: sealed.blob.byteLength });
    });

    it('lets nobody spoil a digest with an encrypted chunk', async () => {
      await using under = await open();
      const chunk = plainChunk(text('mine'));
      const spoiler = { ...encryptedChunk(Uint8Array.of(1)), digest: chunk.digest };
      await receiveChunk(under.store, spoiler);
      assert.equal((await receiveChunk(under.store, chunk)).duplicate, false);
      const blob = await under.store.read(chunk.digest);
      assert.ok(bytesEqual(decodeBlob(blob, { what: '' }), chunk.content));
    });

    it('overwrites what is empty or no chunk at all', async () => {
      await using under = await open();
      for (const junk of [new Uint8Array(0), new Uint8Array(5), new Uint8Array(100)]) {
        const chunk = plainChunk(text(`junk ${junk.byteLength}`));
        await receiveChunk(under.store, chunk);
        await under.damage(chunk.digest, () => junk);
        if (junk.byteLength === 0) {
          assert.deepEqual(await receiveChunk(under.store, chunk), {
            duplicate: false,
            storedSize: chunk.blob.byteLength,
          });
        } else await receiveChunk(under.store, chunk);
      }
    });

    it('counts one of many simultaneous uploads as new', async () => {
      await using under = await open();
      const chunk = plainChunk(text('race'));
      const results = await Promise.all(Array.from({ length: 8 }, () => receiveChunk(under.store, chunk)));
      assert.equal(results.filter(({ duplicate }) => !duplicate).length, 1);
    });

    it('touches what is there and names what is not', async () => {
      await using under = await open();
      const { store } = under;
      const chunks = Array.from({ length: 5 }, (_, i) => plainChunk(text(`t${i}`)));
      for (const chunk of chunks) await receiveChunk(store, chunk);
      const absent = [noise('p', 32), noise('q', 32)];
      assert.equal(await store.touch(chunks[0]!.digest), true);
      assert.equal(await store.touch(absent[0]!), false);
      const asked = [absent[1]!, ...chunks.map(({ digest }) => digest), absent[0]!];
      assert.deepEqual((await store.touchMany(asked)).map(toHex), [absent[1]!, absent[0]!].map(toHex));
      assert.deepEqual(await store.touchMany([]), []);
    });

    it('names the chunk that is missing', async () => {
      await using under = await open();
      const digest = noise('none', 32);
      await assert.rejects(under.store.read(digest), refuses('chunk-missing', new RegExp(toHex(digest))));
      await assert.rejects(under.store.openChunk(digest), refuses('chunk-missing', new RegExp(toHex(digest))));
      assert.equal(await under.store.storedSize(digest), undefined);
    });

    it('never gives out a damaged chunk', async () => {
      await using under = await open();
      const chunk = plainChunk(text('rot'));
      await receiveChunk(under.store, chunk);
      await under.damage(chunk.digest, (blob) => blob.with(20, blob[20]! ^ 1));
      await assert.rejects(under.store.read(chunk.digest), refuses('blob-invalid', /wrong CRC checksum/));
    });

    it('gives out chunks as they are, piece by piece', async () => {
      await using under = await open();
      const { store } = under;
      const chunk = plainChunk(noise('pieces', 1000));
      await receiveChunk(store, chunk);
      const whole = await store.read(chunk.digest);
      await using opened = await store.openChunk(chunk.digest);
      assert.equal(opened.size, whole.byteLength);
      const read = new Uint8Array(opened.size);
      for (let at = 0; at < read.byteLength; at += 300) await opened.read(read.subarray(at, at + 300), at);
      assert.deepEqual(Buffer.from(read), Buffer.from(whole));
      await assert.rejects(opened.read(new Uint8Array(2), opened.size - 1), refuses('io', /shorter/));
      await under.damage(chunk.digest, (blob) => blob.with(20, blob[20]! ^ 1));
      await using damaged = await store.openChunk(chunk.digest);
      await damaged.read(read, 0);
      assert.throws(() => checkBlob(read, ''), refuses('blob-invalid', /wrong CRC checksum/));
    });

    it('judges chunks for verification', async () => {
      await using under = await open();
      const { store } = under;
      const plain = plainChunk(text('v'));
      const rotten = plainChunk(text('r'));
      const sealed = encryptedChunk(text('s'));
      const swapped = plainChunk(text('w'));
      for (const chunk of [plain, rotten, sealed, swapped]) await receiveChunk(store, chunk);
      await under.damage(rotten.digest, (blob) => blob.slice(0, -1));
      await under.damage(swapped.digest, () => plain.blob);
      const expected = [
        { digest: plain.digest, size: plain.size, encrypted: false },
        { digest: plain.digest, size: plain.size - 1, encrypted: false },
        { digest: plain.digest, size: plain.size, encrypted: true },
        { digest: rotten.digest, size: rotten.size, encrypted: false },
        { digest: noise('no', 32), size: 1, encrypted: false },
        { digest: sealed.digest, size: sealed.size, encrypted: true },
        { digest: sealed.digest, size: sealed.size, encrypted: false },
        { digest: swapped.digest, size: plain.size, encrypted: false },
      ];
      const verdicts = (await store.check(expected)).map(({ verdict }) => verdict);
      assert.deepEqual(verdicts, ['ok', 'mismatch', 'mismatch', 'corrupt', 'missing', 'ok', 'mismatch', 'corrupt']);
      assert.equal((await store.check(expected))[0]!.storedSize, plain.blob.byteLength);
    });

    it('sets a corrupt copy aside, so that the chunk can come again', async () => {
      await using under = await open();
      const { store } = under;
      const chunk = plainChunk(text('bad'));
      for (const n of [0, 1]) {
        await receiveChunk(store, chunk);
        await under.damage(chunk.digest, (blob) => blob.with(15, blob[15]! ^ 1));
        const [check] = await store.check([{ digest: chunk.digest, size: chunk.size, encrypted: false }]);
        assert.equal(check!.verdict, 'corrupt');
        assert.match(
          (await store.quarantine(chunk.digest, check!.copy))!,
          new RegExp(`${toHex(chunk.digest)}.${n}.bad$`),
        );
        assert.equal(await store.storedSize(chunk.digest), undefined);
      }
      assert.equal(await store.quarantine(chunk.digest), undefined);
      assert.deepEqual(await digestsOf(store), []);
    });

    it('does not set another copy aside than the one that was looked at', async () => {
      await using under = await open();
      const { store } = under;
      const content = text('replaced');
      await receiveChunk(store, plainChunk(content, false));
      const { digest, size } = plainChunk(content);
      const [seen] = await store.check([{ digest, size, encrypted: false }]);
      await receiveChunk(store, plainChunk(content));
      assert.equal(await store.quarantine(digest, seen!.copy), undefined);
      assert.notEqual(await store.storedSize(digest), undefined);
    });

    it('lists all chunks and orders them for reading, missing ones last', async () => {
      await using under = await open();
      const { store } = under;
      const chunks = Array.from({ length: 6 }, (_, i) => plainChunk(text(`o${i}`)));
      for (const chunk of chunks) await receiveChunk(store, chunk);
      assert.deepEqual(await digestsOf(store), chunks.map(({ digest }) => toHex(digest)).sort());
      const digests = [noise('gone', 32), ...chunks.map(({ digest }) => digest)];
      const order = await store.readingOrder(digests);
      assert.deepEqual([...order].sort(), [0, 1, 2, 3, 4, 5, 6]);
      assert.equal(order.at(-1), 0);
    });

    it('bounds the memory of uploads: who finds no room waits, in order', async () => {
      await using under = await open();
      const { store } = under;
      const held = [];
      for (;;) {
        const slot = await Promise.race([store.acquireSlot(maxBlobSize), settled()]);
        if (!slot) break;
        assert.equal(slot.bytes.byteOffset % 4096, 0);
        held.push(slot);
        assert.ok(held.length < 100, 'slots without end');
      }
      const controller = new AbortController();
      const aborted = store.acquireSlot(maxBlobSize, { signal: controller.signal });
      controller.abort();
      await assert.rejects(aborted, (error: GranaryError) => error.code === 'aborted');
      for (const slot of held) slot.release();
      using _again = await store.acquireSlot(1);
    });

    it('has no slots for what cannot be a chunk', async () => {
      await using under = await open();
      for (const size of [0, -1, 1.5, maxBlobSize + 1]) {
        await assert.rejects(under.store.acquireSlot(size), (error: GranaryError) => error.code === 'bad-request');
      }
    });

    it('marks in any order, and tells what is missing', async () => {
      await using under = await open();
      const chunks = Array.from({ length: 50 }, (_, i) => plainChunk(text(`mark ${i}`)));
      for (const [i, chunk] of chunks.entries()) if (i % 7 !== 3) await receiveChunk(under.store, chunk);
      for (const chunk of chunks) under.age(chunk.digest, 1_000_000_000);
      const missing = await under.store.mark(Buffer.concat(chunks.map((chunk) => chunk.digest)));
      assert.deepEqual([...missing], [3, 10, 17, 24, 31, 38, 45]);
      const counts = await under.store.sweep({ minAtime: 1_600_000_000, oldestWriter: 1_600_000_001 });
      assert.deepEqual([counts['removed-chunks'], counts['disk-chunks']], [0, 43]);
      assert.deepEqual([...(await under.store.mark(new Uint8Array(0)))], []);
    });

    it('sweeps what was not used for long, and counts what it keeps', async () => {
      await using under = await open();
      const [old, between, fresh, bad, needed] = ['old', 'between', 'fresh', 'bad', 'needed'].map((seed) =>
        plainChunk(text(seed)),
      ) as [TestChunk, TestChunk, TestChunk, TestChunk, TestChunk];
      for (const chunk of [old, between, fresh, bad, needed]) await receiveChunk(under.store, chunk);
      for (const chunk of [bad, needed]) await under.store.quarantine(chunk.digest);
      under.age(old.digest, 999);
      under.age(between.digest, 1000);
      under.age(bad.digest, 10);
      under.age(needed.digest, 10);
      assert.deepEqual([...(await under.store.mark(needed.digest))], [0]);
      const seen: number[] = [];
      const kept: string[] = [];
      const counts = await under.store.sweep({
        minAtime: 1000,
        oldestWriter: 2000,
        onKept: (records) => {
          for (let at = 0; at < records.length; at += 9) {
            const digest = new Uint8Array(records.slice(at, at + 8).buffer);
            kept.push(`${toHex(digest)} ${records[at + 8]}`);
          }
        },
        onProgress: (share) => seen.push(share),
      });
      assert.deepEqual(counts, {
        'disk-bytes': fresh.blob.byteLength + needed.blob.byteLength,
        'disk-chunks': 1,
        'removed-bytes': old.blob.byteLength + bad.blob.byteLength,
        'removed-chunks': 1,
        'pending-bytes': between.blob.byteLength,
        'pending-chunks': 1,
        'removed-bad': 1,
        'still-bad': 1,
      });
      assert.deepEqual(await digestsOf(under.store), [between, fresh].map((chunk) => toHex(chunk.digest)).sort());
      assert.deepEqual(
        kept.sort(),
        [between, fresh].map(({ digest, blob }) => `${toHex(digest)} ${blob.byteLength}`).sort(),
      );
      assert.equal(seen.at(-1), 1);
    });

    it('syncs', async () => {
      await using under = await open();
      await under.store.sync();
    });
  });
}

async function digestsOf(store: ChunkStore): Promise<string[]> {
  const digests: string[] = [];
  for await (const { digest } of store.digests()) digests.push(toHex(digest));
  return digests.sort();
}

/** Resolves to undefined after everything that can happen at once has happened. */
async function settled(): Promise<undefined> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
