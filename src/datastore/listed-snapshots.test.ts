import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { describe, it } from 'node:test';
import { manifestName } from '../model/names.ts';
import type { Datastore } from './datastore.ts';
import { ListedSnapshots } from './listed-snapshots.ts';
import { listSnapshots } from './snapshots.ts';
import { snapshotDirectory } from './store-context.ts';
import { host, temporaryStore, writeBackup } from './testing/temporary-store.ts';

/** By whose clock everything has been as it is for long. */
const later = (): number => Date.now() + 10_000;
const snapshot = host('a', 100);

/** Waits until what changes from now on has another time of change: the system counts in steps of milliseconds. */
function untilTimeShows(directory: string): void {
  const probe = `${directory}/probe`;
  const touch = (): bigint => {
    fs.writeFileSync(probe, '');
    return fs.statSync(probe, { bigint: true }).ctimeNs;
  };
  const before = touch();
  while (touch() === before);
  fs.rmSync(probe);
}

/** Everything that changes what a listing shows of a snapshot, or that it can be read at all. */
function changes(store: Datastore): [string, () => unknown][] {
  const directory = snapshotDirectory(store.context, [], snapshot);
  const manifest = `${directory}/${manifestName}`;
  let whole: Buffer;
  return [
    ['notes', () => store.setSnapshotNotes([], snapshot, 'new')],
    ['protection', () => store.setProtected([], snapshot, true)],
    ['no protection', () => store.setProtected([], snapshot, false)],
    ['a file more', () => fs.writeFileSync(`${directory}/extra.blob`, '')],
    ['a file less', () => fs.rmSync(`${directory}/extra.blob`)],
    [
      'damage in place, with its old times',
      () => {
        const { atime, mtime } = fs.statSync(manifest);
        whole = fs.readFileSync(manifest);
        const bytes = Buffer.from(whole);
        bytes[bytes.length - 1]! ^= 1;
        fs.writeFileSync(manifest, bytes);
        fs.utimesSync(manifest, atime, mtime);
      },
    ],
    ['the same repaired', () => fs.writeFileSync(manifest, whole)],
    ['no manifest', () => fs.rmSync(manifest)],
    ['another one', () => fs.writeFileSync(manifest, whole)],
    [
      'removed and made anew',
      async () => {
        await store.removeSnapshot([], snapshot);
        await writeBackup(store, snapshot);
      },
    ],
  ];
}

describe('what listings know', () => {
  it('is read again after every change, and never without one', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await writeBackup(store, snapshot);
    const directory = snapshotDirectory(store.context, [], snapshot);
    const listed = new ListedSnapshots(later);
    let reads = 0;
    const look = () =>
      listed.facts(directory, async () => {
        reads++;
        return { ...snapshot, files: [{ filename: `read ${reads}` }], finished: true, protected: false };
      });
    const first = await look();
    first.files[0]!.filename = 'changed by whoever got it';
    assert.deepEqual((await look()).files, [{ filename: 'read 1' }]);
    for (const [what, change] of changes(store)) {
      const before = reads;
      untilTimeShows(store.context.base);
      await change();
      await look();
      assert.equal(reads, before + 1, what);
      await look();
      assert.equal(reads, before + (what === 'no manifest' ? 2 : 1), `${what}, again`);
    }
  });

  it('is not trusted while it is new, or could not be read', async () => {
    await using temporary = await temporaryStore();
    await writeBackup(temporary.store, snapshot);
    const directory = snapshotDirectory(temporary.store.context, [], snapshot);
    for (const [listed, manifestError] of [
      [new ListedSnapshots(), undefined],
      [new ListedSnapshots(later), 'unreadable'],
    ] as const) {
      let reads = 0;
      for (let i = 1; i <= 3; i++) {
        await listed.facts(directory, async () => {
          reads++;
          const facts = { ...snapshot, files: [], finished: true, protected: false };
          return manifestError === undefined ? facts : { ...facts, manifestError };
        });
        assert.equal(reads, i);
      }
    }
  });

  it('is what a store that was never listed has', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    for (const time of [50, 100]) await writeBackup(store, host('a', time));
    const knowing = { ...store.context, listed: new ListedSnapshots(later) };
    const list = (context: typeof knowing) => listSnapshots(context, []);
    await list(knowing);
    for (const [what, change] of changes(store)) {
      untilTimeShows(store.context.base);
      await change();
      for (let i = 0; i < 2; i++) {
        assert.deepEqual(await list(knowing), await list({ ...knowing, listed: new ListedSnapshots() }), what);
      }
    }
  });
});
