// What is told of thresholds, of the certificate and of packages: the spool is read, not sent.

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { TestApi } from '../api/testing/api-server.ts';
import { loadIdentity } from '../certificates/identity.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { shortHostname } from '../notify/server-names.ts';
import { spoolDirectory } from '../notify/spool.ts';
import { takeSpooled } from '../notify/testing/spooled.ts';
import { readTraffic, TrafficCounts } from '../object-store/traffic-counts.ts';
import { datastoreTrafficFile } from '../wire/object-stores.ts';
import { expiryLevel, watchCertificate } from './certificate-alerts.ts';
import type { DatastoreHealth, Health } from './health-figures.ts';
import { healthFigures } from './health-figures.ts';
import { watchObjectTraffic } from './object-traffic.ts';
import { tellOfPackages } from './package-notice.ts';
import { levelOf } from './readings.ts';
import { tellOfCrossings } from './threshold-alerts.ts';

let api: TestApi;
let base: string;
let now = 1_700_000_000;
const hour = 3600;
before(async () => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'granary-alerts-'));
  const stores = { store1: path.join(base, 'one'), store2: path.join(base, 'two') };
  for (const store of Object.values(stores)) fs.mkdirSync(path.join(store, '.chunks'), { recursive: true });
  api = await TestApi.start({ stores, clock: { now: () => now * 1000 } });
});
after(async () => {
  await api[Symbol.asyncDispose]();
  fs.rmSync(base, { recursive: true, force: true });
});
const stateFile = (): string => path.join(api.server.directories.state, 'alerts-datastores.json');
beforeEach(() => {
  fs.rmSync(stateFile(), { force: true });
  takeSpooled(api.server.directories);
});

const health = (of: Partial<DatastoreHealth> = {}, syncs: Health['syncs'] = []): Health => ({
  datastores: [{ store: 'store1', failingGroups: [], backupFailures: 0, ...of }],
  syncs,
  failingJobs: [],
  taskFailures: {},
  jobsDue: 0,
});
/** What is told at this moment of these figures: metric, level, severity, and what of. */
async function told(figures: Health): Promise<string[]> {
  await tellOfCrossings(api.server, figures);
  return takeSpooled(api.server.directories)
    .map(({ fields, severity, data }) => {
      const items = (data['items'] as { subject?: string; value: string }[]).map(({ subject, value }) =>
        subject === undefined ? value : `${subject} ${value}`,
      );
      assert.deepEqual([fields['type'], fields['hostname']], ['thresholds', shortHostname()]);
      return `${fields['datastore']} ${fields['metric']} ${fields['level']} ${severity}: ${items.join(', ')}`;
    })
    .sort();
}

test('guide S13-7: each figure warns and alarms where the guide says', () => {
  const cases: [Parameters<typeof levelOf>[0]['metric'], number, number][] = [
    ['usage', 0.75, 0.9],
    ['backup-failures', 1, 2],
    ['sync-delay', 24 * hour, 48 * hour],
    ['gc-duration', 4 * hour, 12 * hour],
    ['chunk-growth', 0.05, 0.1],
  ];
  for (const [metric, warning, critical] of cases) {
    const levels = [0, warning * 0.999, warning, critical * 0.999, critical].map((value) => levelOf({ metric, value }));
    assert.deepEqual(levels, [undefined, undefined, 'warning', 'warning', 'critical'], metric);
  }
  assert.deepEqual(
    [0, 1].map((value) => levelOf({ metric: 'verify-failures', value })),
    [undefined, 'critical'],
  );
});

test('guide S13-7: alerts at warning and at critical, once a crossing, daily, and at the end, over a restart', async () => {
  assert.deepEqual(await told(health({ usage: 0.7 })), []);
  assert.deepEqual(await told(health({ usage: 0.8 })), ['store1 usage warning warning: 80.0 %']);
  assert.deepEqual(await told(health({ usage: 0.82 })), []);
  // What is not known is no end; nothing but the file is kept from look to look.
  assert.deepEqual(await told(health({ error: 'away' })), []);
  assert.deepEqual(await told(health({ usage: 0.93 })), ['store1 usage critical error: 93.0 %']);
  now += 23 * hour;
  assert.deepEqual(await told(health({ usage: 0.93 })), []);
  now += hour;
  assert.deepEqual(await told(health({ usage: 0.94 })), ['store1 usage critical error: 94.0 %']);
  assert.deepEqual(await told(health({ usage: 0.74 })), ['store1 usage recovered info: 74.0 %']);
  assert.deepEqual(await told(health({ usage: 0.74 })), []);
});

test('backups that fail: the first time, again, and when one succeeds; several groups in one message', async () => {
  const failing = (...groups: [string, number][]) =>
    health({
      failingGroups: groups.map(([group, failures]) => ({ group, failures, since: now })),
      backupFailures: Math.max(0, ...groups.map(([, failures]) => failures)),
    });
  assert.deepEqual(await told(failing(['vm/1', 1], ['ns1/vm/2', 1])), [
    'store1 backup-failures warning warning: vm/1 1, ns1/vm/2 1',
  ]);
  assert.deepEqual(await told(failing(['vm/1', 2], ['ns1/vm/2', 1], ['ct/3', 1])), [
    'store1 backup-failures critical error: vm/1 2',
    'store1 backup-failures warning warning: ct/3 1',
  ]);
  assert.deepEqual(await told(failing(['vm/1', 3], ['ct/3', 1])), [
    'store1 backup-failures recovered info: ns1/vm/2 0',
  ]);
  assert.deepEqual(await told(health()), [
    'store1 backup-failures recovered info: ct/3 0',
    'store1 backup-failures recovered info: vm/1 0',
  ]);
  assert.equal(fs.readFileSync(stateFile(), 'utf8'), '{}\n');
});

test('the other figures, and what is gone', async () => {
  const all = health(
    {
      verifyFailed: 2,
      gc: { start: 0, end: 0, duration: 5 * hour, failed: false },
      gcRunning: 60,
      chunkGrowth24h: 0.3,
    },
    [
      { job: 's1', store: 'store1', delay: 25 * hour },
      { job: 's2', store: 'store1', delay: 0 },
      { job: 's3', store: 'store1' },
    ],
  );
  assert.deepEqual(await told(all), [
    'store1 chunk-growth critical error: 30.0 %',
    'store1 gc-duration warning warning: 5h',
    'store1 sync-delay warning warning: s1 1d 1h',
    'store1 verify-failures critical error: 2',
  ]);
  // A collection that is running for too long is told of while it does.
  assert.deepEqual(await told(health({ verifyFailed: 2, gcRunning: 13 * hour, chunkGrowth24h: 0.3 }, all.syncs)), [
    'store1 gc-duration critical error: 13h',
  ]);
  // Jobs and datastores that were removed have nothing to tell.
  assert.deepEqual(await told({ datastores: [], syncs: [], failingJobs: [], taskFailures: {}, jobsDue: 0 }), []);
  assert.equal(fs.readFileSync(stateFile(), 'utf8'), '{}\n');
});

test('the level of a datastore is heeded; a damaged state tells once more', async () => {
  const config = new DatastoreConfig(api.server.directories);
  await config.update('store1', { 'notify-level': 'error' });
  assert.deepEqual(await told(health({ usage: 0.8 })), []);
  assert.deepEqual(await told(health({ usage: 0.95 })), ['store1 usage critical error: 95.0 %']);
  await config.update('store1', {}, { remove: ['notify-level'] });
  fs.writeFileSync(stateFile(), '{"store1 usage":{"level":"lo');
  assert.deepEqual(await told(health({ usage: 0.95 })), ['store1 usage critical error: 95.0 %']);
  assert.ok(api.errors.some(({ event }) => event === 'alert-states-damaged'));
});

test('what cannot be spooled is told by the next look', async () => {
  fs.rmSync(spoolDirectory(api.server.directories), { recursive: true });
  fs.writeFileSync(spoolDirectory(api.server.directories), '');
  await assert.rejects(tellOfCrossings(api.server, health({ usage: 0.8 })));
  fs.rmSync(spoolDirectory(api.server.directories));
  assert.deepEqual(await told(health({ usage: 0.8 })), ['store1 usage warning warning: 80.0 %']);
});

test('the figures of a real server: backups that fail, and then succeed', async () => {
  const backup = async (work: () => Promise<void>): Promise<string[]> => {
    now += 60;
    const task = await api.server.tasks.start({ type: 'backup', id: 'store2:host/a', authId: 'admin@pbs' }, work);
    await task.done;
    return (await told(await healthFigures(api.server).current({ fresh: true }))).filter(
      (text) => !text.includes('usage'),
    );
  };
  const fail = async (): Promise<void> => {
    throw new Error('connection lost');
  };
  assert.deepEqual(await backup(fail), ['store2 backup-failures warning warning: host/a 1']);
  assert.deepEqual(await backup(fail), ['store2 backup-failures critical error: host/a 2']);
  assert.deepEqual(await backup(fail), []);
  assert.deepEqual(await backup(async () => {}), ['store2 backup-failures recovered info: host/a 0']);
});

test('a certificate that expires', async () => {
  const day = 86_400;
  const year = { notbefore: 0, notafter: 365 * day };
  const levels = [14 * day, 14 * day - 1, 3 * day, 3 * day - 1, -1].map((left) => expiryLevel(year, 365 * day - left));
  assert.deepEqual(levels, [undefined, 'warning', 'warning', 'critical', 'critical']);
  const week = { notbefore: 0, notafter: 6 * day };
  assert.deepEqual(
    [day, day - 1, day / 5, day / 5 - 1].map((left) => expiryLevel(week, 6 * day - left)),
    [undefined, 'warning', 'warning', 'critical'],
  );

  const { notAfter } = await certificateDates();
  const at = async (left: number): Promise<string[]> => {
    now = notAfter - left;
    await watchCertificate(api.server);
    return takeSpooled(api.server.directories).map(({ fields, severity, data }) => {
      assert.equal(fields['type'], 'acme');
      return `${severity} ${data['renewed'] ? 'renewed' : data['expired'] ? 'expired' : data['remaining']}`;
    });
  };
  assert.deepEqual(await at(20 * day), []);
  assert.deepEqual(await at(14 * day - 60), [`warning ${13 * day}`]);
  assert.deepEqual(await at(14 * day - 120), []);
  assert.deepEqual(await at(12 * day), [`warning ${12 * day}`]);
  assert.deepEqual(await at(2 * day), [`error ${2 * day}`]);
  assert.deepEqual(await at(-60), ['error expired']);
  assert.deepEqual(await at(300 * day), ['info renewed']);
});

async function certificateDates(): Promise<{ notAfter: number }> {
  const { X509Certificate } = await import('node:crypto');
  const identity = await loadIdentity(api.server.directories.config);
  return { notAfter: new X509Certificate(identity!.certificate).validToDate.getTime() / 1000 };
}

test('packages are told of once for each version', async () => {
  /** Files of the spool sort by time. */
  const tellLater = (updates: Parameters<typeof tellOfPackages>[1]): Promise<boolean> => {
    now++;
    return tellOfPackages(api.server, updates);
  };
  const update = (version: string) => [{ Package: 'granary', Version: version, OldVersion: '1' }];
  assert.equal(await tellLater([]), false);
  assert.equal(await tellLater(update('2')), true);
  assert.equal(await tellLater(update('2')), false);
  assert.equal(await tellLater([...update('2'), { Package: 'other', Version: '5' }]), true);
  assert.equal(await tellLater(update('3')), true);
  const spooled = takeSpooled(api.server.directories);
  assert.deepEqual(
    spooled.map(({ template }) => template),
    ['package-updates', 'package-updates', 'package-updates'],
  );
  const { schema, data } = spooled[0]!.data['updates'] as { schema: { columns: unknown[] }; data: unknown[] };
  assert.deepEqual([schema.columns.length, data], [3, update('2')]);
});

test('counters of an object store warn once when they cross what is configured, and start again by their schedule', async () => {
  now = 1_900_000_000;
  const { directories } = api.server;
  const section = { name: 'objects1', path: path.join(base, 'objects'), backend: 'type=s3,client=c1,bucket=b-1' };
  const limits = { 'notification-thresholds': 's3-put=10,s3-upload=1 MiB', 'counter-reset-schedule': 'daily' };
  await new DatastoreConfig(directories).create({ ...section, ...limits });
  const file = datastoreTrafficFile(directories, section)!;
  const look = async () => {
    await watchObjectTraffic(api.server);
    const told = takeSpooled(directories).map(({ fields, severity, data }) => {
      assert.deepEqual([fields['type'], fields['datastore']], ['thresholds', 'objects1']);
      const [item] = data['items'] as { value: string }[];
      return `${fields['metric']} ${severity}: ${item?.value} of ${data['threshold']}`;
    });
    // Those of one second are in no order.
    return told.sort();
  };
  const counts = new TrafficCounts(file);
  counts.count('put', 9);
  counts.count('get', 1000);
  await counts.flush();
  assert.deepEqual(await look(), []);
  counts.count('put', 1);
  counts.count('upload', 3 * 1024 * 1024);
  await counts.flush();
  assert.deepEqual(await look(), ['s3-put warning: 10 of 10', 's3-upload warning: 3 MiB of 1 MiB']);
  assert.deepEqual(await look(), []);
  now += 25 * hour;
  assert.deepEqual(await look(), []);
  assert.deepEqual([readTraffic(file).traffic.put, readTraffic(file).since], [0, now]);
  counts.count('put', 11);
  await counts.flush();
  assert.deepEqual(await look(), ['s3-put warning: 11 of 10']);
  await new DatastoreConfig(directories).remove('objects1');
});
