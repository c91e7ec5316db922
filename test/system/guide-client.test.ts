// The client's commands of the published guide by their literal text; only host names, ports and paths are adapted.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compareTrees } from '../../src/client/compare-trees.ts';
import { atTerminal, has, root, run, shellWords } from '../support/launch.ts';
import { emptyStore, type RunOptions, TestServer } from '../support/server.ts';
import { isRoot } from '../support/tree.ts';

let server: TestServer;
let tree: string;
let repository: string;
const host = hostname();

before(async () => {
  server = await TestServer.start();
  await emptyStore(server.path('ds1'));
  await command(
    `proxmox-backup-manager datastore create ds1 ${server.path('ds1')} --comment "Primary backup datastore"`,
  );
  await command('proxmox-backup-manager user create backupuser@pbs --password hunter22');
  await command('proxmox-backup-manager acl update /datastore/ds1 DatastorePowerUser --auth-id backupuser@pbs');
  repository = `backupuser@pbs@localhost:${server.port}:ds1`;
  tree = server.path('root');
  for (const dir of [
    'etc/nginx',
    'home/me',
    'dev',
    'proc',
    'sys',
    'tmp',
    'run',
    'mnt',
    'media',
    'var/cache',
    'var/lib',
  ]) {
    mkdirSync(join(tree, dir), { recursive: true });
    writeFileSync(join(tree, dir, 'file'), `in ${dir}\n`);
  }
  writeFileSync(join(tree, 'etc/nginx/nginx.conf'), 'worker_processes 1;\n', { mode: 0o640 });
  writeFileSync(join(tree, 'var/lib/data'), randomBytes(300_000));
  symlinkSync('nginx/nginx.conf', join(tree, 'etc/link'));
  if (isRoot) execFileSync('chown', ['33:33', join(tree, 'home/me/file')]);
});
after(() => server[Symbol.asyncDispose]());

/** Runs a line of the guide in this process. */
async function command(line: string, options: RunOptions = {}) {
  const [program, ...words] = shellWords(line);
  const env = { ...server.env('ds1', 'backupuser@pbs', 'hunter22'), GRANARY_HOME: server.path('server') };
  const result = await server.run(program!, words, { ...options, env: { ...env, ...options.env } });
  assert.equal(result.code, 0, `${line}\n${result.err}`);
  return result;
}

interface Listed {
  'backup-type': string;
  'backup-id': string;
  'backup-time': number;
}

/** Every snapshot, as the command line names it, or those of one group. */
async function snapshots(group = ''): Promise<string[]> {
  const { out } = await command(`proxmox-backup-client snapshot list ${group} --output-format json`);
  const time = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
  return (JSON.parse(out) as Listed[])
    .map((s) => `${s['backup-type']}/${s['backup-id']}/${time(s['backup-time'])}`)
    .sort();
}

const excludes =
  '--exclude /dev --exclude /proc --exclude /sys --exclude /tmp --exclude /run --exclude /mnt --exclude /media --exclude /var/cache';

test('S04-6: repository, password and fingerprint are taken from the environment', async () => {
  await command('proxmox-backup-client login', { env: { XDG_RUNTIME_DIR: server.path('run') } });
  const { out } = await command('proxmox-backup-client status');
  assert.match(out, /│ total │ +\d+ {2}\(100 %\) │/);
  const wrong = await server.client('ds1', ['status'], { env: { PBS_FINGERPRINT: `${'ab:'.repeat(31)}cd` } });
  assert.equal(wrong.code, 255);
  assert.match(wrong.err, /^Error: .*fingerprint/);
});

test('S04-7: a host backup without the excluded folders, with a summary of new, reused and compressed bytes', async () => {
  const { out, err } = await command(`proxmox-backup-client backup root.pxar:${tree} ${excludes}`);
  assert.equal(out, '');
  assert.match(err, new RegExp(`^Starting backup: host/${host}/\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ\n`));
  assert.match(err, /\nroot\.pxar: had to backup [\d.]+ KiB of [\d.]+ KiB \(compressed [\d.]+ KiB\) in [\d.]+s/);
  assert.match(err, /\nBacked up [\d.]+ KiB: [\d.]+ KiB new \(compressed [\d.]+ KiB\), 0 B reused \(0\.0%\)\n/);
});

test('S04-8: an image backup with a fixed index', async () => {
  const image = server.path('sda');
  writeFileSync(image, randomBytes(5_000_000));
  await command(`proxmox-backup-client backup disk0.img:${image} --backup-id image`);
  const { out } = await command(
    `proxmox-backup-client files ${(await snapshots('host/image'))[0]} --output-format json`,
  );
  const [disk] = (JSON.parse(out) as { filename: string; size: number }[]).filter((f) =>
    f.filename.startsWith('disk0'),
  );
  assert.deepEqual([disk!.filename, disk!.size], ['disk0.img.fidx', 5_000_000]);
});

test('S04-9: groups are listed', async () => {
  const { out } = await command('proxmox-backup-client list');
  assert.match(
    out,
    new RegExp(`│ host/${host} +│ host/${host}/\\d{4}-.*Z +│ +1 │ catalog.pcat1 index.json root.pxar `),
  );
  assert.match(out, /│ host\/image +│ host\/image\/\S+ +│ +1 │ disk0.img index.json /);
});

test('S04-10: the catalog is dumped', async () => {
  const { err } = await command(`proxmox-backup-client catalog dump ${(await snapshots(`host/${host}`))[0]}`);
  assert.match(err, /^f "\.\/root\.pxar\.didx\/etc\/nginx\/nginx\.conf" 20 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/m);
  assert.match(err, /^l "\.\/root\.pxar\.didx\/etc\/link"$/m);
  assert.doesNotMatch(err, /cache|proc|media/);
});

test('S05-4: a restore gives files with owner, mode and times', async () => {
  const target = server.path('target-restore-dir');
  await command(`proxmox-backup-client restore ${(await snapshots(`host/${host}`))[0]} root.pxar ${target}/`);
  const { differences } = await compareTrees(tree, target, { owners: isRoot });
  const left = ['dev', 'media', 'mnt', 'proc', 'run', 'sys', 'tmp', 'var/cache'];
  assert.deepEqual(
    differences
      .filter((d) => d.what === 'missing')
      .map((d) => d.path)
      .sort(),
    left,
  );
  assert.deepEqual(
    differences.filter((d) => d.what !== 'missing' && d.path !== '.pxarexclude-cli'),
    [],
  );
  assert.equal(statSync(join(target, 'etc/nginx/nginx.conf')).mode & 0o777, 0o640);
});

test('S06-4: a compression level from 1 to 19 is taken over', async () => {
  await command(`proxmox-backup-client backup root.pxar:${tree} --compress zstd --zstd-level 3 --backup-id level`);
  const words = ['backup', `root.pxar:${tree}`, '--compress', 'zstd', '--zstd-level', '20'];
  const refused = await server.client('ds1', words);
  assert.match(refused.err, /^Error: .*'zstd-level': value must have a maximum value of 19/);
});

/** A line of the guide at a terminal, where questions are answered. */
function typed(line: string, answers: string[], cwd: string) {
  return atTerminal(line, answers, { env: { PATH: `${join(root, 'bin')}:${process.env['PATH']}`, HOME: cwd }, cwd });
}

test('S07-1 to S07-4: a key is created with its password asked twice, shown, printed, and gets another password', async () => {
  const folder = server.path('keys');
  mkdirSync(folder);
  const key = join(folder, 'pbs-key.json');
  const password = { PBS_ENCRYPTION_PASSWORD: 'first-secret' };
  if (has('script')) {
    const created = await typed(`proxmox-backup-client key create ${key}`, ['first-secret', 'first-secret'], folder);
    assert.equal(created.code, 0, created.out);
    assert.match(created.out, /Encryption Key Password: [\s\S]*Verify Password: /);
    assert.ok(!created.out.includes('first-secret'), 'secrets are not echoed');
    const other = await typed(`proxmox-backup-client key create ${key}2`, ['first-secret', 'other-secret'], folder);
    assert.notEqual(other.code, 0);
    assert.match(other.out, /Error: Password mismatch/);
    assert.ok(!existsSync(`${key}2`));
  } else await command(`proxmox-backup-client key create ${key}`, { env: password });
  assert.equal(statSync(key).mode & 0o777, 0o600);

  const shown = (await command(`proxmox-backup-client key show ${key}`)).out;
  assert.match(shown, /│ kdf +│ scrypt +│/);
  const fingerprint = /│ fingerprint │ (\S+) +│/.exec(shown)![1]!;
  for (const name of ['path', 'created', 'modified']) assert.match(shown, new RegExp(`│ ${name} +│ \\S`));

  const { out: page } = await command(`proxmox-backup-client key paperkey ${key}`);
  assert.match(page, /^<!DOCTYPE html>[\s\S]*-----BEGIN PROXMOX BACKUP KEY-----[\s\S]*<(svg|img)[\s\S]*<\/html>/i);

  const line = `proxmox-backup-client key change-passphrase ${key}`;
  await command(line, { env: password, answers: ['second-secret', 'second-secret'] });
  const changed = JSON.parse((await command(`proxmox-backup-client key show ${key} --output-format json`)).out) as {
    fingerprint: string;
  };
  assert.equal(changed.fingerprint, fingerprint);
  const conf = server.path('a.conf');
  writeFileSync(conf, 'secret = 1\n');
  const backup = ['backup', `a.conf:${conf}`, '--backup-id', 'passphrase', '--keyfile', key];
  assert.notEqual((await server.client('ds1', backup, { env: password })).code, 0, 'the old password is no good');
  assert.equal((await server.client('ds1', backup, { env: { PBS_ENCRYPTION_PASSWORD: 'second-secret' } })).code, 0);
});

test('S07-5 and S07-7: a master key is created, and recovers the key of a backup', async () => {
  const folder = server.path('master');
  mkdirSync(folder);
  const env = {
    PATH: `${join(root, 'bin')}:${process.env['PATH']}`,
    HOME: folder,
    PBS_ENCRYPTION_PASSWORD: 'master-secret',
  };
  const guide = (line: string) =>
    run(['sh', '-c', line], { cwd: folder, env: { ...env, ...server.env('ds1'), ...env } });
  const made = await guide('proxmox-backup-client key create-master-key');
  assert.equal(made.code, 0, made.err);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.pem')),
    ['master-private.pem', 'master-public.pem'],
  );
  assert.equal(statSync(join(folder, 'master-private.pem')).mode & 0o777, 0o600);
  const key = join(folder, 'key.json');
  await command(`proxmox-backup-client key create ${key} --kdf none`);
  const conf = server.path('b.conf');
  writeFileSync(conf, 'secret = 2\n');
  const keys = `--keyfile ${key} --master-pubkey-file ${join(folder, 'master-public.pem')}`;
  await command(`proxmox-backup-client backup b.conf:${conf} --backup-id sealed ${keys}`);
  const blob = join(folder, 'backup-key-encrypted.blob');
  await command(`proxmox-backup-client restore host/sealed rsa-encrypted.key ${blob}`);
  const recovered = await guide(
    'proxmox-backup-client key recover-master --master-keyfile master-private.pem --encrypted-keyfile backup-key-encrypted.blob --output recovered-key.json',
  );
  assert.equal(recovered.code, 0, recovered.err);
  const { out } = await command(
    `proxmox-backup-client restore host/sealed b.conf - --keyfile ${join(folder, 'recovered-key.json')}`,
  );
  assert.equal(out, 'secret = 2\n');
});

test('S08-4 and S08-5: pruning without a group shows every group first, and then does it', async () => {
  const conf = server.path('c.conf');
  writeFileSync(conf, 'x\n');
  const day = 86_400;
  for (const id of ['one', 'two']) {
    for (const n of [0, 1, 40, 41]) {
      const time = 1_700_000_000 + n * day + (n % 2 === 0 ? 0 : 60 - day);
      await command(`proxmox-backup-client backup c.conf:${conf} --backup-id ${id} --backup-time ${time}`);
    }
  }
  const before = await snapshots();
  const rules = `--keep-daily 7 --keep-weekly 4 --keep-monthly 6 --repository ${repository}`;
  const shown = (await command(`proxmox-backup-client prune --dry-run ${rules}`)).out;
  for (const snapshot of before) assert.ok(shown.includes(snapshot), snapshot);
  assert.equal(shown.split('│ remove │').length - 1, 4);
  assert.deepEqual(await snapshots(), before);
  const done = (await command(`proxmox-backup-client prune ${rules}`)).out;
  assert.equal(done, shown);
  const removed = [...shown.matchAll(/│ (\S+) +│[^│]*│ remove │/g)].map((match) => match[1]!);
  assert.deepEqual(
    await snapshots(),
    before.filter((snapshot) => !removed.includes(snapshot)),
  );
});

test('S12-3: one snapshot is verified, and the exit code tells', async () => {
  const [snapshot] = await snapshots();
  const good = await command(`proxmox-backup-client verify ${snapshot} --repository ${repository} --verbose`);
  assert.match(good.out, /TASK OK\n$/);
  // One byte of one chunk that only this snapshot has.
  const noise = server.path('noise');
  writeFileSync(noise, randomBytes(10_000));
  await command(`proxmox-backup-client backup noise.img:${noise} --backup-id rotten`);
  const rotten = (await snapshots('host/rotten'))[0]!;
  const index = readFileSync(server.path('ds1', rotten, 'noise.img.fidx'));
  const digest = index.toString('hex', 4096, 4096 + 32);
  const chunk = server.path('ds1', '.chunks', digest.slice(0, 4), digest);
  const bytes = readFileSync(chunk);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(chunk, bytes);
  const bad = await server.client('ds1', ['verify', rotten, '--repository', repository], {
    env: { PBS_PASSWORD: 'hunter22' },
  });
  assert.equal(bad.code, 255);
  assert.ok(bad.out.includes(digest), bad.out);
  assert.match(bad.err, /^Error: task failed \(status verification failed/);
});

test('S15-3: a list of another repository is asked for with an option', async () => {
  await command('proxmox-backup-manager user create syncuser@pbs --comment "Remote sync user" --password sync-secret');
  await command('proxmox-backup-manager acl update /datastore/ds1 DatastoreReader --auth-id syncuser@pbs');
  const line = `proxmox-backup-client list --repository syncuser@pbs@localhost:${server.port}:ds1`;
  const env = { PBS_REPOSITORY: undefined, PBS_PASSWORD: 'sync-secret' };
  assert.match((await command(line, { env })).out, /│ host\/one +│/);
});
