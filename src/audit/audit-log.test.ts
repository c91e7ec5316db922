import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, test } from 'node:test';
import fc from 'fast-check';
import { silentLogger } from '../base/log.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { setFailpoint } from '../os/failpoint.ts';
import type { AuditEvent } from './audit-entry.ts';
import { AuditLog } from './audit-log.ts';
import { verifyAuditLog } from './audit-verify.ts';

const homes: string[] = [];
after(() => {
  for (const home of homes) fs.rmSync(home, { recursive: true, force: true });
});
afterEach(() => setFailpoint('audit:before-write', undefined));

async function makeHome(): Promise<Directories> {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'granary-audit-'));
  homes.push(home);
  const directories = resolveDirectories(home, 'home');
  await createDirectories(directories);
  return directories;
}

let now = Date.parse('2026-02-11T10:00:00Z');
const clock = { now: () => now++ };
const open = (directories: Directories, o = {}): AuditLog => new AuditLog(directories, clock, silentLogger, o);
const change = (n: number): AuditEvent => ({
  user: 'admin@pbs',
  peer: '::ffff:127.0.0.1',
  action: 'PUT',
  target: `config/datastore/ds${n}`,
  parameters: { comment: `number ${n}` },
  result: 'OK',
});
const files = (directories: Directories): string[] =>
  fs
    .readdirSync(path.join(directories.log, 'audit'))
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => path.join(directories.log, 'audit', name));

async function filled(directories: Directories, count: number, o = {}): Promise<AuditLog> {
  const log = open(directories, o);
  for (let n = 1; n <= count; n++) await log.append(change(n));
  return log;
}

test('entries are chained, listed newest first, and whole', async () => {
  const directories = await makeHome();
  const log = await filled(directories, 3);
  const { data, total } = log.list({ limit: 2 });
  assert.deepEqual(
    data.map((entry) => [entry.seq, entry.target]),
    [
      [3, 'config/datastore/ds3'],
      [2, 'config/datastore/ds2'],
    ],
  );
  assert.equal(total, 3);
  assert.equal(data[0]!.previous, data[1]!.hash);
  const report = verifyAuditLog(directories);
  assert.deepEqual([report.entries, report.problems], [3, []]);
  assert.equal(report.head.hash, data[0]!.hash);
  assert.deepEqual(verifyAuditLog(directories, data[1]!.hash).problems, []);
  assert.match(verifyAuditLog(directories, 'a'.repeat(64)).problems[0]!, /its end was cut off/);
});

test('lists are filtered and paged', async () => {
  const directories = await makeHome();
  const log = await filled(directories, 5);
  await log.append({ ...change(6), user: 'other@pbs', action: 'DELETE' });
  const seqs = (filter: object): number[] => log.list(filter).data.map((entry) => entry.seq);
  assert.deepEqual(seqs({ user: 'other' }), [6]);
  assert.deepEqual(seqs({ match: 'DELETE' }), [6]);
  assert.deepEqual(seqs({ match: 'ds2' }), [2]);
  assert.deepEqual(seqs({ start: 1, limit: 2 }), [5, 4]);
  assert.deepEqual(seqs({ limit: 0 }), [6, 5, 4, 3, 2, 1]);
  const last = Math.floor(now / 1000);
  assert.deepEqual(seqs({ since: last + 10 }), []);
  assert.deepEqual(seqs({ until: last - 3600 }), []);
});

test('many at once are written in order', async () => {
  const directories = await makeHome();
  const log = open(directories, { segmentBytes: 2000 });
  await Promise.all(Array.from({ length: 100 }, (_, n) => log.append(change(n + 1))));
  assert.deepEqual(
    log.list({ limit: 0 }).data.map((entry) => entry.target),
    Array.from({ length: 100 }, (_, n) => `config/datastore/ds${100 - n}`),
  );
  assert.deepEqual(verifyAuditLog(directories).problems, []);
});

test('the log goes on in new files, and a missing one is noticed', async () => {
  const directories = await makeHome();
  for (let n = 1; n <= 9; n++) await open(directories, { segmentBytes: 700 }).append(change(n));
  const segments = files(directories);
  assert.ok(segments.length >= 3, String(segments.length));
  assert.deepEqual(verifyAuditLog(directories).problems, []);
  fs.rmSync(segments[1]!);
  assert.ok(verifyAuditLog(directories).problems.some((problem) => problem.includes('should come before this file')));
});

test('every changed byte is noticed', async () => {
  const directories = await makeHome();
  await filled(directories, 3);
  const [file] = files(directories);
  const whole = fs.readFileSync(file!);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= change;
      fs.writeFileSync(file!, bytes);
      assert.notDeepEqual(verifyAuditLog(directories).problems, []);
    }),
    { numRuns: 300 },
  );
});

test('every removed, doubled or moved line is noticed, also the last', async () => {
  const directories = await makeHome();
  await filled(directories, 4);
  const [file] = files(directories);
  const lines = fs.readFileSync(file!, 'utf8').trimEnd().split('\n');
  const check = (changed: string[]): string[] => {
    fs.writeFileSync(file!, changed.map((line) => `${line}\n`).join(''));
    return verifyAuditLog(directories).problems;
  };
  for (const at of lines.keys()) {
    assert.notDeepEqual(check(lines.toSpliced(at, 1)), [], `without ${at}`);
    assert.notDeepEqual(check(lines.toSpliced(at, 0, lines[at]!)), [], `twice ${at}`);
  }
  assert.notDeepEqual(check(lines.toReversed()), []);
  fs.rmSync(file!);
  assert.match(verifyAuditLog(directories).problems[0]!, /its end was cut off/);
});

test('it is told from where to where the log is whole', async () => {
  const directories = await makeHome();
  assert.equal(verifyAuditLog(directories).intact, undefined);
  const log = await filled(directories, 5);
  const places = log
    .list()
    .data.map(({ seq, time }) => ({ seq, time }))
    .reverse();
  const [file] = files(directories);
  const text = fs.readFileSync(file!, 'utf8');
  const intactOf = (changed: string): unknown => {
    fs.writeFileSync(file!, changed);
    return verifyAuditLog(directories).intact;
  };
  assert.deepEqual(intactOf(text), { first: places[0], last: places[4] });
  assert.deepEqual(intactOf(`${text}{"seq":6`), { first: places[0], last: places[4] });
  assert.deepEqual(intactOf(text.replace('number 4', 'number 9')), { first: places[0], last: places[2] });
  assert.deepEqual(intactOf(text.split('\n').toSpliced(1, 1).join('\n')), { first: places[0], last: places[0] });
  assert.equal(intactOf(text.replace('number 1', 'number 9')), undefined);
});

test('a torn end is cut off by the next entry', async () => {
  const directories = await makeHome();
  await filled(directories, 2);
  const [file] = files(directories);
  fs.appendFileSync(file!, '{"seq":3,"time":"2026');
  assert.match(verifyAuditLog(directories).problems[0]!, /ends in the middle of an entry/);
  await open(directories).append(change(3));
  const report = verifyAuditLog(directories);
  assert.deepEqual([report.entries, report.problems], [3, []]);
});

test('a log whose first line is torn begins again', async () => {
  const directories = await makeHome();
  fs.mkdirSync(path.join(directories.log, 'audit'));
  fs.writeFileSync(path.join(directories.log, 'audit', '000000000001.log'), '{"seq":1');
  await open(directories).append(change(1));
  assert.deepEqual(verifyAuditLog(directories).problems, []);
});

test('damage does not end the log: it goes on behind it, and the damage stays to be seen', async () => {
  const directories = await makeHome();
  await filled(directories, 3);
  const [file] = files(directories);
  fs.writeFileSync(file!, fs.readFileSync(file!, 'utf8').replace('number 3', 'number 4'));
  await open(directories).append(change(4));
  const { problems } = verifyAuditLog(directories);
  assert.ok(
    problems.some((problem) => problem.includes('line 3: its content does not have its hash')),
    problems.join(),
  );
  assert.equal(open(directories).list({ limit: 1 }).data[0]!.target, 'config/datastore/ds4');
  fs.writeFileSync(file!, 'nothing of it\n'.repeat(3));
  fs.rmSync(files(directories)[1]!);
  fs.writeFileSync(path.join(directories.state, 'audit-head.json'), 'nothing');
  await open(directories).append(change(5));
  assert.equal(open(directories).list({ limit: 1 }).data[0]!.target, 'config/datastore/ds5');
});

test('a full disk stops nobody, and is told', async () => {
  const directories = await makeHome();
  const told: unknown[] = [];
  const log = new AuditLog(directories, clock, (level, event, facts) => told.push([level, event, facts?.['entry']]));
  await log.append(change(1));
  setFailpoint('audit:before-write', 'ENOSPC');
  await log.append(change(2));
  assert.deepEqual(told, [['error', 'audit-log-failed', change(2)]]);
  setFailpoint('audit:before-write', undefined);
  await log.append(change(3));
  const report = verifyAuditLog(directories);
  assert.deepEqual([report.entries, report.problems], [2, []]);
});

test('several processes append to one log', async () => {
  const directories = await makeHome();
  const child = new URL('./testing/append-child.ts', import.meta.url);
  const home = path.dirname(directories.log);
  const ends = Array.from({ length: 2 }, (_, n) => {
    const process = fork(child, [home, String(n)], { stdio: 'inherit' });
    return new Promise((resolve) => process.once('exit', resolve));
  });
  const log = open(directories);
  for (let n = 0; n < 50; n++) await log.append(change(n));
  assert.deepEqual(await Promise.all(ends), [0, 0]);
  const report = verifyAuditLog(directories);
  assert.deepEqual([report.entries, report.problems], [150, []]);
});

test('parameters that are too long are left out', async () => {
  const directories = await makeHome();
  const log = open(directories);
  await log.append({ ...change(1), parameters: { notes: 'x'.repeat(10_000) } });
  assert.deepEqual(log.list().data[0]!.parameters, { 'left-out': '10012 characters' });
});
