// Removing datastores: what stays, what goes, and what keeps it from happening.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { TestApi } from '../testing/api-server.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(() => api[Symbol.asyncDispose]());

type Params = Record<string, string | number | boolean>;
const as = 'admin@pbs';
const get = async (route: string) => (await api.call('GET', route, { as })).json.data as Record<string, unknown>[];
const remove = (name: string, params: Params = {}) => api.call('DELETE', `config/datastore/${name}`, { as, params });
const names = async () => (await get('config/datastore')).map((store) => store['name']);

/** A small datastore with a backup in it, as its directory shows. */
function makeStore(name: string): string {
  const base = path.join(api.home, name);
  for (const folder of ['.chunks/0000', '.chunks/ffff', 'host/h/2026-01-01T00:00:00Z', 'ns/a/vm/100']) {
    mkdirSync(path.join(base, folder), { recursive: true });
  }
  writeFileSync(path.join(base, '.chunks/0000', `0000${'0'.repeat(60)}`), 'chunk');
  writeFileSync(path.join(base, '.gc-status'), '{}');
  const file = path.join(api.server.directories.config, 'datastore.cfg');
  const before = existsSync(file) ? `${readFileSync(file, 'utf8')}\n` : '';
  writeFileSync(file, `${before}datastore: ${name}\n\tpath ${base}\n`);
  return base;
}

/** The end of the task that a removal is, with its log. */
async function removed(name: string, params: Params = {}): Promise<{ status: string; log: string }> {
  const answer = await remove(name, params);
  assert.equal(answer.status, 200, answer.text);
  const upid = String(answer.json.data);
  assert.match(upid, new RegExp(`:delete-datastore:${name}:admin@pbs:$`));
  const status = await api.finished(upid);
  const { lines } = await api.server.tasks.log(upid, 0, 0);
  return { status, log: lines.map(({ t }) => t.slice(27)).join('\n') };
}

async function addReferences(store: string): Promise<void> {
  const jobs: [string, Params][] = [
    ['config/prune', { id: `p-${store}`, store, schedule: 'daily', 'keep-last': 1 }],
    ['config/verify', { id: `v-${store}`, store, schedule: 'daily' }],
    ['config/sync', { id: `s-${store}`, store, 'remote-store': 'elsewhere' }],
  ];
  for (const [route, params] of jobs) assert.equal((await api.call('POST', route, { as, params })).status, 200);
  await api.server.access.updateAcl('root@pam', { path: `/datastore/${store}/a`, role: 'Audit', authId: 'nobody@pbs' });
}

const references = async (store: string) => ({
  jobs: (await Promise.all(['config/prune', 'config/verify', 'config/sync'].map(get))).flat().length,
  rules: (await get('access/acl')).filter((rule) => String(rule['path']).startsWith(`/datastore/${store}`)).length,
  states: readdirSync(path.join(api.server.directories.state, 'jobstates')).length,
});

test('a datastore goes with its jobs and rules, its data stays', async () => {
  const base = makeStore('plain');
  await addReferences('plain');
  assert.deepEqual(await references('plain'), { jobs: 3, rules: 1, states: 3 });
  const { status, log } = await removed('plain');
  assert.equal(status, 'OK', log);
  assert.deepEqual(await names(), []);
  assert.deepEqual(await references('plain'), { jobs: 0, rules: 0, states: 0 });
  assert.ok(existsSync(path.join(base, 'host/h')));
  const again = await remove('plain');
  assert.deepEqual([again.status, again.text], [404, "datastore 'plain' does not exist."]);
});

test('jobs and rules are kept when that is wanted', async () => {
  makeStore('kept');
  await addReferences('kept');
  assert.equal((await removed('kept', { 'keep-job-configs': true })).status, 'OK');
  const { jobs, rules } = await references('kept');
  assert.deepEqual([jobs, rules], [3, 1]);
});

test('all data of a datastore is deleted, and nothing else', async () => {
  const base = makeStore('gone');
  const outside = path.join(api.home, 'outside');
  mkdirSync(outside);
  writeFileSync(path.join(outside, 'letters.txt'), 'dear reader');
  symlinkSync(outside, path.join(base, 'ns/a/vm/link'));
  const { status, log } = await removed('gone', { 'destroy-data': true });
  assert.equal(status, 'OK', log);
  assert.match(log, /^Finished deleting data\.$/m);
  assert.equal(existsSync(base), false);
  assert.equal(readFileSync(path.join(outside, 'letters.txt'), 'utf8'), 'dear reader');

  const shared = makeStore('shared');
  writeFileSync(path.join(shared, 'letters.txt'), 'dear reader');
  const { log: told } = await removed('shared', { 'destroy-data': true });
  assert.match(told, /stays: it has an entry 'letters\.txt' that is not the datastore's/);
  assert.deepEqual(readdirSync(shared), ['letters.txt']);
});

test('in doubt nothing is deleted, and the datastore stays as it was', async () => {
  const base = makeStore('doubt');
  const cases: [() => void, RegExp][] = [];
  const config = path.join(api.server.directories.config, 'datastore.cfg');
  const alone = `datastore: doubt\n\tpath ${base}\n`;
  cases.push([
    () => writeFileSync(config, `${alone}\ndatastore: inner\n\tpath ${base}/ns/inner\n`),
    /cannot delete the data of '.*': datastore in '.*inner' is nested with it/,
  ]);
  cases.push([
    () => writeFileSync(config, `datastore: doubt\n\tpath ${api.home}/nowhere\n`),
    /there is no such directory/,
  ]);
  cases.push([() => writeFileSync(config, `datastore: doubt\n\tpath ${api.home}\n`), /it holds no datastore/]);
  cases.push([
    () => {
      writeFileSync(config, alone);
      writeFileSync(path.join(base, '.chunks/letters.txt'), 'dear reader');
    },
    /is not the chunk directory of a datastore: it has an entry 'letters\.txt'/,
  ]);
  for (const [prepare, text] of cases) {
    prepare();
    const before = readFileSync(config, 'utf8');
    assert.match((await removed('doubt', { 'destroy-data': true })).status, text);
    assert.equal(readFileSync(config, 'utf8'), before);
    assert.ok(existsSync(path.join(base, 'host/h')));
    assert.ok(existsSync(path.join(base, '.chunks/ffff')));
  }
  writeFileSync(config, '');
});

test('a removal waits for what runs, and when it is stopped the datastore is as before', async () => {
  const base = makeStore('busy');
  const params = { 'maintenance-mode': 'read-only,message=x' };
  assert.equal((await api.call('PUT', 'config/datastore/busy', { as, params })).status, 200);
  const use = await api.server.datastores.use('busy', 'read');
  const started = String((await remove('busy', { 'destroy-data': true })).json.data);
  const logOf = async () => (await api.server.tasks.log(started, 0, 0)).lines.map(({ t }) => t).join('\n');
  while (!/waiting for 1 reading and 0 writing operations to end/.test(await logOf())) await Promise.resolve();
  const refused = await api.call('GET', 'admin/datastore/busy/groups', { as });
  assert.equal(refused.text, "datastore 'busy' is unavailable: datastore is being deleted");
  await api.server.tasks.abort(started);
  assert.match(await api.finished(started), /abort/);
  const [config] = await get('config/datastore');
  assert.deepEqual(config, { name: 'busy', path: base, ...params });
  use[Symbol.dispose]();
  assert.equal((await removed('busy', { 'destroy-data': true })).status, 'OK');
  assert.equal(existsSync(base), false);
});

test('a changed configuration is noticed, and whoever may not allocate is refused', async () => {
  makeStore('digest');
  const { digest } = (await api.call('GET', 'config/datastore', { as })).json;
  await api.call('PUT', 'config/datastore/digest', { as, params: { comment: 'x' } });
  assert.match((await remove('digest', { digest: String(digest) })).text, /^detected modified configuration/);
  assert.equal((await api.call('DELETE', 'config/datastore/digest', { as: 'audit@pbs' })).status, 403);
  assert.deepEqual(await names(), ['digest']);
});
