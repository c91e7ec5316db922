import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { formatUtc } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import { plainChunk, type TestChunk, temporaryDirectory } from '../chunk-store/testing/chunks.ts';
import { type BackupSnapshot, formatSnapshot, type Namespace } from '../model/backup.ts';
import { setFailpoint } from '../os/failpoint.ts';
import { lockFile } from '../os/file-lock.ts';
import { compareDigests, partCount, RecordCollector, sortRecords } from './accounting/digest-records.ts';
import { IntervalCache } from './accounting/interval-cache.ts';
import { recordWords } from './accounting/reference-table.ts';
import { accountingDirectory } from './accounting/state.ts';
import { updateAccounting } from './accounting/update.ts';
import type { Datastore } from './datastore.ts';
import { pruneGroup } from './prune.ts';
import { accountOf, type Bytes, referenceAccount, referenceFreed } from './testing/account-reference.ts';
import { host, type TemporaryStore, temporaryStore, text, writeBackup } from './testing/temporary-store.ts';

const upid = 'UPID:n:00000001:00000001:00000001:00000001:garbage_collection:fixture:root@pam:';
const patience = { waitMs: 60_000 };

async function exactAccount(store: Datastore): Promise<Map<string, Bytes>> {
  const account = await store.accounting.account(patience);
  assert.equal(account.quality, 'exact', account.reason);
  return accountOf(account.state!);
}

async function assertExact(store: Datastore, what = ''): Promise<void> {
  const sorted = (nodes: Map<string, Bytes>) => [...nodes].sort(([a], [b]) => (a < b ? -1 : 1));
  assert.deepEqual(sorted(await exactAccount(store)), sorted(await referenceAccount(store)), what);
}

async function collect(store: Datastore): Promise<string[]> {
  const lines: string[] = [];
  const used = Date.now() / 1000 - 3 * 86_400;
  for (const entry of fs.readdirSync(`${store.path}/.chunks`, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) fs.utimesSync(join(entry.parentPath, entry.name), used, used);
  }
  await store.collectGarbage({ upid, log: (line) => lines.push(line), warn: () => {} });
  return lines.filter((line) => line.includes('Unique bytes'));
}

const pool: TestChunk[] = Array.from({ length: 12 }, (_, i) => plainChunk(text(`pool ${'x'.repeat(i * 7)} ${i}`)));
const namespaces: Namespace[] = [[], ['a'], ['a', 'b'], ['c']];

type Step =
  | { kind: 'backup'; ns: number; group: number; chunks: number[] }
  | { kind: 'older'; ns: number; group: number; chunks: number[] }
  | { kind: 'remove' | 'protect' | 'strange'; pick: number }
  | { kind: 'remove-group' | 'prune'; ns: number; group: number; keep: number }
  | { kind: 'collect' | 'lose'; pick: number }
  | { kind: 'look' };

const small = (max: number) => fc.integer({ min: 0, max });
const backup = <K extends 'backup' | 'older'>(kind: K) =>
  fc.record({
    kind: fc.constant(kind),
    ns: small(3),
    group: small(1),
    chunks: fc.array(small(11), { minLength: 1, maxLength: 5 }),
  });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: backup('backup') },
  { weight: 1, arbitrary: backup('older') },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('remove', 'protect', 'strange'), pick: small(99) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('remove-group', 'prune'),
      ns: small(3),
      group: small(1),
      keep: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('collect', 'lose'), pick: small(11) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
);

async function everySnapshot(store: Datastore): Promise<{ ns: Namespace; snapshot: BackupSnapshot }[]> {
  const all: { ns: Namespace; snapshot: BackupSnapshot }[] = [];
  for (const ns of await store.listNamespaces([])) {
    for (const { type, id, time } of await store.listSnapshots(ns)) all.push({ ns, snapshot: { type, id, time } });
  }
  return all;
}

/** Does a step; `time` is later than that of all backups before. */
async function act(store: Datastore, action: Step, time: number): Promise<void> {
  switch (action.kind) {
    case 'backup': {
      const chunks = action.chunks.map((i) => pool[i]!);
      const content = { archives: { 'root.pxar.didx': chunks, 'disk.img.didx': chunks.slice(1) } };
      return writeBackup(store, host(`g${action.group}`, time), content, namespaces[action.ns]!);
    }
    case 'older': {
      // As a copy from elsewhere brings them: older than what is there.
      const ns = namespaces[action.ns]!;
      const group = host(`g${action.group}`, 0);
      const content = { archives: { 'root.pxar.didx': action.chunks.map((i) => pool[i]!) } };
      await writeBackup(store, host('side', time), content, ns);
      const directory = `${store.path}/${ns.map((part) => `ns/${part}/`).join('')}host`;
      fs.cpSync(`${directory}/side`, `${directory}/${group.id}`, { recursive: true });
      const [made] = (await store.listGroupSnapshots(ns, group)).filter((one) => one.time === time);
      const name = fs.readdirSync(`${directory}/side`).find((one) => one.endsWith('Z'))!;
      const older = new Date((3_000_000_000 - time) * 1000).toISOString().replace('.000', '');
      if (made) fs.renameSync(`${directory}/${group.id}/${name}`, `${directory}/${group.id}/${older}`);
      await store.removeGroup(ns, host('side', 0));
      return;
    }
    case 'collect':
      assert.deepEqual(await collect(store), []);
      return;
    case 'lose':
      // The next collection finds out; a backup heals it.
      await store.chunks.quarantine(pool[action.pick]!.digest);
      await collect(store);
      return;
    case 'look':
      return;
    case 'remove-group':
      return void (await store.removeGroup(namespaces[action.ns]!, host(`g${action.group}`, 0)));
    case 'prune': {
      const group = host(`g${action.group}`, 0);
      return void (await pruneGroup(store, namespaces[action.ns]!, group, { keep: { last: action.keep } }));
    }
    default: {
      const all = await everySnapshot(store);
      const picked = all[action.pick % Math.max(1, all.length)];
      if (!picked) return;
      const { ns, snapshot } = picked;
      if (action.kind === 'remove') return store.removeSnapshot(ns, snapshot);
      if (action.kind === 'protect') return store.setProtected(ns, snapshot, action.pick % 2 === 0);
      const index = store.filePath(ns, snapshot, 'root.pxar.didx');
      if (!fs.existsSync(index)) return;
      fs.mkdirSync(`${store.path}/strange`, { recursive: true });
      fs.cpSync(index, `${store.path}/strange/${action.pick % 2}.didx`);
    }
  }
}

async function withNamespaces(): Promise<TemporaryStore> {
  const temporary = await temporaryStore();
  for (const ns of namespaces) if (ns.length > 0) await temporary.store.createNamespace(ns.slice(0, -1), ns.at(-1)!);
  return temporary;
}

describe('accounting', () => {
  it('finds, after any history and through whichever process, what sets of chunks tell', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 24 }), small(2 ** 30), async (steps, dice) => {
        await using temporary = await withNamespaces();
        const stores = [temporary.store, await temporary.reopen()];
        let time = 1_000_000_000;
        for (const [i, action] of steps.entries()) {
          const store = stores[i % 2]!;
          await act(store, action, ++time).catch((error: unknown) => {
            // Protected snapshots and groups that are not there.
            if (!(error instanceof GranaryError)) throw error;
          });
          if (action.kind === 'look') await assertExact(store, JSON.stringify(steps.slice(0, i + 1)));
        }
        for (const store of stores) await assertExact(store, JSON.stringify(steps));
        const all = await everySnapshot(temporary.store);
        const removed = all.filter((_, i) => ((dice >> (i % 30)) & 1) === 1);
        const freed = await temporary.store.accounting.freedBy(removed, patience);
        assert.equal(
          freed!.reduce((sum, bytes) => sum + bytes, 0),
          await referenceFreed(temporary.store, removed),
        );
        // Each is what its removal frees after those before it.
        for (const [i, { ns, snapshot }] of removed.entries()) {
          await temporary.store.setProtected(ns, snapshot, false);
          const nodes = await exactAccount(temporary.store);
          const name = `${ns.join('/')}:${formatSnapshot(snapshot)}`;
          assert.equal(nodes.get(name)!.unique, freed![i], name);
          await temporary.store.removeSnapshot(ns, snapshot);
        }
      }),
      { numRuns: 7 },
    );
  });

  it("finds in the product's datastore what sets tell, and what removals really free", async () => {
    await using temporary = await temporaryStore({ fixture: true });
    const { store } = temporary;
    await assertExact(store);
    const account = await store.accounting.account(patience);
    const files = account.state!.groups.flatMap(({ snapshots }) => snapshots).reduce((sum, one) => sum + one.files, 0);
    // As its own collection counted them (.gc-status).
    assert.deepEqual([account.state!.namespaces[0]!.referenced - files, account.state!.chunks], [4_927_730, 42]);
    for (const { ns, snapshot } of await everySnapshot(store)) {
      await store.setProtected(ns, snapshot, false);
      const before = treeBytes(store.path);
      const nodes = await exactAccount(store);
      await store.removeSnapshot(ns, snapshot);
      await collect(store);
      const name = `${ns.join('/')}:${formatSnapshot(snapshot)}`;
      assert.equal(before - treeBytes(store.path), nodes.get(name)!.unique, name);
    }
    const last = (await store.accounting.account(patience)).state!;
    assert.deepEqual([last.groups, last.namespaces[0], last.chunks], [[], { ns: '', unique: 0, referenced: 0 }, 0]);
  });

  it('is unknown before the first count, an estimate while it lags behind, and says why', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    assert.deepEqual(store.accounting.lastAccount(), { quality: 'unknown', reason: 'not brought up to date' });
    await writeBackup(store, host('a', 100));
    const update = { base: store.path, now: 1, mostUnmeasured: 1, mayWrite: true };
    fs.mkdirSync(accountingDirectory(store.path));
    assert.throws(
      () => updateAccounting(update),
      /the sizes of more than 1 chunks are not known: the next garbage coll/,
    );
    await assertExact(store);
    assert.equal(store.accounting.lastAccount().quality, 'estimate');
    const readOnly = { ...patience, mayWrite: false };
    assert.equal((await store.accounting.account(readOnly)).quality, 'exact');
    await writeBackup(store, host('c', 100));
    const behind = await store.accounting.account(readOnly);
    assert.deepEqual([behind.quality, behind.state!.groups.length], ['estimate', 1]);
    assert.equal(behind.reason, 'the datastore must not be changed now, so it is not counted');
    await store.removeGroup([], host('c', 0));
    // An index that cannot be read makes all figures uncertain, until it can.
    await writeBackup(store, host('b', 100));
    const index = store.filePath([], host('b', 100), 'root.pxar.didx');
    const whole = fs.readFileSync(index);
    fs.writeFileSync(index, whole.subarray(0, 4100));
    const account = await store.accounting.account(patience);
    assert.deepEqual([account.quality, account.reason?.includes(index)], ['estimate', true], account.reason);
    assert.equal(await store.accounting.freedBy([{ ns: [], snapshot: host('a', 100) }], patience), undefined);
    fs.writeFileSync(index, whole);
    await assertExact(store);
    using _held = await lockFile(join(temporary.lockDir, 'fixture/.accounting'), { mode: 'exclusive' });
    const { quality, reason, state } = await store.accounting.account({ waitMs: 0 });
    assert.deepEqual([quality, reason, state!.groups.length], ['estimate', 'being counted by another process', 2]);
  });

  it('counts no more once it is closed', async () => {
    await using temporary = await temporaryStore();
    temporary.store.accounting.close();
    assert.equal((await temporary.store.accounting.account(patience)).quality, 'unknown');
  });

  it('counts what no snapshot names, exactly after a collection', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    const [one, two, three] = pool as [TestChunk, TestChunk, TestChunk];
    await writeBackup(store, host('a', 100), { archives: { 'root.pxar.didx': [one, two] } });
    await writeBackup(store, host('a', 200), { archives: { 'root.pxar.didx': [two] } });
    const unreferenced = async () => (await store.accounting.account(patience)).state!.unreferenced;
    assert.equal(await unreferenced(), 0);
    await store.removeSnapshot([], host('a', 100));
    assert.equal(await unreferenced(), one.blob.byteLength);
    await store.chunks.insert(three.digest, three.blob);
    assert.equal(await unreferenced(), one.blob.byteLength);
    await store.collectGarbage({ upid, log: () => {}, warn: () => {} });
    assert.equal(await unreferenced(), one.blob.byteLength + three.blob.byteLength);
    assert.ok((await store.accounting.account(patience)).state!.measured);
    await collect(store);
    assert.equal(await unreferenced(), 0);
  });

  it('is whole after a crash at any step, and goes on', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await writeBackup(store, host('a', 100), { archives: { 'root.pxar.didx': [pool[0]!, pool[1]!] } });
    await assertExact(store);
    await writeBackup(store, host('b', 100), { archives: { 'root.pxar.didx': [pool[1]!, pool[2]!] } });
    await store.removeSnapshot([], host('a', 100));
    const parent = temporaryDirectory();
    try {
      for (const action of [() => store.accounting.account(patience), () => collect(store)]) {
        const points: string[] = [];
        setFailpoint('*', (point) => {
          fs.cpSync(store.path, join(parent, `${points.length}`), { recursive: true });
          points.push(point);
        });
        try {
          await action();
        } finally {
          setFailpoint('*', undefined);
        }
        assert.ok(points.includes('accounting:after-table') && points.includes('atomic-file:after-rename'));
        for (const [i, point] of points.entries()) {
          const copy = await temporary.reopen(join(parent, `${i}`));
          await assertExact(copy, point);
          await writeBackup(copy, host('c', 100), { archives: { 'root.pxar.didx': [pool[2]!] } });
          await assertExact(copy, point);
          // What a collection has measured goes with the next collection.
          fs.rmSync(join(accountingDirectory(copy.path), 'measured.tmp'), { force: true });
          const names = fs.readdirSync(accountingDirectory(copy.path)).map((name) => name.replace(/\d+/, 'N'));
          assert.deepEqual(names.sort(), ['references-N', 'state.json'], point);
          fs.rmSync(join(parent, `${i}`), { recursive: true });
        }
      }
    } finally {
      fs.rmSync(parent, { recursive: true });
    }
  });

  it('fails without harm: neither backups nor collections notice, and the old figures stay', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await writeBackup(store, host('a', 100));
    await assertExact(store);
    await writeBackup(store, host('b', 100));
    for (const point of ['accounting:after-table', 'atomic-file:before-write']) {
      // Of a collection only what accounting does: its own status is written first.
      setFailpoint(point, point.startsWith('atomic') ? 'ENOSPC@2' : 'ENOSPC');
      try {
        assert.match((await collect(store))[0]!, /^Unique bytes of snapshots could not be counted: .*ENOSPC/);
      } finally {
        setFailpoint(point, undefined);
      }
      assert.ok((await store.gcStatus()).upid);
      assert.equal(store.accounting.lastAccount().state!.groups.length, 1);
    }
    const directory = accountingDirectory(store.path);
    assert.deepEqual(fs.readdirSync(directory).length, 2, 'nothing is left of it');
    fs.renameSync(directory, `${directory}.aside`);
    fs.writeFileSync(directory, '');
    assert.match((await collect(store))[0]!, /^Unique bytes of snapshots could not be counted: .*EEXIST/);
    const { quality, reason } = await store.accounting.account(patience);
    assert.deepEqual([quality, reason?.includes(directory)], ['unknown', true]);
    fs.rmSync(directory);
    fs.renameSync(`${directory}.aside`, directory);
    await assertExact(store);
  });

  it('counts anew when its table is damaged, cut or taken away', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await writeBackup(store, host('a', 1000));
    await assertExact(store);
    const damages: ((path: string) => void)[] = [
      (path) => fs.writeFileSync(path, Buffer.alloc(fs.statSync(path).size, 1)),
      (path) => fs.truncateSync(path, 44),
      (path) => fs.rmSync(path),
    ];
    for (const [i, damage] of damages.entries()) {
      const directory = accountingDirectory(store.path);
      damage(join(directory, fs.readdirSync(directory).find((name) => name.startsWith('references'))!));
      assert.equal(await store.accounting.freedBy([{ ns: [], snapshot: host('a', 1000) }], patience), undefined);
      await writeBackup(store, host('a', 2000 + i));
      await assertExact(store);
    }
    fs.writeFileSync(join(accountingDirectory(store.path), 'state.json'), '{"version":1,');
    assert.equal(store.accounting.lastAccount().quality, 'unknown');
    await assertExact(store);
  });

  it('is counted by one process at a time, in a thread of its own, while backups come', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await writeBackup(store, host('a', 100));
    const child = fileURLToPath(new URL('./testing/account-child.ts', import.meta.url));
    const run = promisify(execFile);
    const arguments_ = ['--disable-warning=ExperimentalWarning', child, temporary.base, temporary.lockDir];
    const backups = async (): Promise<void> => {
      for (let time = 200; time < 220; time++) await writeBackup(store, host('a', time));
    };
    const [one, two] = await Promise.all([
      run(process.execPath, arguments_),
      run(process.execPath, arguments_),
      backups(),
    ]);
    for (const line of [one, two].flatMap(({ stdout }) => stdout.trim().split('\n'))) {
      assert.equal((JSON.parse(line) as { quality: string }).quality, 'exact', line);
    }
    await assertExact(store);
  });

  it('does not look through thousands of snapshots for each who takes recent figures', async () => {
    let now = Date.UTC(2026, 0, 1);
    await using temporary = await temporaryStore({ clock: { now: () => now } });
    const { store, base } = temporary;
    const add = (from: number, count: number): void => {
      for (let i = from; i < from + count; i++) {
        fs.mkdirSync(join(base, 'host', 'many', formatUtc(1_700_000_000 + i)), { recursive: true });
      }
    };
    const counted = async (mayBeRecent: boolean): Promise<number> => {
      const { state } = await store.accounting.account({ ...patience, mayBeRecent });
      return state!.groups.reduce((sum, { snapshots }) => sum + snapshots.length, 0);
    };
    add(0, 2000);
    assert.equal(await counted(true), 2000);
    add(2000, 1);
    assert.equal(await counted(true), 2000);
    assert.equal(await counted(false), 2001);
    add(2001, 1);
    now += 4002;
    assert.equal(await counted(true), 2002);
  });

  it('keeps any number of records, in memory or not', () => {
    const directory = temporaryDirectory();
    try {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(small(300), small(40)), { maxLength: 400 }),
          small(9000),
          (references, memory) => {
            const sorted = references.toSorted(([, a], [, b]) => a - b);
            using collector = new RecordCollector(join(directory, 'records'), recordWords, memory);
            const cache = new IntervalCache(collector, 0);
            // Snapshots 0 to 19 are of one group, the others of another one. Digests that are alike meet in one place.
            for (const [chunk, ordinal] of sorted) cache.add(digestOf(chunk), 0, ordinal, ordinal % 20 !== 0);
            cache.flush();
            const found = new Set<string>();
            for (let part = 0; part < partCount; part++) {
              const records = sortRecords(collector.part(part), recordWords);
              for (let at = 0; at < records.length; at += recordWords) {
                if (at > 0) assert.ok(compareDigests(records, at - recordWords, records, at) <= 0);
                for (let ordinal = records[at + 8]!; ordinal <= records[at + 9]!; ordinal++) {
                  found.add(`${records[at + 7]} ${ordinal}`);
                }
              }
            }
            assert.deepEqual([...found].sort(), [...new Set(sorted.map(([chunk, at]) => `${chunk} ${at}`))].sort());
          },
        ),
      );
      assert.deepEqual(fs.readdirSync(directory), []);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });
});

/** Some that differ in their first words, some in their last one only. */
function digestOf(chunk: number): Uint32Array {
  return Uint32Array.of(chunk % 3 === 0 ? Math.imul(chunk, 2_654_435_761) : 7, chunk % 5, 0, 0, 0, 0, 0, chunk);
}

/** Bytes of what removals and collections may remove. */
function treeBytes(base: string): number {
  let bytes = 0;
  for (const entry of fs.readdirSync(base, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const isKept = path.startsWith(accountingDirectory(base)) || /\/(owner|notes|\.[^/]*)$/.test(path);
    if (entry.isFile() && !isKept) bytes += fs.statSync(path).size;
  }
  return bytes;
}
