import assert from 'node:assert/strict';
import { test } from 'node:test';
import { levelOfLine, splitTime } from './log-levels.ts';

test('words tell how bad a line is', () => {
  const levels: [string, string | undefined][] = [
    ['TASK OK', undefined],
    ['TASK WARNINGS: 3', 'warn'],
    ['TASK ERROR: connection lost', 'bad'],
    ['warning: unable to access non-existent chunk', 'warn'],
    ["can't verify chunk, load failed - corrupted", 'bad'],
    ['Finished with 0 errors, errors: 0', undefined],
    ['verified 3/3 MiB, no errors', undefined],
    ['snapshot was skipped because it runs', 'warn'],
    ['SKIPPED: verify store1:host/a/2026-11-27T20:00:00Z (recently verified)', undefined],
    ['sync terror.pxar', undefined],
  ];
  for (const [text, level] of levels) assert.equal(levelOfLine(text), level, text);
});

test('the time of a line stands apart', () => {
  assert.deepEqual(splitTime('2026-11-27T20:58:40+01:00: GC done'), {
    date: '2026-11-27T',
    time: '20:58:40',
    zone: '+01:00: ',
    text: 'GC done',
  });
  assert.deepEqual(splitTime('  further text'), { date: '', time: '', zone: '', text: '  further text' });
});
