import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { productFile } from '../../test/support/golden.ts';
import { GranaryError } from '../base/errors.ts';
import { encodeBlob } from '../format/blob.ts';
import type { Datastore } from './datastore.ts';
import { host, owner, temporaryStore, text, writeBackup } from './testing/temporary-store.ts';

const says = (message: string | RegExp) => (error: unknown) => {
  assert.ok(error instanceof GranaryError, String(error));
  if (typeof message === 'string') assert.equal(error.message, message);
  else assert.match(error.message, message);
  assert.equal(error.status, 400);
  return true;
};

async function countChunks(store: Datastore): Promise<number> {
  let count = 0;
  for await (const _ of store.chunks.digests()) count++;
  return count;
}

describe('removing a snapshot', () => {
  it('takes the snapshot, its lock files, and the group with the last one; never chunks', async () => {
    await using temporary = await temporaryStore();
    const { store, base, lockDir } = temporary;
    await writeBackup(store, host('a', 100));
    await writeBackup(store, host('a', 200));
    await store.setGroupNotes([], host('a', 0), 'notes');
    const chunks = await countChunks(store);
    await store.removeSnapshot([], host('a', 100));
    assert.deepEqual(
      (await store.listSnapshots([])).map(({ time }) => time),
      [200],
    );
    assert.equal(await store.groupNotes([], host('a', 0)), 'notes');
    await store.removeSnapshot([], host('a', 200));
    assert.equal(fs.existsSync(join(base, 'host/a')), false);
    assert.equal(await countChunks(store), chunks);
    const files = fs.readdirSync(lockDir, { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
    assert.deepEqual(files, []);
  });

  it('is refused for one that is protected, in use or missing', async () => {
    await using temporary = await temporaryStore();
    const { store, base, lockDir } = temporary;
    await writeBackup(store, host('a', 100));
    const directory = join(base, 'host/a/1970-01-01T00:01:40Z');
    await store.setProtected([], host('a', 100), true);
    await assert.rejects(store.removeSnapshot([], host('a', 100)), (error: GranaryError) => {
      assert.equal(error.message, productFile('api/err-delete-protected.json').toString());
      return says(/./)(error);
    });
    await store.setProtected([], host('a', 100), false);
    {
      using _reader = await store.lockSnapshotShared([], host('a', 100));
      const lock = `${lockDir}/fixture/host-a-1970\\x2d01\\x2d01T00\\x3a01\\x3a40Z`;
      await assert.rejects(
        store.removeSnapshot([], host('a', 100)),
        says(`while destroying snapshot "${directory}": unable to acquire snapshot lock "${lock}"`),
      );
      await assert.rejects(store.setProtected([], host('a', 100), true), /unable to acquire snapshot lock/);
    }
    await assert.rejects(store.removeSnapshot([], host('a', 5)), says(/ENOENT: No such file or directory$/));
    await assert.rejects(store.lockSnapshotShared([], host('a', 5)), says(/ENOENT: No such file or directory$/));
    await assert.rejects(store.setProtected([], host('a', 5), true), says(/ENOENT: No such file or directory$/));
    assert.equal((await store.listSnapshots([])).length, 1);
  });

  it('leaves a group alone that a backup is running in, or that has more in it', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    await writeBackup(store, host('a', 100));
    await writeBackup(store, host('b', 100));
    {
      using _other = await store.context.locks.group([], host('a', 0));
      await store.removeSnapshot([], host('a', 100));
    }
    fs.writeFileSync(join(base, 'host/b/README'), 'mine');
    await store.removeSnapshot([], host('b', 100));
    assert.deepEqual(fs.readdirSync(join(base, 'host/a')), ['owner']);
    assert.deepEqual(fs.readdirSync(join(base, 'host/b')).sort(), ['README', 'owner']);
  });
});

describe('removing a group', () => {
  it('takes all snapshots, or all but the protected ones', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    for (const time of [100, 200, 300]) await writeBackup(store, host('a', time));
    await store.setProtected([], host('a', 200), true);
    assert.deepEqual(await store.removeGroup([], host('a', 0)), { removedSnapshots: 2, protectedSnapshots: 1 });
    assert.deepEqual(
      (await store.listSnapshots([])).map(({ time }) => time),
      [200],
    );
    await store.setProtected([], host('a', 200), false);
    assert.deepEqual(await store.removeGroup([], host('a', 0)), { removedSnapshots: 1, protectedSnapshots: 0 });
    assert.equal(fs.existsSync(join(base, 'host/a')), false);
    await assert.rejects(store.removeGroup([], host('a', 0)), says(/ENOENT: No such file or directory$/));
  });

  it('is refused while a backup is running in it', async () => {
    await using temporary = await temporaryStore();
    await using _running = await temporary.store.beginBackup([], host('a', 100), { owner });
    await assert.rejects(
      temporary.store.removeGroup([], host('a', 0)),
      says(/^unable to acquire backup group lock ".*"$/),
    );
  });
});

describe('namespaces', () => {
  it('can be made below others, seven deep', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    let ns: readonly string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) ns = await store.createNamespace(ns, name);
    assert.deepEqual(await store.createNamespace(ns.slice(0, -1), 'g'), ns);
    assert.equal(fs.statSync(join(base, 'ns/a/ns/b/ns/c/ns/d/ns/e/ns/f/ns/g')).mode & 0o7777, 0o755);
    await assert.rejects(store.createNamespace(ns, 'h'), says('namespace too deep, 8 >= max 7'));
    const missing = "cannot create new namespace, parent x doesn't already exists";
    await assert.rejects(store.createNamespace(['x'], 'y'), says(missing));
    for (const name of ['', '..', '.x', 'a/b', '-a'])
      await assert.rejects(store.createNamespace([], name), /invalid namespace/);
    await writeBackup(store, host('deep', 100), undefined, ns);
    assert.equal((await store.listSnapshots(ns)).length, 1);
  });

  it('go only when they are empty, unless their groups may go too', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    for (const [parent, name] of [
      [[], 'a'],
      [['a'], 'b'],
      [['a'], 'c'],
      [[], 'z'],
    ] as const) {
      await store.createNamespace(parent, name);
    }
    await writeBackup(store, host('x', 100), undefined, ['a', 'b']);
    const refused = productFile('api/err-namespace-not-empty.json').toString();
    await assert.rejects(store.removeNamespace(['a']), says(refused));
    assert.equal((await store.listSnapshots(['a', 'b'])).length, 1);
    await store.setProtected(['a', 'b'], host('x', 100), true);
    await writeBackup(store, host('y', 100), undefined, ['a']);
    assert.deepEqual(await store.removeNamespace(['a'], { deleteGroups: true }), {
      removedGroups: 1,
      removedSnapshots: 1,
      protectedSnapshots: 1,
    });
    await store.setProtected(['a', 'b'], host('x', 100), false);
    assert.deepEqual(await store.removeNamespace(['a'], { deleteGroups: true }), {
      removedGroups: 1,
      removedSnapshots: 1,
      protectedSnapshots: 0,
    });
    assert.deepEqual(await store.listNamespaces([]), [[], ['z']]);
    await store.removeNamespace(['z']);
    assert.equal(fs.existsSync(join(base, 'ns')), false);
    await store.removeNamespace(['z']);
    await assert.rejects(store.removeNamespace([]), says('Cannot create/delete root namespace!'));
  });
});

describe('changing what is stored', () => {
  it('changes owners, under the group lock', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    await writeBackup(store, host('a', 100));
    await store.changeOwner([], host('a', 0), 'u@pbs!token');
    assert.equal(await store.readOwner([], host('a', 0)), 'u@pbs!token');
    assert.equal(fs.readFileSync(join(base, 'host/a/owner'), 'utf8'), 'u@pbs!token\n');
    await assert.rejects(
      store.changeOwner([], host('a', 0), 'v@pbs', owner),
      says(`${owner} does not own this group anymore`),
    );
    await assert.rejects(store.changeOwner([], host('a', 0), 'nobody'), /is not an authentication id/);
    await assert.rejects(store.changeOwner([], host('b', 0), 'u@pbs'), /ENOENT/);
    using _lock = await store.context.locks.group([], host('a', 0));
    await assert.rejects(store.changeOwner([], host('a', 0), 'v@pbs'), /unable to acquire backup group lock/);
  });

  it('sets and removes notes', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    await writeBackup(store, host('a', 100));
    const notes = 'first ü\nsecond\n';
    await store.setSnapshotNotes([], host('a', 100), notes);
    await store.setGroupNotes([], host('a', 0), notes);
    assert.deepEqual(
      [await store.snapshotNotes([], host('a', 100)), await store.groupNotes([], host('a', 0))],
      [notes, notes],
    );
    assert.equal((await store.listSnapshots([]))[0]!.comment, 'first ü');
    assert.equal((await store.listGroups([]))[0]!.comment, 'first ü');
    await store.setGroupNotes([], host('a', 0), '');
    await store.setSnapshotNotes([], host('a', 100), '');
    assert.equal(fs.existsSync(join(base, 'host/a/notes')), false);
    assert.equal((await store.listSnapshots([]))[0]!.comment, undefined);
    await assert.rejects(store.setSnapshotNotes([], host('a', 5), 'x'), /manifest not found/);
    await assert.rejects(store.setGroupNotes([], host('b', 0), 'x'), /ENOENT/);
  });

  it('loses no change when many change one manifest', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await writeBackup(store, host('a', 100));
    const other = await temporary.reopen();
    const change = (from: typeof store, name: string) =>
      from.updateManifest([], host('a', 100), (unprotected) => {
        unprotected[name] = true;
      });
    await Promise.all(Array.from({ length: 8 }, (_, i) => change(i % 2 ? store : other, `key${i}`)));
    const { unprotected } = await store.readManifest([], host('a', 100));
    assert.equal(Object.keys(unprotected).filter((key) => key.startsWith('key')).length, 8);
    await assert.rejects(
      store.updateManifest([], host('a', 100), () => {
        throw new Error('no');
      }),
      /no/,
    );
  });

  it('takes a client log once', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    await writeBackup(store, host('a', 100));
    const raw = encodeBlob(text('log'));
    await assert.rejects(store.uploadLog([], host('a', 100), raw.slice(0, 5)), says('blob too small (5 bytes).'));
    await store.uploadLog([], host('a', 100), raw);
    await assert.rejects(store.uploadLog([], host('a', 100), raw), says('backup already contains a log.'));
    assert.deepEqual(fs.readFileSync(join(base, 'host/a/1970-01-01T00:01:40Z/client.log.blob')), Buffer.from(raw));
    await assert.rejects(store.uploadLog([], host('a', 5), raw), /ENOENT/);
  });
});
