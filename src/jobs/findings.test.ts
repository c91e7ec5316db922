import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { emptyStore } from '../../test/support/server.ts';
import { TestApi } from '../api/testing/api-server.ts';
import { host, writeBackup } from '../datastore/testing/temporary-store.ts';
import { rootUser } from '../model/auth-id.ts';
import { JobStates } from '../task/job-state.ts';
import { isLate } from './findings.ts';

const day = 86_400;

test('a group is late after twice its usual interval, and given up after months', () => {
  const group = { last: 100 * day, usualInterval: day };
  assert.deepEqual(
    [0, day, 2 * day + 3600, 2 * day + 3601, 89 * day, 90 * day].map((age) => isLate(group, group.last + age)),
    [false, false, false, true, true, false],
  );
  assert.equal(isLate({ last: 0 }, 50 * day), false, 'nothing is known of its interval');
  assert.equal(isLate({ last: 0, usualInterval: 60 * day }, 130 * day), true);
});

test('what is late, failed, broken or ahead of its time is told to whoever may see it', async () => {
  const base = fs.mkdtempSync('/tmp/granary-findings-');
  let now = Date.UTC(2026, 10, 20, 12);
  const seconds = (): number => Math.floor(now / 1000);
  await emptyStore(base);
  await using api = await TestApi.start({
    stores: { store1: base, gone: `${base}/missing` },
    clock: { now: () => now },
  });
  const { server } = api;
  const store = await server.datastores.get('store1');
  for (const age of [5, 4, 3]) await writeBackup(store, host('late', seconds() - age * day));
  for (const age of [2, 1, 0]) await writeBackup(store, host('good', seconds() - age * day));
  await writeBackup(store, host('ahead', seconds() + day));
  const states = new JobStates(server.directories);
  for (const job of ['nightly', 'removed']) {
    await states.create('prunejob', job, seconds());
    const task = await server.tasks.start({ type: 'prunejob', id: `store1:${job}`, authId: 'admin@pbs' }, async () => {
      throw new Error('no');
    });
    await task.done;
  }
  await states.remove('prunejob', 'removed');
  const backup = await server.tasks.start({ type: 'backup', id: 'store1:host/good', authId: 'admin@pbs' }, async () => {
    throw new Error('connection lost');
  });
  await backup.done;
  const told = async (as: string) =>
    ((await api.call('GET', 'status/health', { as })).json.data as Record<string, unknown>[]).map((one) =>
      [one['level'], one['kind'], one['store'], one['subject']].filter((part) => part !== undefined).join(' '),
    );
  await told('admin@pbs');
  now += 61_000;
  const all = await told('admin@pbs');
  assert.deepEqual(all, [
    'critical datastore-error gone',
    'warning backup-failures store1 host/good',
    'warning clock-ahead store1',
    'warning backup-late store1 host/late',
    'warning job-failed store1 nightly',
  ]);
  assert.deepEqual(await told('nobody@pbs'), []);
  await server.access.updateAcl(rootUser, { path: '/datastore/gone', role: 'DatastoreAudit', authId: 'nobody@pbs' });
  assert.deepEqual(await told('nobody@pbs'), ['critical datastore-error gone']);
  fs.rmSync(base, { recursive: true });
});
