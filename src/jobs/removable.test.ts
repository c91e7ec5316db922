// Jobs and figures of datastores whose devices come and go, and what a start puts right (config-and-tasks.md 9).

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { TestApi } from '../api/testing/api-server.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { SyncJobConfig } from '../config/sync-config.ts';
import { FakeMachine } from '../machine/testing/fake-machine.ts';
import { FakeMounts } from '../machine/testing/fake-mounts.ts';
import { datastoreJobs } from './due-jobs.ts';
import { findings } from './findings.ts';
import { healthFigures } from './health-figures.ts';
import { Scheduler } from './scheduler.ts';
import { settleRemovable } from './unmount-job.ts';

const uuid = '1111-AAAA';
let now = Date.UTC(2026, 10, 20, 12);
let api: TestApi;
let mounts: FakeMounts;
before(async () => {
  const machine = new FakeMachine();
  mounts = new FakeMounts(machine);
  mkdirSync(path.join(mounts.plug(uuid), 'one/.chunks'), { recursive: true });
  api = await TestApi.start({ machine, clock: { now: () => now } });
  await config().create({ name: 'usb1', path: 'one', 'backing-device': uuid, 'gc-schedule': 'daily' });
});
after(() => api[Symbol.asyncDispose]());

const config = () => new DatastoreConfig(api.server.directories);
const call = (method: string, target: string, params = {}) => api.call(method, target, { as: 'admin@pbs', params });
const modeOf = () => config().get('usb1').data['maintenance-mode'];

async function runTask(verb: 'mount' | 'unmount'): Promise<{ status: string; log: string[] }> {
  const answer = await call('POST', `admin/datastore/usb1/${verb}`);
  assert.equal(answer.status, 200, answer.text);
  const upid = String(answer.json.data);
  assert.match(upid, new RegExp(`:${verb}-device:usb1:admin@pbs:$`));
  const status = await api.finished(upid);
  const { lines } = await api.server.tasks.log(upid, 0, 0);
  return { status, log: lines.map(({ t }) => t.slice(27)) };
}

async function turn(): Promise<number> {
  const scheduler = new Scheduler(api.server, 'datastores', datastoreJobs);
  await scheduler.turn();
  await scheduler.stop();
  const { data } = await api.server.tasks.list({ limit: 0 });
  for (const { upid } of data) await api.finished(upid);
  return data.length;
}

test('jobs of a datastore that is away wait, raise no alarm, and run when it is back', async () => {
  await new SyncJobConfig(api.server.directories).create({
    id: 'copy',
    store: 'other',
    'remote-store': 'usb1',
    schedule: 'hourly',
  });
  assert.equal(await turn(), 0);
  now += 50 * 3_600_000;
  assert.equal(await turn(), 0);
  const health = await healthFigures(api.server).current({ fresh: true });
  const [store] = health.datastores;
  assert.deepEqual([store?.isMounted, store?.error, health.jobsDue], [false, undefined, 0]);
  assert.deepEqual(health.syncs, [{ job: 'copy', store: 'other' }]);
  assert.deepEqual(
    (await findings(api.server)).filter((one) => one.store !== undefined),
    [],
  );
  const { text } = await api.call('GET', 'status/metrics', { as: 'admin@pbs', headers: { accept: 'text/plain' } });
  assert.match(text, /pbs_datastore_mounted\{datastore="usb1"\} 0/);
  assert.doesNotMatch(text, /pbs_datastore_up\{datastore="usb1"\}/);
  const usage = await call('GET', 'status/datastore-usage');
  assert.deepEqual(usage.json.data, [{ store: 'usb1', 'mount-status': 'notmounted', 'backend-type': 'filesystem' }]);
  assert.equal((await runTask('mount')).status, 'OK');
  const listed = await call('GET', 'admin/datastore');
  assert.deepEqual(listed.json.data, [{ store: 'usb1', 'mount-status': 'mounted', 'backend-type': 'filesystem' }]);
  const directories = await call('GET', 'nodes/localhost/disks/directory');
  const place = path.join(api.machine.folder, 'mnt/datastore/usb1');
  assert.deepEqual(directories.json.data, [
    { name: 'usb1', path: place, device: '/dev/disk/by-uuid/1111-AAAA', removable: true, filesystem: 'ext4' },
  ]);
  const inUse = await call('DELETE', 'nodes/localhost/disks/directory/usb1');
  assert.match(inUse.text, /is used by datastore 'usb1'; remove that first/);
  assert.equal(await turn(), 3);
  const { data } = await api.server.tasks.list({ limit: 0, typefilter: 'garbage_collection' });
  assert.equal(data[0]?.status, 'OK');
});

test('a collection is made before the device goes, if that is wanted', async () => {
  await config().update('usb1', { 'gc-on-unmount': true, 'maintenance-mode': 'read-only,message=x' });
  const { status, log } = await runTask('unmount');
  assert.equal(status, 'OK', log.join('\n'));
  assert.deepEqual(log.slice(0, 2), ['collecting garbage before the device goes', 'garbage collection: OK']);
  assert.equal(modeOf(), 'read-only,message=x');
  await config().update('usb1', {}, { remove: ['maintenance-mode'] });
});

test('a device without the datastore is not left mounted', async () => {
  await config().update('usb1', { path: 'two' });
  const missing = await runTask('mount');
  assert.match(missing.status, /there is no directory 'two' on device '1111-AAAA'/);
  mkdirSync(path.join(mounts.plug(uuid), 'two'));
  const empty = await runTask('mount');
  assert.match(empty.status, /there is no datastore in 'two' on device '1111-AAAA': it has no '\.chunks'/);
  await config().update('usb1', { path: 'one' });
  assert.match((await call('POST', 'admin/datastore/usb1/unmount')).text, /^datastore 'usb1' is not mounted/);
});

test('a start ends the mode of an unmount that died, and sets the one from before', async () => {
  const file = path.join(api.server.directories.state, 'unmounting', 'usb1.json');
  mkdirSync(path.dirname(file), { recursive: true });
  await config().update('usb1', { 'maintenance-mode': 'unmount' });
  assert.match((await call('POST', 'admin/datastore/usb1/mount')).text, /datastore is being unmounted/);
  const removal = await api.finished(String((await call('DELETE', 'config/datastore/usb1')).json.data));
  assert.match(removal, /datastore is being unmounted/);
  writeFileSync(file, JSON.stringify({ mode: 'offline' }));
  await settleRemovable(api.server);
  assert.equal(modeOf(), 'offline');
  for (const kept of ['{"mode":"nonsense"}', 'damaged']) {
    await config().update('usb1', { 'maintenance-mode': 'unmount' });
    writeFileSync(file, kept);
    await settleRemovable(api.server);
    assert.equal(modeOf(), undefined);
  }
  await config().update('usb1', { 'maintenance-mode': 'unmount' });
  const going = await api.server.tasks.start({ type: 'unmount-device', id: 'usb1', authId: 'admin@pbs' }, async () => {
    await settleRemovable(api.server);
    assert.equal(modeOf(), 'unmount');
  });
  assert.equal(await going.done, 'OK');
  await settleRemovable(api.server);
  assert.equal(modeOf(), undefined);
});

test('fixed datastores cannot be mounted', async () => {
  await config().create({ name: 'fixed', path: '/srv/fixed' });
  const text = "datastore 'fixed' is not removable";
  for (const verb of ['mount', 'unmount']) {
    const answer = await call('POST', `admin/datastore/fixed/${verb}`);
    assert.deepEqual([answer.status, answer.text], [400, text]);
  }
  const refused = await api.call('POST', 'admin/datastore/usb1/mount', { as: 'audit@pbs' });
  assert.equal(refused.status, 403);
});
