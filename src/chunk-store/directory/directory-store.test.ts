import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { toHex } from '../../base/bytes.ts';
import { GranaryError } from '../../base/errors.ts';
import { StopFlag } from '../../base/stop-flag.ts';
import { setFailpoint } from '../../os/failpoint.ts';
import { chunkPath, createChunkTree, prefixName } from '../layout.ts';
import { storeOwner } from '../ownership.ts';
import { chunkStoreSuite, receiveChunk, type StoreUnderTest } from '../testing/chunk-store-suite.ts';
import { noise, plainChunk, temporaryDirectory } from '../testing/chunks.ts';
import { createWorkers } from '../workers.ts';
import { check, inodes, mark, setup, sweep } from './chunk-worker.ts';
import { DirectoryChunkStore, type DirectoryStoreOptions } from './directory-store.ts';

const slotMemory = 40 * 1024 * 1024;

interface TestStore extends StoreUnderTest {
  store: DirectoryChunkStore;
  base: string;
}

/** A store without any of its 65,536 directories, as a copy that left out empty ones; inline unless told otherwise. */
async function open(options: { threads?: number } & Partial<DirectoryStoreOptions> = {}): Promise<TestStore> {
  const base = fs.mkdtempSync(join(tmpdir(), 'granary-chunks-'));
  fs.mkdirSync(join(base, '.chunks'));
  const workers = createWorkers({ threads: options.threads ?? 0, slotMemory });
  const store = DirectoryChunkStore.open(base, { name: 'test', workers, syncLevel: 'none', ...options });
  return {
    store,
    base,
    damage(digest, change) {
      const path = chunkPath(base, toHex(digest));
      fs.writeFileSync(path, change(fs.readFileSync(path)));
    },
    age(digest, used) {
      const path = chunkPath(base, toHex(digest));
      for (const one of [path, ...Array.from({ length: 10 }, (_, n) => `${path}.${n}.bad`)]) {
        const stat = fs.statSync(one, { throwIfNoEntry: false });
        if (stat) fs.utimesSync(one, used, stat.mtime);
      }
    },
    async [Symbol.asyncDispose]() {
      await workers.ingest[Symbol.asyncDispose]();
      await workers.check[Symbol.asyncDispose]();
      fs.rmSync(base, { recursive: true, force: true });
    },
  };
}

chunkStoreSuite('directory, inline', () => open());
chunkStoreSuite('directory, two threads', () => open({ threads: 2 }));
chunkStoreSuite('directory, each chunk fsynced', () => open({ syncLevel: 'file', chunkOrder: 'none' }).then(unordered));

/** Without inode order missing chunks are not told apart. */
function unordered(under: TestStore): TestStore {
  const { store } = under;
  const original = store.readingOrder.bind(store);
  store.readingOrder = async (digests) => {
    const order = await original(digests);
    assert.deepEqual([...order], [...digests.keys()]);
    return order.reverse();
  };
  return under;
}

const content = (seed: string): Uint8Array => new TextEncoder().encode(`${seed} `.repeat(500));

describe('directory chunk store', () => {
  it('puts a chunk where the product puts it, with its modes and owner, whatever the umask is', async () => {
    await using under = await open();
    const chunk = plainChunk(content('layout'));
    const mask = process.umask(0o077);
    try {
      await receiveChunk(under.store, chunk);
    } finally {
      process.umask(mask);
    }
    const hex = toHex(chunk.digest);
    assert.deepEqual(fs.readdirSync(join(under.base, '.chunks'), { recursive: true }).sort(), [
      hex.slice(0, 4),
      `${hex.slice(0, 4)}/${hex}`,
    ]);
    const file = fs.statSync(join(under.base, '.chunks', hex.slice(0, 4), hex));
    const directory = fs.statSync(join(under.base, '.chunks', hex.slice(0, 4)));
    assert.equal(file.mode & 0o7777, 0o644);
    assert.equal(directory.mode & 0o7777, 0o750);
    const owner = storeOwner() ?? { uid: process.getuid!(), gid: process.getgid!() };
    assert.deepEqual([file.uid, file.gid, directory.uid], [owner.uid, owner.gid, owner.uid]);
  });

  it('sets the access time of a duplicate, and leaves the modification time to the nanosecond', async () => {
    await using under = await open();
    const chunk = plainChunk(content('touch'));
    await receiveChunk(under.store, chunk);
    const path = chunkPath(under.base, toHex(chunk.digest));
    const touches = [
      () => receiveChunk(under.store, chunk),
      () => under.store.touch(chunk.digest),
      () => under.store.touchMany([chunk.digest]),
    ];
    for (const touch of touches) {
      fs.utimesSync(path, 1_000_000_000, 1_100_000_000.123456);
      const before = fs.statSync(path, { bigint: true });
      await touch();
      const after = fs.statSync(path, { bigint: true });
      assert.ok(after.atimeNs > before.atimeNs + 10n ** 17n);
      assert.equal(after.mtimeNs, before.mtimeNs);
      assert.equal(after.ino, before.ino);
    }
  });

  it('refuses what is no regular file, and does not follow links', async () => {
    await using under = await open();
    const chunk = plainChunk(content('link'));
    const path = chunkPath(under.base, toHex(chunk.digest));
    fs.mkdirSync(join(path, '..'), { recursive: true });
    fs.symlinkSync('/etc/passwd', path);
    await assert.rejects(receiveChunk(under.store, chunk), /is not a regular file/);
    await assert.rejects(under.store.read(chunk.digest), (error: GranaryError) => error.code === 'io');
    assert.equal(await under.store.storedSize(chunk.digest), undefined);
    const [check] = await under.store.check([{ digest: chunk.digest, size: chunk.size, encrypted: false }]);
    assert.equal(check!.verdict, 'unreadable');
  });

  it('ignores temporary, quarantined and foreign files', async () => {
    await using under = await open();
    const chunk = plainChunk(content('others'));
    await receiveChunk(under.store, chunk);
    const path = chunkPath(under.base, toHex(chunk.digest));
    for (const name of [`${path}.tmp_aB3dE6`, `${path}.0.bad`, join(path, '..', 'README')]) fs.writeFileSync(name, 'x');
    const found: string[] = [];
    for await (const { digest } of under.store.digests()) found.push(toHex(digest));
    assert.deepEqual(found, [toHex(chunk.digest)]);
  });

  it('leaves neither chunk nor temporary file when the disk is full', async () => {
    await using under = await open();
    const chunk = plainChunk(content('full'));
    for (const point of ['chunk:before-write', 'chunk:after-write', 'chunk:after-fsync']) {
      setFailpoint(point, 'ENOSPC');
      try {
        await assert.rejects(receiveChunk(under.store, chunk), (error: unknown) => {
          assert.ok(error instanceof GranaryError && error.code === 'io');
          assert.match(error.message, new RegExp(`${toHex(chunk.digest)}.*ENOSPC`));
          return true;
        });
      } finally {
        setFailpoint(point, undefined);
      }
      const files = fs.readdirSync(join(under.base, '.chunks'), { recursive: true, withFileTypes: true });
      assert.deepEqual(
        files.filter((entry) => entry.isFile()),
        [],
      );
    }
    assert.equal((await receiveChunk(under.store, chunk)).duplicate, false);
  });

  it('has, at each point where it can be killed, no chunk or the whole chunk', async () => {
    await using under = await open({ syncLevel: 'file' });
    const chunk = plainChunk(content('crash'));
    const path = chunkPath(under.base, toHex(chunk.digest));
    const states: string[] = [];
    setFailpoint('*', (point) => {
      const there = fs.existsSync(path);
      if (there) assert.deepEqual(fs.readFileSync(path), Buffer.from(chunk.blob));
      states.push(`${point} ${there}`);
    });
    try {
      await receiveChunk(under.store, chunk);
    } finally {
      setFailpoint('*', undefined);
    }
    assert.deepEqual(states, [
      'chunk:before-write false',
      'chunk:after-write false',
      'chunk:after-fsync false',
      'chunk:after-rename true',
      'chunk:after-dir-fsync true',
    ]);
  });

  it('uses the tenth place again when all places for corrupt copies are taken', async () => {
    await using under = await open();
    const chunk = plainChunk(content('often'));
    const places: string[] = [];
    for (let n = 0; n < 11; n++) {
      await receiveChunk(under.store, chunk);
      places.push((await under.store.quarantine(chunk.digest))!.slice(-6));
    }
    assert.deepEqual(places.slice(0, 3), ['.0.bad', '.1.bad', '.2.bad']);
    assert.deepEqual(places.slice(-2), ['.9.bad', '.9.bad']);
  });

  it('opens only what has a chunk directory, by an absolute path', () => {
    const base = fs.mkdtempSync(join(tmpdir(), 'granary-chunks-'));
    try {
      assert.throws(() => DirectoryChunkStore.open('relative', { name: 'x' }), /is not absolute/);
      assert.throws(() => DirectoryChunkStore.open(base, { name: 'x' }), /unable to open chunk store 'x'/);
      fs.writeFileSync(join(base, '.chunks'), '');
      assert.throws(() => DirectoryChunkStore.open(base, { name: 'x' }), /is not a directory/);
    } finally {
      fs.rmSync(base, { recursive: true });
    }
  });
});

describe('chunk directory tree', () => {
  it('has a lock file and 65,536 directories, and appears at once', async () => {
    const base = temporaryDirectory();
    const percents: number[] = [];
    try {
      const onProgress = (percent: number): void => {
        percents.push(percent);
        assert.ok(!fs.existsSync(join(base, '.chunks')));
      };
      await createChunkTree(base, { onProgress });
      assert.deepEqual(
        percents,
        Array.from({ length: 99 }, (_, i) => i + 1),
      );
      const names = fs.readdirSync(join(base, '.chunks'));
      assert.deepEqual(
        names.sort(),
        Array.from({ length: 65536 }, (_, i) => prefixName(i)),
      );
      assert.equal(fs.statSync(join(base, '.lock')).mode & 0o7777, 0o644);
      assert.equal(fs.statSync(join(base, '.lock')).size, 0);
      for (const path of ['.chunks', '.chunks/0000', '.chunks/ffff']) {
        assert.equal(fs.statSync(join(base, path)).mode & 0o7777, 0o750, path);
      }
      assert.deepEqual(fs.readdirSync(base).sort(), ['.chunks', '.lock']);
    } finally {
      fs.rmSync(base, { recursive: true });
    }
  });

  it('leaves nothing when it is given up', async () => {
    const base = temporaryDirectory();
    const controller = new AbortController();
    try {
      const onProgress = (): void => controller.abort();
      await assert.rejects(
        createChunkTree(base, { onProgress, signal: controller.signal }),
        (error: GranaryError) => error.code === 'aborted',
      );
      assert.deepEqual(fs.readdirSync(base), []);
    } finally {
      fs.rmSync(base, { recursive: true });
    }
  });
});

describe('digests', () => {
  it('have 32 bytes', async () => {
    await using under = await open();
    await assert.rejects(under.store.touch(noise('short', 31)), /a chunk digest has 32 bytes, not 31/);
  });

  it('keeps what is used while it decides, whenever that happens', async () => {
    await using under = await open();
    const chunk = plainChunk(content('swept'));
    const path = chunkPath(under.base, toHex(chunk.digest));
    const sweep = () => under.store.sweep({ minAtime: 1_600_000_000, oldestWriter: 1_600_000_001 });
    const uses: Record<string, () => void> = {
      'touched before it was renamed': () => fs.utimesSync(`${path}.swept`, new Date(), new Date()),
      'inserted anew after it was renamed': () => fs.writeFileSync(path, chunk.blob),
      'taken back by a reader': () => fs.renameSync(`${path}.swept`, path),
    };
    for (const [when, use] of Object.entries(uses)) {
      await receiveChunk(under.store, chunk);
      under.age(chunk.digest, 1_000_000_000);
      setFailpoint('sweep:after-rename', use);
      await sweep();
      setFailpoint('sweep:after-rename', undefined);
      assert.ok(fs.existsSync(path), when);
      assert.ok(!fs.existsSync(`${path}.swept`), when);
    }
    under.age(chunk.digest, 1_000_000_000);
    assert.equal((await sweep())['removed-chunks'], 1);
    assert.deepEqual(fs.readdirSync(join(path, '..')), []);
  });

  it('finds what an interrupted sweep has left', async () => {
    await using under = await open();
    const chunk = plainChunk(content('left'));
    const path = chunkPath(under.base, toHex(chunk.digest));
    await receiveChunk(under.store, chunk);
    const leave = (): void => fs.renameSync(path, `${path}.swept`);
    leave();
    assert.deepEqual([...(await under.store.mark(chunk.digest))], []);
    leave();
    assert.equal((await under.store.read(chunk.digest)).byteLength, chunk.blob.byteLength);
    leave();
    const [check] = await under.store.check([{ digest: chunk.digest, size: chunk.size, encrypted: false }]);
    assert.equal(check!.verdict, 'ok');
    leave();
    const counts = await under.store.sweep({ minAtime: 1_600_000_000, oldestWriter: 1_600_000_001 });
    assert.deepEqual([counts['disk-chunks'], fs.existsSync(path)], [1, true]);
    assert.equal((await receiveChunk(under.store, chunk)).duplicate, true);
  });

  it('sweeps what killed writers have left, and nothing that may still be written', async () => {
    await using under = await open();
    const chunk = plainChunk(content('written'));
    await receiveChunk(under.store, chunk);
    const path = chunkPath(under.base, toHex(chunk.digest));
    const files = ['.tmp_x7Kq2P', '.tmp_young1', '.tmp_long777', '.tmp', '.note'].map((suffix) => path + suffix);
    for (const file of files) {
      fs.writeFileSync(file, 'begun');
      const time = file.endsWith('young1') ? 1_600_000_000 : 1_500_000_000;
      fs.utimesSync(file, time, time);
    }
    const counts = await under.store.sweep({ minAtime: 1_600_000_000, oldestWriter: 1_600_000_001 });
    assert.deepEqual([counts['removed-bytes'], counts['removed-chunks']], [5, 0]);
    assert.deepEqual(
      files.map((file) => fs.existsSync(file)),
      [false, true, true, true, true],
    );
  });

  it('looks at each chunk whether its work is still wanted, not only between calls of threads', async () => {
    await using under = await open();
    const chunks = Array.from({ length: 40 }, (_, i) => plainChunk(noise(`stop ${i}`, 100)));
    const used = Math.floor(Date.now() / 1000) - 10 * 86_400;
    for (const chunk of chunks) {
      await receiveChunk(under.store, chunk);
      under.age(chunk.digest, used);
    }
    const digests = Buffer.concat(chunks.map(({ digest }) => digest));
    const shared = new SharedArrayBuffer(digests.byteLength);
    new Uint8Array(shared).set(digests);
    const stop = new StopFlag(AbortSignal.abort());
    const go = new StopFlag(undefined);
    const context = setup(new SharedArrayBuffer(0));
    const prefixes = [...new Set(chunks.map(({ digest }) => toHex(digest).slice(0, 4)))];
    const sizes = Float64Array.from(chunks, ({ size }) => size);
    const works = (flag: StopFlag): (() => unknown)[] => [
      () => check(context, under.base, digests, sizes, new Uint8Array(chunks.length), flag.word),
      () => inodes(context, under.base, digests, flag.word),
      () => mark(context, under.base, shared, 0, chunks.length, flag.word),
      () => sweep(context, under.base, prefixes, used + 1, used + 1, false, flag.word),
    ];
    for (const work of works(stop)) assert.throws(work, { code: 'aborted' });
    for (const { digest } of chunks) {
      const path = chunkPath(under.base, toHex(digest));
      assert.equal(Math.floor(fs.statSync(path).atimeMs / 1000), used);
    }
    for (const work of works(go)) work();
    assert.equal(await under.store.storedSize(chunks[0]!.digest), chunks[0]!.blob.byteLength);
  });

  it('stops a sweep when it is asked to, and at what it cannot remove', async () => {
    await using under = await open();
    const chunk = plainChunk(content('stop'));
    await receiveChunk(under.store, chunk);
    under.age(chunk.digest, 1_000_000_000);
    const times = { minAtime: 1_600_000_000, oldestWriter: 1_600_000_001 };
    const aborted = AbortSignal.abort(new GranaryError('aborted', 'enough'));
    await assert.rejects(under.store.sweep({ ...times, signal: aborted }), { code: 'aborted' });
    setFailpoint('sweep:after-rename', 'EIO');
    await assert.rejects(under.store.sweep(times), /sweeping chunks of store 'test' failed: .*EIO/);
    setFailpoint('sweep:after-rename', undefined);
    assert.equal(await under.store.storedSize(chunk.digest), undefined);
    assert.equal((await under.store.read(chunk.digest)).byteLength, chunk.blob.byteLength);
  });
});
