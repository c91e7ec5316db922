import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import fc from 'fast-check';
import { formatLocal } from '../base/clock.ts';
import { type CalendarEvent, parseCalendarEvent } from './calendar-event.ts';
import { nextEvent } from './next-event.ts';

const zone = process.env['TZ'];
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

function next(text: string, after: string): string {
  const epoch = nextEvent(parseCalendarEvent(text), Date.parse(after) / 1000);
  return epoch === undefined ? 'never' : formatLocal(epoch);
}

test('the next point is strictly later', () => {
  process.env['TZ'] = 'UTC';
  assert.equal(next('daily', '2026-02-11T00:00:00Z'), '2026-02-12T00:00:00+00:00');
  assert.equal(next('daily', '2026-02-10T23:59:59Z'), '2026-02-11T00:00:00+00:00');
  assert.equal(next('sat 02:00', '2026-02-11T10:00:00Z'), '2026-02-14T02:00:00+00:00');
  assert.equal(next('2026-12-31 23:59', '2026-12-31T23:59:00Z'), 'never');
  assert.equal(next('2-29', '2026-02-11T10:00:00Z'), '2028-02-29T00:00:00+00:00');
  assert.equal(next('mon *-2-29', '2026-02-11T10:00:00Z'), '2044-02-29T00:00:00+00:00');
  assert.equal(next('*-2-30', '2026-02-11T10:00:00Z'), 'never');
  assert.equal(next('*/10', '2026-02-11T10:55:00Z'), '2026-02-11T11:00:00+00:00');
  assert.equal(next('now', '2026-02-11T10:55:00Z'), 'never');
});

test('where clocks are put forward, what falls into the gap happens once, after it', () => {
  process.env['TZ'] = 'Europe/Berlin';
  assert.equal(next('2:30', '2026-03-28T12:00:00Z'), '2026-03-29T03:30:00+02:00');
  assert.equal(next('2:30', '2026-03-29T01:30:00Z'), '2026-03-30T02:30:00+02:00');
  assert.equal(next('hourly', '2026-03-29T00:00:00Z'), '2026-03-29T03:00:00+02:00');
  assert.equal(next('hourly', '2026-03-29T01:00:00Z'), '2026-03-29T04:00:00+02:00');
  assert.equal(
    next('daily UTC', '2026-03-28T12:00:00Z'),
    '2026-03-29T02:00:00+02:00'.replace('T02:00:00+02', 'T01:00:00+01'),
  );
});

test('where clocks are put back, a time of the day happens once, and minutes go on', () => {
  process.env['TZ'] = 'Europe/Berlin';
  assert.equal(next('2:30', '2026-10-24T12:00:00Z'), '2026-10-25T02:30:00+02:00');
  assert.equal(next('2:30', '2026-10-25T00:30:00Z'), '2026-10-26T02:30:00+01:00');
  assert.equal(next('minutely', '2026-10-25T00:59:30Z'), '2026-10-25T02:00:00+01:00');
  assert.equal(next('*:30', '2026-10-25T00:31:00Z'), '2026-10-25T02:30:00+01:00');
  assert.equal(next('minutely', '2026-10-25T01:10:30Z'), '2026-10-25T02:11:00+01:00');
  process.env['TZ'] = 'Australia/Lord_Howe';
  assert.equal(next('minutely', '2026-04-04T15:10:30Z'), '2026-04-05T01:41:00+10:30');
});

/** The slow, obvious way: every second is asked whether it matches. */
function search(event: CalendarEvent, after: number, seconds: number): number | undefined {
  const has = (list: readonly number[] | undefined, value: number): boolean => list?.includes(value) ?? true;
  for (let epoch = after + 1; epoch <= after + seconds; epoch++) {
    const d = new Date(epoch * 1000);
    if (
      has(event.years, d.getUTCFullYear()) &&
      has(event.months, d.getUTCMonth() + 1) &&
      has(event.days, d.getUTCDate()) &&
      has(event.weekdays, d.getUTCDay()) &&
      has(event.hours, d.getUTCHours()) &&
      has(event.minutes, d.getUTCMinutes()) &&
      has(event.seconds, d.getUTCSeconds())
    ) {
      return epoch;
    }
  }
  return undefined;
}

const list = (min: number, max: number) =>
  fc.option(
    fc
      .uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 12 })
      .map((one) => one.toSorted((a, b) => a - b)),
    { nil: undefined },
  );
const anyEvent: fc.Arbitrary<CalendarEvent> = fc.record({
  weekdays: list(0, 6),
  years: fc.constant(undefined),
  months: list(1, 12),
  days: list(1, 31),
  hours: list(0, 23),
  minutes: list(0, 59),
  seconds: list(0, 59),
  utc: fc.constant(true),
  once: fc.constant(false),
});
const anyTime = fc.integer({ min: 1_700_000_000, max: 1_900_000_000 });

test('it is what a search second by second finds', () => {
  fc.assert(
    fc.property(anyEvent, anyTime, (event, after) => {
      const span = 200_000;
      const found = nextEvent(event, after);
      assert.equal(found !== undefined && found <= after + span ? found : undefined, search(event, after, span));
    }),
    { numRuns: 60 },
  );
});

test('in every zone it is later, and the local clock then shows the event unless that falls into a gap', () => {
  for (const name of [
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'America/Sao_Paulo',
  ]) {
    process.env['TZ'] = name;
    fc.assert(
      fc.property(anyEvent, anyTime, (event, after) => {
        const found = nextEvent({ ...event, utc: false }, after);
        if (found === undefined) return;
        assert.ok(found > after);
        const d = new Date(found * 1000);
        const shift = d.getTimezoneOffset() - new Date((found - 2 * 3600) * 1000).getTimezoneOffset();
        if (shift < 0) return;
        assert.ok(event.minutes?.includes(d.getMinutes()) ?? true);
        assert.ok(event.hours?.includes(d.getHours()) ?? true);
        assert.ok(event.days?.includes(d.getDate()) ?? true);
      }),
      { numRuns: 200 },
    );
  }
});
