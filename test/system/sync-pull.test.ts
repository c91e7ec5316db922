// Guide rows S10-5 to S10-10, S15-3 and S18-2: two servers, one pulls from the other. What is pulled is the datastore
// that the original product wrote, so that every byte of it goes over.

import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { CountingProxy } from '../support/counting-proxy.ts';
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

test('S10-9 and S18-2: two sites that pull from each other have the same, and no round moves anything', async () => {
  await must(offsite.manager('user', 'create', 'syncuser@pbs', '--password', 'sync-password'));
  await must(run(offsite, 'acl update /datastore/ds1 DatastoreReader --auth-id syncuser@pbs'));
  await connect(primary, 'primary-pbs', offsite, 'syncuser@pbs', 'sync-password');
  const create =
    'sync-job create pull-from-primary --store offsite-ds1 --remote primary-pbs --remote-store ds1 ' +
    '--schedule "daily 22:00" --remove-vanished false';
  await must(run(primary, create));
  // The groups here are admin's: another owner may not touch them.
  const foreign = await run(primary, 'sync-job run pull-from-primary');
  assert.equal(foreign.code, 255);
  assert.match(foreign.out, /sync group host\/enc-host failed - owner check failed \(root@pam != admin@pbs\)/);
  assert.match(foreign.out, /TASK ERROR: sync failed with some errors\.$/m);
  await must(run(primary, 'sync-job update pull-from-primary --owner admin@pbs'));

  await writeFile(offsite.path('new.conf'), 'new\n'.repeat(1000));
  const words = ['backup', `new.conf:${offsite.path('new.conf')}`, '--backup-id', 'born-offsite'];
  assert.equal((await offsite.client('ds1', words)).code, 0);
  const handOver = await offsite.client('ds1', ['change-owner', 'host/born-offsite', 'root@pam']);
  assert.equal(handOver.code, 0, handOver.err);
  await must(run(offsite, 'sync-job update offsite-sync-ds1 --remove-vanished false'));
  const rounds: string[] = [];
  for (let i = 0; i < 2; i++) {
    rounds.push(await must(run(primary, 'sync-job run pull-from-primary')));
    rounds.push(await must(run(offsite, 'sync-job run offsite-sync-ds1 --output-format text')));
  }
  assert.match(rounds[0]!, /new\.conf\.blob: sync archive/);
  for (const out of rounds.slice(1)) assert.match(out, /Summary: sync job found no new data to pull/);
  for (const out of rounds.slice(1)) assert.doesNotMatch(out, /sync archive|sync done/);
  // What was verified here only shows in manifests of older snapshots, which nobody looks at again.
  const [here, there] = [offsite.path('ds1'), primary.path('offsite-ds1')].map((base) =>
    Object.entries(contentOf(base))
      .filter(([name]) => !name.endsWith('index.json.blob'))
      .map(([name, content]) => `${name} ${hash('sha256', content)}`),
  );
  assert.deepEqual(here, there);
});

test('S10-10: the limits of a job hold its connections, whichever way it goes', async () => {
  await must(run(offsite, 'sync-job update offsite-sync-ds1 --rate-in 100 --rate-out 50'));
  assert.match(await must(run(offsite, 'sync-job list')), /│ offsite-sync-ds1 .*│ 100 MiB +│/);
  assert.match(await must(run(offsite, 'sync-job run offsite-sync-ds1')), /TASK OK/);

  const MiB = 1024 * 1024;
  await primary.datastore('large');
  await offsite.datastore('slow');
  await writeFile(primary.path('noise.img'), randomBytes(8 * MiB));
  const words = ['backup', `noise.img:${primary.path('noise.img')}`, '--backup-id', 'noise'];
  assert.equal((await primary.client('large', words)).code, 0);
  await using proxy = await CountingProxy.start(primary.port);
  await connect(offsite, 'far', { port: proxy.port, fingerprint: primary.fingerprint }, 'admin@pbs', 'admin-password');
  const create = 'sync-job create slow-pull --store slow --remote far --remote-store large --owner admin@pbs';
  await must(run(offsite, `${create} --rate-in 4 --burst-in 1`));
  await primary.datastore('back');
  const back = 'sync-job create slow-push --store slow --remote far --remote-store back --sync-direction push';
  await must(run(offsite, `${back} --rate-out 4 --burst-out 1 --owner admin@pbs`));
  for (const [job, passed] of [
    ['slow-pull', () => proxy.down],
    ['slow-push', () => proxy.up],
  ] as const) {
    const [before, start] = [passed(), performance.now()];
    assert.match(await must(run(offsite, `sync-job run ${job}`)), /in \d+ chunks/);
    const bytes = passed() - before;
    const allowed = (performance.now() - start) / 1000;
    assert.ok(bytes > 8 * MiB && bytes <= MiB + 1.05 * 4 * MiB * allowed, `${job}: ${bytes} bytes in ${allowed} s`);
  }
});

test('what the user of the remote may not read is left out or told, and the rest comes', async () => {
  await primary.datastore('mixed');
  const file = primary.path('small.conf');
  await writeFile(file, 'small');
  const backUp = async (ns: string, id: string): Promise<void> => {
    const words = ['backup', `small.conf:${file}`, '--backup-id', id, '--ns', ns];
    assert.equal((await primary.client('mixed', words)).code, 0);
  };
  for (const ns of ['open', 'listed', 'hidden']) {
    await must(primary.client('mixed', ['namespace', 'create', ns]));
    await backUp(ns, 'one');
  }
  for (const id of ['own', 'foreign']) await backUp('', id);
  await must(primary.manager('user', 'create', 'limited@pbs', '--password', 'limited-password'));
  for (const [path, role, propagate] of [
    ['', 'DatastoreBackup', 'false'],
    ['/open', 'DatastoreReader', 'true'],
    ['/listed', 'DatastoreAudit', 'true'],
  ]) {
    const rule = `acl update /datastore/mixed${path} ${role} --auth-id limited@pbs --propagate ${propagate}`;
    await must(run(primary, rule));
  }
  await must(primary.client('mixed', ['change-owner', 'host/own', 'limited@pbs']));
  await connect(offsite, 'limited', primary, 'limited@pbs', 'limited-password');
  await offsite.datastore('part');
  const names = async (): Promise<string[]> =>
    Object.keys(contentOf(offsite.path('part')))
      .map((name) => /^(.*)\/[^/]+\/index\.json\.blob$/.exec(name)?.[1])
      .filter((name) => name !== undefined);
  for (const vanished of ['false', 'true']) {
    const { code, out } = await run(offsite, `pull limited mixed part --remove-vanished ${vanished}`);
    assert.equal(code, 255, out);
    assert.match(out, /^Found 1 groups to sync \(out of 1 total\)$/m);
    assert.match(out, /^sync group host\/one failed - no permissions on \/datastore\/mixed\/listed$/m);
    assert.equal(out.match(/ failed - /g)?.length, 1, out);
    assert.doesNotMatch(out, /hidden/);
    assert.match(out, /TASK ERROR: sync failed with some errors\.$/m);
    assert.deepEqual(await names(), ['host/own', 'ns/open/host/one']);
  }
  // All of it is refused at once where nothing may be seen.
  await must(run(primary, 'acl update /datastore/mixed DatastoreBackup --auth-id limited@pbs --delete true'));
  for (const ns of ['open', 'listed']) {
    const role = ns === 'open' ? 'DatastoreReader' : 'DatastoreAudit';
    await must(run(primary, `acl update /datastore/mixed/${ns} ${role} --auth-id limited@pbs --delete true`));
  }
  const none = await run(offsite, 'pull limited mixed part --remove-vanished true');
  assert.match(none.out, /TASK ERROR: .*permission check failed/);
  assert.deepEqual(await names(), ['host/own', 'ns/open/host/one']);
});

test('S15-3: the user of the job lists the datastore of the other site', async () => {
  const repository = `syncuser@pbs@localhost:${primary.port}:offsite-ds1`;
  const env = { PBS_PASSWORD: 'sync-password' };
  const { code, out, err } = await primary.client('offsite-ds1', ['list', '--repository', repository], { env });
  assert.equal(code, 0, err);
  assert.match(out, /│ host\/plain-host +│/);
});

test('a pull by hand takes what it is asked for, also within one server', async () => {
  await offsite.datastore('ds2');
  const out = await must(run(offsite, 'pull offsite-pbs offsite-ds1 ds2 --group-filter type:vm --transfer-last 1'));
  assert.match(out, /^sync datastore 'ds2' from 'offsite-pbs\/offsite-ds1'$/m);
  assert.match(out, /^skipped: 1 snapshot\(s\) \(2023-11-14T22:13:20Z\) - due to transfer-last$/m);
  const listed = await offsite.client('ds2', ['list', '--output-format', 'json']);
  const groups = JSON.parse(listed.out) as { 'backup-id': string; 'backup-count': number; owner: string }[];
  assert.deepEqual(
    groups.map((group) => [group['backup-id'], group['backup-count']]),
    [
      ['100', 1],
      ['101', 1],
    ],
  );
  await offsite.datastore('ds3');
  await must(run(offsite, 'sync-job create within --store ds3 --remote-store ds1 --ns a --owner root@pam'));
  const local = await run(offsite, 'sync-job run within');
  assert.equal(local.code, 0, local.out);
  assert.match(local.out, /^Starting datastore sync job '-:ds1:ds3:a:within'$/m);
  assert.match(local.out, /^sync datastore 'ds3' from 'ds1'$/m);
  assert.match(local.out, /^Created namespace a\/ns1\/nested$/m);
  assert.match(await must(run(offsite, 'verify ds3')), /TASK OK/);
});
