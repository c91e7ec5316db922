import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storedBytes } from '../base/human.ts';
import { textFormats } from './text-formats.ts';

const accepts = (format: string, text: string): boolean => textFormats[format]!(text) === undefined;

test('networks are addresses with a length that fits', () => {
  for (const text of ['0.0.0.0/0', '10.1.2.3/32', '::/0', 'fd00::/8', '2001:db8::1/128', '::ffff:1.2.3.4/96']) {
    assert.ok(accepts('cidr', text), text);
  }
  for (const text of [
    '',
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0/8',
    '256.0.0.0/8',
    '1.2.3.4.5/8',
    '::/129',
    ':::/8',
    '1::2::3/64',
    'fd00::',
    'a/8',
    '10.0.0.0/-1',
    '10.0.0.0/8 ',
  ]) {
    assert.ok(!accepts('cidr', text), text);
  }
});

test('events, durations, sizes and filters are those of their parsers, whose texts are passed on', () => {
  assert.ok(accepts('calendar-event', 'weekly sat 08:00'));
  assert.match(textFormats['calendar-event']!('someday')!, /^unable to parse calendar event 'someday' - /);
  assert.ok(accepts('daily-duration', 'mon..fri 8-17:30'));
  assert.match(textFormats['daily-duration']!('17-8')!, /'17-8'/);
  assert.ok(accepts('byte-size', '1.5 GiB'));
  assert.equal(textFormats['byte-size']!('x'), "unable to parse byte size 'x'");
  assert.match(textFormats['group-filter']!('vm')!, /^invalid group filter 'vm'/);
});

test('sizes are stored in the unit that they were given in', () => {
  for (const [text, stored] of [
    ['100 MiB', '100 MiB'],
    ['10mib', '10 MiB'],
    ['1.50G', '1.5 GB'],
    ['7 k', '7 KB'],
    ['.5ti', '0.5 TiB'],
    ['2000000', '2000000 B'],
    ['0', '0 B'],
    ['1.23456 MB', '1.235 MB'],
  ] as const) {
    assert.equal(storedBytes(text), stored, text);
    assert.equal(storedBytes(stored), stored);
  }
  for (const text of ['', 'x', '-1', '1 XB', '1 i', '1 MiBB']) assert.equal(storedBytes(text), undefined, text);
});
