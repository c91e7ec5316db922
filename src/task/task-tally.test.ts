// The tally of ended tasks: counted once whatever is rotated or restarted, the course of each group and job.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { formatLocal } from '../base/clock.ts';
import { formatUpid, parseUpid } from '../model/upid.ts';
import { formatEnded, TaskLists } from './task-lists.ts';
import { TaskTallies } from './task-tally.ts';

let root: string;
let lists: TaskLists;
let tallies: TaskTallies;
let counter = 0;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'granary-tally-'));
  fs.mkdirSync(join(root, 'state'));
  fs.mkdirSync(join(root, 'tasks'));
  lists = new TaskLists(join(root, 'tasks'), undefined, () => false);
  tallies = new TaskTallies(join(root, 'state'), lists);
});
afterEach(() => rm(root, { recursive: true }));

const epoch = 1_790_000_000;

/** Appends to the archive as an ended task does. */
const ended = async (workerType: string, workerId: string, status: string, path?: string): Promise<void> => {
  const taskId = counter++;
  const startTime = epoch + taskId * 60;
  const upid = formatUpid({ node: 'vm', pid: 1, pstart: 1, taskId, startTime, workerType, workerId, authId: 'a@pbs' });
  fs.appendFileSync(join(root, 'tasks', 'archive'), formatEnded(upid, { endTime: startTime + 30, status }));
  if (path === undefined) return;
  const parsed = parseUpid(upid)!;
  await lists.makeLogDirectory(parsed);
  const line = `starting new backup on datastore 's' from ::ffff:1.2.3.4: "${path}"`;
  fs.writeFileSync(lists.logPath(upid, parsed), `${formatLocal(startTime)}: ${line}\nmore\n`);
};
const course = async (type: string, id: string, from = tallies) =>
  (await from.current()).courses.find((one) => one.type === type && one.id === id);

test('failures are counted by kind, and courses tell failures in a row and the last success', async () => {
  assert.deepEqual(await tallies.current(), { failures: {}, courses: [] });
  await ended('backup', 's:host/a', 'OK', 'host/a/2026-01-01T00:00:00Z');
  await ended('backup', 's:host/a', 'connection error');
  await ended('backup', 's:host/a', 'unknown');
  await ended('prunejob', 's', 'WARNINGS: 2');
  await ended('aptupdate', '', 'no network');
  const { failures } = await tallies.current();
  assert.deepEqual(failures, { backup: 2, aptupdate: 1 });
  const backups = await course('backup', 's:host/a');
  assert.equal(backups?.failures, 2);
  assert.equal(backups.success!.end - backups.success!.start, 30);
  assert.equal(backups.failingSince, backups.success!.start + 60);
  assert.equal((await course('prunejob', 's'))?.failures, 0);
  await ended('backup', 's:host/a', 'WARNINGS: 1');
  const after = await course('backup', 's:host/a');
  assert.equal(after?.failures, 0);
  assert.equal(after.failingSince, undefined);
  assert.equal(after.success!.start, after.last.start);
});

test('groups of the same name in different namespaces fare by themselves', async () => {
  await ended('backup', 's:host/a', 'failed', 'ns/x/ns/y/host/a/2026-01-01T00:00:00Z');
  await ended('backup', 's:host/a', 'OK', 'host/a/2026-01-01T00:00:00Z');
  assert.equal((await course('backup', 's:ns/x/ns/y/host/a'))?.failures, 1);
  assert.equal((await course('backup', 's:host/a'))?.failures, 0);
});

test('no task is counted twice or lost, over rotations, restarts and two processes', async () => {
  const other = new TaskTallies(join(root, 'state'), new TaskLists(join(root, 'tasks'), undefined, () => false));
  await ended('backup', 's:host/a', 'one');
  assert.equal((await tallies.current()).failures['backup'], 1);
  await ended('backup', 's:host/a', 'two');
  await lists.rotate({ sizeLimit: 0 });
  assert.equal((await other.current()).failures['backup'], 2);
  await ended('backup', 's:host/a', 'three');
  assert.equal((await other.current()).failures['backup'], 3);
  assert.equal((await course('backup', 's:host/a'))?.failures, 3);
  await lists.rotate({ sizeLimit: 0 });
  await lists.rotate({ sizeLimit: 0, fileLimit: 0 });
  await ended('backup', 's:host/a', 'four');
  const restarted = new TaskTallies(join(root, 'state'), lists);
  assert.equal((await restarted.current()).failures['backup'], 4);
  const all = await Promise.all([restarted.current(), other.current(), tallies.current()]);
  assert.deepEqual(
    all.map((tally) => tally.failures),
    Array(3).fill({ backup: 4 }),
  );
});

test('a tally that is damaged is begun anew from the archives', async () => {
  await ended('backup', 's:host/a', 'one');
  await tallies.current();
  fs.writeFileSync(join(root, 'state', 'task-tally.json'), '{"version":1,');
  assert.deepEqual((await tallies.current()).failures, { backup: 1 });
});

test('what has not run for two months is forgotten, and counted still', async () => {
  await ended('backup', 's:host/gone', 'failed');
  counter += (61 * 86_400) / 60;
  await ended('backup', 's:host/a', 'OK');
  const { failures, courses } = await tallies.current();
  assert.deepEqual(failures, { backup: 1 });
  assert.deepEqual(
    courses.map((one) => one.id),
    ['s:host/a'],
  );
});
