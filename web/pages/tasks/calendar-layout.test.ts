import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daysFrom, firstDay, joinRuns, overlapsOf, overlapsOfJoined, placeDay, type Run } from './calendar-layout.ts';

const day = new Date(2026, 1, 11);
const at = (hours: number): number => day.getTime() / 1000 + hours * 3600;
const run = (job: string, from: number, to: number, o: Partial<Run> = {}): Run => ({
  job,
  label: job,
  start: at(from),
  end: at(to),
  isComing: false,
  status: 'OK',
  upid: `UPID:${job}`,
  count: 1,
  ...o,
});

test('runs of one job that are too close are one, others stay as they are', () => {
  const joined = joinRuns([run('a', 2, 2.1), run('a', 1, 1.1), run('b', 1.5, 1.6), run('a', 5, 6)], 3600);
  assert.deepEqual(
    joined.map(({ job, start, end, count, upid }) => [job, start, end, count, upid]),
    [
      ['a', at(1), at(2.1), 2, undefined],
      ['b', at(1.5), at(1.6), 1, 'UPID:b'],
      ['a', at(5), at(6), 1, 'UPID:a'],
    ],
  );
  assert.equal(joinRuns([run('a', 1, 1.1), run('a', 1.5, 1.6, { status: 'lost' })], 3600).length, 2);
  assert.equal(joinRuns([run('a', 1, 1.1), run('a', 1.5, 1.6, { isComing: true })], 3600).length, 2);
});

test('who runs at the same time is told of both, in any order of length', () => {
  const [long, short, later, same] = [run('long', 1, 5), run('short', 2, 3), run('later', 4, 6), run('same', 6, 6)];
  const overlaps = overlapsOf([later, short, long, same, run('also', 6, 6)]);
  assert.deepEqual(overlaps.get(long), ['short', 'later']);
  assert.deepEqual(overlaps.get(short), ['long']);
  assert.deepEqual(overlaps.get(later), ['long']);
  assert.deepEqual(overlaps.get(same), ['also']);
});

test('joined runs overlap only what one of them does', () => {
  const often = [run('often', 1, 1.1), run('often', 2, 2.1), run('often', 3, 3.1)];
  const others = [run('between', 1.2, 1.9), run('with', 2.05, 2.2)];
  const joined = joinRuns([...often, ...others], 4000);
  const overlaps = overlapsOfJoined(joined, overlapsOf([...often, ...others]));
  assert.deepEqual(
    joined.map((one) => [one.label, overlaps.get(one)]),
    [
      ['often', ['with']],
      ['between', []],
      ['with', ['often']],
    ],
  );
});

test('a day shows what reaches into it, side by side where it overlaps', () => {
  const yesterday = run('yesterday', -3, 2);
  const placed = placeDay(
    [yesterday, run('a', 1, 1.1), run('b', 1.2, 4), run('c', 10, 11), run('late', 23.9, 30), run('no', 24, 25)],
    day,
    30,
  );
  assert.deepEqual(
    placed.map(({ run: { job }, top, height, lane, lanes }) => [job, Math.round(top), Math.round(height), lane, lanes]),
    [
      ['yesterday', 0, 120, 0, 3],
      ['a', 60, 30, 1, 3],
      ['b', 72, 168, 2, 3],
      ['c', 600, 60, 0, 1],
      ['late', 1410, 30, 0, 1],
    ],
  );
});

test('weeks begin on Mondays', () => {
  assert.equal(firstDay(new Date(2026, 1, 15, 13), 'week').getTime(), new Date(2026, 1, 9).getTime());
  assert.equal(firstDay(new Date(2026, 1, 9, 1), 'week').getTime(), new Date(2026, 1, 9).getTime());
  assert.equal(firstDay(new Date(2026, 1, 15, 13), 'day').getTime(), new Date(2026, 1, 15).getTime());
  assert.deepEqual(
    daysFrom(new Date(2026, 1, 27), 3).map((one) => one.getDate()),
    [27, 28, 1],
  );
});
