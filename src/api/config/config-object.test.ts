// What all kinds of configuration objects have in common, shown with prune jobs (rest-api.md 3.4, 7.5).

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { TestApi } from '../testing/api-server.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(() => api[Symbol.asyncDispose]());

type Params = Record<string, string | number | boolean | readonly string[]>;
const as = 'admin@pbs';
const list = (who = as) => api.call('GET', 'config/prune', { as: who });
const get = (id: string, who = as) => api.call('GET', `config/prune/${id}`, { as: who });
const create = (params: Params, who = as) => api.call('POST', 'config/prune', { as: who, params });
const update = (id: string, params: Params, who = as) => api.call('PUT', `config/prune/${id}`, { as: who, params });
const remove = (id: string, params: Params = {}, who = as) =>
  api.call('DELETE', `config/prune/${id}`, { as: who, params });
const file = () => path.join(api.server.directories.config, 'prune.cfg');

test('objects are created, listed, read, changed and removed', async () => {
  const job = { id: 'nightly', store: 'store1', schedule: 'daily', 'keep-last': 3, comment: 'x' };
  const created = await create(job);
  assert.deepEqual([created.status, created.text], [200, '{"data":null}']);
  assert.deepEqual((await list()).json.data, [job]);
  assert.deepEqual((await get('nightly')).json.data, job);
  assert.equal(
    readFileSync(file(), 'utf8'),
    'prune: nightly\n\tcomment x\n\tkeep-last 3\n\tschedule daily\n\tstore store1\n',
  );
  await update('nightly', { delete: ['comment', 'keep-last'], 'keep-daily': 7, ns: 'a/b' });
  const changed = { id: 'nightly', store: 'store1', schedule: 'daily', 'keep-daily': 7, ns: 'a/b' };
  assert.deepEqual((await get('nightly')).json.data, changed);
  assert.deepEqual((await remove('nightly')).json.data, null);
  assert.deepEqual((await list()).json.data, []);
});

test('what does not exist, or exists already, is named', async () => {
  await create({ id: 'one', store: 'store1', schedule: 'daily' });
  const again = await create({ id: 'one', store: 'store1', schedule: 'daily' });
  assert.deepEqual(
    [again.status, again.text],
    [400, "parameter verification failed - 'id': job 'one' already exists."],
  );
  const form = await api.call('POST', 'config/prune', {
    as,
    params: { id: 'one', store: 'store1', schedule: 'daily' },
    format: 'extjs',
  });
  assert.deepEqual((form.json as Record<string, unknown>)['errors'], { id: "job 'one' already exists." });
  for (const [answer, status, text] of [
    [await get('other'), 400, "no such prune 'other'"],
    [await update('other', { comment: 'x' }), 400, "no such prune 'other'"],
    [await remove('other'), 404, "job 'other' does not exist."],
  ] as const) {
    assert.deepEqual([answer.status, answer.text], [status, text]);
  }
  await remove('one');
});

test('the digest guards changes against each other, and the mandatory fields cannot be removed', async () => {
  await create({ id: 'two', store: 'store1', schedule: 'daily' });
  const { digest } = (await get('two')).json;
  assert.equal(digest, (await list()).json['digest']);
  const { status } = await update('two', { comment: 'first', digest: String(digest) });
  assert.equal(status, 200);
  const modified = 'detected modified configuration - file changed by other user? Try again.';
  for (const late of [
    await update('two', { comment: 'second', digest: String(digest) }),
    await remove('two', { digest: String(digest) }),
  ]) {
    assert.deepEqual([late.status, late.text], [400, modified]);
  }
  assert.equal(((await get('two')).json.data as { comment: string }).comment, 'first');
  assert.match((await update('two', { delete: ['schedule'] })).text, /'delete': value 'schedule' is not defined/);
  await remove('two');
});

test('lists show what the caller may see; others are refused by name of the privilege', async () => {
  await create({ id: 'mine', store: 'store1', schedule: 'daily', ns: 'team' });
  assert.deepEqual((await list('nobody@pbs')).json.data, []);
  assert.equal(((await list('audit@pbs')).json.data as unknown[]).length, 1);
  const path = '/datastore/store1/team';
  const audit = `missing permissions 'Datastore.Audit' on '${path}'`;
  const modify = `missing permissions 'Datastore.Modify' on '${path}'`;
  assert.deepEqual([(await get('mine', 'nobody@pbs')).status, (await get('mine', 'nobody@pbs')).text], [403, audit]);
  for (const refused of [
    await create({ id: 'mine', store: 'store1', schedule: 'daily', ns: 'team' }, 'audit@pbs'),
    await update('mine', { comment: 'x' }, 'audit@pbs'),
    await remove('mine', {}, 'audit@pbs'),
  ]) {
    assert.deepEqual([refused.status, refused.text], [403, modify]);
  }
  // Who may change jobs in one place can neither take one from another nor put one there.
  await api.server.access.updateAcl('root@pam', { path, role: 'DatastoreAdmin', authId: 'nobody@pbs' });
  assert.equal((await update('mine', { comment: 'x' }, 'nobody@pbs')).status, 200);
  assert.equal((await update('mine', { ns: 'other' }, 'nobody@pbs')).status, 403);
  await remove('mine', {}, 'nobody@pbs');
});

test('a broken file is named with its line and left alone', async () => {
  const broken = 'prune: ok1\n\tschedule daily\n\tstore store1\n\tcolour red\n';
  writeFileSync(file(), broken);
  const text = `parsing "${file()}" failed: line 4 - unknown property 'colour'`;
  for (const answer of [
    await list(),
    await get('ok1'),
    await create({ id: 'new', store: 'store1', schedule: 'daily' }),
    await update('ok1', { comment: 'x' }),
    await remove('ok1'),
  ]) {
    assert.deepEqual([answer.status, answer.text], [400, text]);
  }
  assert.equal(readFileSync(file(), 'utf8'), broken);
});
