import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GranaryError } from '../base/errors.ts';
import { type BackupGroup, compareGroups, formatGroup, formatNamespace, type Namespace } from '../model/backup.ts';
import { parseGroupFilter } from '../model/group-filter.ts';
import { backupTypes } from '../model/names.ts';
import { progressText } from '../model/progress-text.ts';
import { GroupNames } from './group-names.ts';
import { GroupProgress, type OnPosition } from './group-progress.ts';
import { mapNamespace, namespacePairs } from './namespace-map.ts';
import { otherSide, syncParameters } from './parameters.ts';
import { runGroups } from './run-groups.ts';
import { selectGroups, selectSnapshots, skippedLines, sourceSet } from './selection.ts';
import { isEncryptedSnapshot, type SourceSnapshot } from './source.ts';
import { SyncStatistics } from './statistics.ts';
import { mayRemoveGroup, vanishedGroups, vanishedNamespaces, vanishedSnapshots } from './vanished.ts';

const namespace = fc.array(fc.constantFrom('a', 'b', 'cc'), { maxLength: 7 });
const group = fc.record({
  type: fc.constantFrom(...backupTypes),
  id: fc.constantFrom('1', '2', '10', '100', 'web', 'x'),
});
const groups = fc.uniqueArray(group, { selector: formatGroup, maxLength: 12 });
const snapshot = (time: number, state: Partial<SourceSnapshot> = {}): SourceSnapshot => ({
  time,
  finished: true,
  size: 1,
  verified: false,
  encrypted: false,
  ...state,
});

test('a namespace maps from anchor to anchor and back', () => {
  fc.assert(
    fc.property(namespace, namespace, namespace, (from, to, below) => {
      const ns = [...from, ...below];
      const mapped = mapNamespace(ns, from, to);
      assert.deepEqual(mapped, [...to, ...below]);
      assert.deepEqual(mapNamespace(mapped, to, from), ns);
    }),
  );
  assert.throws(() => mapNamespace(['a'], ['b'], []), /namespace 'a' is not below 'b'/);
});

test('parents come before children, and nothing begins when one is too deep', () => {
  fc.assert(
    fc.property(fc.uniqueArray(namespace, { selector: formatNamespace }), (list) => {
      const order = namespacePairs(list, [], []).map(({ source }) => formatNamespace(source));
      assert.deepEqual([...order].sort(), list.map(formatNamespace).sort());
      for (const [i, name] of order.entries()) {
        for (const later of order.slice(i + 1)) assert.ok(!name.startsWith(`${later}/`) && later !== '');
      }
    }),
  );
  const deep = ['1', '2', '3', '4', '5', '6'];
  assert.equal(namespacePairs([deep], [], ['t']).length, 1);
  assert.throws(
    () => namespacePairs([[], deep], [], ['t', 'u']),
    (error) => error instanceof GranaryError && error.message.includes("namespace 't/u/1/2/3/4/5/6' would exceed"),
  );
});

test('groups are filtered, counted and sorted: ct, host, vm, numbers first and by value', async () => {
  const list: BackupGroup[] = ['vm/100', 'vm/x', 'ct/10', 'vm/9', 'host/a', 'ct/9'].map((text) => {
    const [type, id] = text.split('/') as [BackupGroup['type'], string];
    return { type, id };
  });
  const { wanted, total } = await selectGroups(list, ['exclude:type:host'].map(parseGroupFilter));
  assert.deepEqual([Array.from(wanted, formatGroup), total], [['ct/9', 'ct/10', 'vm/9', 'vm/100', 'vm/x'], 6]);
});

test('names in flat memory are what a sorted list of groups is', async () => {
  const id = fc.oneof(
    fc.integer({ min: 0, max: 120 }).map(String),
    fc.stringMatching(/^0{0,3}[0-9]{1,2}$/),
    fc.stringMatching(/^[0-9]{18,22}$/),
    fc.stringMatching(/^[a-b_0][a-b.-]{0,3}$/),
  );
  const group = fc.record(
    { type: fc.constantFrom('vm' as const, 'ct' as const, 'host' as const), id },
    { noNullPrototype: true },
  );
  const lists = fc.uniqueArray(group, { maxLength: 60, selector: formatGroup });
  await fc.assert(
    fc.asyncProperty(lists, lists, fc.boolean(), async (list, others, inOrder) => {
      const sorted = [...list].sort(compareGroups);
      const names = await GroupNames.from(inOrder ? sorted : list);
      assert.deepEqual([...names], sorted);
      const there = new Set(list.map(formatGroup));
      for (const other of [...list, ...others]) assert.equal(names.has(other), there.has(formatGroup(other)));
      assert.deepEqual([[...names], names.length], [sorted, list.length], 'looking changes nothing');
      const more = others.filter((one) => !there.has(formatGroup(one)));
      for (const one of more) names.add(one);
      assert.deepEqual([...names], [...list, ...more].sort(compareGroups));
    }),
  );
});

test('snapshots are kept as the rules say, one by one', () => {
  const times = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 10 });
  fc.assert(
    fc.property(
      times,
      fc.option(fc.integer({ min: 0, max: 13 }), { nil: undefined }),
      fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
      fc.array(fc.integer({ min: 1, max: 12 })),
      fc.boolean(),
      (unordered, last, transferLast, corrupt, recheckLast) => {
        const { candidates } = sourceSet(
          unordered.map((time) => snapshot(time)),
          { verifiedOnly: false, encryptedOnly: false },
        );
        const selected = selectSnapshots(candidates, {
          last,
          recheckLast,
          transferLast,
          isCorrupt: (time) => corrupt.includes(time),
        });
        const kept = new Map(selected.kept.map((one) => [one.snapshot.time, one.corrupt]));
        const sorted = [...unordered].sort((a, b) => a - b);
        for (const [i, time] of sorted.entries()) {
          const isNewest = i >= sorted.length - (transferLast ?? sorted.length);
          const isNew = last === undefined || time > last || (recheckLast && time === last);
          const expected = corrupt.includes(time) || (isNew && (isNewest || time === last));
          assert.equal(kept.has(time), expected, `${time}`);
          if (expected) assert.equal(kept.get(time), corrupt.includes(time));
        }
        assert.deepEqual(
          [...kept.keys()],
          [...kept.keys()].sort((a, b) => a - b),
        );
        const all = [...kept.keys(), ...selected.alreadySynced, ...selected.beyondTransferLast];
        assert.deepEqual(
          all.sort((a, b) => a - b),
          sorted,
          'each is in one list',
        );
      },
    ),
  );
});

test('what the state filters leave out is not present, what is being written is', () => {
  const listed = [
    snapshot(3, { verified: true, encrypted: true }),
    snapshot(1, { verified: true }),
    snapshot(2, { encrypted: true }),
    snapshot(4, { finished: false }),
  ];
  const times = (verifiedOnly: boolean, encryptedOnly: boolean) => {
    const { candidates, present } = sourceSet(listed, { verifiedOnly, encryptedOnly });
    return [candidates.map(({ time }) => time), [...present].sort()];
  };
  assert.deepEqual(times(false, false), [
    [1, 2, 3],
    [1, 2, 3, 4],
  ]);
  assert.deepEqual(times(true, false), [
    [1, 3],
    [1, 3, 4],
  ]);
  assert.deepEqual(times(true, true), [[3], [3, 4]]);
});

test('a snapshot is encrypted when all files are and the manifest is signed', () => {
  const manifest = ['index.json.blob', 'sign-only'] as const;
  assert.ok(isEncryptedSnapshot([['a.didx', 'encrypt'], manifest, ['client.log.blob', undefined]]));
  assert.ok(
    !isEncryptedSnapshot([
      ['a.didx', 'encrypt'],
      ['index.json.blob', 'none'],
    ]),
  );
  assert.ok(!isEncryptedSnapshot([['a.didx', 'sign-only'], manifest]));
  assert.ok(!isEncryptedSnapshot([['a.didx', 'encrypt'], ['b.blob', undefined], manifest]));
});

test('the lines about skipped snapshots', () => {
  const rules = { last: 86400 * 2, recheckLast: true, transferLast: 1 };
  const at = (...days: number[]) => days.map((day) => snapshot(day * 86400));
  assert.deepEqual(skippedLines(selectSnapshots(at(0.5, 1, 2, 3, 4), rules)), [
    'skipped: 2 snapshot(s) (1970-01-01T12:00:00Z .. 1970-01-02T00:00:00Z) - older than the newest snapshot present on sync target',
    'skipped: 1 snapshot(s) (1970-01-04T00:00:00Z) - due to transfer-last',
  ]);
  assert.deepEqual(skippedLines(selectSnapshots(at(3), rules)), []);
});

test('vanished is what only the target has', () => {
  fc.assert(
    fc.property(groups, groups, fc.constantFrom([], ['type:vm'], ['exclude:regex:/1']), (target, source, texts) => {
      const filters = texts.map(parseGroupFilter);
      const inOrder = (list: BackupGroup[]) => [...list].sort(compareGroups);
      const names = new Set(source.map(formatGroup));
      const expected = inOrder(target)
        .map(formatGroup)
        .filter((name) => !names.has(name))
        .filter((name) => texts[0] === undefined || (texts[0] === 'type:vm' ? /^vm/.test(name) : !/\/1/.test(name)));
      const vanished = vanishedGroups(inOrder(target), inOrder(source), filters);
      assert.deepEqual(Array.from(vanished, formatGroup), expected);
    }),
  );
  assert.deepEqual(vanishedSnapshots([5, 1, 3], new Set([3, 4])), [1, 5]);
});

test('a run removes groups of its owner and of the tokens of its owner only', () => {
  assert.ok(mayRemoveGroup('a@pbs', 'a@pbs'));
  assert.ok(mayRemoveGroup('a@pbs!t', 'a@pbs'));
  assert.ok(!mayRemoveGroup('a@pbs', 'a@pbs!t'));
  assert.ok(!mayRemoveGroup('b@pbs', 'a@pbs'));
  assert.ok(!mayRemoveGroup(undefined, 'a@pbs'));
});

test('namespaces that were not synced go, children first, but never one that a synced one is in', () => {
  const unique = fc.uniqueArray(namespace, { selector: formatNamespace, maxLength: 20 });
  fc.assert(
    fc.property(unique, unique, fc.constantFrom<Namespace>([], ['a'], ['a', 'b']), (target, synced, anchor) => {
      const gone = vanishedNamespaces(target, synced, anchor).map(formatNamespace);
      const prefix = anchor.length === 0 ? '' : `${formatNamespace(anchor)}/`;
      const expected = target
        .map(formatNamespace)
        .filter((name) => name !== '' && name.startsWith(prefix) && name !== formatNamespace(anchor))
        .filter((name) => !synced.some((ns) => `${formatNamespace(ns)}/`.startsWith(`${name}/`)));
      assert.deepEqual([...gone].sort(), expected.sort());
      for (const [i, name] of gone.entries()) {
        for (const later of gone.slice(i + 1)) assert.ok(!later.startsWith(`${name}/`));
      }
    }),
  );
});

test('progress is told in the shortest form that says it', () => {
  const text = (doneGroups: number, all: number, doneSnapshots: number, snapshots: number) =>
    progressText({ doneGroups, groups: all, doneSnapshots, snapshots });
  assert.equal(text(2, 4, 0, 0), '50.00% (2/4 groups)');
  assert.equal(text(0, 1, 1, 3), '33.33% (1/3 snapshots)');
  assert.equal(text(0, 4, 2, 2), '25.00% (1/4 groups)');
  assert.equal(text(1, 4, 1, 2), '37.50% (1/4 groups, 1/2 snapshots in group #2)');
});

test('the summary', () => {
  const statistics = new SyncStatistics();
  assert.deepEqual(statistics.summary('push', 1000, false), ['Summary: sync job found no new data to push']);
  statistics.add(2, 3 * 1024 * 1024);
  statistics.removed.groups = 1;
  assert.deepEqual(statistics.summary('pull', 2000, false), [
    'Summary: sync job pulled 3 MiB in 2 chunks (average rate: 1.5 MiB/s)',
    'Summary: removed vanished: snapshots: 0, groups: 1, namespaces: 0',
  ]);
});

test('parameters are those of the job', () => {
  const parameters = syncParameters(
    { store: 'one', 'remote-store': 'two', ns: 'a/b', 'rate-in': '10 MiB', 'group-filter': ['type:vm'] },
    'x@pbs',
  );
  assert.deepEqual(parameters.ns, ['a', 'b']);
  assert.deepEqual(parameters.limits, {
    rateIn: 10485760,
    burstIn: undefined,
    rateOut: undefined,
    burstOut: undefined,
  });
  assert.deepEqual([parameters.workerThreads, parameters.owner, parameters.removeVanished], [1, 'x@pbs', false]);
  assert.equal(otherSide(parameters), 'two');
  assert.equal(otherSide({ ...parameters, remote: 'r' }), 'r/two');
});

test('groups at once keep their lines together, each with its name', async () => {
  const lines: string[] = [];
  const log = { log: (line: string) => lines.push(line), warn: (line: string) => lines.push(`! ${line}`) };
  const list: BackupGroup[] = ['1', '2', '3'].map((id) => ({ type: 'vm', id }));
  const gate = Promise.withResolvers<void>();
  let atOnce = 0;
  await runGroups(list, { log, threads: 3, clock: { now: () => 0 } }, async ({ id }, run) => {
    run.log.log('begin');
    if (++atOnce === 3) gate.resolve();
    await gate.promise;
    if (id === '2') run.log.warn('careful');
    run.progress(1, 1);
  });
  assert.deepEqual(
    [...lines].sort(),
    [
      '! [vm/2]: careful',
      ...list.map(({ id }) => `[vm/${id}]: begin`),
      ...list.map(({ id }) => `[vm/${id}]: snapshot 1/1 within vm/${id} is done, 0/3 groups done`),
    ].sort(),
  );
  const together = lines.map((line) => line.replace(/^! /, '').slice(0, 6));
  assert.deepEqual(
    together,
    [...together].sort((a, b) => together.indexOf(a) - together.indexOf(b)),
  );
});

test('groups one by one tell the percentage', async () => {
  const lines: string[] = [];
  const log = { log: (line: string) => lines.push(line), warn: () => {} };
  const list: BackupGroup[] = ['1', '2'].map((id) => ({ type: 'vm', id }));
  await runGroups(list, { log, threads: 1, clock: { now: () => 0 } }, async (_, run) => run.progress(1, 2));
  assert.deepEqual(lines, [
    'percentage done: 25.00% (0/2 groups, 1/2 snapshots in group #1)',
    'percentage done: 75.00% (1/2 groups, 1/2 snapshots in group #2)',
  ]);
});

test('the time that is left is told once there has been enough work to tell', async () => {
  const lines: string[] = [];
  const log = { log: (line: string) => void lines.push(line), warn: () => {} };
  let now = 0;
  await runGroups(
    [
      { type: 'vm' as const, id: '1' },
      { type: 'vm' as const, id: '2' },
    ],
    { log, threads: 1, clock: { now: () => now } },
    async (_, run) => {
      now += 30_000;
      run.progress(1, 1);
    },
  );
  assert.deepEqual(lines, [
    'percentage done: 50.00% (1/2 groups), about 30s left',
    'percentage done: 100.00% (2/2 groups)',
  ]);
});

test('the middle of an archive is told four times a minute, as part of all that the group has', () => {
  const lines: string[] = [];
  const log = { log: (line: string) => void lines.push(line), warn: () => {} };
  let now = 0;
  const progress = new GroupProgress({ group: 'vm/1', sizes: [1000, 3000], log, clock: { now: () => now } });
  const step = (on: OnPosition, position: number): void => {
    now += 8000;
    on(position);
  };
  const first = progress.archive('T1/a', 1000);
  for (const position of [250, 500, 750]) step(first, position);
  progress.snapshotDone();
  progress.archive('T2/a', 1000)(1000);
  const second = progress.archive('T2/b', 2000);
  step(second, 0);
  // The clock is put back; the next lines come as before.
  now -= 3_600_000;
  step(second, 1000);
  step(second, 2000);
  assert.deepEqual(lines, [
    'T1/a: at 500 B of 1000 B, vm/1 at 12% (0/2 snapshots), about 2m left',
    'T2/b: at 0 B of 1.953 KiB, vm/1 at 50% (1/2 snapshots), about 32s left',
    'T2/b: at 1000 B of 1.953 KiB, vm/1 at 75% (1/2 snapshots)',
  ]);
});
