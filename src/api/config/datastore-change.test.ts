// Changing configured datastores: maintenance modes, notifications, retention (rest-api.md 7.5, 10 G2, G9, G10).

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { TestApi } from '../testing/api-server.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(() => api[Symbol.asyncDispose]());

type Params = Record<string, string | number | boolean | readonly string[]>;
const as = 'admin@pbs';
const config = (name: string) => path.join(api.server.directories.config, name);
const update = (params: Params, who = as) => api.call('PUT', 'config/datastore/ds1', { as: who, params });
const read = async () => (await api.call('GET', 'config/datastore/ds1', { as })).json.data as Record<string, unknown>;
const pruneJobs = async (route = 'config/prune') =>
  (await api.call('GET', route, { as })).json.data as Record<string, unknown>[];
async function done(params: Params): Promise<void> {
  const { status, text } = await update(params);
  assert.deepEqual([status, text], [200, '{"data":null}']);
}

/** datastore.cfg as somebody wrote it by hand. */
function writeByHand(...lines: string[]): void {
  const base = path.join(api.home, 'ds1');
  mkdirSync(path.join(base, '.chunks'), { recursive: true });
  writeFileSync(config('datastore.cfg'), [`datastore: ds1`, `    path ${base}`, ...lines, ''].join('\n'));
  writeFileSync(config('prune.cfg'), '');
}
beforeEach(() => writeByHand());

test('every option can be set, is stored as the file has it, and can be removed', async () => {
  const { path: base } = await read();
  const options = {
    comment: 'x',
    'gc-schedule': 'sat 02:00',
    'gc-on-unmount': true,
    'verify-new': true,
    'notify-user': 'admin@pbs',
    notify: 'gc=error,prune=never',
    'notify-level': 'warning',
    'notification-mode': 'legacy-sendmail',
    tuning: 'chunk-order=none,sync-level=file,gc-atime-cutoff=60',
    'maintenance-mode': 'read-only',
    'notification-thresholds': 's3-get=5,s3-upload=1 GiB',
    'counter-reset-schedule': 'monthly',
  };
  await done(options);
  assert.deepEqual(await read(), { name: 'ds1', path: base, ...options });
  await done({ delete: Object.keys(options) });
  assert.deepEqual(await read(), { name: 'ds1', path: base });
  for (const fixed of ['path', 'backend', 'backing-device']) {
    assert.match((await update({ [fixed]: '/else' })).text, /schema does not allow additional properties/);
  }
  assert.equal((await update({ comment: 'x' }, 'audit@pbs')).status, 403);
});

test('maintenance modes are set and cleared; those of the server itself are not', async () => {
  await done({ 'maintenance-mode': 'type=offline,message="disk, new"' });
  assert.equal((await read())['maintenance-mode'], 'offline,message=disk%2C%20new');
  const groups = await api.call('GET', 'admin/datastore/ds1/groups', { as });
  assert.equal(groups.text, "datastore 'ds1' is unavailable: offline maintenance mode: disk, new");
  await done({ delete: ['maintenance-mode'] });
  assert.equal((await api.call('GET', 'admin/datastore/ds1/groups', { as })).status, 200);
  for (const mode of ['delete', 'unmount', 's3-refresh']) {
    const text = `parameter verification failed - 'maintenance-mode': mode '${mode}' is set by the server itself`;
    assert.equal((await update({ 'maintenance-mode': mode })).text, text);
  }
  writeByHand('    maintenance-mode delete');
  const changes: Params[] = [{ 'maintenance-mode': 'offline' }, { delete: ['maintenance-mode'] }];
  for (const change of changes) {
    assert.match((await update(change)).text, /mode 'delete' ends by itself and cannot be changed/);
  }
  assert.equal((await read())['maintenance-mode'], 'delete');
  await done({ comment: 'still possible' });
});

test('S13-3: one word for all notifications, and their least severity', async () => {
  await done({ notify: 'always', 'notify-level': 'warning' });
  const { notify, 'notify-level': level } = await read();
  assert.deepEqual([notify, level], ['gc=always,verify=always,sync=always,prune=always', 'warning']);
  await done({ notify: 'error' });
  assert.equal((await read())['notify'], 'gc=error,verify=error,sync=error,prune=error');
  writeByHand('    notify always');
  assert.equal((await read())['notify'], 'always');
  assert.match((await update({ notify: 'sometimes' })).text, /'notify': /);
});

test('keep options make and change the prune job of the datastore', async () => {
  await done({ 'keep-last': 3, 'keep-daily': 7 });
  const job = { id: 'default-ds1', store: 'ds1', schedule: 'daily', 'keep-last': 3, 'keep-daily': 7 };
  assert.deepEqual(await pruneJobs(), [job]);
  await done({ 'prune-schedule': 'daily 06:00', 'keep-yearly': 2, delete: ['keep-last'] });
  const changed = { id: 'default-ds1', store: 'ds1', schedule: 'daily 06:00', 'keep-daily': 7, 'keep-yearly': 2 };
  assert.deepEqual(await pruneJobs(), [changed]);
  assert.doesNotMatch(readFileSync(config('datastore.cfg'), 'utf8'), /keep|prune/);
  await done({ delete: ['prune-schedule'] });
  assert.deepEqual(await pruneJobs(), [{ ...changed, disable: true }]);
  assert.equal((await pruneJobs('admin/prune'))[0]!['next-run'], undefined);
  await done({ 'prune-schedule': 'sat 02:00' });
  assert.deepEqual(await pruneJobs(), [{ ...changed, schedule: 'sat 02:00' }]);
  assert.match(
    (await update({ 'prune-schedule': 'whenever' })).text,
    /'prune-schedule': unable to parse calendar event/,
  );
});

test('keep options that stand in the file are a job of their own, and go over into one when they are changed', async () => {
  writeByHand('    keep-last 3', '    keep-daily 7', '    prune-schedule daily 02:00');
  const byHand = readFileSync(config('datastore.cfg'), 'utf8');
  const [implicit, ...others] = await pruneJobs('admin/prune');
  const { 'next-run': next, ...job } = implicit!;
  const schedule = 'daily 02:00';
  assert.deepEqual(job, {
    id: 'default-ds1',
    store: 'ds1',
    schedule,
    'keep-last': 3,
    'keep-daily': 7,
    origin: 'datastore',
  });
  assert.ok(Number(next) > Date.now() / 1000 - 60);
  assert.deepEqual(others, []);
  assert.deepEqual(await pruneJobs(), [], 'it is in no file of jobs');
  assert.equal(readFileSync(config('datastore.cfg'), 'utf8'), byHand, 'and the file is not written anew');
  await done({ 'keep-daily': 14 });
  assert.deepEqual(await pruneJobs(), [
    { id: 'default-ds1', store: 'ds1', schedule, 'keep-last': 3, 'keep-daily': 14 },
  ]);
  assert.doesNotMatch(readFileSync(config('datastore.cfg'), 'utf8'), /keep|prune/);
  assert.equal((await pruneJobs('admin/prune')).length, 1);
});

test('a job of the administrator takes the place of keep options in the file', async () => {
  writeByHand('    keep-last 1', '    prune-schedule daily');
  const params = { id: 'mine', store: 'ds1', schedule: 'weekly', 'keep-daily': 30 };
  await api.call('POST', 'config/prune', { as, params });
  assert.deepEqual(
    (await pruneJobs('admin/prune')).map((job) => job['id']),
    ['mine'],
  );
  // What did not count before does not come back with a change.
  await done({ 'keep-weekly': 4 });
  assert.deepEqual((await pruneJobs())[1], { id: 'default-ds1', store: 'ds1', schedule: 'daily', 'keep-weekly': 4 });
});

test('retention without a schedule in the file does nothing, nor does a schedule without retention', async () => {
  writeByHand('    keep-last 1');
  assert.deepEqual(await pruneJobs('admin/prune'), []);
  writeByHand('    prune-schedule daily');
  assert.deepEqual(await pruneJobs('admin/prune'), []);
});

test('two long names that begin alike have jobs of their own', async () => {
  const names = ['a-datastore-with-a-long-name-1', 'a-datastore-with-a-long-name-2'];
  const sections = names.map((name) => `datastore: ${name}\n\tpath /${name}\n`);
  writeFileSync(config('datastore.cfg'), sections.join('\n'));
  for (const name of names) {
    const { status } = await api.call('PUT', `config/datastore/${name}`, { as, params: { 'keep-last': 1 } });
    assert.equal(status, 200);
  }
  const jobs = await pruneJobs();
  assert.deepEqual(
    jobs.map((job) => job['store']),
    names,
  );
  await api.call('PUT', `config/datastore/${names[1]}`, { as, params: { 'keep-last': 2 } });
  assert.deepEqual(
    (await pruneJobs()).map((job) => job['keep-last']),
    [1, 2],
  );
});
