// What jobs spool when they end; the spool is read, not sent.

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { TestApi } from '../api/testing/api-server.ts';
import { host, simpleContent, writeBackup } from '../datastore/testing/temporary-store.ts';
import type { Notification } from '../notify/notification.ts';
import { shortHostname } from '../notify/server-names.ts';
import { spoolDirectory } from '../notify/spool.ts';
import { takeSpooled } from '../notify/testing/spooled.ts';

let api: TestApi;
let base: string;
before(async () => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'granary-notices-'));
  fs.mkdirSync(path.join(base, 'store', '.chunks'), { recursive: true });
  api = await TestApi.start({ stores: { store1: path.join(base, 'store') } });
});
after(async () => {
  await api[Symbol.asyncDispose]();
  fs.rmSync(base, { recursive: true, force: true });
});

const call = (method: string, target: string, params = {}) => api.call(method, target, { as: 'admin@pbs', params });
const configure = async (params: Record<string, string | string[]>): Promise<void> =>
  assert.equal((await call('PUT', 'config/datastore/store1', params)).text, '{"data":null}');

/** Runs something to its end; its UPID, its status, and what was spooled meanwhile. */
async function run(target: string): Promise<{ upid: string; status: string; told: Notification[] }> {
  const upid = (await call('POST', target)).json.data as string;
  const status = await api.finished(upid);
  return { upid, status, told: takeSpooled(api.server.directories) };
}

const hostname = shortHostname();
const gc = 'admin/datastore/store1/gc';

test('a garbage collection tells its figures', async () => {
  const { upid, status, told } = await run(gc);
  assert.equal(status, 'OK');
  const [{ data, timestamp, ...rest } = {} as Notification, ...more] = told;
  assert.deepEqual(
    [rest, more],
    [{ severity: 'info', fields: { type: 'gc', hostname, datastore: 'store1' }, template: 'gc-ok' }, []],
  );
  assert.ok(Math.abs(timestamp - Date.now() / 1000) < 60);
  assert.deepEqual(
    ['upid', 'datastore', 'index-file-count', 'removed-bytes', 'deduplication-factor', 'error'].map((key) => data[key]),
    [upid, 'store1', 0, 0, '1.00', undefined],
  );
});

test('jobs of verification and retention tell how they ended, tasks by hand do not', async () => {
  await call('POST', 'config/verify', { id: 'verify-1', store: 'store1', 'ignore-verified': false });
  await call('POST', 'config/prune', { id: 'prune-1', store: 'store1', schedule: 'daily', 'keep-last': 1 });
  const store = await api.server.datastores.get('store1');
  await writeBackup(store, host('one', 1_700_000_000), simpleContent('one'));
  const prune = await run('admin/prune/prune-1/run');
  assert.deepEqual(
    prune.told.map(({ template, severity, fields }) => [template, severity, fields]),
    [['prune-ok', 'info', { type: 'prune', hostname, datastore: 'store1', 'job-id': 'prune-1' }]],
  );
  assert.deepEqual(
    (await run('admin/verify/verify-1/run')).told.map(({ template }) => template),
    ['verify-ok'],
  );

  const index = fs.readdirSync(path.join(base, 'store'), { recursive: true, encoding: 'utf8' });
  const damaged = index.find((name) => /\.(didx|fidx)$/.test(name));
  assert.ok(damaged);
  fs.truncateSync(path.join(base, 'store', damaged), 4000);
  const failed = await run('admin/verify/verify-1/run');
  const [{ template, severity, fields, data } = {} as Notification] = failed.told;
  assert.deepEqual([template, severity, fields['job-id']], ['verify-err', 'error', 'verify-1']);
  assert.equal(data['error'], failed.status);
  assert.equal((data['failed-snapshot-list'] as string[]).length, 1);
  assert.match(String((data['failed-snapshot-list'] as string[])[0]), /^host\/one\/2023-11-14T22:13:20Z$/);
  assert.deepEqual((await run('admin/datastore/store1/verify')).told, []);
});

test('the level and the mode of old of a datastore are heeded', async () => {
  await configure({ notify: 'always', 'notify-level': 'warning' });
  assert.deepEqual((await run('admin/prune/prune-1/run')).told, []);
  const failed = await run('admin/verify/verify-1/run');
  assert.deepEqual(
    failed.told.map(({ template, 'mailto-user': user }) => [template, user]),
    [['verify-err', undefined]],
  );
  await configure({ 'notification-mode': 'legacy-sendmail', delete: ['notify-level', 'notify'] });
  assert.deepEqual((await run('admin/prune/prune-1/run')).told, []);
  assert.deepEqual((await run('admin/verify/verify-1/run')).told[0]?.['mailto-user'], 'root@pam');
  await configure({ 'notify-user': 'admin@pbs', notify: 'prune=always,verify=never' });
  assert.deepEqual((await run('admin/prune/prune-1/run')).told[0]?.['mailto-user'], 'admin@pbs');
  assert.deepEqual((await run('admin/verify/verify-1/run')).told, []);
  await configure({ delete: ['notification-mode', 'notify', 'notify-user'] });
});

test('a job whose end cannot be told has ended all the same', async () => {
  fs.rmSync(spoolDirectory(api.server.directories), { recursive: true });
  fs.writeFileSync(spoolDirectory(api.server.directories), '');
  const upid = (await call('POST', 'admin/prune/prune-1/run')).json.data as string;
  assert.equal(await api.finished(upid), 'OK');
  const { lines } = await api.server.tasks.log(upid, 0, 0);
  assert.ok(lines.some(({ t }) => t.includes('no notification can be sent: ')));
  fs.rmSync(spoolDirectory(api.server.directories));
});
