import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { TestApi } from '../api/testing/api-server.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { host, writeBackup } from '../datastore/testing/temporary-store.ts';
import { JobStates } from '../task/job-state.ts';
import type { ServerContext } from '../wire/context.ts';
import { datastoreJobs } from './due-jobs.ts';
import { startGarbageCollection } from './garbage-collection-job.ts';
import { Scheduler } from './scheduler.ts';

let api: TestApi;
let base: string;
let now = Date.now();
let server: ServerContext;
before(async () => {
  base = mkdtempSync(path.join(os.tmpdir(), 'granary-jobs-'));
  fs.mkdirSync(path.join(base, 'store', '.chunks'), { recursive: true });
  api = await TestApi.start({ stores: { store1: path.join(base, 'store') }, clock: { now: () => now } });
  server = api.server;
});
after(async () => {
  await api[Symbol.asyncDispose]();
  rmSync(base, { recursive: true, force: true });
});

const day = 86_400_000;
const call = (method: string, target: string, params = {}) => api.call(method, target, { as: 'admin@pbs', params });
const states = () => new JobStates(server.directories);

/** Lets the scheduler look once, and waits for what it has started. */
async function turn(): Promise<string[]> {
  const known = new Set((await server.tasks.list({ limit: 0 })).data.map((task) => task.upid));
  const scheduler = new Scheduler(server, 'datastores', datastoreJobs);
  await scheduler.turn();
  await scheduler.stop();
  const { data } = await server.tasks.list({ limit: 0 });
  const started = data.filter((task) => !known.has(task.upid)).toReversed();
  return await Promise.all(
    started.map(async ({ upid, worker_type: type, worker_id: id }) => `${type} ${id} ${await api.finished(upid)}`),
  );
}

async function logOf(type: string): Promise<string[]> {
  const { data } = await server.tasks.list({ limit: 1, typefilter: type });
  const { lines } = await server.tasks.log(data[0]!.upid, 0, 0);
  return lines.map(({ t }) => t.slice(27));
}

test('jobs run when they are due, once, and missed runs are made up for once', async () => {
  assert.equal((await call('PUT', 'config/datastore/store1', { 'gc-schedule': '02:00' })).status, 200);
  const prune = { id: 'prune-1', store: 'store1', schedule: '01:00', 'keep-last': 1 };
  assert.equal((await call('POST', 'config/prune', prune)).status, 200);
  assert.equal(
    (await call('POST', 'config/verify', { id: 'verify-1', store: 'store1', schedule: '03:00' })).status,
    200,
  );
  const store = await server.datastores.get('store1');
  for (const time of [1000, 2000, 3000]) await writeBackup(store, host('a', time));
  assert.deepEqual(await turn(), []);
  now += 3 * day;
  assert.deepEqual(await turn(), [
    'garbage_collection store1 OK',
    'prunejob store1 OK',
    'verificationjob store1:verify-1 OK',
  ]);
  assert.equal((await store.listSnapshots([])).length, 1);
  assert.deepEqual((await logOf('prunejob')).slice(0, 2), [
    "prune job 'prune-1'",
    "task triggered by schedule '01:00'",
  ]);
  assert.deepEqual((await logOf('garbage_collection')).slice(0, 2), [
    'starting garbage collection on store store1',
    "task triggered by schedule '02:00'",
  ]);
  assert.equal((await logOf('verificationjob'))[0], "Starting datastore verify job 'store1:verify-1'");
  assert.deepEqual(await turn(), []);
  const [gc] = (await call('GET', 'admin/gc')).json.data as Record<string, unknown>[];
  assert.deepEqual([gc!['last-run-state'], gc!['schedule']], ['OK', '02:00']);
});

test('a changed schedule counts from the change, now runs once', async () => {
  now += 60_000;
  await call('PUT', 'config/prune/prune-1', { schedule: 'now' });
  now += 60_000;
  assert.deepEqual(await turn(), ['prunejob store1 OK']);
  now += 60_000;
  assert.deepEqual(await turn(), []);
  await call('PUT', 'config/prune/prune-1', { disable: true, schedule: 'minutely' });
  now += day;
  assert.ok(!(await turn()).some((line) => line.startsWith('prunejob')));
});

test('the end of a run is kept, a failure too', async () => {
  await call('PUT', 'config/prune/prune-1', { disable: false });
  await call('PUT', 'config/datastore/store1', { 'maintenance-mode': 'read-only' });
  now += day;
  const text = "datastore 'store1' is unavailable: read-only maintenance mode: ";
  const lines = await turn();
  assert.ok(
    lines.some((line) => line.startsWith('prunejob store1 datastore')),
    lines.join(),
  );
  const state = await states().read('prunejob', 'prune-1');
  assert.ok(state !== undefined && state !== 'unknown' && 'finished' in state && 'Error' in state.finished.state);
  assert.ok(state.finished.state.Error.message.trim().startsWith(text.trim()), state.finished.state.Error.message);
  await call('PUT', 'config/datastore/store1', { delete: 'maintenance-mode' });
});

test('a job runs once at a time, and by hand too', async () => {
  const refused = await call('POST', 'admin/datastore/none/gc');
  assert.deepEqual([refused.status, refused.text], [400, "no such datastore 'none'"]);
  {
    using _lock = await states().lock('garbage_collection', 'store1');
    assert.equal(await startGarbageCollection(server, 'store1', { authId: 'admin@pbs' }), undefined);
    const answer = await call('POST', 'admin/datastore/store1/gc');
    assert.deepEqual([answer.status, answer.text], [400, 'Start GC failed - (already running/locked)']);
  }
  const gc = (await call('POST', 'admin/datastore/store1/gc')).json.data as string;
  assert.equal(await api.finished(gc), 'OK');
  const status = (await call('GET', 'admin/datastore/store1/gc')).json.data as Record<string, unknown>;
  assert.deepEqual([status['upid'], status['last-run-upid'], status['last-run-state']], [gc, gc, 'OK']);
  const prune = await call('POST', 'admin/prune/prune-1/run');
  assert.equal(await api.finished(prune.json.data as string), 'OK');
  const verify = await call('POST', 'admin/verify/verify-1/run');
  assert.equal(await api.finished(verify.json.data as string), 'OK');
  assert.equal((await call('POST', 'admin/verify/none/run')).text, "no such verification 'none'");
  assert.equal((await api.call('POST', 'admin/prune/prune-1/run', { as: 'audit@pbs' })).status, 403);
});

test('nothing is collected while another datastore has the same chunks, or lies inside', async () => {
  const config = new DatastoreConfig(server.directories);
  const store = path.join(base, 'store');
  fs.symlinkSync(store, path.join(base, 'link'));
  for (const other of [store, path.join(base, 'link'), path.join(store, 'vm'), base]) {
    await config.create({ name: 'other', path: other });
    const gc = (await call('POST', 'admin/datastore/store1/gc')).json.data as string;
    assert.equal(await api.finished(gc), `nested datastores not allowed: '${store}' and '${other}'`);
    await config.remove('other');
  }
  const gc = (await call('POST', 'admin/datastore/store1/gc')).json.data as string;
  assert.equal(await api.finished(gc), 'OK');
});

test('a state that is damaged is named, and the job runs when it is due next', async () => {
  const file = path.join(server.directories.state, 'jobstates', 'verificationjob-verify-1.json');
  fs.writeFileSync(file, '');
  // Noon: not within half a minute of when it is due.
  now = new Date(now + day).setHours(12, 0, 0, 0);
  await turn();
  assert.deepEqual(
    api.errors.map(({ event, facts }) => [event, facts['name']]),
    [['job-state-damaged', 'verify-1']],
  );
  api.errors.length = 0;
  assert.deepEqual(await states().read('verificationjob', 'verify-1'), { created: { time: now / 1000 } });
  now += day;
  assert.ok((await turn()).includes('verificationjob store1:verify-1 OK'));
});

test('one process schedules at a time, and a broken file stops its own jobs only', async () => {
  const first = new Scheduler(server, 'datastores', datastoreJobs);
  await first.turn();
  now += day;
  assert.deepEqual(await turn(), []);
  await first.stop();
  const file = path.join(server.directories.config, 'prune.cfg');
  fs.appendFileSync(file, 'nonsense\n');
  assert.deepEqual(await turn(), ['garbage_collection store1 OK', 'verificationjob store1:verify-1 OK']);
  assert.equal(api.errors.at(-1)?.event, 'jobs-not-scheduled');
  assert.match(String(api.errors.at(-1)?.facts['error']), /prune\.cfg.*line/);
  api.errors.length = 0;
  assert.ok(new DatastoreConfig(server.directories).get('store1'));
});
