// What callers may do who reach only groups of their own, and the calls that change a datastore
// (rest-api.md 7.3, access-control.md 7).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { unpackFixture } from '../../../../test/support/fixture.ts';
import { encodeBlob } from '../../../format/blob.ts';
import { rootUser } from '../../../model/auth-id.ts';
import { type CallOptions, TestApi } from '../../testing/api-server.ts';

const base = 'admin/datastore/fixture';
const plainHost = { 'backup-type': 'host', 'backup-id': 'plain-host' };
const signedHost = { 'backup-type': 'host', 'backup-id': 'signed-host' };
const older = 1700000000;
const newer = 1700086400;
const user = 'owner@pbs';
const token = 'owner@pbs!app';

let api: TestApi;
before(async () => {
  api = await TestApi.start({ stores: { fixture: unpackFixture() } });
  const { users } = api.server.access;
  await users.create({ userid: user });
  await users.generateToken({ tokenid: token });
  for (const authId of [user, token]) {
    await api.server.access.updateAcl(rootUser, { path: '/datastore/fixture', role: 'DatastorePowerUser', authId });
  }
});
after(() => api[Symbol.asyncDispose]());

async function ask(method: string, path: string, options: CallOptions): Promise<[number, unknown]> {
  const answer = await api.call(method, `${base}/${path}`, options);
  return [answer.status, answer.status === 200 ? answer.json.data : answer.text];
}
const notOwner = [400, 'backup owner check failed (owner@pbs != admin@pbs)'];
type Item = Record<string, unknown>;

test('a caller without foreign rights sees nothing of others', async () => {
  assert.deepEqual(await ask('GET', 'groups', { as: user }), [200, []]);
  assert.deepEqual(await ask('GET', 'snapshots', { as: user }), [200, []]);
  const snapshot = { ...plainHost, 'backup-time': newer };
  for (const [method, path, params] of [
    ['GET', 'files', snapshot],
    ['GET', 'notes', snapshot],
    ['PUT', 'notes', { ...snapshot, notes: 'x' }],
    ['GET', 'protected', snapshot],
    ['PUT', 'protected', { ...snapshot, protected: false }],
    ['GET', 'group-notes', plainHost],
    ['GET', 'download', { ...snapshot, 'file-name': 'host.conf.blob' }],
    ['GET', 'download-decoded', { ...snapshot, 'file-name': 'host.conf.blob' }],
    ['GET', 'catalog', { ...snapshot, filepath: '/' }],
    ['DELETE', 'snapshots', snapshot],
    ['DELETE', 'groups', plainHost],
    ['POST', 'prune', { ...plainHost, 'keep-last': 1, 'dry-run': true }],
    ['POST', 'verify', plainHost],
  ] as const) {
    assert.deepEqual(await ask(method, path, { as: user, params }), notOwner, `${method} ${path}`);
  }
});

test('a group is handed over, to the user and on to its token', async () => {
  const to = (newOwner: string, as: string) =>
    ask('POST', 'change-owner', { as, params: { ...signedHost, 'new-owner': newOwner } });
  assert.deepEqual(await to('nosuch@pbs', 'admin@pbs'), [400, "user 'nosuch@pbs' is inactive or non-existent"]);
  assert.equal((await to(user, user))[0], 401);
  assert.deepEqual(await to(user, 'admin@pbs'), [200, null]);
  const groups = (await ask('GET', 'groups', { as: user }))[1] as Item[];
  assert.deepEqual(
    groups.map((group) => group['backup-id']),
    ['signed-host'],
  );
  assert.deepEqual(await to('nobody@pbs', user), [
    401,
    "owner@pbs does not have permission to change owner of backup group 'host/signed-host' to nobody@pbs",
  ]);
  assert.deepEqual(await to(token, user), [200, null]);
  // The user acts on groups of its tokens.
  assert.equal(((await ask('GET', 'snapshots', { as: user }))[1] as Item[]).length, 1);
  assert.deepEqual(await to(user, user), [200, null]);
});

test('an owner writes notes, protects, uploads the log and downloads', async () => {
  const snapshot = { ...signedHost, 'backup-time': older };
  assert.deepEqual(await ask('PUT', 'notes', { as: user, params: { ...snapshot, notes: 'one\ntwo' } }), [200, null]);
  assert.deepEqual(await ask('GET', 'notes', { as: user, params: snapshot }), [200, 'one\ntwo']);
  const [item] = (await ask('GET', 'snapshots', { as: user }))[1] as Item[];
  assert.equal(item!['comment'], 'one');
  assert.deepEqual(await ask('PUT', 'protected', { as: user, params: { ...snapshot, protected: true } }), [200, null]);
  assert.deepEqual(await ask('DELETE', 'snapshots', { as: user, params: snapshot }), [
    400,
    'cannot remove protected snapshot',
  ]);
  assert.deepEqual(await ask('DELETE', 'groups', { as: user, params: signedHost }), [
    400,
    'group only partially deleted due to protected snapshots',
  ]);
  assert.deepEqual(await ask('PUT', 'protected', { as: user, params: { ...snapshot, protected: false } }), [200, null]);
  const query = new URLSearchParams({ ...signedHost, 'backup-time': String(older) });
  const log = (raw: Uint8Array) => ask('POST', `upload-backup-log?${query}`, { as: user, raw });
  assert.match(String((await log(Buffer.from('no')))[1]), /blob too small \(2 bytes\)\.$/);
  assert.deepEqual(await log(encodeBlob(Buffer.from('all went well\n'))), [200, null]);
  assert.deepEqual(await log(encodeBlob(Buffer.from('again'))), [400, 'backup already contains a log.']);
  const params = { ...snapshot, 'file-name': 'client.log.blob' };
  const download = await api.call('GET', `${base}/download-decoded`, { as: user, params });
  assert.equal(download.text, 'all went well\n');
  const missing = { ...snapshot, 'file-name': 'nosuch.blob' };
  assert.deepEqual(await ask('GET', 'download', { as: user, params: missing }), [
    400,
    'File open failed: No such file or directory (os error 2)',
  ]);
  // A log belongs to the owner: no privilege lets others write it.
  const foreign = await api.call('POST', `${base}/upload-backup-log?${query}`, {
    as: 'admin@pbs',
    raw: Buffer.alloc(20),
  });
  assert.equal(foreign.text, 'backup owner check failed (admin@pbs != owner@pbs)');
});

test('verification runs as a task and is written into the manifest', async () => {
  const snapshot = { ...signedHost, 'backup-time': older };
  const [, upid] = await ask('POST', 'verify', { as: user, params: snapshot });
  assert.match(String(upid), /:verify_snapshot:fixture\\x3a-host-signed\\x2dhost-6553F100:owner@pbs:$/);
  assert.equal(await api.finished(String(upid)), 'OK');
  const [item] = (await ask('GET', 'snapshots', { as: user }))[1] as { verification: Item }[];
  assert.deepEqual(item!.verification, { upid, state: 'ok' });
  const [, group] = await ask('POST', 'verify', { as: user, params: signedHost });
  assert.match(String(group), /:verify_group:fixture\\x3a-host-signed\\x2dhost:/);
  const [, all] = await ask('POST', 'verify', { as: user, params: { 'ignore-verified': false } });
  assert.match(String(all), /:verify:fixture:/);
  assert.equal(await api.finished(String(all)), 'OK');
  const { lines } = await api.server.tasks.log(String(all), 0, 0);
  assert.ok(lines.some(({ t }) => t.endsWith('found 1 groups')));
  assert.deepEqual(await ask('POST', 'verify', { as: user, params: { 'backup-id': 'x' } }), [
    400,
    "parameter verification failed - 'backup-type': parameter is missing and it is not optional.",
  ]);
});

test('pruning removes what is not kept, as list or as task', async () => {
  const vm = { 'backup-type': 'vm', 'backup-id': '100' };
  const times = async (): Promise<unknown[]> =>
    ((await ask('GET', 'snapshots', { as: 'admin@pbs', params: vm }))[1] as Item[]).map((item) => item['backup-time']);
  const dry = await ask('POST', 'prune', { as: 'admin@pbs', params: { ...vm, 'keep-last': 1, 'dry-run': true } });
  // What it would free is known when it has been counted in time.
  for (const item of dry[1] as Item[]) delete item['freed-bytes'];
  assert.deepEqual(dry[1], [
    {
      ...vm,
      'backup-time': older,
      keep: false,
      protected: false,
      mark: 'remove',
      reason: 'not kept by any rule',
    },
    { ...vm, 'backup-time': newer, keep: true, protected: false, mark: 'keep', reason: 'keep-last' },
  ]);
  const none = await ask('POST', 'prune', { as: 'admin@pbs', params: vm });
  assert.deepEqual(
    (none[1] as Item[]).map((item) => item['keep']),
    [true, true],
  );
  assert.deepEqual(await times(), [older, newer]);
  const done = await ask('POST', 'prune', { as: 'admin@pbs', params: { ...vm, 'keep-last': 1 } });
  assert.deepEqual(
    (done[1] as Item[]).map((item) => item['keep']),
    [false, true],
  );
  assert.deepEqual(await times(), [newer]);
  const { data: tasks } = await api.server.tasks.list({ typefilter: 'prune' });
  assert.deepEqual(
    tasks.map((task) => task.worker_id),
    ['fixture::vm/100'],
  );
  const [, upid] = await ask('POST', 'prune', { as: 'admin@pbs', params: { ...vm, 'keep-last': 1, 'use-task': true } });
  assert.equal(await api.finished(String(upid)), 'OK');
  const [, whole] = await ask('POST', 'prune-datastore', { as: user, params: { 'keep-last': 1, 'dry-run': true } });
  assert.equal(await api.finished(String(whole)), 'OK');
  const { lines } = await api.server.tasks.log(String(whole), 0, 0);
  const pruned = lines.filter(({ t }) => t.includes('Pruning group')).map(({ t }) => t.slice(27));
  assert.deepEqual(pruned, ['Pruning group :"host/signed-host"']);
});

test('groups are moved by their owners, and whole namespaces by who may change both parents', async () => {
  const move = (as: string, params: Record<string, string | boolean>) => ask('POST', 'move-group', { as, params });
  assert.deepEqual(await move(user, { ...plainHost, 'target-ns': 'ns1' }), notOwner);
  assert.deepEqual(await move('audit@pbs', { ...plainHost, 'target-ns': 'ns1' }), [
    403,
    'permission check failed - missing Datastore.Modify|Datastore.Prune on /datastore/fixture',
  ]);
  const { access } = api.server;
  await access.updateAcl(rootUser, { path: '/datastore/fixture/ns1', role: 'NoAccess', authId: user });
  assert.deepEqual(await move(user, { ...signedHost, 'target-ns': 'ns1' }), [
    403,
    'permission check failed - missing Datastore.Modify|Datastore.Backup on /datastore/fixture/ns1',
  ]);
  await access.updateAcl(rootUser, { path: '/datastore/fixture/ns1', role: 'DatastoreAdmin', authId: user });
  // Modify on the target alone does not reach into what others own.
  assert.deepEqual(await move(user, { ...plainHost, 'target-ns': 'ns1' }), notOwner);
  const [, upid] = await move(user, { ...signedHost, 'target-ns': 'ns1' });
  assert.match(String(upid), /:move-group:fixture\\x3a-host-signed\\x2dhost:owner@pbs:$/);
  assert.equal(await api.finished(String(upid)), 'OK');
  const { lines } = await api.server.tasks.log(String(upid), 0, 0);
  assert.deepEqual(
    lines.map(({ t }) => t.slice(27)),
    ["move group 'host/signed-host' from '' to 'ns1'", 'moved host/signed-host/2023-11-14T22:13:20Z', 'TASK OK'],
  );
  assert.deepEqual(await ask('GET', 'groups', { as: user }), [200, []]);
  assert.deepEqual(await move(user, { ...signedHost, ns: 'ns1', 'target-ns': 'ns1' }), [
    400,
    "group 'host/signed-host' is in namespace 'ns1' already",
  ]);
  const moveNs = (as: string, params: Record<string, string>) => ask('POST', 'move-namespace', { as, params });
  assert.deepEqual(await moveNs(user, { ns: 'ns1/nested', 'target-ns': 'nested' }), [
    403,
    'permission check failed - missing Datastore.Modify on /datastore/fixture',
  ]);
  const job = { id: 'nightly', store: 'fixture', ns: 'ns1/nested', schedule: 'daily' };
  await api.call('POST', 'config/prune', { as: 'admin@pbs', params: job });
  const [, whole] = await moveNs('admin@pbs', { ns: 'ns1', 'target-ns': 'other' });
  assert.match(String(whole), /:move-namespace:fixture\\x3ans1:admin@pbs:$/);
  assert.equal(await api.finished(String(whole)), 'WARNINGS: 1');
  const told = (await api.server.tasks.log(String(whole), 0, 0)).lines.at(-2)!.t;
  assert.match(told, /prune job 'nightly' still names 'ns1', or a namespace in it/);
  await api.call('DELETE', 'config/prune/nightly', { as: 'admin@pbs' });
  assert.deepEqual((await ask('GET', 'namespace', { as: 'admin@pbs' }))[1], [
    { ns: '' },
    { ns: 'other' },
    { ns: 'other/nested' },
  ]);
  const [, back] = await moveNs('admin@pbs', { ns: 'other', 'target-ns': 'ns1' });
  assert.equal(await api.finished(String(back)), 'OK');
  const [, home] = await move('admin@pbs', { ...signedHost, ns: 'ns1' });
  assert.equal(await api.finished(String(home)), 'OK');
  await access.updateAcl(rootUser, {
    path: '/datastore/fixture/ns1',
    role: 'DatastoreAdmin',
    authId: user,
    delete: true,
  });
});

test('snapshots and groups are removed, and a missing one is told as the client expects', async () => {
  assert.deepEqual(await ask('DELETE', 'groups', { as: user, params: signedHost }), [
    200,
    { 'removed-groups': 1, 'protected-snapshots': 0, 'removed-snapshots': 1 },
  ]);
  for (const as of [user, 'admin@pbs']) {
    const [status, text] = await ask('DELETE', 'groups', { as, params: signedHost });
    assert.equal(status, 400);
    assert.match(String(text), /ENOENT: No such file or directory/);
  }
});

test('namespaces are made and removed', async () => {
  const as = 'admin@pbs';
  assert.deepEqual(await ask('POST', 'namespace', { as, params: { name: 'new', parent: 'ns1' } }), [200, 'ns1/new']);
  assert.deepEqual(await ask('POST', 'namespace', { as, params: { name: 'x', parent: 'nosuch' } }), [
    400,
    "cannot create new namespace, parent nosuch doesn't already exists",
  ]);
  assert.deepEqual(await ask('POST', 'namespace', { as: user, params: { name: 'x' } }), [
    403,
    'permission check failed - missing Datastore.Modify on /datastore/fixture',
  ]);
  assert.equal((await ask('DELETE', 'namespace', { as, params: { ns: 'ns1/new' } }))[0], 200);
  assert.deepEqual(await ask('DELETE', 'namespace', { as, params: { ns: '' } }), [
    400,
    'Cannot create/delete root namespace!',
  ]);
  const removed = await ask('DELETE', 'namespace', { as, params: { ns: 'ns1', 'delete-groups': true } });
  assert.deepEqual(removed[1], { 'removed-groups': 2, 'protected-snapshots': 0, 'removed-snapshots': 2 });
  assert.deepEqual(await ask('GET', 'namespace', { as }), [200, [{ ns: '' }]]);
});

test('who may see only a namespace sees the store and that namespace', async () => {
  await api.server.access.updateAcl(rootUser, {
    path: '/datastore/fixture/only',
    role: 'DatastoreBackup',
    authId: 'nobody@pbs',
  });
  await ask('POST', 'namespace', { as: 'admin@pbs', params: { name: 'only' } });
  const stores = await api.call('GET', 'admin/datastore', { as: 'nobody@pbs' });
  assert.deepEqual(
    (stores.json.data as Item[]).map((item) => item['store']),
    ['fixture'],
  );
  assert.deepEqual(await ask('GET', 'namespace', { as: 'nobody@pbs' }), [200, [{ ns: '' }, { ns: 'only' }]]);
  assert.deepEqual((await ask('GET', 'status', { as: 'nobody@pbs' }))[1], {
    total: 0,
    used: 0,
    avail: 0,
    'backend-type': 'filesystem',
  });
  assert.equal((await ask('GET', 'groups', { as: 'nobody@pbs' }))[0], 403);
  assert.deepEqual(await ask('GET', 'groups', { as: 'nobody@pbs', params: { ns: 'only' } }), [200, []]);
  const usage = await api.call('GET', 'status/datastore-usage', { as: 'nobody@pbs' });
  assert.deepEqual(usage.json.data, [{ store: 'fixture', 'mount-status': 'nonremovable' }]);
});
