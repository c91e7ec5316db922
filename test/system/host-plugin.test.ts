// What a virtualisation host does with a storage on this server: its command lines and its REST calls as they are
// (cli.md 11, rest-api.md 6), with a user and with an API token.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compareTrees } from '../../src/client/compare-trees.ts';
import { root, run } from '../support/launch.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let env: Record<string, string>;
let repository: string;
let guest: string;
let keyText: string;
const times = [1_770_804_000, 1_770_890_400];
const snapshotOf = (type: string, id: string, n: number): string =>
  `${type}/${id}/${new Date(times[n]! * 1000).toISOString().slice(0, 19)}Z`;

before(async () => {
  server = await TestServer.start();
  await server.datastore('guests');
  const { out } = await server.manager('user', 'generate-token', 'admin@pbs', 'pve-backup');
  const { tokenid, value } = JSON.parse(out.slice('Result: '.length)) as { tokenid: string; value: string };
  await server.manager('acl', 'update', '/datastore/guests', 'DatastoreAdmin', '--auth-id', tokenid);
  // The plug-in passes the fingerprint as it was typed into its configuration, here in upper case.
  env = { PBS_PASSWORD: value, PBS_FINGERPRINT: server.fingerprint.toUpperCase(), HOME: server.path('home') };
  repository = `${tokenid}@localhost:${server.port}:guests`;
  guest = server.path('guest');
  mkdirSync(join(guest, 'etc'), { recursive: true });
  writeFileSync(join(guest, 'etc/hostname'), 'guest\n');
  writeFileSync(join(guest, 'data'), randomBytes(200_000));
  writeFileSync(server.path('pct.conf'), 'arch: amd64\nhostname: guest\n');
  writeFileSync(server.path('qemu-server.conf'), 'cores: 2\nscsi0: local:100\n');
});
after(() => server[Symbol.asyncDispose]());

/** The client as the plug-in calls it: the command, then the repository as an option. */
async function client(words: string[], more: string[] = []) {
  const result = await server.run('proxmox-backup-client', [...words, '--repository', repository, ...more], { env });
  assert.equal(result.code, 0, `${words.join(' ')}: ${result.err}`);
  return result;
}
const json = async <T>(words: string[], more = ['--output-format=json']): Promise<T> =>
  JSON.parse((await client(words, more)).out) as T;

interface Answer {
  status: number;
  body: string;
}

function call(method: string, path: string, headers: Record<string, string>, form?: string): Promise<Answer> {
  return new Promise((done, failed) => {
    const url = `https://localhost:${server.port}/api2/json/${path}`;
    const type = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const sent = request(url, { method, rejectUnauthorized: false, headers: { ...headers, ...type } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => done({ status: response.statusCode ?? 0, body }));
    });
    sent.on('error', failed).end(form);
  });
}

async function read<T>(path: string): Promise<T> {
  const { status, body } = await call('GET', path, tokenHeaders());
  assert.equal(status, 200, body);
  return (JSON.parse(body) as { data: T }).data;
}
const tokenHeaders = () => ({ Authorization: `PBSAPIToken=admin@pbs!pve-backup:${env['PBS_PASSWORD']}` });

test('a key for the storage is made without a password, and its fingerprint shown', async () => {
  const key = server.path('storage.enc');
  const made = await server.run('proxmox-backup-client', ['key', 'create', '--kdf', 'none', key], { env });
  assert.equal(made.code, 0, made.err);
  assert.equal(statSync(key).mode & 0o777, 0o600);
  keyText = readFileSync(key, 'utf8');
  const shown = await server.run('proxmox-backup-client', ['key', 'show', key, '--output-format', 'json'], { env });
  assert.match((JSON.parse(shown.out) as { fingerprint: string }).fingerprint, /^([0-9a-f]{2}:){31}[0-9a-f]{2}$/);
});

test('the storage is scanned and its status asked for', async () => {
  const stores = await read<{ store: string }[]>('admin/datastore');
  assert.deepEqual(
    stores.map(({ store }) => store),
    ['guests'],
  );
  const status = await json<Record<string, unknown>>(['status']);
  for (const name of ['total', 'used', 'avail']) assert.equal(typeof status[name], 'number', name);
});

test('a container is backed up with its key on a descriptor, and restored', async () => {
  const words = ['backup', '--crypt-mode=encrypt', '--keyfd=3', `pct.conf:${server.path('pct.conf')}`];
  words.push(`root.pxar:${guest}`, '--include-dev', guest, '--skip-lost-and-found', '--exclude=/tmp/?*');
  words.push('--exclude=/var/run/?*.pid', '--backup-type', 'ct', '--backup-id', '200');
  words.push('--backup-time', String(times[0]), '--entries-max', '1048576');
  words.push('--change-detection-mode', 'legacy', '--repository', repository);
  const backup = await run([join(root, 'bin', 'proxmox-backup-client'), ...words], { env, descriptors: [keyText] });
  assert.equal(backup.code, 0, backup.err);
  const key = server.path('storage.enc');
  const snapshot = snapshotOf('ct', '200', 0);
  const { out } = await client(['restore', snapshot, 'pct.conf', '-'], ['--keyfile', key]);
  assert.equal(out, readFileSync(server.path('pct.conf'), 'utf8'));
  const target = server.path('rootfs');
  mkdirSync(target);
  await client(['restore', snapshot, 'root.pxar', target, '--allow-existing-dirs'], ['--keyfile', key]);
  const { differences } = await compareTrees(guest, target);
  assert.deepEqual(
    differences.filter(({ path }) => path !== '.pxarexclude-cli' && path !== '.'),
    [],
  );
});

test('a guest configuration is restored to standard output, byte for byte', async () => {
  for (const time of times) {
    const words = ['backup', `qemu-server.conf:${server.path('qemu-server.conf')}`, '--backup-type', 'vm'];
    await client([...words, '--backup-id', '100', '--backup-time', String(time)]);
  }
  const { bytes, err } = await client(['restore', snapshotOf('vm', '100', 0), 'qemu-server.conf', '-']);
  assert.deepEqual(bytes, readFileSync(server.path('qemu-server.conf')));
  assert.equal(err, '');
});

test('content is listed with filters, with all that the host shows', async () => {
  type Item = Record<string, unknown> & { files: { filename: string; 'crypt-mode'?: string }[] };
  const all = await read<Item[]>('admin/datastore/guests/snapshots?ns=');
  assert.equal(all.length, 3);
  const [container] = await read<Item[]>('admin/datastore/guests/snapshots?ns=&backup-type=ct&backup-id=200');
  assert.equal(container!['backup-type'], 'ct');
  assert.equal(container!['backup-id'], '200');
  assert.equal(container!['backup-time'], times[0]);
  assert.ok((container!['size'] as number) > 0);
  assert.equal(container!['protected'], false);
  assert.match(container!['fingerprint'] as string, /^([0-9a-f]{2}:){31}/);
  assert.equal(container!.files.find((file) => file.filename === 'root.pxar.didx')!['crypt-mode'], 'encrypt');
  assert.equal((await read<Item[]>('admin/datastore/guests/snapshots?backup-type=vm')).length, 2);
  assert.deepEqual(await read<Item[]>('admin/datastore/guests/snapshots?backup-type=vm&backup-id=999'), []);
  const files = await json<{ filename: string }[]>(['files', snapshotOf('vm', '100', 0)], ['--output-format', 'json']);
  assert.deepEqual(files.map(({ filename }) => filename).sort(), ['index.json.blob', 'qemu-server.conf.blob']);
  assert.equal((await json<unknown[]>(['snapshots'])).length, 3);
  const groups = await json<{ 'backup-id': string; 'last-backup': number }[]>(['list']);
  assert.equal(groups.find((group) => group['backup-id'] === '100')!['last-backup'], times[1]);
  assert.equal(JSON.parse((await call('GET', 'version', tokenHeaders())).body).data.version.length > 0, true);
});

test('notes are shown and changed', async () => {
  const snapshot = snapshotOf('vm', '100', 0);
  assert.deepEqual(await json(['snapshot', 'notes', 'show', snapshot]), { notes: '' });
  await client(['snapshot', 'notes', 'update', snapshot, 'web server\n100% ü']);
  assert.deepEqual(await json(['snapshot', 'notes', 'show', snapshot]), { notes: 'web server\n100% ü' });
  const [item] = await read<{ comment: string }[]>(
    'admin/datastore/guests/snapshots?backup-type=vm&backup-id=100',
  ).then((items) => items.filter((i) => i.comment));
  assert.match(item!.comment, /^web server/);
});

test('protection is read and set, with a token and with a ticket', async () => {
  const path = 'admin/datastore/guests/protected';
  const triple = `backup-type=vm&backup-id=100&backup-time=${times[0]}&ns=`;
  const login = await call('POST', 'access/ticket', {}, 'username=admin%40pbs&password=admin-password');
  const { ticket, CSRFPreventionToken } = (JSON.parse(login.body) as { data: Record<string, string> }).data;
  const cookie = { Cookie: `PBSAuthCookie=${encodeURIComponent(ticket!)}` };
  const ways: [string, Record<string, string>][] = [
    ['1', tokenHeaders()],
    ['0', { ...cookie, CSRFPreventionToken: CSRFPreventionToken! }],
  ];
  for (const [value, headers] of ways) {
    const set = await call('PUT', path, headers, `${triple}&protected=${value}`);
    assert.deepEqual(set, { status: 200, body: '{"data":null}' });
    const shown = await call('GET', `${path}?${triple}`, headers);
    assert.deepEqual(shown, { status: 200, body: `{"data":${value === '1'}}` });
  }
  const forged = await call('PUT', path, cookie, `${triple}&protected=1`);
  assert.deepEqual(forged, { status: 401, body: 'authentication failed - missing CSRF prevention token' });
});

test('a log is added, once', async () => {
  const log = server.path('vzdump.log');
  writeFileSync(log, 'INFO: backup done\n');
  const words = ['snapshot', 'upload-log', snapshotOf('vm', '100', 0), log, '--repository', repository];
  assert.equal((await server.run('proxmox-backup-client', words, { env })).code, 0);
  const again = await server.run('proxmox-backup-client', words, { env });
  assert.deepEqual([again.code, again.err], [255, 'Error: backup already contains a log.\n']);
});

test('a running backup has no size', async () => {
  const pipe = server.path('disk');
  execFileSync('mkfifo', [pipe]);
  const words = [`drive-scsi0.img:${pipe}`, '--backup-type', 'vm', '--backup-id', '101'];
  const backup = client(['backup', ...words]);
  const writer = await open(pipe, 'w');
  await writer.write(randomBytes(100_000));
  const path = 'admin/datastore/guests/snapshots?backup-type=vm&backup-id=101';
  const [running] = await read<Record<string, unknown>[]>(path);
  assert.equal(running!['backup-id'], '101');
  assert.ok(!('size' in running!));
  await writer.close();
  await backup;
  const [finished] = await read<Record<string, unknown>[]>(path);
  assert.ok((finished!['size'] as number) >= 100_000);
});

test('pruning tells as JSON what was kept and removed, and snapshots are forgotten', async () => {
  type Decision = {
    'backup-type': string;
    'backup-id': string;
    'backup-time': number;
    keep: boolean;
    protected: boolean;
    'freed-bytes'?: number;
  };
  const words = ['prune', 'vm/100', '--quiet', '1', '--keep-last', '1'];
  const decisions = await json<Decision[]>([...words, '--dry-run']);
  assert.deepEqual(
    decisions.map((d) => [d['backup-type'], d['backup-id'], d['backup-time'], d.keep, d.protected]),
    [
      ['vm', '100', times[0], false, false],
      ['vm', '100', times[1], true, false],
    ],
  );
  // What a removal would free is told beforehand only.
  const done = decisions.map(({ 'freed-bytes': _freed, ...decision }) => decision);
  assert.deepEqual(await json<Decision[]>(words), done);
  assert.equal((await client(words)).out, '');
  assert.equal((await json<unknown[]>(['snapshots'])).length, 3);
  await client(['snapshot', 'forget', snapshotOf('ct', '200', 0)]);
  await client(['forget', snapshotOf('vm', '100', 1)]);
  assert.equal((await json<unknown[]>(['snapshots'])).length, 1);
});
