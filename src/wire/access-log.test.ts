// The form of the access log (rest-api.md 1).

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../base/log.ts';
import { AccessLog, formatAccessEntry, shownAddress } from './access-log.ts';

const entry = { peer: '::ffff:10.0.0.1', method: 'GET', url: '/api2/json/ping?x=1', status: 200, bytes: 22 };

test('one line a request, with nothing of the request able to make another', () => {
  const at = Date.UTC(2026, 10, 23, 3, 5, 9);
  const local = /^::ffff:10\.0\.0\.1 - - \[\d\d\/\d\d\/2026:\d\d:\d\d:09 [+-]\d{4}\] /;
  const line = formatAccessEntry(entry, at);
  assert.match(line, local);
  assert.ok(line.endsWith('] "GET /api2/json/ping?x=1" 200 22 -\n'));
  const hostile = formatAccessEntry({ ...entry, authId: 'a@pbs', userAgent: 'x\r\nforged line', url: '/\u0000' }, at);
  assert.equal(hostile.split('\n').length, 2);
  assert.match(hostile, / - a@pbs \[.* x {2}forged line\n$/);
});

test('IPv4 peers are shown mapped', () => {
  assert.equal(shownAddress('10.0.0.1'), '::ffff:10.0.0.1');
  assert.equal(shownAddress('::1'), '::1');
  assert.equal(shownAddress(undefined), 'unknown');
});

test('lines are appended in order, and a rotated file is let go of', async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'granary-log-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'api', 'access.log');
  const log = new AccessLog(file, { now: () => 0 }, silentLogger);
  for (let i = 0; i < 50; i++) log.write({ ...entry, bytes: i });
  await log.flush();
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => line.split(' ').at(-2)),
    Array.from({ length: 50 }, (_, i) => String(i)),
  );
  renameSync(file, `${file}.1`);
  log.write(entry);
  await log.flush();
  assert.equal(readFileSync(file, 'utf8').split('\n').length, 2);
});
