// Writing logs, reading them while they grow, and what the last line says.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { formatLocal, parseRfc3339 } from '../base/clock.ts';
import { type LogLine, readTaskEnd, TaskLogReader } from './task-log-reader.ts';
import { TaskLogWriter } from './task-log-writer.ts';
import { errorStatus, formatStatusLine, parseStatusLine, statusClass } from './task-status.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'granary-log-'));
  path = join(directory, 'log');
});
afterEach(() => rm(directory, { recursive: true }));

const golden = (name: string): { data: LogLine[]; total: number } =>
  JSON.parse(fs.readFileSync(new URL(`../../test/golden/pbs-3.2.4/api/${name}`, import.meta.url), 'utf8'));
const stop = (error: unknown): never => {
  throw error;
};

test('logs of the original are read as it shows them', async () => {
  for (const name of ['task-log-gc.json', 'task-log-verify.json', 'task-log-backup.json']) {
    const { data, total } = golden(name);
    fs.writeFileSync(path, data.map(({ t }) => `${t}\n`).join(''));
    const page = await new TaskLogReader().read(path, 0, 50, true);
    assert.deepEqual(page.lines, data);
    if (data.length < 50) assert.equal(page.total, total);
    const last = data.at(-1)!.t;
    const end = await readTaskEnd(path);
    if (last.endsWith('TASK OK')) {
      assert.deepEqual(end, { status: 'OK', endTime: parseRfc3339(last.slice(0, 25)), final: true });
    }
  }
});

test('lines are dated, in order, and on disk after a flush', () => {
  let now = 1_795_401_600_000;
  const log = new TaskLogWriter(path, { now: () => now }, stop);
  log.append('one');
  now += 999;
  log.append('two\n  more of two');
  now += 1;
  log.append('three');
  assert.equal(fs.readFileSync(path, 'utf8'), '');
  log.flush();
  const at = (second: number): string => formatLocal(1_795_401_600 + second);
  const text = `${at(0)}: one\n${at(0)}: two\n  more of two\n${at(1)}: three\n`;
  assert.equal(fs.readFileSync(path, 'utf8'), text);
  assert.equal(at(0).length, 25);
  log.append('four');
  log.close();
  log.append('never');
  log.close();
  assert.equal(fs.readFileSync(path, 'utf8'), `${text}${at(1)}: four\n`);
  assert.throws(() => new TaskLogWriter(path, { now: () => now }, stop), /EEXIST/);
});

test('many lines are written without waiting for the end', () => {
  const log = new TaskLogWriter(path, { now: () => 0 }, stop);
  for (let i = 0; i < 3000; i++) log.append(`line ${i}`);
  assert.ok(fs.statSync(path).size > 64 * 1024);
  log.close();
  assert.equal(fs.readFileSync(path, 'utf8').split('\n').length, 3001);
});

test('any page of a growing log is the same as of the whole', async () => {
  const reader = new TaskLogReader();
  const written: string[] = [];
  const log = new TaskLogWriter(path, { now: () => 0 }, stop);
  const prefix = `${formatLocal(0)}: `;
  const step = fc.record({ add: fc.nat(400), start: fc.nat(2500), limit: fc.nat(600) });
  await fc.assert(
    fc.asyncProperty(step, async ({ add, start, limit }) => {
      for (let i = 0; i < add && written.length < 2500; i++) {
        const line = `line ${written.length} ${'x'.repeat(written.length % 90)}`;
        written.push(prefix + line);
        log.append(line);
      }
      log.flush();
      const page = await reader.read(path, start, limit, false);
      const first = Math.max(start, 1);
      const texts = written.slice(first - 1, limit === 0 ? undefined : first - 1 + limit);
      assert.equal(page.total, written.length);
      assert.deepEqual(
        page.lines,
        texts.map((t, i) => ({ n: first + i, t })),
      );
    }),
    { numRuns: 60 },
  );
  log.close();
});

test('a line without its end counts only once the task has ended', async () => {
  fs.writeFileSync(path, 'one\ntwo\nthr');
  const reader = new TaskLogReader();
  assert.deepEqual(await reader.read(path, 2, 10, false), { lines: [{ n: 2, t: 'two' }], total: 2 });
  assert.deepEqual(await reader.read(path, 3, 10, true), { lines: [{ n: 3, t: 'thr' }], total: 3 });
  fs.appendFileSync(path, 'ee\n');
  assert.deepEqual(await reader.read(path, 3, 10, false), { lines: [{ n: 3, t: 'three' }], total: 3 });
  assert.deepEqual((await reader.read(path, 4, 10, true)).lines, []);
  fs.writeFileSync(path, 'new\n');
  assert.deepEqual(await reader.read(path, 0, 0, true), { lines: [{ n: 1, t: 'new' }], total: 1 });
});

test('two readers at once see the same log', async () => {
  fs.writeFileSync(path, Array.from({ length: 20_000 }, (_, i) => `${i}\n`).join(''));
  const reader = new TaskLogReader();
  const pages = await Promise.all(Array.from({ length: 8 }, () => reader.read(path, 19_999, 50, false)));
  for (const page of pages) {
    assert.equal(page.total, 20_000);
    assert.deepEqual(page.lines, [
      { n: 19_999, t: '19998' },
      { n: 20_000, t: '19999' },
    ]);
  }
});

test('how a task ended', async () => {
  const time = 1_795_401_600;
  const dated = (text: string): string => `${formatLocal(time)}: ${text}\n`;
  const cases: [string, Awaited<ReturnType<typeof readTaskEnd>>][] = [
    [dated('x') + dated('TASK OK'), { status: 'OK', endTime: time, final: true }],
    [dated('TASK WARNINGS: 3'), { status: 'WARNINGS: 3', endTime: time, final: true }],
    [dated('TASK ERROR: a: b'), { status: 'a: b', endTime: time, final: true }],
    [dated('x'), { status: 'unknown', endTime: time, final: false }],
    [`${dated('x')}more\nTASK OK\n`, { status: 'unknown', endTime: time, final: false }],
    [dated('TASK OK').trimEnd(), { status: 'unknown', endTime: time, final: false }],
    [dated('TASK FINE'), { status: 'unknown', endTime: time, final: false }],
    ['', { status: 'unknown', endTime: undefined, final: false }],
    ['\n\n\0', { status: 'unknown', endTime: undefined, final: false }],
    [`${'x'.repeat(200_000)}\n${dated('TASK OK')}`, { status: 'OK', endTime: time, final: true }],
  ];
  for (const [text, expected] of cases) {
    fs.writeFileSync(path, text);
    assert.deepEqual(await readTaskEnd(path), expected, text.slice(-60));
  }
  assert.equal(await readTaskEnd(`${path}-none`), undefined);
});

test('statuses as lines and back', () => {
  for (const status of ['OK', 'WARNINGS: 12', 'no space left', 'a: b']) {
    assert.equal(parseStatusLine(formatStatusLine(status)), status);
  }
  assert.deepEqual(['OK', 'WARNINGS: 1', 'unknown', 'WARNINGS: x', 'ok'].map(statusClass), [
    'ok',
    'warning',
    'unknown',
    'error',
    'error',
  ]);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.constantFrom('OK', '', 'unknown', 'WARNINGS: 1', 'a\r\n b\n')), (message) => {
      const status = errorStatus(message);
      assert.equal(statusClass(status), 'error');
      assert.doesNotMatch(status, /[\r\n]/);
      assert.equal(parseStatusLine(formatStatusLine(status)), status);
    }),
  );
});
