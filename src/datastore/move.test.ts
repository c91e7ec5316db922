import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import { formatNamespace, type Namespace, parseNamespace } from '../model/backup.ts';
import { findIndexFiles } from './index-search.ts';
import type { GroupMove, NamespaceMove } from './move.ts';
import { host, owner, temporaryStore, writeBackup } from './testing/temporary-store.ts';

const says = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof GranaryError, String(error));
  assert.match(error.message, message);
  return true;
};

/** A datastore with `a` and `b` (two snapshots each, the older of `a` protected) in namespace x/y, and what helps. */
async function moving(options: Parameters<typeof temporaryStore>[0] = {}) {
  const temporary = await temporaryStore(options);
  const { store } = temporary;
  const x = await store.createNamespace([], 'x');
  const xy = await store.createNamespace(x, 'y');
  for (const id of ['a', 'b']) for (const time of [100, 200]) await writeBackup(store, host(id, time), undefined, xy);
  await store.setProtected(xy, host('a', 100), true);
  await store.setGroupNotes(xy, host('a', 0), 'of a');
  const lines: string[] = [];
  const warnings: string[] = [];
  const reporting = { log: (line: string) => void lines.push(line), warn: (line: string) => void warnings.push(line) };
  return {
    ...temporary,
    [Symbol.asyncDispose]: temporary[Symbol.asyncDispose],
    xy,
    lines,
    warnings,
    moveGroup: (move: Partial<GroupMove>) =>
      store.moveGroup({ group: host('a', 0), from: xy, to: [], merge: true, ...move }, reporting),
    moveNamespace: (move: Partial<NamespaceMove>) =>
      store.moveNamespace({ from: xy, to: ['z'], deleteSource: true, mergeGroups: true, ...move }, reporting),
    async times(ns: Namespace, id = 'a') {
      return (await store.listSnapshots(ns, { id })).map(({ time, finished }) => (finished ? time : -time));
    },
    namespaces: async () => (await store.listNamespaces([])).map(formatNamespace),
  };
}

describe('moving a group', () => {
  it('gives it another place with owner, notes, protection and content', async () => {
    await using m = await moving({ tuning: { 'sync-level': 'file' } });
    const before = (await findIndexFiles(m.base)).map(({ path }) => fs.readFileSync(path, 'hex')).sort();
    await m.moveGroup({});
    assert.deepEqual(await m.times([]), [100, 200]);
    assert.deepEqual(await m.times(m.xy), []);
    assert.equal(fs.existsSync(join(m.base, 'ns/x/ns/y/host/a')), false);
    assert.equal(await m.store.readOwner([], host('a', 0)), owner);
    assert.equal(await m.store.groupNotes([], host('a', 0)), 'of a');
    assert.equal(await m.store.isProtected([], host('a', 100)), true);
    assert.deepEqual((await findIndexFiles(m.base)).map(({ path }) => fs.readFileSync(path, 'hex')).sort(), before);
    assert.deepEqual(m.warnings, []);
  });

  it('adds its snapshots to a group of that name unless that is not wanted', async () => {
    await using m = await moving();
    await writeBackup(m.store, host('a', 300));
    await m.store.setGroupNotes([], host('a', 0), 'here first');
    await assert.rejects(
      m.moveGroup({ merge: false }),
      says(/exists in the root namespace, and groups are not to be merged/),
    );
    await m.moveGroup({});
    assert.deepEqual(await m.times([]), [100, 200, 300]);
    assert.equal(await m.store.groupNotes([], host('a', 0)), 'here first');
  });

  it('touches nothing when a snapshot of the same time, another owner or a lock is in the way', async () => {
    await using m = await moving();
    await writeBackup(m.store, host('a', 200));
    await assert.rejects(
      m.moveGroup({}),
      says(/'host\/a' has snapshots of 1970-01-01T00:03:20Z in the root namespace, too/),
    );
    await m.store.removeGroup([], host('a', 0));
    await writeBackup(m.store, host('a', 300));
    await m.store.changeOwner([], host('a', 0), 'other@pbs');
    await assert.rejects(m.moveGroup({}), says(/owner check failed \(.* != other@pbs\)/));
    await m.store.removeGroup([], host('a', 0));
    fs.mkdirSync(join(m.base, 'host/a'));
    fs.writeFileSync(join(m.base, 'host/a/owner'), 'other@pbs\n');
    await assert.rejects(m.moveGroup({}), says(/owner check failed \(.* != other@pbs\)/));
    assert.equal(await m.store.readOwner([], host('a', 0)), 'other@pbs');
    fs.rmSync(join(m.base, 'host/a'), { recursive: true });
    {
      using _reader = await m.store.lockSnapshotShared(m.xy, host('a', 200));
      await assert.rejects(m.moveGroup({}), says(/unable to acquire snapshot lock/));
    }
    await assert.rejects(m.moveGroup({ to: ['none'] }), says(/namespace 'none' - ENOENT/));
    await assert.rejects(m.moveGroup({ group: host('none', 0) }), says(/group 'host\/none' - ENOENT/));
    await assert.rejects(m.moveGroup({ to: m.xy }), says(/is in namespace 'x\/y' already/));
    assert.deepEqual(await m.times(m.xy), [100, 200]);
    assert.equal(fs.existsSync(join(m.base, 'host/a')), false);
  });

  it('lets the caller refuse an owner that has changed meanwhile', async () => {
    await using m = await moving();
    const options = { log: () => {}, warn: () => {} };
    const checkOwner = (now: string): void => {
      assert.equal(now, owner);
      throw new GranaryError('owner-mismatch', 'not yours');
    };
    const move = { group: host('a', 0), from: m.xy, to: [], merge: true };
    await assert.rejects(m.store.moveGroup(move, { ...options, checkOwner }), says(/not yours/));
    assert.deepEqual(await m.times(m.xy), [100, 200]);
  });

  it('and garbage collection exclude each other', async () => {
    await using m = await moving();
    {
      using _collection = m.store.context.writers.beginCollection();
      await assert.rejects(m.moveGroup({}), says(/cannot be moved while garbage collection is running/));
    }
    using _first = m.store.context.writers.beginMove();
    await m.moveGroup({});
    assert.throws(() => m.store.context.writers.beginCollection(), says(/backups are being moved/));
  });
});

describe('moving a namespace', () => {
  it('moves all levels, and removes what has become empty', async () => {
    await using m = await moving();
    await m.moveNamespace({ from: ['x'] });
    assert.deepEqual(await m.namespaces(), ['', 'z', 'z/y']);
    assert.deepEqual(
      [await m.times(['z', 'y']), await m.times(['z', 'y'], 'b')],
      [
        [100, 200],
        [100, 200],
      ],
    );
    assert.deepEqual(m.lines.at(-1), "moved group 'host/b' from namespace 'x/y' to namespace 'z/y'");
  });

  it('goes no deeper than asked, leaves the source if wanted, and moves up to the root', async () => {
    await using m = await moving();
    await m.moveNamespace({ from: ['x'], maxDepth: 0 });
    assert.deepEqual(await m.namespaces(), ['', 'x', 'x/y', 'z']);
    await m.moveNamespace({ to: [], deleteSource: false });
    assert.deepEqual(await m.namespaces(), ['', 'x', 'x/y', 'z']);
    assert.deepEqual(await m.times([]), [100, 200]);
  });

  it('moves what it can and tells what is in use', async () => {
    await using m = await moving();
    using _reader = await m.store.lockSnapshotShared(m.xy, host('a', 100));
    await assert.rejects(m.moveNamespace({}), says(/^1 group could not be moved$/));
    assert.match(m.warnings[0]!, /^group 'host\/a' of namespace 'x\/y' was not moved: unable to acquire snapshot lock/);
    assert.deepEqual(
      [await m.times(m.xy), await m.times(['z'], 'b')],
      [
        [100, 200],
        [100, 200],
      ],
    );
    assert.deepEqual(await m.namespaces(), ['', 'x', 'x/y', 'z']);
  });

  it('is refused as a whole before anything is moved', async () => {
    await using m = await moving();
    const refused: [Partial<NamespaceMove>, RegExp][] = [
      [{ from: [] }, /the root namespace cannot be moved/],
      [{ from: ['none'] }, /namespace 'none' - ENOENT/],
      [{ to: m.xy }, /cannot be moved into itself/],
      [{ to: [...m.xy, 'z'] }, /cannot be moved into itself/],
      [{ to: ['none', 'z'] }, /namespace 'none' - ENOENT/],
      [{ from: ['x'], to: parseNamespace('z') }, /groups are not to be merged/],
    ];
    await m.store.createNamespace(await m.store.createNamespace([], 'z'), 'y');
    await writeBackup(m.store, host('b', 300), undefined, ['z', 'y']);
    for (const [move, text] of refused)
      await assert.rejects(m.moveNamespace({ ...move, mergeGroups: false }), says(text));
    assert.deepEqual(
      [await m.times(m.xy), await m.times(m.xy, 'b')],
      [
        [100, 200],
        [100, 200],
      ],
    );
  });
});
