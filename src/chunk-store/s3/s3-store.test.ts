import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { hasObjectServer, ObjectServer } from '../../../test/support/object-server.ts';
import { toHex } from '../../base/bytes.ts';
import type { ObjectStore } from '../../object-store/contract.ts';
import { MemoryObjects } from '../../object-store/testing/memory-objects.ts';
import { chunkPath } from '../layout.ts';
import { chunkSizeOf } from '../marker-size.ts';
import { chunkStoreSuite, receiveChunk, type StoreUnderTest } from '../testing/chunk-store-suite.ts';
import { encryptedChunk, noise, plainChunk, type TestChunk, temporaryDirectory } from '../testing/chunks.ts';
import { createWorkers } from '../workers.ts';
import { S3ChunkStore } from './s3-store.ts';

const slotMemory = 40 * 1024 * 1024;

interface TestStore<T extends ObjectStore = ObjectStore> extends StoreUnderTest {
  store: S3ChunkStore;
  base: string;
  objects: T;
}

const keyOf = (prefix: string, name: string): string => `${prefix}/.chunks/${name.slice(0, 4)}/${name}`;

async function open<T extends ObjectStore>(
  objects: T,
  o: { maxCacheSize?: number; prefix?: string; threads?: number; lateMs?: number } = {},
): Promise<TestStore<T>> {
  const base = temporaryDirectory();
  fs.mkdirSync(join(base, '.chunks'));
  const workers = createWorkers({ threads: o.threads ?? 0, slotMemory });
  const { prefix = 'test', maxCacheSize, lateMs = 0 } = o;
  const options = { name: 'test', objects, prefix, lockDirectory: join(base, 'locks'), workers, lateMs };
  const store = S3ChunkStore.open(base, { ...options, ...(maxCacheSize === undefined ? {} : { maxCacheSize }) });
  return {
    store,
    base,
    objects,
    async damage(digest, change) {
      const key = keyOf(prefix, toHex(digest));
      await objects.put(key, change((await objects.get(key))!.bytes));
      fs.rmSync(join(base, '.cache'), { recursive: true, force: true });
    },
    age(digest, used) {
      const path = chunkPath(base, toHex(digest));
      for (const one of [path, ...Array.from({ length: 10 }, (_, n) => `${path}.${n}.bad`)]) {
        if (fs.existsSync(one)) fs.utimesSync(one, used, used);
      }
    },
    async [Symbol.asyncDispose]() {
      await workers.ingest[Symbol.asyncDispose]();
      await workers.check[Symbol.asyncDispose]();
      fs.rmSync(base, { recursive: true, force: true });
    },
  };
}

chunkStoreSuite('S3, objects in memory, no cache', () => open(new MemoryObjects(), { maxCacheSize: 0 }));
chunkStoreSuite('S3, objects in memory, threads', () => open(new MemoryObjects(), { threads: 2 }));

const content = (seed: string): Uint8Array => new TextEncoder().encode(`${seed} `.repeat(500));
const ages = { minAtime: 1_500_000_000, oldestWriter: 1_600_000_000 };

describe('S3 chunk store', () => {
  it('has a chunk in the bucket before its marker, and an empty marker only', async () => {
    await using under = await open(new MemoryObjects(), { maxCacheSize: 0 });
    const chunk = plainChunk(content('a'));
    const hex = toHex(chunk.digest);
    under.objects.before = () => assert.equal(fs.existsSync(chunkPath(under.base, hex)), false);
    await receiveChunk(under.store, chunk);
    assert.deepEqual([...under.objects.contents.keys()], [keyOf('test', hex)]);
    assert.equal(fs.statSync(chunkPath(under.base, hex)).size, 0);
    assert.equal(fs.existsSync(join(under.base, '.cache')), false);
  });

  it('stores nothing and marks nothing when the bucket refuses', async () => {
    await using under = await open(new MemoryObjects());
    const chunk = plainChunk(content('refused'));
    under.objects.before = () => {
      throw new Error('out of reach');
    };
    await assert.rejects(receiveChunk(under.store, chunk), /inserting chunk .* on store 'test' failed: out of reach/);
    assert.equal(await under.store.touch(chunk.digest), false);
    under.objects.before = () => {};
    assert.equal((await receiveChunk(under.store, chunk)).duplicate, false);
  });

  it('uploads a chunk again that has vanished from the bucket, whatever its marker says', async () => {
    await using under = await open(new MemoryObjects());
    const chunk = plainChunk(content('vanished'));
    await receiveChunk(under.store, chunk);
    under.objects.contents.clear();
    assert.equal((await receiveChunk(under.store, chunk)).duplicate, false);
    assert.equal(under.objects.contents.size, 1);
    under.objects.contents.clear();
    await under.store.sweep(ages);
    assert.equal(await under.store.touch(chunk.digest), false);
  });

  it('never takes the place of a chunk that has no marker with an encrypted one', async () => {
    await using under = await open(new MemoryObjects());
    const chunk = plainChunk(content('mine'));
    await receiveChunk(under.store, chunk);
    fs.rmSync(chunkPath(under.base, toHex(chunk.digest)));
    const spoiler = { ...encryptedChunk(Uint8Array.of(1)), digest: chunk.digest };
    await assert.rejects(receiveChunk(under.store, spoiler), /Overwriting unencrypted chunk/);
    assert.equal((await receiveChunk(under.store, chunk)).duplicate, true);
  });

  it('reads from the cache what is sound there, and from the bucket what is not', async () => {
    await using under = await open(new MemoryObjects());
    const chunk = plainChunk(content('cached'));
    const hex = toHex(chunk.digest);
    await receiveChunk(under.store, chunk);
    const path = join(under.base, '.cache', hex.slice(0, 2), hex);
    assert.deepEqual(fs.readFileSync(path), Buffer.from(chunk.blob));
    const stored = under.objects.contents.get(keyOf('test', hex))!;
    under.objects.contents.clear();
    assert.deepEqual(Buffer.from(await under.store.read(chunk.digest)), Buffer.from(chunk.blob));
    assert.equal((await under.store.check([{ ...chunk, encrypted: false }]))[0]!.verdict, 'missing');
    under.objects.contents.set(keyOf('test', hex), stored);
    fs.writeFileSync(path, chunk.blob.subarray(0, 50));
    assert.deepEqual(Buffer.from(await under.store.read(chunk.digest)), Buffer.from(chunk.blob));
    assert.deepEqual(fs.readFileSync(path), Buffer.from(chunk.blob));
  });

  it('keeps no copy of what is not to be cached, and notes the size of every chunk', async () => {
    await using under = await open(new MemoryObjects());
    const { store, base } = under;
    const cached = (chunk: TestChunk): boolean => {
      const hex = toHex(chunk.digest);
      return fs.existsSync(join(base, '.cache', hex.slice(0, 2), hex));
    };
    const sizeOf = (chunk: TestChunk): number => chunkSizeOf(fs.lstatSync(chunkPath(base, toHex(chunk.digest))));
    const [kept, passing] = [plainChunk(content('kept')), plainChunk(content('passing'))];
    for (const [chunk, noCache] of [
      [kept, false],
      [passing, true],
    ] as const) {
      using slot = await store.acquireSlot(chunk.blob.byteLength);
      slot.bytes.set(chunk.blob);
      const before = Date.now() / 1000 - 10;
      await store.receive(chunk.digest, chunk.size, slot, chunk.blob.byteLength, { noCache });
      assert.equal(cached(chunk), !noCache);
      assert.equal(sizeOf(chunk), chunk.blob.byteLength);
      assert.ok(fs.lstatSync(chunkPath(base, toHex(chunk.digest))).atimeMs / 1000 > before);
    }
    await store.read(passing.digest);
    assert.equal(cached(passing), true);
    fs.rmSync(join(base, '.chunks'), { recursive: true });
    fs.mkdirSync(join(base, '.chunks'));
    await store.relearn();
    assert.deepEqual([sizeOf(kept), sizeOf(passing)], [kept.blob.byteLength, passing.blob.byteLength]);
    fs.utimesSync(chunkPath(base, toHex(kept.digest)), 1000, 1_700_000_000);
    assert.equal(sizeOf(kept), 0);
  });

  it('keeps its cache below the limit, and what was used last in it', async () => {
    const limit = 1_000_000;
    await using under = await open(new MemoryObjects(), { maxCacheSize: limit });
    const cached = (): string[] =>
      fs
        .readdirSync(join(under.base, '.cache'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.length > 2);
    const bytes = (): number =>
      cached().reduce((sum, name) => sum + fs.statSync(join(under.base, '.cache', name)).size, 0);
    for (let i = 0; i < 40; i++) {
      const chunk = plainChunk(noise(`cache ${i}`, 50_000), false);
      await receiveChunk(under.store, chunk);
      await under.store.sync();
      assert.ok(bytes() <= limit);
    }
    assert.ok(bytes() > limit / 2);
    assert.ok(cached().some((name) => name.endsWith(toHex(plainChunk(noise('cache 39', 50_000), false).digest))));
  });

  it('adopts what has no marker instead of removing it, and removes it once it is old', async () => {
    await using under = await open(new MemoryObjects());
    const chunk = plainChunk(content('adopted'));
    await receiveChunk(under.store, chunk);
    fs.rmSync(join(under.base, '.chunks'), { recursive: true });
    fs.mkdirSync(join(under.base, '.chunks'));
    const counts = await under.store.sweep(ages);
    assert.deepEqual([counts['removed-chunks'], counts['disk-chunks']], [0, 1]);
    assert.equal(await under.store.touch(chunk.digest), true);
    under.age(chunk.digest, 1000);
    assert.equal((await under.store.sweep(ages))['removed-chunks'], 1);
    assert.deepEqual([under.objects.contents.size, await under.store.touch(chunk.digest)], [0, false]);
  });

  it('removes no chunk that is used at the last moment, and lets writers wait for a removal', async () => {
    await using under = await open(new MemoryObjects());
    const chunk = plainChunk(content('late'));
    await receiveChunk(under.store, chunk);
    under.age(chunk.digest, 1000);
    let again: Promise<unknown> | undefined;
    let touched: boolean | undefined;
    const remove = under.objects.delete.bind(under.objects);
    under.objects.delete = async (keys) => {
      touched = await under.store.touch(chunk.digest);
      again = receiveChunk(under.store, chunk);
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
      await remove(keys);
    };
    assert.equal((await under.store.sweep(ages))['removed-chunks'], 1);
    assert.equal(touched, false);
    assert.deepEqual(await again, { duplicate: false, storedSize: chunk.blob.byteLength });
    assert.equal(under.objects.contents.size, 1);
    assert.equal(await under.store.touch(chunk.digest), true);
  });

  it('waits with a chunk whose removal was begun by a process that died: its request may come late', async () => {
    await using under = await open(new MemoryObjects(), { lateMs: 300 });
    const { objects, store } = under;
    const chunk = plainChunk(content('late request'));
    await receiveChunk(store, chunk);
    under.age(chunk.digest, 1000);
    const remove = objects.delete.bind(objects);
    let carryOut = async (): Promise<void> => {};
    objects.delete = async (keys) => {
      carryOut = () => remove(keys);
      throw new Error('no answer');
    };
    await assert.rejects(store.sweep(ages), /no answer/);
    // Nobody counts on it meanwhile, the next collection neither.
    assert.equal((await store.sweep(ages))['disk-chunks'], 1);
    assert.equal(await store.touch(chunk.digest), false);
    const again = receiveChunk(store, chunk);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    await carryOut();
    assert.deepEqual(await again, { duplicate: false, storedSize: chunk.blob.byteLength });
    assert.equal(await store.touch(chunk.digest), true);
    assert.deepEqual(Buffer.from(objects.contents.get(keyOf('test', toHex(chunk.digest)))!), Buffer.from(chunk.blob));
    assert.deepEqual(await receiveChunk(store, chunk), { duplicate: true, storedSize: chunk.blob.byteLength });
  });

  it('leaves the chunk or nothing, wherever a change stops', async () => {
    const stop = (): never => {
      throw new Error('stop');
    };
    for (const when of ['before', 'after'] as const) {
      await using under = await open(new MemoryObjects());
      const { objects, store } = under;
      const [chunk, old] = [plainChunk(content('stopped')), plainChunk(content('old'))];
      await receiveChunk(store, old);
      under.age(old.digest, 1000);
      const [put, remove] = [objects.put.bind(objects), objects.delete.bind(objects)];
      objects.put = async (...given) => (when === 'before' ? stop() : put(...given).then(stop));
      objects.delete = async (...given) => (when === 'before' ? stop() : remove(...given).then(stop));
      await assert.rejects(receiveChunk(store, chunk), /stop/);
      await assert.rejects(store.sweep(ages), /stop/);
      await assert.rejects(
        store.quarantine(old.digest).then((place) => place ?? stop()),
        /stop/,
      );
      // What counts as there is there.
      for (const one of [chunk, old]) {
        assert.ok(!(await store.touch(one.digest)) || objects.contents.has(keyOf('test', toHex(one.digest))), when);
      }
      Object.assign(objects, { put, delete: remove });
      await store.sweep(ages);
      for (const one of [chunk, old]) {
        await receiveChunk(store, one);
        assert.deepEqual(Buffer.from(await store.read(one.digest)), Buffer.from(one.blob));
        assert.equal(await store.touch(one.digest), true);
      }
    }
  });

  it('builds markers anew from the bucket', async () => {
    await using under = await open(new MemoryObjects());
    const chunks = Array.from({ length: 5 }, (_, i) => plainChunk(content(`lost ${i}`)));
    for (const chunk of chunks) await receiveChunk(under.store, chunk);
    await under.store.quarantine(chunks[4]!.digest);
    const gone = plainChunk(content('gone'));
    await receiveChunk(under.store, gone);
    under.objects.contents.delete(keyOf('test', toHex(gone.digest)));
    for (const chunk of chunks.slice(0, 2)) fs.rmSync(chunkPath(under.base, toHex(chunk.digest)));
    assert.equal(await under.store.relearn(), 5);
    const all = [...chunks, gone].map(({ digest }) => digest);
    assert.deepEqual(
      (await under.store.touchMany(all)).map(toHex),
      [chunks[4]!, gone].map(({ digest }) => toHex(digest)),
    );
  });
});

if (hasObjectServer) {
  describe('chunks on an S3 server', () => {
    let server: Promise<ObjectServer> | undefined;
    let objects: ObjectStore | undefined;
    let stores = 0;
    after(async () => {
      objects?.close();
      await (await server)?.[Symbol.asyncDispose]();
    });
    chunkStoreSuite('S3, a real server', async () => {
      server ??= ObjectServer.start('chunks');
      objects ??= (await server).objects('chunks');
      return await open(objects, { prefix: `store${++stores}`, threads: 1 });
    });
  });
}
