import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago, bytes, duration, weekdayTime } from './format.ts';

test('sizes have three digits, in the unit that fits', () => {
  assert.deepEqual(
    [0, 999, 1000, 1536, 10 * 1024 ** 2, 123.4 * 1024 ** 3, 1000 * 1024 ** 3, undefined].map((n) => bytes(n, 'en')),
    ['0 B', '999 B', '0.98 KiB', '1.50 KiB', '10.0 MiB', '123 GiB', '0.98 TiB', '–'],
  );
  assert.equal(bytes(1536, 'de'), '1,50 KiB');
});

test('spans have their two largest units', () => {
  assert.deepEqual([0, 59, 60, 3725, 90000, 172_800].map(duration), [
    '0 s',
    '59 s',
    '1 min',
    '1 h 2 min',
    '1 d 1 h',
    '2 d',
  ]);
});

test('times are told from now', () => {
  assert.equal(ago(1000, 1000 + 7300, 'en'), '2 hours ago');
  assert.equal(ago(1000 + 86_400, 1000, 'en'), 'tomorrow');
  assert.equal(ago(1000, 1030, 'de'), 'vor 30 Sekunden');
});

test('a time with its day of the week is in the zone that is asked for', () => {
  const time = Date.UTC(2026, 10, 28, 1) / 1000;
  assert.equal(weekdayTime(time, 'de', 'Europe/Vienna'), 'Sa., 28. Nov. 2026, 02:00');
  assert.match(weekdayTime(time - 3600 * 5 + 7, 'en', 'UTC'), /^Fri, Nov 27, 2026, 08:00:07/);
});
