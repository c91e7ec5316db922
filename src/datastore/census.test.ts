import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { host, simpleContent, temporaryStore, writeBackup } from './testing/temporary-store.ts';

/** Makes every directory look as if it had changed long ago, so that only a new change is seen. */
function settle(path: string): void {
  for (const entry of fs.readdirSync(path, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) fs.utimesSync(`${entry.parentPath}/${entry.name}`, 1, 1_000_000_000);
  }
}

test('snapshots are counted by group, with their verification and what they brought', async (t) => {
  await using fixture = await temporaryStore();
  const { store, base } = fixture;
  await store.createNamespace([], 'x');
  await writeBackup(store, host('a', 100));
  await writeBackup(store, host('a', 200));
  await writeBackup(store, host('a', 300), simpleContent('n'), ['x']);
  await using unfinished = await store.beginBackup([], host('b', 100), { owner: 'admin@pbs' });
  assert.ok(unfinished);
  const { groups, uploads } = await store.census();
  assert.deepEqual(groups, [
    { type: 'host', id: 'a', ns: [], snapshots: 2, last: 200, verifyFailed: 0 },
    { type: 'host', id: 'a', ns: ['x'], snapshots: 1, last: 300, verifyFailed: 0 },
  ]);
  assert.deepEqual(
    uploads.map((one) => one.time),
    [100, 200, 300],
  );

  // Counting takes no time, so that nothing stands against doing it again at once.
  t.mock.method(performance, 'now', () => 0);
  settle(base);
  await store.census({ fresh: true });
  await store.updateManifest([], host('a', 100), (unprotected) => {
    unprotected['verify_state'] = { state: 'failed', upid: 'UPID:x' };
    unprotected['chunk_upload_stats'] = { count: 1, size: 10, compressed_size: 7, duplicates: 0 };
  });
  const changed = await store.census();
  assert.equal(changed.groups[0]!.verifyFailed, 1);
  assert.deepEqual(changed.uploads[0], { time: 100, bytes: 7 });
  await store.removeSnapshot([], host('a', 200));
  assert.equal((await store.census()).groups[0]!.snapshots, 2, 'a count of the last minute is good');
  assert.equal((await store.census({ fresh: true })).groups[0]!.snapshots, 1);
});

test('what has not changed is not read again', async (t) => {
  await using fixture = await temporaryStore();
  const { store, base } = fixture;
  for (const time of [100, 200, 300]) await writeBackup(store, host('a', time));
  settle(base);
  await store.census({ fresh: true });
  const reads = t.mock.method(fs.promises, 'readFile');
  await writeBackup(store, host('a', 400));
  const before = reads.mock.callCount();
  await store.census({ fresh: true });
  assert.equal(reads.mock.callCount() - before, 1, 'the manifest of the new one');
});
