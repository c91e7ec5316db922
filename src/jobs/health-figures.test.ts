import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { emptyStore } from '../../test/support/server.ts';
import { TestApi } from '../api/testing/api-server.ts';
import { SyncJobConfig } from '../config/sync-config.ts';
import { host, writeBackup } from '../datastore/testing/temporary-store.ts';
import { JobStates } from '../task/job-state.ts';
import { chunkGrowth } from './chunk-growth.ts';
import { healthFigures } from './health-figures.ts';

test('the figures of a datastore and of its jobs', async () => {
  const base = fs.mkdtempSync('/tmp/granary-health-');
  let now = Date.UTC(2026, 10, 20, 12);
  await emptyStore(base);
  await using api = await TestApi.start({
    stores: { store1: base, gone: `${base}/missing` },
    clock: { now: () => now },
  });
  const { server } = api;
  const figures = healthFigures(server);
  assert.equal(healthFigures(server), figures);
  const run = async (type: string, id: string, seconds: number, error?: string): Promise<void> => {
    const task = await server.tasks.start({ type, id, authId: 'admin@pbs' }, async () => {
      now += seconds * 1000;
      if (error !== undefined) throw new Error(error);
    });
    await task.done;
  };
  const store = await server.datastores.get('store1');
  await writeBackup(store, host('a', 100));
  await store.updateManifest([], host('a', 100), (unprotected) => {
    unprotected['verify_state'] = { state: 'failed', upid: 'UPID:x' };
  });
  await run('garbage_collection', 'store1', 90);
  await run('backup', 'store1:host/a', 10, 'connection lost');
  await run('backup', 'store1:host/a', 10, 'connection lost');
  await run('backup', 'store1:host/b', 10, 'connection lost');
  const syncs = new SyncJobConfig(server.directories);
  await syncs.create({ id: 'nightly', store: 'store1', 'remote-store': 'rst', remote: 'rem', schedule: 'daily' });
  await syncs.create({ id: 'never', store: 'store1', 'remote-store': 'rst', remote: 'rem', schedule: 'hourly' });
  await syncs.create({ id: 'byhand', store: 'store1', 'remote-store': 'rst', remote: 'rem' });
  await new JobStates(server.directories).create('syncjob', 'never', Math.floor(now / 1000));
  await run('syncjob', 'rem:r:store1::nightly', 60);
  const synced = Math.floor(now / 1000);
  await run('syncjob', 'rem:r:store1::nightly', 60, 'no route');
  now += 49 * 3600 * 1000;

  const health = await figures.current({ fresh: true });
  const [gone, one] = health.datastores;
  assert.match(gone!.error ?? '', /missing/);
  assert.equal(gone!.backupFailures, 0);
  assert.equal(one!.error, undefined);
  assert.ok(one!.usage! > 0 && one!.usage! < 1);
  assert.equal(one!.verifyFailed, 1);
  assert.equal(one!.backupFailures, 2);
  assert.deepEqual(
    one!.failingGroups.map(({ group, failures }) => [group, failures]),
    [
      ['host/a', 2],
      ['host/b', 1],
    ],
  );
  assert.equal(one!.gc?.duration, 90);
  assert.equal(one!.gcRunning, undefined);
  assert.deepEqual(health.taskFailures, { backup: 3, syncjob: 1 });
  const [byhand, never, nightly] = ['byhand', 'never', 'nightly'].map((job) =>
    health.syncs.find((sync) => sync.job === job),
  );
  assert.equal(nightly?.lastSuccess, synced);
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  midnight.setDate(midnight.getDate() - 1);
  assert.equal(nightly.delay, Math.floor((now - midnight.getTime()) / 1000));
  assert.ok(never!.delay! > 48 * 3600);
  assert.deepEqual(byhand, { job: 'byhand', store: 'store1' });

  const collecting = Promise.withResolvers<void>();
  const task = await server.tasks.start({ type: 'garbage_collection', id: 'store1', authId: 'admin@pbs' }, async () => {
    await collecting.promise;
  });
  now += 5 * 3600 * 1000;
  assert.equal((await figures.current({ fresh: true })).datastores[1]!.gcRunning, 5 * 3600);
  collecting.resolve();
  await task.done;
  fs.rmSync(base, { recursive: true });
});

test('chunks grow by what the snapshots of a day brought', () => {
  const now = 1_790_000_000;
  const hour = 3600;
  const never = { upid: null, 'disk-bytes': 0, 'pending-bytes': 0 };
  const old = { time: now - 30 * hour, bytes: 1000 };
  const fresh = { time: now - hour, bytes: 50 };
  assert.equal(chunkGrowth([], never, now), undefined);
  assert.equal(chunkGrowth([fresh], never, now), undefined, 'all of it is of this day');
  assert.equal(chunkGrowth([old, fresh], never, now), 0.05);
  const collectedAt = (time: number, bytes: number) => ({
    upid: `UPID:vm:00000001:00000001:00000000:${time.toString(16).toUpperCase()}:garbage_collection:s:root@pam:`,
    'disk-bytes': bytes,
    'pending-bytes': 0,
  });
  assert.equal(chunkGrowth([old, fresh], collectedAt(now - 2 * hour, 2000), now), 0.025, 'counted by the collection');
  assert.equal(chunkGrowth([old, fresh], collectedAt(now - 60, 2050), now), 0.025, 'collected after it came');
  assert.equal(chunkGrowth([old, fresh], collectedAt(now - 40 * hour, 4000), now), 0.01, 'both came after it');
});
