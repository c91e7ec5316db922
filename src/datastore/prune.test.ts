import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { productFile, vectors } from '../../test/support/golden.ts';
import { formatUtc, parseUtc } from '../base/clock.ts';
import {
  formatKeepOptions,
  hasKeepOptions,
  type KeepOptions,
  keepOptionsOf,
  keepRules,
  type PruneCandidate,
  type PruneMark,
  pruneDatastore,
  pruneGroup,
  selectSnapshots,
} from './prune.ts';
import { host, temporaryStore, writeBackup } from './testing/temporary-store.ts';

const zone = process.env['TZ'];
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

interface Vector {
  timezone: string;
  keep: KeepOptions;
  snapshots: string[];
  result: [string, PruneMark][];
}

function candidate(text: string): PruneCandidate {
  const [time = '', flag] = text.split(' ');
  return { time: parseUtc(time)!, finished: flag !== 'partial', protected: flag === 'prot' };
}

describe('retention', () => {
  for (const [i, { timezone, keep, snapshots, result }] of vectors<Vector[]>('prune').entries()) {
    it(`vector ${i}: ${formatKeepOptions(keep)}, ${snapshots.length} snapshots, ${timezone}`, () => {
      process.env['TZ'] = timezone;
      const marked = selectSnapshots(snapshots.map(candidate), keep);
      const actual = marked.map(({ snapshot, mark }) => [formatUtc(snapshot.time), mark]);
      assert.deepEqual(actual.reverse(), result);
    });
  }

  it('removes nothing when no count is given', () => {
    const marked = selectSnapshots(
      ['2025-01-02T23:30:00Z partial', '2025-01-01T00:00:00Z', '2024-01-01T00:00:00Z prot'].map(candidate),
      {},
    );
    assert.deepEqual(
      marked.map(({ mark }) => mark),
      ['protected', 'keep', 'keep'],
    );
  });

  it('does what the definition says, for any group', () => {
    // Dense and sparse times over some years, so that buckets of every kind are shared and crossed.
    const time = fc.oneof(
      fc.integer({ min: 1_700_000_000, max: 1_700_000_000 + 40 * 3600 }),
      fc.integer({ min: 1_700_000_000, max: 1_700_000_000 + 90 * 86400 }),
      fc.integer({ min: 1_600_000_000, max: 1_760_000_000 }),
    );
    const snapshot = fc.record({ time, finished: fc.boolean(), protected: fc.boolean() });
    const group = fc.uniqueArray(snapshot, { selector: (s) => s.time, maxLength: 40 });
    const count = fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined });
    const keep = fc.record({ last: count, hourly: count, daily: count, weekly: count, monthly: count, yearly: count });
    const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia');
    fc.assert(
      fc.property(group, keep, zones, (snapshots, counts, timezone) => {
        process.env['TZ'] = timezone;
        const actual = selectSnapshots(snapshots, counts).map((p) => [p.snapshot.time, p.mark]);
        assert.deepEqual(actual, reference(snapshots, counts, timezone));
      }),
      { numRuns: 150 },
    );
  });

  it('reads and shows keep options', () => {
    const options = { 'keep-last': 3, 'keep-weekly': 2, ns: 'x', 'keep-daily': undefined };
    assert.deepEqual(keepOptionsOf(options), { last: 3, weekly: 2 });
    assert.equal(formatKeepOptions({ weekly: 2, last: 3 }), '--keep-last 3 --keep-weekly 2');
    assert.deepEqual([hasKeepOptions({}), hasKeepOptions({ yearly: 1 })], [false, true]);
  });
});

/** The definition of formats.md 18, step by step and slowly, with buckets from the platform's time zone tables. */
function reference(snapshots: readonly PruneCandidate[], keep: KeepOptions, timeZone: string): [number, PruneMark][] {
  const list = snapshots
    .map((s) => ({ ...s, mark: undefined as PruneMark | undefined }))
    .sort((a, b) => b.time - a.time);
  const given = keepRules.filter((rule) => keep[rule] !== undefined);
  if (given.length === 0) for (const s of list) s.mark = 'keep';
  else {
    for (const s of list) if (!s.finished) s.mark = s === list[0] ? 'keep-partial' : 'remove';
  }
  for (const rule of given) {
    const key = (s: PruneCandidate): string => bucket(rule, s.time, timeZone);
    const a = list.filter((s) => s.mark === 'keep').map(key);
    const u: string[] = [];
    for (const s of list) {
      if (s.mark !== undefined) continue;
      if (s.protected) s.mark = 'protected';
      else if (a.includes(key(s))) continue;
      else if (u.includes(key(s))) s.mark = 'remove';
      else if (u.length === keep[rule]) break;
      else {
        u.push(key(s));
        s.mark = 'keep';
      }
    }
  }
  return list.reverse().map((s) => [s.time, s.protected ? 'protected' : (s.mark ?? 'remove')]);
}

function bucket(rule: string, time: number, timeZone: string): string {
  if (rule === 'last') return `${time}`;
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  const text = format.format(time * 1000);
  const length = { hourly: 13, daily: 10, monthly: 7, yearly: 4 }[rule];
  if (length !== undefined) return text.slice(0, length);
  // The Monday of the week stands for the week.
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  while (day.getUTCDay() !== 1) day.setUTCDate(day.getUTCDate() - 1);
  return day.toISOString().slice(0, 10);
}

describe('pruning', () => {
  it('logs a datastore as the product does', async () => {
    await using temporary = await temporaryStore({ fixture: true });
    const lines: string[] = [];
    const collect = (line: string): number => lines.push(line);
    await pruneDatastore(temporary.store, { ns: [], keep: { last: 1 }, dryRun: true, log: collect, warn: collect });
    const golden = JSON.parse(productFile('api/task-log-prune-datastore-dry-run.json').toString()) as {
      data: { t: string }[];
    };
    const expected = golden.data.map(({ t }) => t.replace(/^\S+: /, '')).filter((t) => t !== 'TASK OK');
    // The product walks groups as its directory has them, we in order.
    const groupsOf = (all: string[]): string[] =>
      all
        .slice(3)
        .join('\n')
        .split(/\n(?=Pruning)/)
        .sort();
    assert.deepEqual(lines.slice(0, 3), expected.slice(0, 3));
    assert.deepEqual(groupsOf(lines), groupsOf(expected));
    assert.equal((await temporary.store.listSnapshots([])).length, 11);
  });

  it('removes oldest first, keeps what is protected or in use, and goes on after a failure', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    const times = [100, 200, 300, 400, 500];
    for (const time of times) await writeBackup(store, host('a', time));
    await store.setProtected([], host('a', 200), true);
    using _reader = await store.lockSnapshotShared([], host('a', 300));
    const decisions: string[] = [];
    const failures: number[] = [];
    const result = await pruneGroup(store, [], host('a', 0), {
      keep: { last: 1 },
      onDecision: (snapshot, mark) => decisions.push(`${snapshot.time} ${mark}`),
      onFailure: (snapshot) => failures.push(snapshot.time),
    });
    assert.deepEqual(decisions, ['100 remove', '200 protected', '300 remove', '400 remove', '500 keep']);
    assert.deepEqual(
      result.map(({ mark }) => mark),
      ['remove', 'protected', 'remove', 'remove', 'keep'],
    );
    assert.deepEqual(failures, [300]);
    const left = (await store.listSnapshots([])).map(({ time }) => time);
    assert.deepEqual(left, [200, 300, 500]);
  });

  it('leaves everything alone without a keep option, and says so', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await writeBackup(store, host('a', 100));
    await writeBackup(store, host('a', 200));
    const lines: string[] = [];
    await pruneDatastore(store, { ns: [], maxDepth: 0, keep: {}, log: (line) => lines.push(line), warn: () => {} });
    assert.deepEqual(lines, [
      "Starting datastore prune on datastore 'fixture', root namespace, non-recursive",
      'No prune selection - keeping all files.',
      'Pruning group :"host/a"',
      'keep host/a/1970-01-01T00:01:40Z',
      'keep host/a/1970-01-01T00:03:20Z',
    ]);
    assert.equal((await store.listSnapshots([])).length, 2);
  });

  it('takes only the groups that are accepted', async () => {
    await using temporary = await temporaryStore();
    const { store } = temporary;
    await store.createNamespace([], 'n1');
    for (const ns of [[], ['n1']]) {
      for (const id of ['a', 'b']) {
        await writeBackup(store, host(id, 100), undefined, ns);
        await writeBackup(store, host(id, 200), undefined, ns);
      }
    }
    const lines: string[] = [];
    await pruneDatastore(store, {
      ns: ['n1'],
      maxDepth: 1,
      keep: { last: 1 },
      accept: (_ns, group, owner) => group.id === 'a' && owner === 'admin@pbs',
      log: (line) => lines.push(line),
      warn: () => {},
    });
    assert.deepEqual(lines, [
      "Starting datastore prune on datastore 'fixture', namespace 'n1', down to depth 1",
      'retention options: --ns n1 --max-depth 1 --keep-last 1',
      'Pruning group n1:"host/a"',
      'remove host/a/1970-01-01T00:01:40Z',
      'keep host/a/1970-01-01T00:03:20Z',
    ]);
    assert.equal((await store.listSnapshots(['n1'])).length, 3);
  });
});
