import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatSpan } from '../base/human.ts';
import { isWithin, parseDailyDuration } from './daily-duration.ts';
import { parseTimeSpan } from './time-span.ts';

test('spans are sums of their parts', () => {
  assert.equal(parseTimeSpan('90d'), 90 * 86400);
  assert.equal(parseTimeSpan('1h 30m'), 5400);
  assert.equal(parseTimeSpan('1hour30min'), 5400);
  assert.equal(parseTimeSpan('45'), 45);
  assert.equal(parseTimeSpan('1.5 weeks'), 907200);
  assert.equal(parseTimeSpan('1M'), 30.44 * 86400);
  assert.equal(parseTimeSpan('1m'), 60);
  assert.equal(parseTimeSpan('2y'), 2 * 365.25 * 86400);
  assert.equal(parseTimeSpan('250ms'), 0.25);
  for (const text of ['', 'd', '1x', '1d,2h', '-1d', '1 d e'])
    assert.throws(() => parseTimeSpan(text), /time span/, text);
});

test('what is shown as a span is read as the same span', () => {
  assert.equal(
    formatSpan(365.25 * 86400 + 30.44 * 86400 * 2 + 3 * 7 * 86400 + 4 * 86400 + 5 * 3600 + 6 * 60 + 7),
    '1y 2M 3w 4d 5h 6m 7s',
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000_000_000 }), (seconds) => {
      assert.ok(Math.abs(parseTimeSpan(formatSpan(seconds)) - seconds) <= 0.1);
    }),
  );
});

test('a daily duration holds from its start up to its end', () => {
  const at = (text: string): number => new Date(text).getTime() / 1000;
  const hours = parseDailyDuration('mon..fri 8-17:30');
  assert.deepEqual(hours, { weekdays: [1, 2, 3, 4, 5], start: 480, end: 1050 });
  assert.equal(isWithin(hours, at('2026-02-11T08:00:00')), true);
  assert.equal(isWithin(hours, at('2026-02-11T17:29:59')), true);
  assert.equal(isWithin(hours, at('2026-02-11T17:30:00')), false);
  assert.equal(isWithin(hours, at('2026-02-14T09:00:00')), false);
  assert.deepEqual(parseDailyDuration('mon..fri 8 - 17:30'), hours);
  assert.equal(isWithin(parseDailyDuration('0:15-0:16'), at('2026-02-14T00:15:30')), true);
  for (const text of ['', '8', '17-8', '8-8', 'mon', '8-25', '8:60-9', 'mon 8-9 x', 'xyz 8-9']) {
    assert.throws(() => parseDailyDuration(text), /unable to parse daily duration/, text);
  }
});
