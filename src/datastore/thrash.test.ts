// Everything at once on one datastore: backups, removals, pruning, notes, protection, verification and garbage
// collection, with chunks that look long unused, through two open instances. Refusals are expected; what must hold is that every finished snapshot is whole, at any time.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { describe, it } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import { plainChunk } from '../chunk-store/testing/chunks.ts';
import type { Datastore } from './datastore.ts';
import { pruneGroup } from './prune.ts';
import { host, owner, temporaryStore, text, uploadAll, writeBackup } from './testing/temporary-store.ts';
import { Verification } from './verify.ts';

const upid = 'UPID:n:00000001:00000001:00000001:00000001:verify:s:root@pam:';
const expected = new Set(['locked', 'bad-request', 'protected', 'not-found']);

/** A reproducible stream of numbers below `n`. */
function dice(seed: string): (n: number) => number {
  let counter = 0;
  return (n) => createHash('sha256').update(`${seed}/${counter++}`).digest().readUInt32LE(0) % n;
}

/** What no running backup can have used looks as if it was last used longer ago than unused chunks are kept. */
function age(store: Datastore): void {
  const now = Date.now() / 1000;
  const oldest = store.context.writers.oldest() ?? now;
  for (const entry of fs.readdirSync(`${store.path}/.chunks`, { recursive: true, withFileTypes: true })) {
    const path = `${entry.parentPath}/${entry.name}`;
    const stat = entry.isFile() ? fs.statSync(path) : undefined;
    if (stat && stat.atimeMs / 1000 < oldest - 1) fs.utimesSync(path, now - 100, stat.mtime);
  }
}

describe('a datastore under everything at once', () => {
  it('keeps every finished snapshot whole', async () => {
    await using temporary = await temporaryStore();
    const stores = [temporary.store, await temporary.reopen()];
    const seed = String(Date.now());
    const counts = { done: 0, refused: 0, removed: 0 };
    let time = 1000;
    const chunks = Array.from({ length: 6 }, (_, i) => plainChunk(text(`shared ${i}`)));
    const content = (roll: (n: number) => number) => ({
      archives: { 'root.pxar.didx': [chunks[roll(6)]!, chunks[roll(6)]!, plainChunk(text(`own ${roll(1000)}`))] },
      blobs: { 'host.conf.blob': plainChunk(text(`conf ${roll(10)}`)).blob },
    });
    const act = async (store: Datastore, roll: (n: number) => number): Promise<void> => {
      const group = host(`g${roll(3)}`, 0);
      const snapshots = await store.listGroupSnapshots([], group);
      const listed = snapshots[roll(Math.max(1, snapshots.length))];
      const some = listed ?? host(group.id, 5);
      switch (roll(11)) {
        case 0: {
          await using transaction = await store.beginBackup([], host(group.id, ++time), { owner });
          await uploadAll(store, transaction, content(roll)); // and given up
          return;
        }
        case 1:
          return store.removeSnapshot([], some);
        case 2:
          return void (await pruneGroup(store, [], group, { keep: { last: 3 } }));
        case 3:
          return store.setSnapshotNotes([], some, `note ${roll(100)}`);
        case 4:
          return store.setProtected([], some, roll(2) === 1);
        case 5: {
          const verification = new Verification(store, { upid, log: () => {} });
          if (listed?.finished) assert.equal(await verification.verifySnapshot([], some), true, `seed ${seed}`);
          return;
        }
        case 9: {
          age(store);
          const status = await store.collectGarbage({ upid, log: () => {}, warn: assert.fail, cutoffMinutes: 1 });
          counts.removed += status['removed-chunks'];
          return;
        }
        case 6:
          return void (roll(4) === 0 && (await store.removeGroup([], group)));
        default:
          return writeBackup(store, host(group.id, ++time), content(roll));
      }
    };
    const lane = async (n: number): Promise<void> => {
      const roll = dice(`${seed}/${n}`);
      for (let i = 0; i < 40; i++) {
        try {
          await act(stores[n % 2]!, roll);
          counts.done++;
        } catch (error) {
          assert.ok(error instanceof GranaryError && expected.has(error.code), `seed ${seed}: ${String(error)}`);
          counts.refused++;
        }
      }
    };
    await Promise.all(Array.from({ length: 6 }, (_, n) => lane(n)));
    assert.ok(counts.done > 60, JSON.stringify(counts));
    const [store] = stores;
    const failed = await new Verification(store!, { upid, log: () => {} }).verifyDatastore();
    assert.deepEqual(failed, [], `seed ${seed}`);
    for (const snapshot of await store!.listSnapshots([])) assert.ok(snapshot.finished, `seed ${seed}`);
    assert.equal(store!.context.writers.oldest(), undefined);
  });
});
