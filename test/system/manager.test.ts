// The manager's commands against a running server.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await TestServer.start();
});
after(() => server[Symbol.asyncDispose]());

const manager = (...words: string[]) => server.manager(...words);
const json = async (...words: string[]) =>
  JSON.parse((await manager(...words, '--output-format', 'json')).out) as unknown;

test('a datastore is created with its task log, listed and shown', async () => {
  const path = server.path('ds1');
  const created = await manager(
    'datastore',
    'create',
    'ds1',
    path,
    '--comment',
    'Primary',
    '--gc-schedule',
    'sat 02:00',
  );
  assert.equal(created.err, '');
  assert.equal(created.code, 0);
  assert.match(created.out, /TASK OK\n$/);
  assert.ok(existsSync(`${path}/.chunks/ffff`));
  assert.match((await manager('datastore', 'list')).out, /│ ds1 {2}│ .*ds1 │ Primary │/);
  const shown = (await manager('datastore', 'show', 'ds1')).out;
  for (const word of ['name', 'path', 'chunk-count', 'total-data', 'disk-usage', 'dedup-factor', 'used', 'total']) {
    assert.match(shown, new RegExp(`│ ${word} `), word);
  }
  const config = (await json('datastore', 'show', 'ds1')) as Record<string, unknown>;
  assert.equal(config['gc-schedule'], 'sat 02:00');
  assert.equal(typeof config['avail'], 'number');
  const again = await manager('datastore', 'create', 'ds1', path);
  assert.equal(again.code, 255);
  assert.match(again.err, /datastore 'ds1' already exists/);
});

test('users, tokens and rules are made, listed, changed and removed', async () => {
  assert.equal((await manager('user', 'create', 'u1@pbs', '--email', 'a@b.c', '--comment', 'one')).code, 0);
  assert.match((await manager('user', 'list')).out, /│ u1@pbs +│ +1 │ never +│ +│ +│ a@b\.c │ one/);
  assert.equal((await manager('user', 'update', 'u1@pbs', '--password', 'secret1', '--firstname', 'Ulla')).code, 0);
  const token = await manager('user', 'generate-token', 'u1@pbs', 'auto');
  assert.match(token.out, /^Result: \{\n {2}"tokenid": "u1@pbs!auto",\n {2}"value": "[0-9a-f-]{36}"\n\}\n$/);
  assert.match((await manager('user', 'list-tokens', 'u1@pbs')).out, /u1@pbs!auto/);
  assert.equal(
    (await manager('acl', 'update', '/datastore/x1y', 'DatastoreBackup', '--auth-id', 'u1@pbs!auto')).code,
    0,
  );
  assert.match((await manager('acl', 'list')).out, /│ u1@pbs!auto │ \/datastore\/x1y │ +1 │ DatastoreBackup │/);
  assert.equal((await manager('user', 'delete-token', 'u1@pbs', 'auto')).code, 0);
  assert.equal((await manager('user', 'remove', 'u1@pbs')).code, 0);
  assert.doesNotMatch((await manager('user', 'list')).out, /u1@pbs/);
});

test('a new password is good for a login', async () => {
  await server.datastore('login1');
  await manager('user', 'create', 'u2@pbs', '--password', 'first-one');
  await manager('user', 'update', 'u2@pbs', '--password', 'second-one');
  await manager('acl', 'update', '/datastore', 'DatastoreAdmin', '--auth-id', 'u2@pbs');
  const list = (password: string) =>
    server.client('login1', ['list'], { env: server.env('login1', 'u2@pbs', password) });
  assert.deepEqual((await list('first-one')).err, 'Error: permission check failed.\n');
  assert.equal((await list('second-one')).code, 0);
});

test('tasks are listed: only running ones unless asked for more', async () => {
  await server.datastore('tasks1');
  assert.equal((await manager('task', 'list')).out, '');
  assert.match((await manager('task', 'list', '--all')).out, /create_datastore|create-datastore|datastore/);
  const [newest] = (await json('task', 'list', '--limit', '1')) as { upid: string; status: string }[];
  assert.equal(newest!.status, 'OK');
  assert.match((await manager('task', 'log', newest!.upid)).out, /TASK OK\n$/);
  assert.deepEqual(await json('task', 'list', '--typefilter', 'no-such-type'), []);
});

test('certificate and versions are shown', async () => {
  const { out } = await manager('cert', 'info');
  assert.match(out, new RegExp(`^Fingerprint \\(sha256\\): ${server.fingerprint}$`, 'm'));
  assert.match(out, /^ {4}IP:\[127, 0, 0, 1\]$/m);
  assert.match((await manager('versions')).out, /^proxmox-backup-server \S+ running version: [\d.]+\n$/);
  assert.match((await manager('versions', '--verbose')).out, /^node +24/m);
});

test('another server is managed by repository and token, or from a machine without one', async () => {
  await manager('user', 'create', 'remote@pbs');
  const { out } = await manager('user', 'generate-token', 'remote@pbs', 'remote');
  const { value } = JSON.parse(out.replace('Result: ', '')) as { value: string };
  await manager('acl', 'update', '/access', 'Audit', '--auth-id', 'remote@pbs');
  await manager('acl', 'update', '/access', 'Audit', '--auth-id', 'remote@pbs!remote');
  const repository = `remote@pbs!remote@localhost:${server.port}`;
  const env = { HOME: server.path('home'), GRANARY_HOME: server.path('elsewhere') };
  const credentials = { PBS_PASSWORD: value, PBS_FINGERPRINT: server.fingerprint };
  const words = ['user', 'list', '--output-format', 'json'];
  const run = (more: string[], variables: Record<string, string>) =>
    server.run('proxmox-backup-manager', [...more], { env: { ...env, ...variables } });
  const local = JSON.parse((await manager(...words)).out) as unknown;
  const asked = await run([...words, '--repository', repository], credentials);
  assert.deepEqual([asked.err, JSON.parse(asked.out)], ['', local]);
  const preset = await run(words, { ...credentials, PBS_REPOSITORY: `${repository}:some-store` });
  assert.deepEqual([preset.err, JSON.parse(preset.out)], ['', local]);
  const denied = await run(['user', 'create', 'new@pbs', '--repository', repository], credentials);
  assert.deepEqual([denied.code, denied.err], [255, 'Error: permission check failed\n']);
  const none = await run(words, {});
  assert.match(none.err, /^Error: the server does not run: .*\n.*--repository/);
  const files = await run(['cert', 'info', '--repository', repository], credentials);
  assert.match(files.err, /^Error: this command works with the files of the server/);
});

test('the manager needs neither password nor ticket: the local socket knows its user', async () => {
  await server.datastore('local1');
  const env = { PBS_REPOSITORY: 'nobody@pbs@no.such.host:store1', GRANARY_HOME: server.path('server') };
  const { code, err } = await server.run('proxmox-backup-manager', ['user', 'list'], { env });
  assert.deepEqual([code, err], [0, '']);
  const log = readFileSync(server.path('server', 'log', 'api', 'access.log'), 'utf8');
  assert.match(log, /^local - root@pam \[.*\] "POST \/api2\/json\/config\/datastore" 200 /m);
});
