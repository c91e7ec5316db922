import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findInstalled } from '../../../test/support/installed.ts';
import { emptyStore } from '../../../test/support/server.ts';
import { epochSeconds } from '../../base/clock.ts';
import { SyncJobConfig } from '../../config/sync-config.ts';
import { host, simpleContent, writeBackup } from '../../datastore/testing/temporary-store.ts';
import { databaseFile } from '../../metrics/database.ts';
import { MetricsWriter } from '../../metrics/metrics-writer.ts';
import { rootUser } from '../../model/auth-id.ts';
import { type Answer, TestApi } from '../testing/api-server.ts';

let api: TestApi;
let root: string;
let secret: string;
let now: number;

before(async () => {
  root = fs.mkdtempSync(join(tmpdir(), 'granary-metrics-'));
  for (const name of ['store1', 'store2']) await emptyStore(join(root, name));
  api = await TestApi.start({ stores: { store1: join(root, 'store1'), store2: join(root, 'store2') } });
  const { server } = api;
  now = epochSeconds(server.clock);
  const store = await server.datastores.get('store1');
  await store.createNamespace([], 'east');
  await writeBackup(store, host('web', now - 200_000));
  await writeBackup(store, host('web', now - 60));
  await writeBackup(store, host('db', now - 50), simpleContent('x'), ['east']);
  for (const [time, size] of [
    [now - 200_000, 1000],
    [now - 60, 80],
  ] as const) {
    await store.updateManifest([], host('web', time), (unprotected) => {
      unprotected['chunk_upload_stats'] = { count: 1, size, compressed_size: size, duplicates: 0 };
    });
  }
  const run = async (type: string, id: string, error?: string) => {
    const task = await server.tasks.start({ type, id, authId: 'admin@pbs' }, async () => {
      if (error !== undefined) throw new Error(error);
    });
    await task.done;
  };
  await run('garbage_collection', 'store1');
  await run('backup', 'store1:host/web', 'the "connection" was lost');
  await run('syncjob', 'rem1:other:store1::nightly');
  await new SyncJobConfig(server.directories).create({
    id: 'nightly',
    store: 'store1',
    remote: 'rem1',
    'remote-store': 'other',
    schedule: 'daily',
  });
  using writer = new MetricsWriter(databaseFile(server.directories));
  const points = { cpu_current: 0.25, net_in: 5000, mem_total: 1024 };
  for (const time of [now - 20, now - 10]) {
    writer.record(time, [
      { series: 'host', values: {}, points },
      { series: 'datastore/store1', values: {}, points: { disk_total: 100, disk_used: 40 } },
      { series: 'datastore/store2', values: {}, points: { disk_total: 10 } },
    ]);
  }
  // Two hundredths more every half an hour: full thirty half hours from now.
  for (let i = 0; i < 20; i++) {
    const values = { total: 100, used: 2 * (i + 1), available: 100 - 2 * (i + 1) };
    writer.record(now - (20 - i) * 1800, [{ series: 'datastore/store2', values }]);
  }
  await server.access.users.create({ userid: 'mon@pbs' });
  secret = await server.access.users.generateToken({ tokenid: 'mon@pbs!scrape' });
  for (const authId of ['mon@pbs', 'mon@pbs!scrape']) {
    await server.access.updateAcl(rootUser, { path: '/', role: 'Audit', authId });
  }
});
after(async () => {
  await api[Symbol.asyncDispose]();
  fs.rmSync(root, { recursive: true });
});

const scrape = (authorization: string, headers: Record<string, string> = {}): Promise<Answer> =>
  api.call('GET', 'status/metrics', { headers: { authorization, ...headers } });
const isText = ({ status, headers }: Answer): boolean =>
  status === 200 && headers['content-type'] === 'text/plain; version=0.0.4; charset=utf-8';

test('a scraper is let in with its token in every form, and gets text', async () => {
  const forms = [
    `Bearer mon@pbs!scrape:${secret}`,
    `Bearer PBSAPIToken=mon@pbs!scrape:${secret}`,
    `Bearer ${encodeURIComponent(`mon@pbs!scrape:${secret}`)}`,
    `Bearer PBSAPIToken%3Dmon%40pbs%21scrape%3A${secret}`,
    `Bearer ${secret}`,
    `bearer ${secret}`,
  ];
  for (const form of forms) assert.ok(isText(await scrape(form)), form);
  for (const wrong of [`Bearer mon@pbs!scrape:${secret}x`, `Bearer ${secret}x`, 'Bearer', `Bearer mon@pbs:${secret}`]) {
    assert.equal((await scrape(wrong)).status, 401, wrong);
  }
  const elsewhere = await api.call('GET', 'version', { headers: { authorization: `Bearer ${secret}` } });
  assert.equal(elsewhere.status, 401, 'only scrapers send that');
});

test('who asks for text gets it, everybody else JSON', async () => {
  const get = (accept?: string) =>
    api.call('GET', 'status/metrics', { as: 'admin@pbs', headers: accept === undefined ? {} : { accept } });
  assert.ok(isText(await get('application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1')));
  assert.ok(isText(await get('text/plain')));
  for (const accept of [undefined, '*/*', 'application/json', 'application/json, text/plain, */*']) {
    assert.equal((await get(accept)).headers['content-type'], 'application/json;charset=UTF-8', accept);
  }
  const token = await scrape(`PBSAPIToken=mon@pbs!scrape:${secret}`);
  assert.equal(token.headers['content-type'], 'application/json;charset=UTF-8');
});

test('JSON points: the newest, or all since a time', async () => {
  const points = async (as: string, params: Record<string, string | number | boolean> = {}) =>
    ((await api.call('GET', 'status/metrics', { as, params })).json.data as { data: Record<string, unknown>[] }).data;
  assert.deepEqual(await points('admin@pbs'), [
    { id: 'datastore/store1', metric: 'disk_total', timestamp: now - 10, type: 'gauge', value: 100 },
    { id: 'datastore/store1', metric: 'disk_used', timestamp: now - 10, type: 'gauge', value: 40 },
    { id: 'datastore/store2', metric: 'disk_total', timestamp: now - 10, type: 'gauge', value: 10 },
    { id: 'host', metric: 'cpu_current', timestamp: now - 10, type: 'gauge', value: 0.25 },
    { id: 'host', metric: 'net_in', timestamp: now - 10, type: 'derive', value: 5000 },
    { id: 'host', metric: 'mem_total', timestamp: now - 10, type: 'gauge', value: 1024 },
  ]);
  assert.equal((await points('admin@pbs', { history: true })).length, 12);
  assert.equal((await points('admin@pbs', { history: true, 'start-time': now - 20 })).length, 6);
  assert.deepEqual(await points('admin@pbs', { 'start-time': now }), []);
  const ids = new Set((await points('audit@pbs')).map((point) => point['id']));
  assert.deepEqual([...ids], ['datastore/store1', 'datastore/store2'], 'no right on the machine');
  assert.deepEqual(await points('nobody@pbs'), []);
});

/** Names that rest-api.md 10 G1 wants. */
const wanted = `pbs_up pbs_version_info pbs_datastore_total_bytes pbs_datastore_used_bytes pbs_datastore_available_bytes
  pbs_datastore_usage_ratio pbs_datastore_dedup_factor pbs_datastore_index_data_bytes pbs_datastore_disk_bytes
  pbs_datastore_chunks pbs_snapshot_count pbs_snapshot_last_timestamp_seconds pbs_verify_failed_snapshots
  pbs_task_failures_total pbs_backup_consecutive_failures pbs_gc_duration_seconds pbs_gc_last_run_timestamp_seconds
  pbs_sync_last_success_timestamp_seconds pbs_sync_delay_seconds pbs_chunk_growth_ratio_24h host_cpu_current
  host_net_in_bytes_total pbs_http_request_duration_seconds_bucket pbs_network_receive_bytes_total pbs_sessions
  pbs_jobs_due`.split(/\s+/);

test('the text has every figure, with its labels', async () => {
  const { text } = await scrape(`Bearer ${secret}`);
  for (const name of wanted) assert.match(text, new RegExp(`^${name}[ {]`, 'm'), name);
  const lines = [
    `pbs_snapshot_count{datastore="store1",ns="",type="host"} 2`,
    `pbs_snapshot_count{datastore="store1",ns="east",type="host"} 1`,
    `pbs_snapshot_last_timestamp_seconds{datastore="store1",ns="east",backup_type="host",backup_id="db"} ${now - 50}`,
    `pbs_group_consecutive_failures{datastore="store1",ns="",backup_type="host",backup_id="web"} 1`,
    `pbs_backup_consecutive_failures{datastore="store1"} 1`,
    `pbs_backup_consecutive_failures{datastore="store2"} 0`,
    `pbs_task_failures_total{worker_type="backup"} 1`,
    `pbs_chunk_growth_ratio_24h{datastore="store1"} 0.08`,
    `pbs_sync_delay_seconds{job="nightly",datastore="store1"} 0`,
    `pbs_datastore_up{datastore="store2"} 1`,
    `pbs_sessions{kind="backup"} 0`,
    'host_cpu_current 0.25',
    'host_net_in_bytes_total 5000',
  ];
  for (const line of lines) assert.ok(text.split('\n').includes(line), `${line} in\n${text}`);
});

test('when a datastore will be full is told as in the list of datastores', async () => {
  const { text } = await scrape(`Bearer mon@pbs!scrape:${secret}`);
  const full = Number(/^pbs_datastore_estimated_full_timestamp_seconds\{datastore="store2"\} (\d+)$/m.exec(text)?.[1]);
  const { data } = (await api.call('GET', 'status/datastore-usage', { as: 'admin@pbs' })).json;
  const store = (data as { store: string; 'estimated-full-date': number }[]).find((one) => one.store === 'store2');
  assert.equal(full, store?.['estimated-full-date']);
  assert.ok(Math.abs(full - (now + 30 * 1800)) < 2 * 1800);
});

test('everybody sees only what they may', async () => {
  const { server } = api;
  const names = async (as: string) => {
    const { text } = await api.call('GET', 'status/metrics', { as, headers: { accept: 'text/plain' } });
    return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  };
  assert.deepEqual(
    (await names('nobody@pbs')).map((line) => line.replace(/[ {].*/, '')),
    ['pbs_up', 'pbs_version_info'],
  );
  const auditor = await names('audit@pbs');
  assert.ok(auditor.some((line) => line.startsWith('pbs_datastore_used_bytes{datastore="store2"}')));
  assert.ok(!auditor.some((line) => /^(host_|pbs_task_|pbs_http_)/.test(line)));
  await server.access.users.create({ userid: 'east@pbs' });
  const role = 'DatastoreAudit';
  await server.access.updateAcl(rootUser, { path: '/datastore/store1/east', role, authId: 'east@pbs' });
  const east = (await names('east@pbs')).filter((line) => line.includes('datastore='));
  assert.equal(east.length, 2);
  assert.ok(east.every((line) => line.includes('ns="east"')));
});

test('a secret without a name: found for old tokens too, gone with its token, and not to be guessed', async () => {
  const { server } = api;
  const index = join(server.directories.config, 'token.index');
  assert.doesNotMatch(fs.readFileSync(index, 'utf8'), new RegExp(secret));
  assert.equal(fs.statSync(index).mode & 0o777, 0o600);
  const old = await server.access.users.generateToken({ tokenid: 'mon@pbs!old' });
  fs.rmSync(index);
  assert.equal(await server.access.findToken(old), 'mon@pbs!old', 'by trying');
  assert.match(fs.readFileSync(index, 'utf8'), /mon@pbs!old/);
  await server.access.users.updateToken('mon@pbs!old', { enable: false });
  assert.equal((await scrape(`Bearer ${old}`)).status, 401);
  await server.access.users.removeToken('mon@pbs!old');
  assert.equal(await server.access.findToken(old), undefined);
  assert.doesNotMatch(fs.readFileSync(index, 'utf8'), /mon@pbs!old/);
  for (let i = 0; i < 10; i++) assert.equal((await scrape(`Bearer guess-${i}`)).status, 401);
  const refused = await scrape('Bearer one-more');
  assert.match(refused.text, /too many failed attempts/);
  assert.ok(isText(await scrape(`Bearer mon@pbs!scrape:${secret}`)), 'who names the token is not held up');
});

const promtool = findInstalled('promtool', 'prometheus');
if (promtool !== undefined) {
  test('promtool finds nothing wrong with the text but the name that the guide wants', async () => {
    const { text } = await scrape(`Bearer mon@pbs!scrape:${secret}`);
    const checked = spawnSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' });
    const complaints = `${checked.stdout}${checked.stderr}`.split('\n').filter((line) => line !== '');
    assert.deepEqual(complaints, [
      'pbs_snapshot_count non-histogram and non-summary metrics should not have "_count" suffix',
    ]);
  });
}
