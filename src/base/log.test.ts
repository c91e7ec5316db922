import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonLogger, levelledLogger } from './log.ts';

test('entries of at least the least level are written, one object a line', () => {
  const lines: string[] = [];
  const log = jsonLogger('warn', (line) => lines.push(line));
  log('info', 'left-out');
  log('error', 'seen', { text: 'two\nlines' });
  assert.equal(lines.length, 1);
  const { time, ...rest } = JSON.parse(lines[0]!) as Record<string, unknown>;
  assert.deepEqual(rest, { level: 'error', event: 'seen', text: 'two\nlines' });
  assert.match(String(time), /^\d{4}-.*Z$/);
});

test('the journal gets the level in front of the line, as syslog counts', () => {
  const lines: string[] = [];
  const log = levelledLogger('trace', (line) => lines.push(line));
  for (const level of ['error', 'warn', 'info', 'debug', 'trace'] as const) log(level, 'x');
  assert.deepEqual(
    lines,
    [3, 4, 6, 7, 7].map((priority) => `<${priority}>{"event":"x"}\n`),
  );
});
