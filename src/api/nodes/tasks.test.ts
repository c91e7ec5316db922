// Task lists, status, logs and who may see them (rest-api.md 7.6).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { formatUtc } from '../../base/clock.ts';
import { aclConfigFile } from '../../config/acl-config.ts';
import { SyncJobConfig } from '../../config/sync-config.ts';
import { VerifyJobConfig } from '../../config/verify-config.ts';
import type { RoleId } from '../../model/privileges.ts';
import { parseUpid } from '../../model/upid.ts';
import { TestApi } from '../testing/api-server.ts';

type Item = Record<string, unknown>;
let api: TestApi;
let upids: string[];
const tasks = 'nodes/localhost/tasks';
const pathOf = (upid: string, rest: string): string =>
  `${tasks}/${encodeURIComponent(upid).replaceAll('_', '%5F')}${rest}`;

before(async () => {
  api = await TestApi.start();
  const start = async (type: string, id: string, authId: string, work: () => void): Promise<string> => {
    const task = await api.server.tasks.start({ type, id, authId }, async (worker) => {
      worker.log('first');
      worker.log('second');
      work();
    });
    await task.done;
    return task.upid;
  };
  upids = [
    await start('backup', 'fixture:vm/100', 'admin@pbs', () => {}),
    await start('garbage_collection', 'fixture', 'admin@pbs', () => {}),
    await start('verify', 'fixture', 'nobody@pbs', () => {
      throw new Error('disk on fire');
    }),
  ];
});
after(() => api[Symbol.asyncDispose]());

test('lists are newest first, with total, and show others to auditors only', async () => {
  const all = await api.call('GET', tasks, { as: 'admin@pbs' });
  const items = all.json.data as Item[];
  assert.deepEqual(items.map((item) => item['upid']).sort(), [...upids].sort());
  assert.equal(all.json['total'], 3);
  const failed = items.find((item) => item['worker_type'] === 'verify')!;
  assert.deepEqual([failed['status'], failed['state'], failed['node']], ['disk on fire', 'error', 'localhost']);
  const own = await api.call('GET', tasks, { as: 'nobody@pbs' });
  assert.deepEqual(
    (own.json.data as Item[]).map((item) => item['upid']),
    [upids[2]],
  );
  const page = await api.call('GET', tasks, { as: 'admin@pbs', params: { limit: 2 } });
  assert.deepEqual([(page.json.data as Item[]).length, page.json['total']], [2, 3]);
});

test('filters: class of the end, type, user; the class can stand in for the text', async () => {
  const list = async (params: Record<string, string | boolean | string[]>): Promise<Item[]> =>
    (await api.call('GET', tasks, { as: 'admin@pbs', params })).json.data as Item[];
  assert.deepEqual(
    (await list({ statusfilter: 'error' })).map((item) => item['upid']),
    [upids[2]],
  );
  assert.deepEqual(
    (await list({ typefilter: 'backup' })).map((item) => item['upid']),
    [upids[0]],
  );
  assert.deepEqual(
    (await list({ userfilter: 'nobody' })).map((item) => item['upid']),
    [upids[2]],
  );
  assert.deepEqual(
    (await list({ match: 'On FIRE' })).map((item) => item['upid']),
    [upids[2]],
  );
  assert.deepEqual(
    (await list({ match: 'vm/100' })).map((item) => item['upid']),
    [upids[0]],
  );
  const some = await list({ types: ['garbage_collection', 'verif', 'prune'] });
  assert.deepEqual(
    some.map((item) => item['upid']),
    [upids[1]],
  );
  assert.deepEqual(await list({ running: true }), []);
  const [item] = await list({ errors: true, 'status-class': true });
  assert.deepEqual([item!['status'], item!['status-text']], ['error', 'disk on fire']);
});

test('status and log; the log has no envelope and is the same in both formats', async () => {
  const status = await api.call('GET', pathOf(upids[0]!, '/status'), { as: 'admin@pbs' });
  const data = status.json.data as Item;
  assert.deepEqual(
    [data['status'], data['exitstatus'], data['node'], data['id']],
    ['stopped', 'OK', 'testnode', 'fixture:vm/100'],
  );
  for (const format of ['json', 'extjs'] as const) {
    const log = await api.call('GET', pathOf(upids[0]!, '/log?test-status=1&start=2&limit=1'), {
      as: 'admin@pbs',
      format,
    });
    assert.equal(log.headers['content-type'], 'application/json');
    const { data: lines, ...rest } = log.json;
    assert.deepEqual(rest, { total: 3, success: 1, active: false });
    assert.match(String((lines as Item[])[0]!['t']), /^.{25}: second$/);
    assert.equal((lines as Item[])[0]!['n'], 2);
  }
  const whole = await api.call('GET', pathOf(upids[0]!, '/log?download=1'), { as: 'admin@pbs' });
  assert.equal(whole.headers['content-type'], 'text/plain');
  const started = formatUtc(parseUpid(upids[0]!)!.startTime);
  assert.equal(whole.headers['content-disposition'], `attachment; filename=task-testnode-backup-${started}.log`);
  assert.match(whole.text, /^.{25}: first\n.{25}: second\n.{25}: TASK OK\n$/);
});

test('unknown and malformed identifiers', async () => {
  const gone = upids[0]!.replace(/:backup:/, ':nosuch:');
  const status = await api.call('GET', pathOf(gone, '/status'), { as: 'admin@pbs' });
  assert.deepEqual((status.json.data as Item)['exitstatus'], 'unknown');
  for (const rest of ['/log', '/log?download=1']) {
    const log = await api.call('GET', pathOf(gone, rest), { as: 'admin@pbs' });
    assert.deepEqual([log.status, log.text], [400, 'No such file or directory (os error 2)']);
  }
  const short = await api.call('GET', pathOf('UPID:x', '/status'), { as: 'admin@pbs' });
  assert.match(short.text, /'upid': value must be at least 36 characters long/);
});

test('foreign tasks are for auditors and for who may see the job', async () => {
  const seen = async (as: string, upid: string, rest: string): Promise<number> =>
    (await api.call('GET', pathOf(upid, rest), { as })).status;
  assert.equal(await seen('nobody@pbs', upids[0]!, '/log'), 403);
  assert.equal(await seen('nobody@pbs', upids[1]!, '/status'), 403);
  // Datastore.Audit shows garbage collection, but not the backups of others.
  assert.equal(await seen('audit@pbs', upids[1]!, '/log'), 200);
  assert.equal(await seen('audit@pbs', upids[0]!, '/log'), 403);
  assert.equal(await seen('nobody@pbs', upids[2]!, '/log'), 200);
});

test('the runs of a sync or verification job are for who may see the job', async () => {
  const { directories, tasks: registry } = api.server;
  const stores = { store: 'store1', 'remote-store': 'store2' };
  await new SyncJobConfig(directories).create({ id: 'there', ...stores, ns: 'a/b', remote: 'away' });
  await new SyncJobConfig(directories).create({ id: 'push', ...stores, remote: 'away', 'sync-direction': 'push' });
  await new VerifyJobConfig(directories).create({ id: 'ver-1', store: 'store1', ns: 'a' });
  const grants: [string, RoleId][] = [
    ['/datastore/store1/a', 'DatastoreAudit'],
    ['/remote/away', 'RemoteAudit'],
    ['/datastore/store3', 'DatastoreAudit'],
  ];
  await aclConfigFile(directories).update((tree) => {
    for (const [path, role] of grants) tree.insert(path, 'nobody@pbs', role, true);
  });
  const seen = async (type: string, id: string): Promise<number> => {
    const task = await registry.start({ type, id, authId: 'admin@pbs' }, async () => {});
    await task.done;
    return (await api.call('GET', pathOf(task.upid, '/status'), { as: 'nobody@pbs' })).status;
  };
  assert.equal(await seen('syncjob', 'away:store2:store1:a/b:there'), 200);
  // As long as it is that job: this one is another of the same name, in the root of the datastore.
  assert.equal(await seen('syncjob', 'away:store2:store1::there'), 403);
  assert.equal(await seen('syncjob', 'away:store2:store1::push'), 403);
  // One that is no more tells what it was.
  assert.equal(await seen('syncjob', 'away:store2:store3::gone'), 200);
  assert.equal(await seen('syncjob', '-:store2:store3::gone'), 403);
  assert.equal(await seen('syncjob', '-:store3:store3:x:gone'), 200);
  assert.equal(await seen('syncjob', 'store3'), 403);
  assert.equal(await seen('syncjob', '-:store3:store3:..:gone'), 403);
  assert.equal(await seen('verificationjob', 'store1:ver-1'), 200);
  assert.equal(await seen('verificationjob', 'store1:other'), 403);
});

test('a running task is stopped by its user or an administrator only', async () => {
  const task = await api.server.tasks.start({ type: 'verify', id: 'fixture', authId: 'admin@pbs' }, (worker) => {
    return new Promise((_, reject) => worker.signal.addEventListener('abort', () => reject(worker.signal.reason)));
  });
  const running = await api.call('GET', tasks, { as: 'admin@pbs', params: { running: true } });
  const [item] = running.json.data as Item[];
  assert.deepEqual([item!['state'], 'status' in item!, 'endtime' in item!], ['running', false, false]);
  assert.equal((await api.call('DELETE', pathOf(task.upid, ''), { as: 'nobody@pbs' })).status, 401);
  assert.equal((await api.call('DELETE', pathOf(task.upid, ''), { as: 'admin@pbs' })).text, '{"data":null}');
  assert.match(await task.done, /abort/);
  assert.equal((await api.call('DELETE', pathOf(task.upid, ''), { as: 'admin@pbs' })).status, 200);
});
