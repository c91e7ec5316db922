import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { encryptedChunk, noise, plainChunk, temporaryDirectory, testKey } from '../chunk-store/testing/chunks.ts';
import type { Datastore } from '../datastore/datastore.ts';
import {
  finishedSnapshots,
  host,
  owner,
  simpleContent,
  type TemporaryStore,
  writeBackup,
} from '../datastore/testing/temporary-store.ts';
import { Verification } from '../datastore/verify.ts';
import { decodeManifestBlob, encodeManifestBlob, type Manifest, signManifest } from '../format/manifest.ts';
import type { BackupSnapshot, Namespace } from '../model/backup.ts';
import { manifestName } from '../model/names.ts';
import { setFailpoint } from '../os/failpoint.ts';
import { type Faults, PullStand, type Wish } from './testing/pull-stand.ts';

const [T1, T2, T3] = [86400, 2 * 86400, 3 * 86400];
const archive = 'root.pxar.didx';
const quiet = { upid: 'UPID:n:00000001:00000001:00000001:00000001:verify:s:root@pam:', log: () => {} };

/** A backup of so many chunks that do not compress. */
const chunksOf = (seed: string, count: number) =>
  Array.from({ length: count }, (_, i) => plainChunk(noise(`${seed} ${i}`, 5000)));

async function change(
  store: Datastore,
  snapshot: BackupSnapshot,
  edit: (manifest: Manifest) => Manifest,
): Promise<void> {
  const path = store.filePath([], snapshot, manifestName);
  fs.writeFileSync(path, encodeManifestBlob(edit(decodeManifestBlob(fs.readFileSync(path), ''))));
}

const raw = (store: Datastore, snapshot: BackupSnapshot, name = manifestName, ns: Namespace = []): string =>
  fs.readFileSync(store.filePath(ns, snapshot, name), 'hex');

async function verifies(store: Datastore): Promise<boolean> {
  return (await new Verification(store, quiet).verifyDatastore()).length === 0;
}

describe('a pull', () => {
  it('takes over everything of a datastore of the product, and a second one asks for next to nothing', async () => {
    await using stand = await PullStand.make({ fixture: true });
    const first = await stand.pull();
    assert.equal(first.error, undefined, first.lines.join('\n'));
    assert.deepEqual(await stand.snapshots(), await stand.snapshots(stand.source));
    assert.ok(await verifies(stand.target.store));
    const second = await stand.pull();
    assert.deepEqual(second.counts, {
      namespaces: 1,
      groups: 3,
      snapshots: 8,
      open: 8,
      'file index.json.blob': 8,
      // Of those that have none yet.
      'file client.log.blob': 6,
    });
    assert.equal(second.lines.filter((line) => line.endsWith(': no data changes')).length, 8, second.lines.join('\n'));
    assert.deepEqual(second.statistics.summary('pull', 1, false), ['Summary: sync job found no new data to pull']);
  });

  it('maps namespaces, and refuses before it begins when one would be too deep', async () => {
    await using stand = await PullStand.make();
    const { store } = stand.source;
    for (const ns of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
      await store.createNamespace(ns.slice(0, -1), ns.at(-1)!);
      await writeBackup(store, host('x', T1), undefined, ns);
    }
    await stand.target.store.createNamespace([], 't');
    const deep = await stand.pull({ remoteNs: ['a'], ns: ['t', '2', '3', '4', '5', '6'] });
    assert.match(deep.error!, /^namespace 't\/2\/3\/4\/5\/6\/b\/c' would exceed/);
    assert.deepEqual(deep.lines, []);
    const { error, lines } = await stand.pull({ remoteNs: ['a'], ns: ['t', 'u'], maxDepth: 1 });
    assert.equal(error, undefined);
    assert.ok(lines.includes('Created namespace t/u'));
    assert.deepEqual(await stand.snapshots(), ['t/u:host/x/1970-01-02T00:00:00Z', 't/u/b:host/x/1970-01-02T00:00:00Z']);
    const root = await stand.pull({ maxDepth: 0 });
    assert.deepEqual(root.calls, ['groups'], 'the root alone needs no listing of namespaces');
  });

  it('goes on with the root when the other server knows no namespaces, and fails in the end', async () => {
    await using stand = await PullStand.make();
    await writeBackup(stand.source.store, host('x', T1));
    await writeBackup(stand.target.store, host('gone', T1));
    const namespaces = () => {
      throw new GranaryError('not-found', "Path '/x' not found.");
    };
    const { error, warnings } = await stand.pull({}, { faults: { namespaces } });
    assert.deepEqual([error, warnings.length], ['sync failed with some errors.', 1]);
    assert.deepEqual(await stand.groups(), [':host/gone', ':host/x']);
    const bounded = await stand.pull({ maxDepth: 2 }, { faults: { namespaces } });
    assert.equal(bounded.error, "Path '/x' not found.");
  });

  it('needs the rights of its owner for each namespace, and goes on with the others', async () => {
    await using stand = await PullStand.make();
    for (const name of ['a', 'b']) await stand.source.store.createNamespace([], name);
    for (const ns of [['a'], ['b']]) await writeBackup(stand.source.store, host('x', T1), undefined, ns);
    await stand.target.store.createNamespace([], 'a');
    const { error, warnings } = await stand.pull(
      {},
      { privileges: (_, path) => new Set(path.endsWith('/a') ? ['Datastore.Modify'] : ['Datastore.Backup']) },
    );
    assert.equal(error, 'sync failed with some errors.');
    assert.deepEqual(warnings, [
      "Sync of namespace 'a' failed - missing permissions 'Datastore.Backup' on '/datastore/target/a'",
      "Sync of namespace 'b' failed - missing permissions 'Datastore.Modify' on '/datastore/target'",
    ]);
    assert.deepEqual(await stand.snapshots(), []);
  });

  it('leaves a group of somebody else alone, and goes on with the next', async () => {
    await using stand = await PullStand.make();
    for (const id of ['a', 'b']) await writeBackup(stand.source.store, host(id, T2));
    await writeBackup(stand.target.store, host('a', T1));
    const { error, warnings } = await stand.pull({ owner: 'root@pam', removeVanished: true });
    assert.equal(error, 'sync failed with some errors.');
    assert.deepEqual(warnings, [`sync group host/a failed - owner check failed (root@pam != ${owner})`]);
    assert.deepEqual(await finishedSnapshots(stand.target.store), [`host/a/${T1}`, `host/b/${T2}`]);
    assert.equal(await stand.target.store.readOwner([], host('b', T2)), 'root@pam');
  });

  it('skips what is older than the newest, beyond transfer-last, or being written', async () => {
    await using stand = await PullStand.make();
    const times = [T1, T2, T3, 4 * 86400];
    for (const time of times) await writeBackup(stand.source.store, host('a', time));
    await using _running = await stand.source.store.beginBackup([], host('a', 9 * 86400), { owner });
    const { lines } = await stand.pull({ transferLast: 2 });
    assert.ok(
      lines.includes('skipped: 2 snapshot(s) (1970-01-02T00:00:00Z .. 1970-01-03T00:00:00Z) - due to transfer-last'),
    );
    assert.deepEqual(await finishedSnapshots(stand.target.store), [`host/a/${T3}`, `host/a/${4 * 86400}`]);
    const again = await stand.pull({ removeVanished: true });
    assert.ok(
      again.lines.includes(
        'skipped: 3 snapshot(s) (1970-01-02T00:00:00Z .. 1970-01-04T00:00:00Z) - older than the newest snapshot present on sync target',
      ),
    );
    assert.equal(again.statistics.removed.snapshots, 0);
    assert.equal((await finishedSnapshots(stand.target.store)).length, 2);
  });

  it('looks at the newest again: notes and a log that came late are taken over', async () => {
    await using stand = await PullStand.make();
    await writeBackup(stand.source.store, host('a', T1));
    await stand.pull();
    await stand.source.store.setSnapshotNotes([], host('a', T1), 'late');
    await stand.source.store.uploadLog([], host('a', T1), plainChunk(noise('log', 100)).blob);
    const { lines, counts } = await stand.pull();
    assert.deepEqual(lines.slice(3, -1), [
      're-sync snapshot 1970-01-02T00:00:00Z',
      '1970-01-02T00:00:00Z: got backup log file client.log.blob',
      '1970-01-02T00:00:00Z: sync done',
      'percentage done: 100.00% (1/1 snapshots)',
    ]);
    assert.equal(counts[`file ${archive}`], undefined);
    for (const name of [manifestName, 'client.log.blob']) {
      assert.equal(raw(stand.target.store, host('a', T1), name), raw(stand.source.store, host('a', T1), name));
    }
  });

  it('never replaces a copy by something else', async () => {
    await using stand = await PullStand.make();
    const one = host('a', T1);
    await writeBackup(stand.source.store, one);
    await writeBackup(stand.target.store, one, simpleContent('other'));
    const refusal = async (): Promise<string> => (await stand.pull()).warnings.join().replace(/^.* failed - /, '');
    assert.equal(await refusal(), 'refusing to overwrite local snapshot: content differs from source');
    await change(stand.target.store, one, (manifest) => signManifest(manifest, testKey));
    assert.equal(await refusal(), 'refusing to overwrite local encrypted snapshot from unencrypted source');
    const fingerprint = Array.from({ length: 32 }, () => 'ab').join(':');
    await change(stand.source.store, one, (manifest) => ({
      ...manifest,
      unprotected: { 'key-fingerprint': fingerprint },
    }));
    assert.equal(await refusal(), 'Local encrypted or signed snapshot with different key detected, refuse to sync');
    const index = stand.target.store.openIndex([], one, archive);
    assert.equal(toHex((await index).digestAt(0)), toHex(simpleContent('other').archives![archive]![0]!.digest));
  });

  it('takes verified or encrypted snapshots only, as listing and manifest say', async () => {
    await using stand = await PullStand.make();
    const [plain, verified, lying] = [host('a', T1), host('a', T2), host('b', T1)];
    for (const snapshot of [plain, verified, lying]) await writeBackup(stand.source.store, snapshot);
    await new Verification(stand.source.store, quiet).verifySnapshot([], verified);
    await stand.pull({ groupFilter: ['group:host/a'] });
    const snapshots: Faults['snapshots'] = (list, group) =>
      group.id === 'b' ? list.map((one) => ({ ...one, verified: true, encrypted: true })) : list;
    const only = await stand.pull({ verifiedOnly: true, removeVanished: true }, { faults: { snapshots } });
    assert.equal(only.error, undefined);
    assert.ok(only.lines.includes('1970-01-02T00:00:00Z: skipped because it is not verified'));
    assert.ok(only.lines.includes('delete vanished snapshot host/a/1970-01-02T00:00:00Z'), 'as sync.md 9 has it');
    assert.deepEqual(await stand.snapshots(), [':host/a/1970-01-03T00:00:00Z']);
    const encrypted = await stand.pull({ encryptedOnly: true }, { faults: { snapshots } });
    assert.ok(encrypted.lines.includes('1970-01-02T00:00:00Z: skipped because it is not encrypted'));
    assert.deepEqual(await stand.groups(), [':host/a'], 'nothing is left of a group of which nothing was taken');
  });

  it('fetches what is corrupt again, and only that', async () => {
    await using stand = await PullStand.make();
    const chunks = chunksOf('heal', 6);
    const [old, young] = [host('a', T1), host('a', T2)];
    await writeBackup(stand.source.store, old, { archives: { [archive]: chunks } });
    await writeBackup(stand.source.store, young);
    await stand.pull();
    const { store, base } = stand.target;
    const path = (i: number): string => {
      const hex = toHex(chunks[i]!.digest);
      return join(base, '.chunks', hex.slice(0, 4), hex);
    };
    fs.writeFileSync(path(1), 'rotten');
    assert.equal(await new Verification(store, quiet).verifySnapshot([], old), false);
    // Another one rots after the verification, and an index too.
    fs.writeFileSync(path(4), 'rotten');
    fs.truncateSync(store.filePath([], old, archive), 100);
    assert.equal((await stand.pull()).counts['chunk'], undefined, 'not without being asked');
    const { lines, counts, statistics, error } = await stand.pull({ resyncCorrupt: true });
    assert.equal(error, undefined, lines.join('\n'));
    assert.ok(lines.includes('re-sync snapshot 1970-01-02T00:00:00Z due to corruption'));
    assert.deepEqual([counts['chunk'], statistics.chunks], [2, 2]);
    assert.equal(raw(store, old), raw(stand.source.store, old), 'with the state of the source');
    assert.ok(await verifies(store));
    fs.writeFileSync(store.filePath([], young, manifestName), 'rotten');
    await stand.pull({ resyncCorrupt: true });
    assert.equal(raw(store, young), raw(stand.source.store, young));
  });

  it('keeps what verification found out about the copy, unless the source fails now', async () => {
    await using stand = await PullStand.make();
    const one = host('a', T1);
    await writeBackup(stand.source.store, one);
    await stand.pull();
    const state = (side: TemporaryStore, value: object) =>
      side.store.updateManifest([], one, (unprotected) => {
        unprotected['verify_state'] = value;
      });
    const [ok, failed] = ['ok', 'failed'].map((value) => ({ state: value, upid: quiet.upid })) as [object, object];
    const after = async () => (await stand.target.store.readManifest([], one)).unprotected['verify_state'];
    await state(stand.source, ok);
    await stand.pull();
    assert.deepEqual(await after(), ok, 'what nobody has verified here is as on the source');
    const [theirs, ours] = [
      { ...ok, upid: 'theirs' },
      { ...failed, upid: 'ours' },
    ];
    await state(stand.source, theirs);
    assert.ok((await stand.pull()).lines.includes('1970-01-02T00:00:00Z: no data changes'));
    await state(stand.target, ours);
    assert.ok((await stand.pull()).lines.includes('1970-01-02T00:00:00Z: no data changes'));
    await stand.source.store.setSnapshotNotes([], one, 'late');
    await stand.pull();
    assert.deepEqual(await after(), ours);
    assert.equal(await stand.target.store.snapshotNotes([], one), 'late');
    await state(stand.target, ok);
    await state(stand.source, failed);
    await stand.pull();
    assert.deepEqual(await after(), failed);
  });

  it('tells where it is in a long archive', async () => {
    await using stand = await PullStand.make();
    const content = { archives: { [archive]: chunksOf('long', 25) } };
    await writeBackup(stand.source.store, host('a', T1), content);
    let now = 0;
    const chunk = (blob: Uint8Array) => {
      now += 1000;
      return blob;
    };
    const { lines } = await stand.pull({}, { faults: { chunk }, clock: { now: () => now } });
    const told = lines.filter((line) =>
      / at \d+\.\d+ KiB of 122\.\d+ KiB, host\/a at \d+% \(0\/1 snapshots\)/.test(line),
    );
    assert.equal(told.length, 1, lines.join('\n'));
    assert.match(told[0]!, /^1970-01-02T00:00:00Z\/root.pxar.didx: .*, about \d+s left$/);
  });

  it('runs groups at once, with their names in front of their lines', async () => {
    await using stand = await PullStand.make();
    for (const id of ['a', 'b', 'c']) await writeBackup(stand.source.store, host(id, T1));
    const { lines, error } = await stand.pull({ workerThreads: 3 });
    assert.equal(error, undefined);
    for (const id of ['a', 'b', 'c']) {
      assert.ok(lines.includes(`[host/${id}]: 1970-01-02T00:00:00Z: sync done`));
      assert.ok(lines.some((line) => line.startsWith(`[host/${id}]: snapshot 1/1 within host/${id} is done, `)));
    }
    assert.deepEqual(await stand.snapshots(), await stand.snapshots(stand.source));
  });
});

describe('what has vanished', () => {
  it('goes: snapshots, groups and namespaces, but nothing protected and nothing of others', async () => {
    await using stand = await PullStand.make();
    const { store } = stand.target;
    await writeBackup(stand.source.store, host('a', T3));
    for (const time of [T1, T2]) await writeBackup(store, host('a', time));
    await store.setProtected([], host('a', T1), true);
    for (const id of ['b', 'c', 'foreign']) await writeBackup(store, host(id, T1));
    await store.setProtected([], host('c', T1), true);
    await store.changeOwner([], host('foreign', T1), 'other@pbs');
    for (const name of ['gone', 'kept']) {
      await store.createNamespace([], name);
      await store.createNamespace([name], 'inner');
      await writeBackup(store, host('x', T1), undefined, [name, 'inner']);
    }
    await store.changeOwner(['kept', 'inner'], host('x', T1), 'other@pbs');
    await store.createNamespace([], 'guarded');
    await writeBackup(store, host('y', T1), undefined, ['guarded']);
    await store.setProtected(['guarded'], host('y', T1), true);
    const { error, lines, statistics } = await stand.pull({ removeVanished: true });
    assert.equal(error, undefined, lines.join('\n'));
    for (const line of [
      "don't delete vanished snapshot host/a/1970-01-02T00:00:00Z (protected)",
      'delete vanished snapshot host/a/1970-01-03T00:00:00Z',
      "Delete vanished group 'host/b'",
      "Kept some protected snapshots of group 'host/c'",
      'Removed namespace gone/inner',
      'Removed namespace gone',
      'Did not remove namespace kept/inner - groups of others remain',
      'Did not remove namespace guarded - protected snapshots remain',
    ]) {
      assert.ok(lines.includes(line), `${line}\n${lines.join('\n')}`);
    }
    assert.deepEqual(await stand.groups(), [
      ':host/a',
      ':host/c',
      ':host/foreign',
      'guarded:host/y',
      'kept/inner:host/x',
    ]);
    assert.deepEqual(statistics.removed, { snapshots: 3, groups: 2, namespaces: 2 });
    assert.deepEqual(
      statistics.summary('pull', 1, true)[1],
      'Summary: removed vanished: snapshots: 3, groups: 2, namespaces: 2',
    );
  });

  it('is only what the filters would have taken', async () => {
    await using stand = await PullStand.make();
    for (const id of ['a', 'b']) await writeBackup(stand.target.store, host(id, T1));
    await stand.pull({ removeVanished: true, groupFilter: ['group:host/a'] });
    assert.deepEqual(await stand.groups(), [':host/b']);
  });

  it('is nothing when the file system of the source is gone', async () => {
    await using stand = await PullStand.make();
    const { base } = stand.source;
    for (const time of [T1, T2]) await writeBackup(stand.source.store, host('a', time));
    for (const [id, time] of [
      ['a', T1],
      ['b', T1],
    ] as const)
      await writeBackup(stand.target.store, host(id, time));
    const before = await stand.snapshots();
    const [aside, empty] = [`${base}-aside`, `${base}-empty`];
    fs.mkdirSync(empty);
    const unmount = (): void => {
      fs.renameSync(base, aside);
      fs.renameSync(empty, base);
    };
    const remount = (): void => {
      fs.renameSync(base, empty);
      fs.renameSync(aside, base);
    };
    const cases: [Wish, Faults, RegExp][] = [
      [{}, { namespaces: unmount }, /^unable to open chunk store/],
      [{ maxDepth: 0 }, {}, /^sync failed with some errors/],
      [{}, { groups: unmount }, /^sync failed with some errors/],
    ];
    for (const [wish, faults, message] of cases) {
      if (Object.keys(faults).length === 0) unmount();
      const { error } = await stand.pull({ removeVanished: true, groupFilter: ['group:host/a'], ...wish }, { faults });
      assert.match(error!, message);
      assert.deepEqual(await stand.snapshots(), before);
      remount();
    }
    fs.rmdirSync(empty);
  });

  it('stays when a listing fails or a group does', async () => {
    await using stand = await PullStand.make();
    await writeBackup(stand.source.store, host('a', T2));
    for (const id of ['a', 'b']) await writeBackup(stand.target.store, host(id, T1));
    await stand.target.store.createNamespace([], 'n');
    await writeBackup(stand.target.store, host('x', T1), undefined, ['n']);
    const before = await stand.snapshots();
    const broken = () => {
      throw new GranaryError('connection', 'the answer broke off');
    };
    for (const faults of [{ namespaces: broken }, { groups: broken }, { snapshots: broken }, { file: broken }]) {
      // A namespace that is left out is vanished only if the list of namespaces is whole.
      const wish = 'groups' in faults ? { maxDepth: 0 } : {};
      const groupFilter = ['group:host/a', 'group:host/x'];
      const { error } = await stand.pull({ removeVanished: true, ...wish, groupFilter }, { faults });
      assert.ok(error !== undefined);
      const now = await stand.snapshots();
      assert.deepEqual(
        now.filter((name) => name.startsWith(':')),
        before.filter((name) => name.startsWith(':')),
      );
      if ('namespaces' in faults) assert.deepEqual(now, before);
    }
  });
});

describe('faults', () => {
  /** A group with one snapshot of ten chunks, and one after it. */
  async function tenChunks(): Promise<PullStand> {
    const stand = await PullStand.make();
    await writeBackup(stand.source.store, host('a', T1), { archives: { [archive]: chunksOf('ten', 10) } });
    await writeBackup(stand.source.store, host('b', T1));
    return stand;
  }

  it('a break in the middle leaves nothing to be seen, and what arrived does not come again', async () => {
    await using stand = await tenChunks();
    const lost = (_: Uint8Array, count: number): Uint8Array => {
      if (count === 6) throw new GranaryError('connection', 'connection lost');
      return _;
    };
    const { warnings, error } = await stand.pull({}, { faults: { chunk: lost } });
    assert.equal(error, 'sync failed with some errors.');
    assert.match(warnings.join(), /^sync group host\/a failed - chunk [0-9a-f]{64}: connection lost$/);
    assert.deepEqual(await stand.snapshots(), [':host/b/1970-01-02T00:00:00Z'], 'the next group is done');
    let arrived = 0;
    for await (const _ of stand.target.store.chunks.digests()) arrived++;
    const second = await stand.pull();
    assert.equal(second.counts['chunk'], 12 - arrived);
    assert.ok(arrived > 2 && second.statistics.bytes < 5100 * (12 - arrived));
    assert.deepEqual(await stand.snapshots(), await stand.snapshots(stand.source));
    assert.ok(await verifies(stand.target.store));
  });

  const other = plainChunk(noise('other', 5000));
  for (const [what, fault, text] of [
    ['a chunk is corrupt', (blob: Uint8Array) => blob.map((byte, i) => (i === 99 ? byte ^ 1 : byte)), /wrong CRC/],
    ['a chunk is another one', () => other.blob, /wrong digest/],
    ['a chunk is of the wrong kind', () => encryptedChunk(other.content).blob, /is encrypted, but has to be plain/],
    ['a chunk is cut', (blob: Uint8Array) => blob.subarray(0, 8), /blob too small/],
  ] as const) {
    it(`when ${what} on the source, it is not taken`, async () => {
      await using stand = await tenChunks();
      const chunk = (blob: Uint8Array, count: number) => (count === 3 ? fault(blob) : blob);
      const { warnings } = await stand.pull({}, { faults: { chunk } });
      assert.match(warnings.join(), text);
      assert.deepEqual(await finishedSnapshots(stand.target.store), [`host/b/${T1}`]);
      for await (const { digest } of stand.target.store.chunks.digests()) await stand.target.store.chunks.read(digest);
    });
  }

  it('an index or blob that is not what the manifest says is not taken', async () => {
    await using stand = await PullStand.make();
    await writeBackup(stand.source.store, host('a', T1));
    const cut = (name: string) => (asked: string, content: Uint8Array | undefined) =>
      asked === name ? content?.subarray(0, name === archive ? 4096 + 40 : 20) : content;
    const index = await stand.pull({}, { faults: { file: cut(archive) } });
    assert.match(index.warnings.join(), /wrong size for file 'root.pxar.didx' \(\d+ != \d+\)$/);
    const blob = await stand.pull({}, { faults: { file: cut('host.conf.blob') } });
    assert.match(blob.warnings.join(), /wrong size for file 'host.conf.blob' \(\d+ != 20\)$/);
    const swapped = await stand.pull(
      {},
      { faults: { file: (name, content) => (name === 'host.conf.blob' ? content?.map((byte) => byte ^ 1) : content) } },
    );
    assert.match(swapped.warnings.join(), /wrong checksum for file 'host.conf.blob'$/);
    const manifest = await stand.pull({}, { faults: { file: (_, content) => content?.map((byte) => byte ^ 1) } });
    assert.match(manifest.warnings.join(), /index.json.blob/);
    await writeBackup(stand.source.store, host('a', T2));
    const foreign = Buffer.from(raw(stand.source.store, host('a', T2)), 'hex');
    const identity = await stand.pull({}, { faults: { file: () => foreign } });
    assert.match(identity.warnings.join(), /the manifest of host\/a\/1970-01-02.* is that of host\/a\/1970-01-03/);
    assert.deepEqual(await stand.groups(), []);
  });

  it('a snapshot that vanishes meanwhile is passed over', async () => {
    await using stand = await PullStand.make();
    for (const time of [T1, T2, T3]) await writeBackup(stand.source.store, host('a', time));
    const { error, lines } = await stand.pull(
      {},
      {
        faults: { open: ({ time }) => (time === T1 ? 'gone' : undefined) },
      },
    );
    assert.equal(error, undefined);
    assert.ok(lines.includes('1970-01-02T00:00:00Z: skipped because vanished since start of sync'));
    assert.deepEqual(await finishedSnapshots(stand.target.store), [`host/a/${T2}`, `host/a/${T3}`]);
    await writeBackup(stand.source.store, host('b', T1));
    const without = await stand.pull({ groupFilter: ['group:host/b'] }, { faults: { file: () => undefined } });
    assert.equal(without.error, undefined);
    assert.deepEqual(await stand.groups(), [':host/a']);
  });

  it('a stop ends the whole run at once, and leaves nothing half', async () => {
    await using stand = await tenChunks();
    const stop = new AbortController();
    const chunk = (blob: Uint8Array, count: number) => {
      if (count === 4) stop.abort(new GranaryError('aborted', 'abort requested - aborting task'));
      return blob;
    };
    const { error } = await stand.pull({}, { faults: { chunk }, signal: stop.signal });
    assert.match(error!, /abort requested - aborting task/);
    assert.deepEqual(await stand.snapshots(), []);
  });

  it('a crash anywhere leaves each snapshot whole, or unfinished and taken up by the next run', async () => {
    await using stand = await PullStand.make();
    await writeBackup(stand.source.store, host('a', T1));
    await stand.pull();
    await writeBackup(stand.source.store, host('a', T2));
    const parent = temporaryDirectory();
    const points: string[] = [];
    setFailpoint('*', (point) => {
      fs.cpSync(stand.target.base, join(parent, String(points.length)), { recursive: true });
      points.push(point);
    });
    try {
      await stand.pull();
      setFailpoint('*', undefined);
      assert.ok(points.includes('commit:before-manifest') && points.includes('commit:after-manifest'));
      for (const [i, point] of points.entries()) {
        const store = await stand.target.reopen(join(parent, String(i)));
        for (const name of await finishedSnapshots(store)) {
          const snapshot = host('a', Number(name.split('/')[2]));
          assert.ok(await new Verification(store, quiet).verifySnapshot([], snapshot), `${point}: ${name}`);
        }
        await using image = PullStand.between(stand.source, { ...stand.target, store, base: store.path });
        assert.equal((await image.pull()).error, undefined, point);
        assert.deepEqual(await finishedSnapshots(store), [`host/a/${T1}`, `host/a/${T2}`], point);
        assert.ok(await verifies(store), point);
      }
    } finally {
      setFailpoint('*', undefined);
      fs.rmSync(parent, { recursive: true, force: true });
    }
  });
});

describe('two sites that pull from each other', () => {
  it('have the same in the end, and no round moves anything again', async () => {
    await using stand = await PullStand.make();
    await writeBackup(stand.source.store, host('here', T1));
    await writeBackup(stand.target.store, host('there', T1));
    const round = async () => [await stand.pull(), await stand.pull({}, { backwards: true })];
    for (const { error } of await round()) assert.equal(error, undefined);
    const both = [':host/here/1970-01-02T00:00:00Z', ':host/there/1970-01-02T00:00:00Z'];
    assert.deepEqual([await stand.snapshots(), await stand.snapshots(stand.source)], [both, both]);
    await writeBackup(stand.source.store, host('here', T2));
    await round();
    const sums = () =>
      [stand.source, stand.target].map(({ store }) =>
        createHash('sha256')
          .update(raw(store, host('here', T1)) + raw(store, host('here', T2)))
          .digest('hex'),
      );
    const [a, b] = sums();
    assert.equal(a, b);
    for (const { error, counts } of [...(await round()), ...(await round())]) {
      assert.deepEqual([error, counts['chunk'], counts[`file ${archive}`]], [undefined, undefined, undefined]);
    }
    assert.deepEqual(await stand.snapshots(), await stand.snapshots(stand.source));
    assert.equal((await stand.snapshots()).length, 3);
  });
});
