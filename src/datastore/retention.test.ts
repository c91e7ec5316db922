import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { afterEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { vectors } from '../../test/support/golden.ts';
import { formatUtc, parseUtc } from '../base/clock.ts';
import {
  formatKeepOptions,
  hasKeepOptions,
  type KeepOptions,
  keepOptionsOf,
  keepRules,
  type PruneCandidate,
  type PruneMark,
  selectSnapshots,
} from './retention.ts';

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

  it('does what the definition says, for any group, around every change of the clocks and every turn of a year', () => {
    const count = fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined });
    const keep = fc.record({ last: count, hourly: count, daily: count, weekly: count, monthly: count, yearly: count });
    const zoned = fc.constantFrom(...zones).chain((timeZone) => fc.tuple(fc.constant(timeZone), groupIn(timeZone)));
    fc.assert(
      fc.property(zoned, keep, ([timeZone, snapshots], counts) => {
        process.env['TZ'] = timeZone;
        const actual = selectSnapshots(snapshots, counts).map((p) => [p.snapshot.time, p.mark]);
        assert.deepEqual(actual, reference(snapshots, counts, timeZone));
      }),
      { numRuns: 300 },
    );
  });

  it('says why', () => {
    process.env['TZ'] = 'Europe/Berlin';
    const reasons = (keep: KeepOptions, ...snapshots: string[]): string[] =>
      selectSnapshots(snapshots.map(candidate), keep).map(({ reason }) => reason);
    // The hour from two to three comes twice on that day; 2025-12-29 belongs to the first week of 2026.
    const clocks = ['2025-10-25T23:30:00Z', '2025-10-26T00:30:00Z', '2025-10-26T01:30:00Z', '2025-10-26T02:30:00Z'];
    assert.deepEqual(reasons({ hourly: 2 }, ...clocks), [
      'not kept by any rule',
      'keep-hourly (2025-10-26 02:00) keeps a newer one',
      'keep-hourly (2025-10-26 02:00)',
      'keep-hourly (2025-10-26 03:00)',
    ]);
    const year = ['2024-12-31T23:30:00Z', '2025-12-27T10:00:00Z', '2025-12-28T23:30:00Z', '2026-01-01T10:00:00Z'];
    assert.deepEqual(reasons({ weekly: 2 }, ...year), [
      'not kept by any rule',
      'keep-weekly (2025-W52)',
      'keep-weekly (2026-W01) keeps a newer one',
      'keep-weekly (2026-W01)',
    ]);
    assert.deepEqual(reasons({ last: 1, daily: 1, monthly: 1, yearly: 2 }, ...year), [
      'keep-monthly (2025-01)',
      'not kept by any rule',
      'keep-daily (2025-12-29)',
      'keep-last',
    ]);
    const flagged = ['2025-01-01T00:00:00Z partial', '2025-01-02T00:00:00Z prot', '2025-01-03T00:00:00Z partial'];
    assert.deepEqual(reasons({ last: 1 }, ...flagged), [
      'not finished, and not the newest',
      'protected',
      'not finished, may still be running',
    ]);
    assert.deepEqual(reasons({}, ...year.slice(2)), ['no keep option is given', 'no keep option is given']);
  });

  it('goes by the time zone that the process is started in', () => {
    const script = `
      import { selectSnapshots } from ${JSON.stringify(new URL('./retention.ts', import.meta.url).href)};
      const snapshots = [0, 1800, 3600, 5400].map((s) => ({ time: ${start} + s, finished: true, protected: false }));
      console.log(JSON.stringify(selectSnapshots(snapshots, { daily: 9 }).map(({ reason }) => reason)));`;
    for (const [TZ, expected] of [
      // In the first the day turns after 00:30 UTC, in the second summer time begins and takes the midnight with it.
      ['Atlantic/Azores', ['keep-daily (2025-03-29)', 'keep-daily (2025-03-30)']],
      ['UTC', ['keep-daily (2025-03-30)']],
    ] as const) {
      const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { env: { TZ }, encoding: 'utf8' });
      const reasons = JSON.parse(run.stdout) as string[];
      assert.deepEqual(
        reasons.filter((reason) => !reason.endsWith('newer one')),
        expected,
        run.stderr,
      );
    }
  });

  it('reads and shows keep options', () => {
    const options = { 'keep-last': 3, 'keep-weekly': 2, ns: 'x', 'keep-daily': undefined };
    assert.deepEqual(keepOptionsOf(options), { last: 3, weekly: 2 });
    assert.equal(formatKeepOptions({ weekly: 2, last: 3 }), '--keep-last 3 --keep-weekly 2');
    assert.deepEqual([hasKeepOptions({}), hasKeepOptions({ yearly: 1 })], [false, true]);
  });
});

/** Both hemispheres; shifts of an hour and of half an hour, at midnight and not; days and hours that never were. */
const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'America/Santiago',
  'America/Havana',
  'Africa/Casablanca',
  'Asia/Beirut',
  'Australia/Lord_Howe',
  'Australia/Sydney',
  'Pacific/Chatham',
  'Pacific/Apia',
];
/** 2025-03-30 00:00 UTC */
const start = 1_743_292_800;

/** The moments between 2010 and 2027 from which on the zone's clocks show another offset, and the turns of years. */
function turningPoints(timeZone: string): number[] {
  process.env['TZ'] = timeZone;
  const offset = (time: number): number => new Date(time * 1000).getTimezoneOffset();
  const points: number[] = [];
  for (let year = 2010; year <= 2026; year++) points.push(new Date(year, 11, 28).getTime() / 1000);
  for (let day = 1_262_304_000; day < 1_798_761_600; day += 86_400) {
    if (offset(day) === offset(day + 86_400)) continue;
    let [before, after] = [day, day + 86_400];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (offset(middle) === offset(day)) before = middle;
      else after = middle;
    }
    points.push(after);
  }
  return points;
}

const pointsOf = new Map<string, number[]>();

/** Groups with dense times around one turning point, and sparse ones far away, so that buckets are shared and crossed. */
function groupIn(timeZone: string): fc.Arbitrary<PruneCandidate[]> {
  const points = pointsOf.get(timeZone) ?? turningPoints(timeZone);
  pointsOf.set(timeZone, points);
  return fc.constantFrom(...points).chain((point) => {
    const quarter = fc.integer({ min: -200, max: 200 }).map((n) => point + n * 900);
    const near = fc.integer({ min: -10 * 86400, max: 10 * 86400 }).map((n) => point + n);
    const far = fc.integer({ min: 1_262_304_000, max: 1_798_761_600 });
    const time = fc.oneof({ weight: 3, arbitrary: quarter }, near, far);
    const snapshot = fc.record({ time, finished: mostly, protected: mostly.map((b) => !b) });
    return fc.uniqueArray(snapshot, { selector: (s) => s.time, maxLength: 40 });
  });
}

const mostly = fc.integer({ min: 0, max: 5 }).map((n) => n > 0);

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
