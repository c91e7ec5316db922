import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { plainChunk, type TestChunk } from '../../../chunk-store/testing/chunks.ts';
import { DatastoreConfig } from '../../../config/datastore-config.ts';
import {
  host,
  type TemporaryStore,
  temporaryStore,
  text,
  writeBackup,
} from '../../../datastore/testing/temporary-store.ts';
import { rootUser } from '../../../model/auth-id.ts';
import type { Result } from '../../../model/endpoint.ts';
import { TestApi } from '../../testing/api-server.ts';
import type { getAccounting } from './accounting.contract.ts';

type Usage = Result<typeof getAccounting>;
const user = 'owner@pbs';
const time = 1_700_000_000;

let api: TestApi;
let temporary: TemporaryStore;
before(async () => {
  temporary = await temporaryStore();
  api = await TestApi.start({ stores: { ds1: temporary.base } });
  const { users } = api.server.access;
  for (const userid of [user, 'below@pbs']) await users.create({ userid });
  await api.server.access.updateAcl(rootUser, { path: '/datastore/ds1', role: 'DatastoreBackup', authId: user });
  await api.server.access.updateAcl(rootUser, {
    path: '/datastore/ds1/a',
    role: 'DatastoreAudit',
    authId: 'below@pbs',
  });
  await api.server.access.updateAcl(rootUser, { path: '/datastore/ds1/a/b', role: 'NoAccess', authId: 'below@pbs' });
  const store = await api.server.datastores.get('ds1');
  await store.createNamespace([], 'a');
  await store.createNamespace(['a'], 'b');
  const [one, two, three] = ['one', 'two', 'three'].map((seed) => plainChunk(text(seed))) as [
    TestChunk,
    TestChunk,
    TestChunk,
  ];
  const content = (...chunks: TestChunk[]) => ({ archives: { 'root.pxar.didx': chunks } });
  await writeBackup(store, host('mine', time), content(one));
  await writeBackup(store, host('other', time), content(one, two));
  await writeBackup(store, host('other', time + 60), content(two));
  await writeBackup(store, host('other', time), content(three), ['a']);
  await writeBackup(store, host('deep', time), content(three), ['a', 'b']);
  await store.changeOwner([], host('mine', 0), user);
});
after(async () => {
  await api[Symbol.asyncDispose]();
  await temporary[Symbol.asyncDispose]();
});

/** Asks again where the machine is so slow that counting takes longer than a call waits. */
async function usage(params: Record<string, string | number> = {}, as = 'admin@pbs'): Promise<Usage> {
  for (;;) {
    const answer = await api.call('GET', 'admin/datastore/ds1/accounting', { as, params });
    assert.equal(answer.status, 200, answer.text);
    const found = answer.json.data as Usage;
    if (found.reason !== 'still being counted') return found;
  }
}

const nameOf = (node: Usage['entries'][number]): string => {
  const group = node['backup-id'] === undefined ? '' : `/${node['backup-id']}`;
  return `${node.kind} ${node.ns}${group}${node['backup-time'] === undefined ? '' : `@${node['backup-time'] - time}`}`;
};
const names = ({ entries }: Usage): string[] => entries.map(nameOf);

test('the tree, as deep and as far as is asked for', async () => {
  const all = await usage({ level: 'snapshot' });
  assert.equal(all.quality, 'exact', all.reason);
  assert.deepEqual([all.chunks, all['unreferenced-bytes'], all.total], [3, 0, 12]);
  assert.deepEqual(names(all), [
    'namespace ',
    'group /mine',
    'snapshot /mine@0',
    'group /other',
    'snapshot /other@0',
    'snapshot /other@60',
    'namespace a',
    'group a/other',
    'snapshot a/other@0',
    'namespace a/b',
    'group a/b/deep',
    'snapshot a/b/deep@0',
  ]);
  const figure = (name: string) => all.entries.find((node) => nameOf(node) === name)!;
  // What two groups of a namespace share is unique to the namespace.
  assert.equal(figure('namespace ')['shared-bytes'], 0);
  assert.equal(figure('namespace a')['shared-bytes'], 0);
  assert.ok(figure('group /mine')['shared-bytes'] > 0);
  assert.ok(figure('namespace a')['unique-bytes'] > figure('group a/other')['unique-bytes']);
  assert.deepEqual([figure('namespace ').snapshots, figure('group /other').snapshots], [5, 2]);
  assert.deepEqual(names(await usage({ level: 'namespace', 'max-depth': 1 })), ['namespace ', 'namespace a']);
  assert.deepEqual(names(await usage({ ns: 'a', 'max-depth': 0 })), ['namespace a', 'group a/other']);
  const group = { level: 'snapshot', 'backup-type': 'host', 'backup-id': 'other', 'max-depth': 0 };
  assert.deepEqual(names(await usage(group)).slice(1), ['group /other', 'snapshot /other@0', 'snapshot /other@60']);
  const [largest, next] = (await usage({ order: 'unique', limit: 2 })).entries;
  assert.deepEqual([nameOf(largest!), largest!['unique-bytes'] >= next!['unique-bytes']], ['namespace ', true]);
  const page = await usage({ start: 1, limit: 2 });
  assert.deepEqual([names(page), page.total], [['group /mine', 'group /other'], 7]);
});

test('listings have the figures when they are asked for', async () => {
  const { entries } = await usage({ level: 'snapshot', ns: 'a', 'max-depth': 0 });
  for (const [path, kind] of [
    ['groups', 'group'],
    ['snapshots', 'snapshot'],
  ] as const) {
    const list = async (params: Record<string, string>): Promise<unknown[]> => {
      const answer = await api.call('GET', `admin/datastore/ds1/${path}`, { as: 'admin@pbs', params });
      return (answer.json.data as Record<string, unknown>[]).map((item) => [
        item['unique-bytes'],
        item['shared-bytes'],
      ]);
    };
    const figures = entries.find((node) => node.kind === kind)!;
    let listed = await list({ ns: 'a', usage: '1' });
    while ((listed[0] as unknown[])[0] === undefined) listed = await list({ ns: 'a', usage: '1' });
    assert.deepEqual(listed, [[figures['unique-bytes'], figures['shared-bytes']]]);
    assert.deepEqual(await list({ ns: 'a' }), [[undefined, undefined]]);
  }
});

test('everybody sees what listings show them', async () => {
  const mine = await usage({ level: 'snapshot' }, user);
  assert.deepEqual(names(mine), ['group /mine', 'snapshot /mine@0']);
  assert.deepEqual([mine.chunks, mine['unreferenced-bytes'], mine.total], [undefined, undefined, 2]);
  // The sum of a namespace would tell of what is in it.
  assert.deepEqual(names(await usage({ ns: 'a' }, 'below@pbs')), ['group a/other']);
  for (const [as, ns] of [
    ['below@pbs', ''],
    ['below@pbs', 'a/b'],
    ['nobody@pbs', ''],
  ] as const) {
    assert.equal((await api.call('GET', 'admin/datastore/ds1/accounting', { as, params: { ns } })).status, 403);
  }
});

test('a dry run says what it would free, and a datastore that must not be changed is not', async () => {
  const dryRun = async (): Promise<unknown[]> => {
    const params = { 'backup-type': 'host', 'backup-id': 'other', 'keep-last': 1, 'dry-run': true };
    const answer = await api.call('POST', 'admin/datastore/ds1/prune', { as: 'admin@pbs', params });
    return (answer.json.data as Record<string, unknown>[]).map((item) => item['freed-bytes']);
  };
  const snapshot = (await usage({ level: 'snapshot' })).entries.find((node) => nameOf(node) === 'snapshot /other@0')!;
  let freed = await dryRun();
  while (freed[0] === undefined) freed = await dryRun();
  assert.deepEqual(freed, [snapshot['unique-bytes'], undefined]);
  await new DatastoreConfig(api.server.directories).update('ds1', { 'maintenance-mode': 'read-only' });
  freed = await dryRun();
  while (freed[0] === undefined) freed = await dryRun();
  assert.deepEqual(freed, [snapshot['unique-bytes'], undefined]);
  const store = await api.server.datastores.get('ds1');
  await writeBackup(store, host('new', time));
  assert.deepEqual(await dryRun(), [undefined, undefined]);
  const { quality, reason } = await usage();
  assert.deepEqual([quality, reason], ['estimate', 'the datastore must not be changed now, so it is not counted']);
});
