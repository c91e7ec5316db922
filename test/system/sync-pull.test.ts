// Guide rows S10-5 to S10-9, S15-3 and S18-2: two servers, one pulls from the other. What is pulled is the datastore
// that the original product wrote, so that every byte of it goes over.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TestServer } from '../support/server.ts';
import { connect, contentOf, must, originalDatastore, runLine as run } from '../support/sync-pair.ts';

let primary: TestServer;
let offsite: TestServer;
before(async () => {
  [primary, offsite] = await Promise.all([TestServer.start(), TestServer.start()]);
  await originalDatastore(primary, 'offsite-ds1');
  await offsite.datastore('ds1');
  await must(primary.manager('user', 'create', 'syncuser@pbs', '--password', 'sync-password'));
  await must(run(primary, 'acl update /datastore/offsite-ds1 DatastoreReader --auth-id syncuser@pbs'));
  await connect(offsite, 'offsite-pbs', primary, 'syncuser@pbs', 'sync-password');
});
after(async () => {
  await offsite[Symbol.asyncDispose]();
  await primary[Symbol.asyncDispose]();
});

test('S10-5, S10-6: a job that pulls is made and listed', async () => {
  const create =
    'sync-job create offsite-sync-ds1 --store ds1 --remote offsite-pbs --remote-store offsite-ds1 ' +
    '--schedule "daily 20:00" --remove-vanished true';
  await must(run(offsite, create));
  assert.match(
    await must(run(offsite, 'sync-job list')),
    /│ offsite-sync-ds1 +│ pull +│ ds1 +│ offsite-pbs +│ offsite-ds1/,
  );
});

test('S10-7: it runs with its log, and everything of the source is on the target, byte for byte', async () => {
  const out = await must(run(offsite, 'sync-job run offsite-sync-ds1'));
  const id = 'offsite-pbs:offsite-ds1:ds1::offsite-sync-ds1';
  const lines = out.trimEnd().split('\n');
  assert.deepEqual(lines.slice(0, 5), [
    `Starting datastore sync job '${id}'`,
    "sync datastore 'ds1' from 'offsite-pbs/offsite-ds1'",
    '----',
    "Syncing datastore 'offsite-ds1', root namespace into datastore 'ds1', root namespace",
    'Found 6 groups to sync (out of 6 total)',
  ]);
  assert.match(out, /^2023-11-14T22:13:20Z\/root.pxar.didx: downloaded .* \(.*\/s\)$/m);
  assert.match(out, /^2023-11-15T22:13:20Z: got backup log file client.log.blob$/m);
  assert.match(out, /^percentage done: 100.00% \(6\/6 groups\)$/m);
  assert.match(out, /^Finished syncing namespace ns1\/nested, current progress: 8 groups, 13 snapshots$/m);
  assert.match(out, /^Summary: sync job pulled [\d.]+ [KM]iB in \d+ chunks \(average rate: .*\/s\)$/m);
  assert.deepEqual(lines.slice(-2), [`sync job '${id}' end`, 'TASK OK']);
  assert.deepEqual(contentOf(offsite.path('ds1')), contentOf(primary.path('offsite-ds1')));
  assert.match(await must(run(offsite, 'verify ds1 --ignore-verified false')), /TASK OK/);
});

test('S10-8: the task is listed', async () => {
  assert.match(await must(run(offsite, 'task list --typefilter syncjob')), /syncjob.*OK/);
});
