// Sync jobs: who may see, make and change which (sync.md 3), and what makes no sense.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { RoleId } from '../../model/privileges.ts';
import { TestApi } from '../testing/api-server.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(() => api[Symbol.asyncDispose]());

type Params = Record<string, string | number | boolean | readonly string[]>;
const caller = 'nobody@pbs';
const call = (method: string, route: string, params: Params = {}, as = 'admin@pbs') =>
  api.call(method, route, { as, params });

/** Gives the caller exactly these roles. */
async function grant(rules: Readonly<Record<string, readonly RoleId[]>>): Promise<void> {
  const entries = (await call('GET', 'access/acl')).json.data as { ugid: string; path: string; roleid: string }[];
  for (const { ugid, path, roleid } of entries.filter((entry) => entry.ugid === caller)) {
    await api.server.access.updateAcl('root@pam', { path, role: roleid, authId: ugid, delete: true });
  }
  for (const [path, roles] of Object.entries(rules)) {
    for (const role of roles) await api.server.access.updateAcl('root@pam', { path, role, authId: caller });
  }
}

beforeEach(async () => {
  for (const { id } of (await call('GET', 'config/sync')).json.data as { id: string }[]) {
    await call('DELETE', `config/sync/${id}`);
  }
});

const pull = { id: 'pull1', store: 'local1', ns: 'a', remote: 'rem1', 'remote-store': 'far1', owner: caller };
const push = { ...pull, id: 'push1', 'sync-direction': 'push', 'remote-ns': 'b' };
const local = { id: 'local', store: 'local1', 'remote-store': 'local2', owner: caller };

interface Case {
  what: string;
  job: Params;
  rules: Readonly<Record<string, readonly RoleId[]>>;
  allowed: boolean;
}
const here = '/datastore/local1/a';
const writers: Case[] = [
  {
    what: 'an owner with Audit and Backup here and Read there',
    job: pull,
    rules: { [here]: ['DatastoreBackup', 'DatastoreAudit'], '/remote/rem1/far1': ['RemoteSyncOperator'] },
    allowed: true,
  },
  {
    what: 'the same without Audit',
    job: pull,
    rules: { [here]: ['DatastoreBackup'], '/remote/rem1/far1': ['RemoteSyncOperator'] },
    allowed: false,
  },
  {
    what: 'the same on another namespace',
    job: pull,
    rules: { '/datastore/local1/b': ['DatastoreAdmin'], '/remote/rem1/far1': ['RemoteSyncOperator'] },
    allowed: false,
  },
  {
    what: 'the same on another datastore of the remote',
    job: pull,
    rules: { [here]: ['DatastoreAdmin'], '/remote/rem1/far2': ['RemoteSyncOperator'] },
    allowed: false,
  },
  {
    what: 'removal of what vanished, without Prune',
    job: { ...pull, 'remove-vanished': true },
    rules: { [here]: ['DatastoreBackup', 'DatastoreAudit'], '/remote/rem1/far1': ['RemoteSyncOperator'] },
    allowed: false,
  },
  {
    what: 'removal of what vanished, with Prune',
    job: { ...pull, 'remove-vanished': true },
    rules: { [here]: ['DatastorePowerUser', 'DatastoreAudit'], '/remote/rem1/far1': ['RemoteSyncOperator'] },
    allowed: true,
  },
  {
    what: 'a job of somebody else, without Modify',
    job: { ...pull, owner: 'admin@pbs' },
    rules: { [here]: ['DatastorePowerUser', 'DatastoreAudit'], '/remote/rem1/far1': ['RemoteSyncOperator'] },
    allowed: false,
  },
  {
    what: 'a job of somebody else, with Modify',
    job: { ...pull, owner: 'admin@pbs' },
    rules: { [here]: ['DatastoreAdmin'], '/remote/rem1/far1': ['RemoteSyncOperator'] },
    allowed: true,
  },
  {
    what: 'a job of nobody in particular, which is the superuser, without Modify',
    job: Object.fromEntries(Object.entries(pull).filter(([name]) => name !== 'owner')),
    rules: { [here]: ['DatastorePowerUser', 'DatastoreAudit'], '/remote/rem1/far1': ['RemoteSyncOperator'] },
    allowed: false,
  },
  {
    what: "a job of one of the caller's tokens",
    job: { ...pull, owner: `${caller}!tok` },
    rules: { [here]: ['DatastoreBackup', 'DatastoreAudit'], '/remote/rem1/far1': ['RemoteSyncOperator'] },
    allowed: true,
  },
  {
    what: 'a pull from a local datastore with Backup there',
    job: local,
    rules: { '/datastore/local1': ['DatastoreBackup', 'DatastoreAudit'], '/datastore/local2': ['DatastoreBackup'] },
    allowed: true,
  },
  {
    what: 'a pull from a local datastore without rights there',
    job: local,
    rules: { '/datastore/local1': ['DatastoreAdmin'] },
    allowed: false,
  },
  {
    what: 'a push of what one may read, with DatastoreBackup there',
    job: push,
    rules: { [here]: ['DatastoreReader'], '/remote/rem1/far1/b': ['RemoteSyncPushOperator'] },
    allowed: true,
  },
  {
    what: 'a push of own groups',
    job: push,
    rules: { [here]: ['DatastoreBackup', 'DatastoreAudit'], '/remote/rem1/far1/b': ['RemoteSyncPushOperator'] },
    allowed: true,
  },
  {
    what: 'a push for somebody else without Read or Modify',
    job: { ...push, owner: 'admin@pbs' },
    rules: { [here]: ['DatastoreBackup', 'DatastoreAudit'], '/remote/rem1/far1/b': ['RemoteSyncPushOperator'] },
    allowed: false,
  },
  {
    what: 'a push that removes what vanished, without DatastorePrune',
    job: { ...push, 'remove-vanished': true },
    rules: { [here]: ['DatastoreReader'], '/remote/rem1/far1/b': ['RemoteSyncPushOperator'] },
    allowed: false,
  },
  {
    what: 'a push that removes what vanished, with DatastorePrune',
    job: { ...push, 'remove-vanished': true },
    rules: { [here]: ['DatastoreReader'], '/remote/rem1/far1/b': ['RemoteDatastorePowerUser'] },
    allowed: true,
  },
];

for (const { what, job, rules, allowed } of writers) {
  test(`${allowed ? 'allowed' : 'refused'}: ${what}`, async () => {
    await grant(rules);
    const id = String(job['id']);
    const created = await call('POST', 'config/sync', job, caller);
    assert.equal(created.status, allowed ? 200 : 403, created.text);
    if (!allowed) assert.equal(created.text, 'permission check failed');
    else assert.equal((await call('DELETE', `config/sync/${id}`, {}, caller)).status, 200);
    // Nor can it be reached by changing or removing one that is there.
    await call('POST', 'config/sync', job);
    assert.equal((await call('PUT', `config/sync/${id}`, { comment: 'x' }, caller)).status, allowed ? 200 : 403);
    assert.equal((await call('DELETE', `config/sync/${id}`, {}, caller)).status, allowed ? 200 : 403);
  });
}

const readers: [string, Params, Readonly<Record<string, readonly RoleId[]>>, boolean][] = [
  [
    'a pull with Audit here and of the remote',
    pull,
    { [here]: ['DatastoreAudit'], '/remote/rem1': ['RemoteAudit'] },
    true,
  ],
  ['a pull with Audit here only', pull, { [here]: ['DatastoreAudit'] }, false],
  ['a pull with Audit of the remote only', pull, { '/remote/rem1': ['RemoteAudit'] }, false],
  ['a local pull with Audit on both', local, { '/datastore': ['DatastoreAudit'] }, true],
  ['a local pull with Audit on one', local, { '/datastore/local1': ['DatastoreAudit'] }, false],
  ['a push with Audit on both', push, { [here]: ['DatastoreAudit'], '/remote/rem1/far1': ['RemoteAudit'] }, true],
  [
    'a push with Audit on another remote store',
    push,
    { [here]: ['DatastoreAudit'], '/remote/rem1/far2': ['RemoteAudit'] },
    false,
  ],
];
for (const [what, job, rules, seen] of readers) {
  test(`${seen ? 'shown' : 'not shown'}: ${what}`, async () => {
    await grant(rules);
    await call('POST', 'config/sync', job);
    const count = async (route: string, params: Params = {}) =>
      ((await call('GET', route, params, caller)).json.data as unknown[]).length;
    assert.equal(await count('config/sync'), seen ? 1 : 0);
    assert.equal(await count('admin/sync', { 'sync-direction': 'all' }), seen ? 1 : 0);
    assert.equal((await call('GET', `config/sync/${String(job['id'])}`, {}, caller)).status, seen ? 200 : 403);
  });
}

test('lists are by direction: all of the configuration, pulls of the states unless asked', async () => {
  await call('POST', 'config/sync', pull);
  await call('POST', 'config/sync', push);
  const ids = async (route: string, params: Params = {}) =>
    ((await call('GET', route, params)).json.data as { id: string }[]).map((job) => job.id);
  assert.deepEqual(await ids('config/sync'), ['pull1', 'push1']);
  assert.deepEqual(await ids('config/sync', { 'sync-direction': 'push' }), ['push1']);
  assert.deepEqual(await ids('admin/sync'), ['pull1']);
  assert.deepEqual(await ids('admin/sync', { 'sync-direction': 'all' }), ['pull1', 'push1']);
  assert.deepEqual(await ids('admin/sync', { store: 'other' }), []);
});

test('jobs that could not run are refused by name', async () => {
  const { remote: _remote, ...withoutRemote } = pull;
  const cases: [Params, RegExp][] = [
    [{ ...withoutRemote, 'remote-store': 'local1' }, /'remote-store': can't sync to same datastore/],
    [{ ...withoutRemote, 'sync-direction': 'push' }, /'remote': a job that pushes needs a remote/],
    [{ ...push, 'resync-corrupt': true }, /'resync-corrupt': /],
    [{ ...pull, 'max-depth': 7 }, /'max-depth': value must have a maximum value of 6 with ns 'a' \(got 7\)/],
    [
      { ...pull, 'group-filter': ['type:lxc'] },
      /'group-filter': invalid group filter 'type:lxc': 'lxc' is no backup type/,
    ],
    [{ ...pull, 'group-filter': ['regex:('] }, /'group-filter': invalid group filter 'regex:\('/],
    [{ ...pull, 'rate-in': 'fast' }, /'rate-in': unable to parse byte size 'fast'/],
    [{ ...pull, schedule: 'sometimes' }, /'schedule': unable to parse calendar event 'sometimes'/],
    [{ ...pull, 'worker-threads': 33 }, /'worker-threads': value must have a maximum value of 32/],
  ];
  for (const [params, text] of cases) {
    const answer = await call('POST', 'config/sync', params);
    assert.equal(answer.status, 400);
    assert.match(answer.text, text);
  }
  await call('POST', 'config/sync', pull);
  assert.match(
    (await call('PUT', 'config/sync/pull1', { delete: ['remote'], 'remote-store': 'local1' })).text,
    /same datastore/,
  );
});

test('a key may be named by who may use it; a replaced one is kept for pulling back', async () => {
  for (const id of ['key-a', 'key-b']) assert.equal((await call('POST', 'config/encryption-keys', { id })).status, 200);
  const rules: Record<string, RoleId[]> = {
    [here]: ['DatastoreReader', 'DatastoreAudit'],
    '/remote/rem1/far1': ['RemoteDatastorePowerUser'],
  };
  await grant(rules);
  const job = { ...push, 'active-encryption-key': 'key-a' };
  assert.equal((await call('POST', 'config/sync', job, caller)).status, 403);
  const once = { store: 'local1', ns: 'a', remote: 'rem1', 'remote-store': 'far1', 'encryption-key': 'key-a' };
  assert.equal((await call('POST', 'push', once, caller)).status, 403);
  const { 'encryption-key': _, ...pulled } = { ...once, 'decryption-keys': ['key-a'] };
  assert.match((await call('POST', 'pull', { ...pulled, 'decryption-keys': ['key-x'] })).text, /no such sync-key/);
  const mayPull: Record<string, RoleId[]> = {
    [here]: ['DatastoreBackup'],
    '/remote/rem1/far1': ['RemoteSyncOperator'],
  };
  await grant(mayPull);
  const refused = await call('POST', 'pull', pulled, caller);
  assert.match(
    `${refused.status} ${refused.text}`,
    /^403 missing permissions 'Sys.Modify' on '.system.encryption-keys.key-a'/,
  );
  await grant(rules);
  const list = () => call('GET', 'config/encryption-keys', {}, caller);
  const { json } = await list();
  const digest = createHash('sha256').update(
    readFileSync(path.join(api.server.directories.config, 'encryption-keys.cfg')),
  );
  assert.deepEqual([json.data, json['digest']], [[], digest.digest('hex')]);
  await grant({ ...rules, '/system/encryption-keys/key-a': ['Admin'] });
  assert.deepEqual(
    ((await list()).json.data as { id: string }[]).map(({ id }) => id),
    ['key-a'],
  );
  assert.equal((await call('POST', 'config/sync', job, caller)).status, 200);
  // Not by naming another's key, and not by taking over a job that has one.
  const next = { 'active-encryption-key': 'key-b' };
  assert.equal((await call('PUT', 'config/sync/push1', next, caller)).status, 403);
  assert.equal((await call('PUT', 'config/sync/push1', { ...next, 'associated-key': ['key-b'] })).status, 200);
  const shown = (await call('GET', 'config/sync/push1')).json.data as Record<string, unknown>;
  assert.deepEqual(shown['associated-key'], ['key-b', 'key-a']);
  const { status, text } = await call('PUT', 'config/sync/push1', { 'sync-direction': 'pull' });
  assert.equal(status, 400);
  assert.match(text, /'active-encryption-key': only a job that pushes encrypts/);
  assert.match(
    (await call('PUT', 'config/sync/push1', { 'associated-key': ['key-x'] })).text,
    /no such sync-key 'key-x'/,
  );
});
