// Backups and restores of every kind of source through the client, against a running server.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compareTrees } from '../../src/client/compare-trees.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let tree: string;
let image: string;
let config: string;

before(async () => {
  server = await TestServer.start();
  await server.datastore('store1');
  tree = server.path('tree');
  mkdirSync(join(tree, 'a/b/c'), { recursive: true });
  mkdirSync(join(tree, 'empty'));
  for (let i = 0; i < 50; i++) writeFileSync(join(tree, `a/file-${i}.txt`), `file ${i}\n`.repeat(i));
  writeFileSync(join(tree, 'a/b/large.bin'), randomBytes(9_000_000));
  writeFileSync(join(tree, 'a/b/c/sparse.bin'), '');
  truncateSync(join(tree, 'a/b/c/sparse.bin'), 3_000_000);
  execFileSync('ln', [join(tree, 'a/file-1.txt'), join(tree, 'hard')]);
  execFileSync('ln', ['-s', 'a/file-2.txt', join(tree, 'soft')]);
  image = server.path('disk.img');
  writeFileSync(image, Buffer.concat([randomBytes(4_500_000), Buffer.alloc(9_000_000), randomBytes(100)]));
  config = server.path('host.conf');
  writeFileSync(config, 'key = value\n');
});
after(() => server[Symbol.asyncDispose]());

const client = (...words: string[]) => server.client('store1', words);
const sources = () => [`root.pxar:${tree}`, `disk.img:${image}`, `host.conf:${config}`];

async function backup(id: string, time: number, ...more: string[]) {
  const result = await client('backup', ...sources(), '--backup-id', id, '--backup-time', String(time), ...more);
  assert.equal(result.code, 0, result.err);
  assert.equal(result.out, '');
  return result.err;
}

async function restoreTree(snapshot: string, to: string, ...more: string[]) {
  const result = await client('restore', snapshot, 'root.pxar', to, ...more);
  assert.equal(result.code, 0, result.err);
  const { differences } = await compareTrees(tree, to);
  assert.deepEqual(differences, []);
}

const T = (n: number): number => 1_700_000_000 + n;
const at = (id: string, n: number): string => `host/${id}/${new Date(T(n) * 1000).toISOString().slice(0, 19)}Z`;

test('a plain backup tells what it does, and everything comes back', async () => {
  const messages = await backup('plain', T(0));
  assert.match(
    messages,
    /^Starting backup: host\/plain\/2023-11-14T22:13:20Z\nClient name: .*\nStarting backup protocol: /,
  );
  assert.match(messages, /\nNo previous manifest available\.\n/);
  assert.match(messages, /\nUpload directory '.*tree' to 'admin@pbs@localhost:\d+:store1' as root\.pxar\.didx\n/);
  assert.match(
    messages,
    /\nroot\.pxar: had to backup [\d.]+ MiB of [\d.]+ MiB \(compressed [\d.]+ MiB\) in \d+\.\d\ds\n/,
  );
  assert.match(messages, /\nUploaded backup catalog \([\d.]+ KiB\)\n/);
  assert.match(messages, /\nDuration: \d+\.\d\ds\nEnd Time: .*\n$/);
  await restoreTree('host/plain', server.path('out-plain'));
  const restored = await client('restore', 'host/plain/latest', 'disk.img', server.path('out.img'));
  assert.match(restored.err, /^restore image complete \(bytes=13500100, duration=\d+\.\d\ds, speed=[\d.]+MB\/s\)\n$/);
  assert.equal(hash('sha256', readFileSync(server.path('out.img'))), hash('sha256', readFileSync(image)));
  assert.ok(statSync(server.path('out.img')).blocks * 512 < 12_000_000, 'zero chunks are holes');
  assert.deepEqual((await client('restore', 'host/plain', 'host.conf', '-')).bytes, readFileSync(config));
  assert.equal(
    hash('sha256', (await client('restore', 'host/plain', 'disk.img', '-')).bytes),
    hash('sha256', readFileSync(image)),
  );
});

test('a second backup uploads nothing that is there', async () => {
  const messages = await backup('plain', T(1));
  assert.match(messages, /\nDownloading previous manifest \(.*2023\)\n/);
  assert.match(messages, /\nroot\.pxar: had to backup 0 B of /);
  assert.match(messages, /\ndisk\.img: backup was done incrementally, reused 12\.875 MiB \(100\.0%\)\n/);
  assert.match(messages, /\nBacked up [\d.]+ MiB: 0 B new \(compressed 0 B\), [\d.]+ MiB reused \(100\.0%\)\n/);
});

test('an encrypted backup needs its key, and carries it sealed', async () => {
  const key = server.path('key.json');
  assert.equal((await client('key', 'create', key, '--kdf', 'none')).code, 0);
  const master = join(import.meta.dirname, '../golden/pbs-3.2.4/keys');
  const messages = await backup('enc', T(2), '--keyfile', key, '--master-pubkey-file', `${master}/master-public.pem`);
  assert.match(messages, /\nEncryption key fingerprint: ([0-9a-f]{2}:){7}[0-9a-f]{2}\n/);
  const refused = await client('restore', 'host/enc', 'root.pxar', server.path('out-refused'));
  assert.equal(refused.code, 255);
  assert.match(refused.err, /^Error: missing key: .*\nGive the key that the backup was made with: --keyfile\.\n$/);
  await restoreTree('host/enc', server.path('out-enc'), '--keyfile', key);
  assert.equal((await client('restore', 'host/enc', 'rsa-encrypted.key', server.path('sealed'))).code, 0);
  const recovered = await server.client(
    'store1',
    [
      'key',
      'recover-master',
      '--master-keyfile',
      `${master}/master-private.pem`,
      '--encrypted-keyfile',
      server.path('sealed'),
      '--output',
      server.path('back.json'),
    ],
    { env: { PBS_ENCRYPTION_PASSWORD: 'master-passphrase-789' } },
  );
  assert.equal(recovered.code, 0, recovered.err);
  await restoreTree('host/enc', server.path('out-enc2'), '--keyfile', server.path('back.json'));
  const signed = ['--keyfile', key, '--crypt-mode', 'sign-only', '--change-detection-mode', 'metadata'];
  await backup('signed', T(2), ...signed);
  assert.match(await backup('signed', T(3), ...signed), /\nroot\.ppxar: reused [\d.]+ MiB from previous snapshot/);
  await restoreTree('host/signed', server.path('out-signed'), '--keyfile', key);
});

test('split archives: data mode, then metadata mode reuses unchanged files without reading them', async () => {
  await backup('split', T(3), '--change-detection-mode', 'data');
  appendFileSync(join(tree, 'a/file-7.txt'), 'more\n');
  const messages = await backup('split', T(4), '--change-detection-mode', 'metadata');
  assert.match(
    messages,
    /\nroot\.ppxar: reused [\d.]+ MiB from previous snapshot for unchanged files \(\d+ chunks\)\n/,
  );
  await restoreTree('host/split', server.path('out-split'));
  const dump = await client('catalog', 'dump', 'host/split');
  assert.match(dump.err, /^d "\.\/root\.mpxar\.didx"\nd "\.\/root\.mpxar\.didx\/a"\n/);
  const stream = server.path('joined.pxar');
  writeFileSync(stream, (await client('restore', 'host/split', 'root.pxar', '-')).bytes);
  const extracted = await server.run('pxar', ['extract', stream, server.path('out-joined')], {});
  assert.equal(extracted.code, 0, extracted.err);
  assert.deepEqual((await compareTrees(tree, server.path('out-joined'))).differences, []);
});

test('patterns choose what is backed up and what is restored', async () => {
  const backedUp = await client(
    'backup',
    `root.pxar:${tree}`,
    '--backup-id',
    'less',
    '--exclude',
    '*.bin',
    '--exclude',
    '/empty',
  );
  assert.equal(backedUp.code, 0, backedUp.err);
  const dump = (await client('catalog', 'dump', 'host/less')).err;
  assert.doesNotMatch(dump, /\.bin"|empty/);
  assert.match(dump, /\nf "\.\/root\.pxar\.didx\/\.pxarexclude-cli" \d+ 1970-01-01T00:00:00Z/);
  const to = server.path('out-part');
  assert.equal(
    (await client('restore', 'host/plain', 'root.pxar', to, '--pattern', '/a/b/c', '--pattern', '/hard')).code,
    0,
  );
  assert.equal(statSync(join(to, 'a/b/c/sparse.bin')).size, 3_000_000);
  assert.equal(readFileSync(join(to, 'hard'), 'utf8'), 'file 1\n');
  assert.ok(!existsSync(join(to, 'a/file-1.txt')));
});

test('what exists is not overwritten unless it is asked for', async () => {
  const to = server.path('out-plain');
  const refused = await client('restore', 'host/plain', 'root.pxar', to);
  assert.equal(refused.code, 255);
  assert.equal(
    (await client('restore', 'host/plain', 'root.pxar', to, '--allow-existing-dirs', '--overwrite')).code,
    0,
  );
  const file = server.path('precious');
  writeFileSync(file, 'mine');
  assert.match((await client('restore', 'host/plain', 'host.conf', file)).err, /exists already/);
  assert.equal(readFileSync(file, 'utf8'), 'mine');
  assert.equal((await client('restore', 'host/plain', 'host.conf', file, '--overwrite')).code, 0);
  assert.deepEqual(readFileSync(file), readFileSync(config));
});

test('a backup that fails leaves no snapshot', async () => {
  const key = server.path('key.json');
  const old = await client('backup', `host.conf:${config}`, '--backup-id', 'plain', '--backup-time', String(T(0)));
  assert.equal(old.code, 255);
  assert.match(old.err, /\nError: backup timestamp is older than last backup\.\n$/);
  writeFileSync(server.path('empty.img'), '');
  const failed = await client(
    'backup',
    `host.conf:${config}`,
    `x.img:${server.path('empty.img')}`,
    '--backup-id',
    'broken',
  );
  assert.equal(failed.code, 255);
  assert.doesNotMatch((await client('snapshot', 'list')).out, /host\/broken/);
  const missing = await client('backup', 'root.pxar:/no/such/dir', '--keyfile', key);
  assert.match(missing.err, /^Error: unable to access '\/no\/such\/dir'/);
});

test('a pipe is an image of unknown size', async () => {
  const pipe = server.path('pipe');
  execFileSync('mkfifo', [pipe]);
  const { spawn } = await import('node:child_process');
  const writer = spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', image, pipe]);
  const result = await client('backup', `disk.img:${pipe}`, '--backup-id', 'pipe');
  assert.equal(result.code, 0, result.err);
  writer.kill();
  assert.equal(
    hash('sha256', (await client('restore', 'host/pipe', 'disk.img', '-')).bytes),
    hash('sha256', readFileSync(image)),
  );
});

test('a rate limit holds the upload', async () => {
  const noise = server.path('noise.img');
  writeFileSync(noise, randomBytes(3_000_000));
  const start = performance.now();
  const result = await client(
    'backup',
    `n.img:${noise}`,
    '--backup-id',
    'slow',
    '--rate',
    '2000000',
    '--burst',
    '100000',
  );
  assert.equal(result.code, 0, result.err);
  const seconds = (performance.now() - start) / 1000;
  assert.ok(seconds >= ((3_000_000 - 100_000 - 65536) / 2_000_000) * 0.95, `took ${seconds}s`);
});

test('a dry run only tells', async () => {
  const { err, code } = await client('backup', ...sources(), '--backup-id', 'dry', '--dry-run');
  assert.equal(code, 0);
  assert.match(err, /\nWould upload image '.*' to 'admin@pbs@localhost:\d+:store1' as disk\.img\.fidx\n/);
  assert.doesNotMatch((await client('list')).out, /host\/dry/);
});

test('notes, protection, logs, owners and removal of snapshots', async () => {
  const snapshot = at('plain', 1);
  assert.equal((await client('snapshot', 'notes', 'update', snapshot, 'two\nlines')).code, 0);
  assert.equal((await client('snapshot', 'notes', 'show', snapshot)).out, 'two\nlines\n');
  assert.equal((await client('snapshot', 'protected', 'update', snapshot, 'true')).code, 0);
  assert.match((await client('forget', snapshot)).err, /cannot remove protected snapshot/);
  assert.equal((await client('snapshot', 'protected', 'update', snapshot, 'false')).code, 0);
  writeFileSync(server.path('client.log'), 'log line\n');
  const log = await client('upload-log', snapshot, server.path('client.log'));
  assert.equal(log.out, 'Result: {\n  "data": null\n}\n');
  assert.equal((await client('restore', snapshot, 'client.log', '-')).out, 'log line\n');
  const verified = await client('verify', snapshot, '--verbose');
  assert.equal(verified.code, 0, verified.err);
  assert.equal((await client('change-owner', 'host/plain', 'root@pam')).code, 0);
  const pruned = await client('prune', '--keep-last', '1', '--dry-run');
  assert.match(pruned.out, /│ host\/plain\/2023-11-14T22:13:20Z +│ Tue Nov 14 .* 2023 │ remove │/);
  assert.equal((await client('forget', at('plain', 0))).code, 0);
  assert.equal((await client('group', 'forget', 'host/less')).out, 'Successfully deleted group!\n');
});

test('namespaces hold groups of their own', async () => {
  assert.equal((await client('namespace', 'create', 'team')).code, 0);
  assert.equal((await client('namespace', 'create', 'team/a')).code, 0);
  assert.equal((await client('namespace', 'list')).out, 'team\nteam/a\n');
  const made = await client('backup', `host.conf:${config}`, '--backup-id', 'inner', '--ns', 'team/a');
  assert.match(made.err, /^Starting backup: \[team\/a\]:host\/inner\//);
  assert.match((await client('list', '--ns', 'team/a')).out, /host\/inner/);
  assert.equal((await client('restore', 'host/inner', 'host.conf', '-', '--ns', 'team/a')).code, 0);
  assert.equal((await client('namespace', 'delete', 'team', '--delete-groups')).code, 0);
});

test('the shell walks through an archive and restores what is selected', async () => {
  const to = server.path('shell-out');
  const script = [
    'cd a',
    'pwd',
    'ls b',
    'select file-3.txt',
    'find *.bin --select',
    'list-selected',
    `restore-selected ${to}`,
    'exit',
  ];
  const { out, err, code } = await server.client('store1', ['catalog', 'shell', 'host/split', 'root.pxar'], {
    input: `${script.join('\n')}\n`,
  });
  assert.equal(code, 0, err);
  assert.match(out, /^\/a\nc\/\nlarge\.bin\n\/a\/b\/c\/sparse\.bin\n\/a\/b\/large\.bin\n\/a\/file-3\.txt\n/);
  assert.equal(readFileSync(join(to, 'a/file-3.txt'), 'utf8'), 'file 3\n'.repeat(3));
  assert.equal(statSync(join(to, 'a/b/large.bin')).size, 9_000_000);
});

test('diff tells what changed between two snapshots', async () => {
  const words = [at('split', 3), at('split', 4), 'root.pxar'];
  const { out, err } = await client('diff', ...words);
  assert.equal(err, '');
  assert.match(out, /^M .* \*\d+ .* "\/a\/file-7\.txt"\n$/m);
  assert.equal(out.split('\n').length, 2, out);
  const same = await server.run(
    'proxmox-backup-debug',
    ['diff', 'archive', at('split', 3), at('split', 3), 'root.pxar'],
    {
      env: server.env('store1'),
    },
  );
  assert.deepEqual([same.code, same.out], [0, '']);
});

test('an API token backs up what it may, and no more', async () => {
  await server.manager('user', 'create', 'u@pbs', '--password', 'password1');
  const { out } = await server.manager('user', 'generate-token', 'u@pbs', 'auto');
  const { value } = JSON.parse(out.slice('Result: '.length)) as { value: string };
  const env = server.env('store1', 'u@pbs!auto', value);
  const words = ['backup', `host.conf:${config}`, '--backup-id', 'token'];
  assert.match((await server.client('store1', words, { env })).err, /Error: missing permissions 'Datastore.Backup' on/);
  await server.manager('acl', 'update', '/datastore/store1', 'DatastoreBackup', '--auth-id', 'u@pbs');
  await server.manager('acl', 'update', '/datastore/store1', 'DatastoreBackup', '--auth-id', 'u@pbs!auto');
  assert.equal((await server.client('store1', words, { env })).code, 0);
  const foreign = await server.client('store1', ['backup', `host.conf:${config}`, '--backup-id', 'enc'], { env });
  assert.match(foreign.err, /Error: backup owner check failed \(u@pbs!auto != admin@pbs\)/);
});
