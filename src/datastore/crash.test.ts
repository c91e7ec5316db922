// What a killed server leaves. At every failpoint of an operation the tree is copied: that is what the next start
// would find if the process died right there. Two real kills of a child process check that the copies tell the truth.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';

import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../chunk-store/testing/chunks.ts';
import { manifestName } from '../model/names.ts';
import { setFailpoint } from '../os/failpoint.ts';
import type { Datastore } from './datastore.ts';
import {
  finishedSnapshots,
  host,
  manifestBlob,
  noStats,
  owner,
  simpleContent,
  type TemporaryStore,
  temporaryStore,
  uploadAll,
  writeBackup,
} from './testing/temporary-store.ts';
import { Verification } from './verify.ts';

interface Image {
  point: string;
  store: Datastore;
  finished: string[];
}

const quiet = { upid: 'UPID:n:00000001:00000001:00000001:00000001:verify:s:root@pam:', log: () => {} };

/** Runs `operation`, and judges the tree as it was at each failpoint: every finished snapshot has to verify. */
async function crashEverywhere(temporary: TemporaryStore, operation: () => Promise<unknown>): Promise<Image[]> {
  const parent = temporaryDirectory();
  try {
    const points: string[] = [];
    setFailpoint('*', (point) => {
      fs.cpSync(temporary.base, join(parent, String(points.length)), { recursive: true });
      points.push(point);
    });
    try {
      await operation();
    } finally {
      setFailpoint('*', undefined);
    }
    assert.ok(points.length > 0);
    const images: Image[] = [];
    for (const [i, point] of points.entries()) {
      const store = await temporary.reopen(join(parent, String(i)));
      const finished = await finishedSnapshots(store);
      for (const snapshot of await store.listSnapshots([])) {
        if (!snapshot.finished) continue;
        const ok = await new Verification(store, quiet).verifySnapshot([], snapshot);
        assert.ok(ok, `${point}: ${snapshot.id}/${snapshot.time} does not verify`);
      }
      images.push({ point, store, finished });
      // The store works on as if nothing had been.
      await writeBackup(store, host('a', 900), simpleContent('later'));
      assert.ok((await finishedSnapshots(store)).includes('host/a/900'), point);
    }
    return images;
  } finally {
    fs.rmSync(parent, { recursive: true, force: true });
  }
}

describe('a server that is killed', () => {
  for (const level of ['none', 'file'] as const) {
    it(`during a backup leaves the old snapshots or the new one too, whole (sync level ${level})`, async () => {
      await using temporary = await temporaryStore({ tuning: { 'sync-level': level } });
      await writeBackup(temporary.store, host('a', 100));
      const images = await crashEverywhere(temporary, () => writeBackup(temporary.store, host('a', 200)));
      const before = ['host/a/100'];
      const after = ['host/a/100', 'host/a/200'];
      const visible = images.findIndex(({ finished }) => finished.length === 2);
      for (const [i, { finished }] of images.entries()) assert.deepEqual(finished, i < visible ? before : after);
      // The manifest is the very last thing: after it there is only its own durability.
      const points = images.map(({ point }) => point);
      assert.deepEqual(points.slice(visible - 4), [
        'commit:before-manifest',
        'atomic-file:before-write',
        'atomic-file:after-write',
        'atomic-file:after-fsync',
        'atomic-file:after-rename',
        'atomic-file:after-dir-fsync',
        'commit:after-manifest',
      ]);
      assert.ok(points.filter((point) => point.startsWith('chunk:')).length === 10);
      assert.ok(points.includes('index:after-rename'));
    });
  }

  it('during the first backup of a group leaves a group that goes on', async () => {
    await using temporary = await temporaryStore();
    const images = await crashEverywhere(temporary, () => writeBackup(temporary.store, host('a', 100)));
    assert.deepEqual(images[0]!.finished, []);
    assert.deepEqual(images.at(-1)!.finished, ['host/a/100']);
  });

  it('while it removes a snapshot leaves it finished and whole, or unfinished, or gone', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await writeBackup(store, host('a', 100));
    await writeBackup(store, host('a', 200));
    const images = await crashEverywhere(temporary, () => store.removeSnapshot([], host('a', 100)));
    assert.deepEqual(
      images.map(({ point, finished }) => [point, finished]),
      [
        ['removal:after-manifest', ['host/a/200']],
        ['removal:after-directory', ['host/a/200']],
      ],
    );
  });

  it('while it gives up a backup leaves nothing finished of it', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await writeBackup(store, host('a', 100));
    const images = await crashEverywhere(temporary, async () => {
      await using transaction = await store.beginBackup([], host('a', 200), { owner });
      const files = await uploadAll(store, transaction, simpleContent('x'));
      await transaction.writeBlob(manifestName, manifestBlob(host('a', 200), files));
    });
    for (const { finished } of images) assert.deepEqual(finished, ['host/a/100']);
  });

  it('while it changes a manifest leaves the old or the new one', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await writeBackup(store, host('a', 100));
    const notes: string[] = [];
    const parent = temporaryDirectory();
    try {
      setFailpoint('*', () => {
        const copy = join(parent, String(notes.length));
        fs.cpSync(temporary.base, copy, { recursive: true });
        notes.push(copy);
      });
      await store.setSnapshotNotes([], host('a', 100), 'new');
      setFailpoint('*', undefined);
      for (const [i, copy] of notes.entries()) {
        notes[i] = await (await temporary.reopen(copy)).snapshotNotes([], host('a', 100));
      }
    } finally {
      setFailpoint('*', undefined);
      fs.rmSync(parent, { recursive: true, force: true });
    }
    assert.deepEqual([...new Set(notes)], ['', 'new']);
  });

  for (const [point, expected] of [
    ['commit:before-manifest', ['host/a/100']],
    ['commit:after-manifest', ['host/a/100', 'host/a/200']],
  ] as const) {
    it(`really, at ${point}, leaves just that`, async () => {
      await using temporary = await temporaryStore();
      const { store, base, lockDir } = temporary;
      await writeBackup(store, host('a', 100));
      const child = fileURLToPath(new URL('./testing/backup-child.ts', import.meta.url));
      const { signal, stderr } = spawnSync(process.execPath, [child, base, lockDir], {
        env: { ...process.env, GRANARY_FAILPOINTS: `${point}=kill` },
      });
      assert.equal(signal, 'SIGKILL', String(stderr));
      assert.deepEqual(await finishedSnapshots(store), expected);
      assert.deepEqual(
        await new Verification(store, quiet).verifyGroup([], host('a', 0)),
        expected.length === 2 ? [] : ['host/a/1970-01-01T00:03:20Z'],
      );
      // Its locks died with it.
      assert.equal(store.context.writers.oldest(), undefined);
      await writeBackup(store, host('a', 300));
      assert.deepEqual(await finishedSnapshots(store), [...expected, 'host/a/300']);
    });
  }
});

describe('a full disk', () => {
  it('fails the operation with its text, and nothing else', async () => {
    const points = [
      'chunk:before-write',
      'chunk:after-write',
      'index:write',
      'index:before-fsync',
      'atomic-file:before-write',
      'atomic-file:after-write',
      'begin:after-group-directory',
    ];
    for (const point of points) {
      await using temporary = await temporaryStore();
      const { store, base } = temporary;
      await writeBackup(store, host('a', 100));
      setFailpoint(point, 'ENOSPC');
      try {
        await assert.rejects(writeBackup(store, host('a', 200)), (error: Error) => {
          assert.equal(error.name, 'GranaryError', point);
          assert.match(error.message, /ENOSPC/);
          return true;
        });
      } finally {
        setFailpoint(point, undefined);
      }
      assert.deepEqual(await finishedSnapshots(store), ['host/a/100'], point);
      assert.equal(fs.existsSync(join(base, 'host/a/1970-01-01T00:03:20Z')), false, point);
      const left = fs.readdirSync(base, { recursive: true }).filter((name) => String(name).includes('tmp_'));
      assert.deepEqual(left, [], point);
      await using transaction = await store.beginBackup([], host('a', 200), { owner });
      const files = await uploadAll(store, transaction, simpleContent('again'));
      await transaction.writeBlob(manifestName, manifestBlob(host('a', 200), files));
      await transaction.commit(noStats);
    }
  });
});
