// The manager's commands about configured objects against a running server.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { StoreWriters } from '../../src/datastore/writers.ts';
import { shellWords } from '../support/launch.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await TestServer.start();
});
after(() => server[Symbol.asyncDispose]());

/** Runs a line of the manager, which has to succeed. */
async function manager(line: string): Promise<string> {
  const { code, out, err } = await server.manager(...shellWords(line));
  assert.deepEqual([code, err], [0, ''], line);
  return out;
}
const json = async (line: string) => JSON.parse(await manager(`${line} --output-format json`)) as unknown;
async function refused(line: string): Promise<string> {
  const { code, err } = await server.manager(...shellWords(line));
  assert.equal(code, 255, line);
  return err;
}

test('prune jobs are made, listed, shown, changed and removed', async () => {
  assert.equal(await manager('prune-job list'), '');
  await manager('prune-job create prune-ds1 --store ds1 --schedule "sat 02:00" --keep-last 3 --comment "first one"');
  assert.match(await manager('prune-job list'), /│ prune-ds1 │ {9}│ ds1 {3}│ {4}│ sat 02:00 │ {11}│ +3 │/);
  const shown = await manager('prune-job show prune-ds1');
  assert.match(shown, /│ comment {3}│ first one │/);
  await manager('prune-job update prune-ds1 --delete comment --delete keep-last --keep-daily 7 --disable');
  assert.deepEqual(await json('prune-job show prune-ds1'), {
    disable: true,
    id: 'prune-ds1',
    'keep-daily': 7,
    schedule: 'sat 02:00',
    store: 'ds1',
  });
  assert.match(
    await refused('prune-job create prune-ds1 --store ds1 --schedule daily'),
    /job 'prune-ds1' already exists\./,
  );
  assert.match(await refused('prune-job remove prune-ds2'), /^Error: job 'prune-ds2' does not exist\.\n/);
  await manager('prune-job remove prune-ds1');
  assert.equal(await manager('prune-job list'), '');
});

test('verification jobs: S12-1 and S15-2 with their literal text', async () => {
  await manager(
    'verify-job create verify-ds1 --store ds1 --schedule "weekly sat 08:00" --ignore-verified true --outdated-after 30',
  );
  const before = Math.floor(Date.now() / 1000);
  await manager('verify-job create recovery-verify --store ds1 --schedule "now"');
  assert.match(await manager('verify-job list'), /│ verify-ds1 +│ ds1 {3}│ weekly sat 08:00 │ +1 │ +30 │/);
  const jobs = (await json('verify-job list')) as { id: string }[];
  assert.deepEqual(
    jobs.map((job) => job.id),
    ['verify-ds1', 'recovery-verify'],
  );
  const asked = ['api', 'get', 'admin/verify', '--output-format', 'json'];
  const env = { GRANARY_HOME: server.path('server') };
  const answer = await server.run('proxmox-backup-debug', asked, { env });
  const states = JSON.parse(answer.out) as { id: string; 'next-run'?: number }[];
  const once = states.find((job) => job.id === 'recovery-verify')!;
  assert.ok(once['next-run']! >= before && once['next-run']! <= Date.now() / 1000, 'due at once');
  assert.match(
    await refused('verify-job create bad-one --store ds1 --schedule "now and then"'),
    /^Error: parameter verification failed - 'schedule': unable to parse calendar event 'now and then'/,
  );
  await manager('verify-job update verify-ds1 --delete outdated-after --comment "all of it"');
  assert.match(await manager('verify-job show verify-ds1'), /│ comment {9}│ all of it/);
  await manager('verify-job remove verify-ds1');
  await manager('verify-job remove recovery-verify');
});

test('remotes and sync jobs: S10-3 to S10-10 with their literal text', async () => {
  const fingerprint = Array.from({ length: 32 }, () => 'AB').join(':');
  const password = 'a secret: word';
  await manager(
    `remote create offsite-pbs --host 203.0.113.50 --port 8007 --auth-id syncuser@pbs --password "${password}" --fingerprint ${fingerprint}`,
  );
  const file = server.path('server', 'etc', 'remote.cfg');
  assert.match(
    readFileSync(file, 'utf8'),
    new RegExp(`^\\tpassword ${Buffer.from(password).toString('base64')}$`, 'm'),
  );
  assert.equal(statSync(file).mode & 0o007, 0);
  const listed = await manager('remote list');
  assert.match(listed, /│ offsite-pbs │ 203\.0\.113\.50 │ syncuser@pbs │ AB:AB:/);
  for (const text of [listed, await manager('remote show offsite-pbs'), JSON.stringify(await json('remote list'))]) {
    assert.doesNotMatch(text, /password|secret/);
  }
  await manager(
    'sync-job create offsite-sync-ds1 --store ds1 --remote offsite-pbs --remote-store offsite-ds1 --schedule "daily 20:00" --remove-vanished true',
  );
  assert.match(
    await manager('sync-job list'),
    /│ offsite-sync-ds1 │ pull +│ ds1 {3}│ offsite-pbs │ offsite-ds1 {2}│ daily 20:00 │/,
  );
  await manager(
    'sync-job create pull-from-primary --store offsite-ds1 --remote primary-pbs --remote-store ds1 --schedule "daily 22:00" --remove-vanished false',
  );
  await manager('sync-job update offsite-sync-ds1 --rate-in 100 --rate-out 50');
  const job = (await json('sync-job show offsite-sync-ds1')) as Record<string, unknown>;
  assert.deepEqual([job['rate-in'], job['rate-out'], job['remove-vanished']], ['100 MiB', '50 MiB', true]);
  await manager(
    'sync-job update offsite-sync-ds1 --rate-in 2000000 --group-filter type:vm --group-filter include:group:ct/1',
  );
  const changed = (await json('sync-job show offsite-sync-ds1')) as Record<string, unknown>;
  assert.deepEqual([changed['rate-in'], changed['group-filter']], ['2000000 B', ['type:vm', 'group:ct/1']]);
  assert.match(await manager('sync-job list'), /│ type:vm, group:ct\/1 │ 2000000 B │/);
  assert.deepEqual(await json('sync-job list --sync-direction push'), []);
  assert.match(
    await refused('remote remove offsite-pbs'),
    /'name': remote 'offsite-pbs' is used by sync job 'offsite-sync-ds1' \(datastore 'ds1'\)/,
  );
  await manager('sync-job remove offsite-sync-ds1');
  await manager('sync-job remove pull-from-primary');
  await manager('remote remove offsite-pbs');
});

test('a password is asked for when none follows', async () => {
  const words = shellWords('remote create asked --host h1 --auth-id a@pbs!t --password');
  const { code, err } = await server.run('proxmox-backup-manager', words, {
    env: { GRANARY_HOME: server.path('server') },
    answers: ['typed'],
  });
  assert.deepEqual([code, err], [0, '']);
  assert.match(readFileSync(server.path('server', 'etc', 'remote.cfg'), 'utf8'), /\tpassword dHlwZWQ=\n/);
  await manager('remote remove asked');
});

test('rules of traffic control are made, listed, changed and removed', async () => {
  await manager(
    'traffic-control create office --network 192.168.0.0/16 --network fd00::/8 --rate-in 10MiB --timeframe "mon..fri 8-18"',
  );
  assert.match(
    await manager('traffic-control list'),
    /│ office │ 10 MiB {2}│ +│ +│ +│ 192\.168\.0\.0\/16, fd00::\/8 │ mon\.\.fri 8-18 │/,
  );
  await manager('traffic-control update office --delete timeframe --rate-out "1.5 GB" --users u@pbs');
  assert.deepEqual(await json('traffic-control show office'), {
    name: 'office',
    network: ['192.168.0.0/16', 'fd00::/8'],
    'rate-in': '10 MiB',
    'rate-out': '1.5 GB',
    users: ['u@pbs'],
  });
  assert.match(
    await refused('traffic-control create wrong --network 10.0.0.0/33'),
    /'network\/\[0\]': value does not match/,
  );
  await manager('traffic-control remove office');
});

test('datastores: S02-4, S02-5, S08-2, S08-3, S12-5, and their removal', async () => {
  const fast = server.path('nvme-pool', 'fast-backups');
  const line = `datastore create ds-fast ${fast} --keep-daily 3 --keep-weekly 2 --gc-schedule "daily" --comment "Fast tier"`;
  assert.match(await manager(line), /TASK OK\n$/);
  const job = { id: 'default-ds-fast', store: 'ds-fast', schedule: 'daily', 'keep-daily': 3, 'keep-weekly': 2 };
  assert.deepEqual(await json('prune-job list'), [job]);
  await manager(
    'datastore update ds-fast --keep-last 3 --keep-daily 7 --keep-weekly 4 --keep-monthly 6 --keep-yearly 2',
  );
  await manager('datastore update ds-fast --prune-schedule "daily 06:00"');
  await manager('datastore update ds-fast --verify-new true');
  assert.deepEqual(await json('prune-job show default-ds-fast'), {
    ...job,
    schedule: 'daily 06:00',
    'keep-last': 3,
    'keep-daily': 7,
    'keep-weekly': 4,
    'keep-monthly': 6,
    'keep-yearly': 2,
  });
  assert.equal(((await json('datastore show ds-fast')) as Record<string, unknown>)['verify-new'], true);
  assert.match(await manager('datastore list --output-format text'), /│ ds-fast │ .*fast-backups │ Fast tier │/);
  await manager('datastore update ds-fast --maintenance-mode "offline,message=\'new disk\'"');
  const { code, out, err } = await server.manager('datastore', 'show', 'ds-fast');
  assert.equal(code, 0);
  assert.match(err, /^datastore 'ds-fast' is unavailable: offline maintenance mode: 'new disk'$/m);
  assert.match(out, /│ used +│ unknown +│/);
  await manager('datastore update ds-fast --delete maintenance-mode');
  assert.match(await manager('datastore remove ds-fast --destroy-data'), /Finished deleting data\.[\s\S]*TASK OK\n$/);
  assert.equal(existsSync(fast), false);
  assert.deepEqual(await json('prune-job list'), []);
  assert.match(await refused('datastore remove ds-fast'), /^Error: datastore 'ds-fast' does not exist\.\n/);
});

test('S02-3: a file edited by hand, with the spaces of the guide, takes effect without a restart', async () => {
  await server.datastore('edited');
  const file = server.path('server', 'etc', 'datastore.cfg');
  const lines = [
    'gc-schedule daily',
    'prune-schedule daily',
    'keep-daily 7',
    'keep-weekly 4',
    'keep-monthly 6',
    'keep-yearly 2',
    'verify-new true',
    'notify always',
  ];
  const text = readFileSync(file, 'utf8').replace(
    /(datastore: edited\n)/,
    `$1${lines.map((line) => `    ${line}\n`).join('')}`,
  );
  writeFileSync(file, text);
  const config = (await json('datastore show edited')) as Record<string, unknown>;
  assert.deepEqual(
    lines.map((line) => line.split(' ')[0]!).map((key) => `${key} ${String(config[key])}`),
    lines,
  );
  const env = { GRANARY_HOME: server.path('server') };
  const asked = ['api', 'get', 'admin/prune', '--store', 'edited', '--output-format', 'json'];
  const [job] = JSON.parse((await server.run('proxmox-backup-debug', asked, { env })).out) as Record<string, unknown>[];
  const { 'next-run': next, ...rest } = job!;
  assert.deepEqual(rest, {
    id: 'default-edited',
    store: 'edited',
    schedule: 'daily',
    'keep-daily': 7,
    'keep-weekly': 4,
    'keep-monthly': 6,
    'keep-yearly': 2,
    origin: 'datastore',
  });
  assert.ok(Number(next) > Date.now() / 1000);
  // New backups are verified from now on.
  const conf = server.path('x.conf');
  writeFileSync(conf, 'x');
  assert.equal((await server.client('edited', ['backup', `x.conf:${conf}`])).code, 0);
  // What the job would do with it, and why.
  assert.match(
    await manager('prune-job run default-edited --dry-run'),
    /would keep host\/.*Z: keep-daily \(\d{4}-\d\d-\d\d\)\n/,
  );
  for (;;) {
    const tasks = (await json('task list --typefilter verify --store edited')) as { status?: string }[];
    if (tasks[0]?.status === undefined) continue;
    assert.equal(tasks[0].status, 'OK');
    break;
  }
  assert.equal(readFileSync(file, 'utf8'), text, 'the file stays as it was edited');
  writeFileSync(file, text.replace('verify-new true', 'verify-new perhaps'));
  const line = text.split('\n').findIndex((one) => one.includes('verify-new')) + 1;
  assert.equal(
    await refused('datastore list'),
    `Error: parsing "${file}" failed: line ${line} - property 'verify-new': Unable to parse boolean option.\n`,
  );
  assert.match(await refused('datastore update edited --comment x'), new RegExp(`failed: line ${line} - `));
  writeFileSync(file, text);
});

test('S19-1, S19-2 and S19-5: tasks and datastores as tables', async () => {
  assert.equal(await manager('task list --running'), '');
  const table = await manager('task list --limit 20 --output-format text');
  assert.match(table, /│ +starttime +│ +endtime +│ upid +│ status │/);
  assert.match(table, /│ UPID:[^│]+:create-datastore:edited:root@pam: +│ OK +│/);
  assert.match(await manager('datastore list --output-format text'), /│ edited │ /);
});

test('S06-1, S06-2, S19-3: what a datastore holds, from the last garbage collection, and who has it locked', async () => {
  const base = await server.datastore('shown');
  assert.match(await manager('datastore show shown'), /│ chunk-count +│ unknown +│/);
  const upid = 'UPID:h:00000001:00000001:00000001:6B03A79F:garbage_collection:shown:root@pam:';
  const status = { upid, 'disk-chunks': 123, 'index-data-bytes': 4 * 1024 ** 3, 'disk-bytes': 1024 ** 3 };
  writeFileSync(join(base, '.gc-status'), JSON.stringify(status));
  const shown = await manager('datastore show shown');
  for (const row of ['chunk-count +│ 123', 'total-data +│ 4 GiB', 'disk-usage +│ 1 GiB', 'dedup-factor +│ 4.00']) {
    assert.match(shown, new RegExp(`│ ${row} +│`));
  }
  for (const row of ['used', 'total', 'avail']) assert.match(shown, new RegExp(`│ ${row} +│ [\\d.]+ [KMGTP]iB +│`));
  assert.doesNotMatch(shown, /locked-by/);
  const figures = JSON.parse(await manager('datastore show shown --output-format json-pretty')) as Record<
    string,
    unknown
  >;
  assert.deepEqual(
    ['chunk-count', 'total-data', 'disk-usage', 'dedup-factor'].map((key) => figures[key]),
    [123, 4 * 1024 ** 3, 1024 ** 3, 4],
  );
  const writers = new StoreWriters(base, server.path('server', 'run', 'locks', 'shown'));
  using _collection = writers.beginCollection();
  assert.match(await manager('datastore show shown'), new RegExp(`│ locked-by +│ process ${process.pid} \\(.+\\) +│`));
});

test('names of configured objects, and the properties that can go, are completed', async () => {
  await manager('prune-job create prune-one --store shown --schedule daily --keep-last 1');
  const offered = async (line: string) => {
    const words = `proxmox-backup-manager ${line}`;
    const env = { GRANARY_HOME: server.path('server'), COMP_LINE: words, COMP_POINT: String(words.length) };
    return (await server.run('proxmox-backup-manager', ['bashcomplete'], { env })).out.split('\n').filter(Boolean);
  };
  assert.deepEqual(await offered('prune-job show '), ['prune-one']);
  assert.deepEqual(await offered('prune-job update prune-one --delete max'), ['max-depth']);
  assert.deepEqual(await offered('verify-job create x --store sh'), ['shown']);
  assert.deepEqual(await offered('verify-job create x --schedule daily --store shown --n'), ['--ns']);
  await manager('prune-job remove prune-one');
});
