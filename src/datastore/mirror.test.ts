import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { plainChunk } from '../chunk-store/testing/chunks.ts';
import { createWorkers } from '../chunk-store/workers.ts';
import { ClaimedObjects, claimObjects, releaseObjects } from '../object-store/claim.ts';
import { MemoryObjects } from '../object-store/testing/memory-objects.ts';
import { setFailpoint } from '../os/failpoint.ts';
import { Datastore } from './datastore.ts';
import { hasContents, needsRefresh } from './refresh.ts';
import { host, owner, simpleContent, text, uploadAll, writeBackup } from './testing/temporary-store.ts';

const workers = createWorkers({ threads: 0, slotMemory: 40 * 1024 * 1024 });

/** A server's local part of the datastore `test`, empty. */
async function localPart(
  root: string,
  name: string,
  objects: MemoryObjects,
): Promise<{ store: Datastore; base: string }> {
  const base = join(root, name);
  fs.mkdirSync(join(base, '.chunks'), { recursive: true });
  await claimObjects(objects, 'test', base, { overwrite: true });
  const bucket = { objects: new ClaimedObjects(objects, 'test', base), prefix: 'test' };
  const options = { path: base, tuning: { 'sync-level': 'none' as const }, bucket };
  return { base, store: await Datastore.open('test', options, { lockDir: join(root, `${name}-locks`), workers }) };
}

async function withRoot(run: (root: string, objects: MemoryObjects) => Promise<void>): Promise<void> {
  const root = fs.mkdtempSync(join(tmpdir(), 'granary-mirror-'));
  try {
    await run(root, new MemoryObjects());
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}

/** Files of namespaces, groups and snapshots with their content, but for what is only local. */
function filesBelow(base: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of fs.readdirSync(base, { recursive: true, encoding: 'utf8' })) {
    const path = join(base, name);
    if (/^(ns|vm|ct|host)\//.test(name) && fs.statSync(path).isFile()) files.set(name, fs.readFileSync(path, 'latin1'));
  }
  return files;
}

function filesIn(objects: MemoryObjects): Map<string, string> {
  const files = new Map<string, string>();
  for (const [key, bytes] of objects.contents) {
    const path = /^test\/\.cnt\/(.*)$/.exec(key)?.[1];
    if (path && !path.endsWith('/.namespace')) files.set(path, Buffer.from(bytes).toString('latin1'));
  }
  return files;
}

const same = (base: string, objects: MemoryObjects): void =>
  assert.deepEqual([...filesBelow(base)].sort(), [...filesIn(objects)].sort());

async function refresh(store: Datastore): Promise<void> {
  await (await store.prepareRefresh({ log: () => {} }))();
}

describe('datastore in a bucket', () => {
  it('has every file in both places, whatever is done', () =>
    withRoot(async (root, objects) => {
      const { store, base } = await localPart(root, 'one', objects);
      const [first, second] = [host('h', 1000), host('h', 2000)];
      await writeBackup(store, first);
      await writeBackup(store, second);
      same(base, objects);
      const ns = await store.createNamespace([], 'sub');
      await store.createNamespace(ns, 'empty');
      await writeBackup(store, first, simpleContent('other'), ns);
      await store.setGroupNotes([], first, 'notes of the group');
      await store.setSnapshotNotes([], first, 'notes');
      await store.setProtected([], first, true);
      await store.changeOwner(ns, first, 'other@pbs');
      await store.uploadLog([], second, plainChunk(text('log')).blob);
      same(base, objects);
      assert.ok(filesIn(objects).has('host/h/1970-01-01T00:16:40Z/.protected'));
      assert.ok(objects.contents.has('test/.cnt/ns/sub/ns/empty/.namespace'));
      await store.setGroupNotes([], first, '');
      await store.setProtected([], first, false);
      await store.removeSnapshot([], first);
      same(base, objects);
      const quiet = { log: () => {}, warn: () => {} };
      const moved = ['moved'];
      await store.moveNamespace({ from: ns, to: moved, deleteSource: true, mergeGroups: true }, quiet);
      same(base, objects);
      assert.ok(objects.contents.has('test/.cnt/ns/moved/ns/empty/.namespace'));
      assert.ok(!objects.contents.has('test/.cnt/ns/sub/.namespace'));
      await store.changeOwner(moved, first, owner);
      await store.moveGroup({ group: second, from: [], to: moved, merge: true }, quiet);
      same(base, objects);
      await store.removeNamespace(moved, { deleteGroups: true });
      same(base, objects);
      assert.deepEqual(
        [...objects.contents.keys()].filter((key) => key.includes('/.cnt/')),
        [],
      );
    }));

  it('shows nothing that the bucket has not taken, and removes nothing before the bucket has', () =>
    withRoot(async (root, objects) => {
      const { store, base } = await localPart(root, 'one', objects);
      await writeBackup(store, host('h', 1000));
      const snapshots = async () => (await store.listSnapshots([])).map(({ time, finished }) => `${time} ${finished}`);
      let left = 0;
      const failAt = (at: number): void => {
        left = at;
        objects.before = () => {
          if (--left < 0) throw new Error('out of reach');
        };
      };
      let failures = 0;
      for (let at = 0; ; at++) {
        failAt(at);
        try {
          await writeBackup(store, host('h', 2000));
          break;
        } catch {
          failures++;
        }
        objects.before = () => {};
        const [kept, half] = await snapshots();
        assert.equal(kept, '1000 true');
        assert.ok(half === undefined || half === '2000 false', half);
        if (half) await store.removeSnapshot([], host('h', 2000));
        same(base, objects);
      }
      // A chunk of an attempt before is there already.
      assert.ok(failures >= 3, `${failures} failures`);
      for (let at = 0; ; at++) {
        failAt(at);
        try {
          await store.removeSnapshot([], host('h', 2000));
          break;
        } catch {}
        // Finished here only as long as it is so there.
        const isThere = objects.contents.has('test/.cnt/host/h/1970-01-01T00:33:20Z/index.json.blob');
        assert.deepEqual(await snapshots(), ['1000 true', `2000 ${isThere}`]);
      }
      objects.before = () => {};
      assert.deepEqual(await snapshots(), ['1000 true']);
      same(base, objects);
    }));

  it('knows how much room its chunks take before anything was collected', () =>
    withRoot(async (root, objects) => {
      const { store } = await localPart(root, 'one', objects);
      await writeBackup(store, host('h', 1000));
      const { quality, state } = await store.accounting.account({ waitMs: 60_000 });
      assert.equal(quality, 'exact');
      const sizes = [...objects.contents].filter(([key]) => /^test\/(\.chunks|\.cnt\/host\/h\/1)/.test(key));
      const [root0] = state!.namespaces;
      assert.equal(
        root0!.unique,
        sizes.reduce((sum, [, bytes]) => sum + bytes.byteLength, 0),
      );
    }));

  it('comes back whole from the bucket alone', () =>
    withRoot(async (root, objects) => {
      const first = await localPart(root, 'one', objects);
      const ns = await first.store.createNamespace([], 'sub');
      await first.store.createNamespace(ns, 'empty');
      await writeBackup(first.store, host('h', 1000));
      await writeBackup(first.store, host('g', 2000), simpleContent('sub'), ns);
      await first.store.setProtected([], host('h', 1000), true);
      const unfinished = await first.store.beginBackup([], host('u', 3000), { owner });
      await uploadAll(first.store, unfinished, simpleContent('unfinished'));
      assert.equal(await hasContents(objects, 'test'), true);
      assert.equal(await hasContents(objects, 'tes'), false);

      const { store, base } = await localPart(root, 'two', objects);
      await refresh(store);
      same(base, objects);
      assert.deepEqual(await store.listNamespaces([]), [[], ['sub'], ['sub', 'empty']]);
      const [found] = await store.listSnapshots([], { id: 'h' });
      assert.deepEqual([found?.finished, found?.protected, found?.owner], [true, true, owner]);
      const index = await store.openIndex([], host('h', 1000), 'root.pxar.didx');
      for (let i = 0; i < index.count; i++) await store.chunks.read(index.digestAt(i));
      const gc = await store.collectGarbage({ upid: 'x', log: () => {}, warn: (line) => assert.fail(line) });
      assert.deepEqual([gc['removed-chunks'], gc['index-file-count']], [0, 3]);

      // Local files that nobody knows any more go, others come back.
      fs.rmSync(join(base, 'host'), { recursive: true });
      fs.mkdirSync(join(base, 'vm/stale/2020-01-01T00:00:00Z'), { recursive: true });
      await refresh(store);
      same(base, objects);
      assert.equal(fs.existsSync(join(base, 'vm')), false);
      await unfinished[Symbol.asyncDispose]().catch(() => {});
    }));

  it('goes on with a refresh from wherever it was cut short, and collects nothing before', () =>
    withRoot(async (root, objects) => {
      const { store, base } = await localPart(root, 'one', objects);
      await writeBackup(store, host('h', 1000));
      await store.createNamespace([], 'sub');
      const points = ['refresh:fetched', 'refresh:complete', 'refresh:tree-away', 'refresh:tree-in-place'];
      const cuts = [...points, 'refresh:tree-in-place@3', 'refresh:in-place'];
      for (const cut of cuts) {
        fs.rmSync(join(base, 'host'), { recursive: true, force: true });
        fs.mkdirSync(join(base, 'vm/stale/2020-01-01T00:00:00Z'), { recursive: true });
        const [point = '', at] = cut.split('@');
        setFailpoint(point, `EIO${at === undefined ? '' : `@${at}`}`);
        await assert.rejects(refresh(store), /EIO/);
        setFailpoint(point, undefined);
        const isCut = point !== 'refresh:fetched';
        assert.equal(needsRefresh(base), isCut && point !== 'refresh:in-place', cut);
        const collection = store.collectGarbage({ upid: 'x', log: () => {}, warn: (line) => assert.fail(line) });
        if (needsRefresh(base)) await assert.rejects(collection, /has not fetched all that its bucket has/);
        else await collection;
        await refresh(store);
        same(base, objects);
        assert.deepEqual(
          fs.readdirSync(base).filter((name) => /refresh|^vm$/.test(name)),
          [],
          cut,
        );
      }
    }));

  it('leaves all as it was when the bucket fails in the middle of a refresh', () =>
    withRoot(async (root, objects) => {
      const { store, base } = await localPart(root, 'one', objects);
      await writeBackup(store, host('h', 1000));
      const before = [...filesBelow(base)];
      objects.contents.set('test/.cnt/host/../../etc/passwd', Buffer.from('x'));
      await assert.rejects(refresh(store), /the bucket has an object of unknown kind: 'host\/\.\.\/\.\.\/etc\/passwd'/);
      assert.deepEqual([...filesBelow(base)], before);
      assert.deepEqual(fs.readdirSync(base).sort(), ['.cache', '.chunks', '.in-use', '.lock', 'host']);
    }));

  it('belongs to one server at a time', () =>
    withRoot(async (root, objects) => {
      const [one, two] = [join(root, 'one'), join(root, 'two')];
      for (const base of [one, two]) fs.mkdirSync(base);
      await claimObjects(objects, 'test', one, { overwrite: false });
      await claimObjects(objects, 'test', one, { overwrite: false });
      const claimed = new ClaimedObjects(objects, 'test', one);
      await claimed.put('test/x', Buffer.from('x'));
      await assert.rejects(
        claimObjects(objects, 'test', two, { overwrite: false }),
        /^GranaryError: 'test' in bucket in memory is in use by the server on '.*'; if that has ended for good, take it over with 'overwrite-in-use'$/,
      );
      await assert.rejects(
        new ClaimedObjects(objects, 'test', two).delete(['test/x']),
        /was taken over by the server on/,
      );
      await releaseObjects(objects, 'test', two);
      assert.ok(objects.contents.has('test/.in-use'));
      await claimObjects(objects, 'test', two, { overwrite: true });
      await new ClaimedObjects(objects, 'test', two).put('test/x', Buffer.from('y'));
      await assert.rejects(new ClaimedObjects(objects, 'test', one).put('test/x', Buffer.from('z')), /was taken over/);
      await releaseObjects(objects, 'test', two);
      assert.equal(objects.contents.has('test/.in-use'), false);
      await assert.rejects(
        new ClaimedObjects(objects, 'test', one).put('test/x', Buffer.from('z')),
        /is not marked as in use/,
      );
    }));
});
