// `granary api` and `granary audit` against a running server.

import assert from 'node:assert/strict';
import { appendFile, readdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await TestServer.start();
});
after(() => server[Symbol.asyncDispose]());

const debug = (...words: string[]) =>
  server.run('proxmox-backup-debug', words, { env: { GRANARY_HOME: server.path('server') } });

test('every verb makes its call, with typed parameters', async () => {
  const created = await debug(
    'api',
    'create',
    '/access/users',
    '--userid',
    'api@pbs',
    '--enable',
    'false',
    '--expire',
    '5',
  );
  assert.deepEqual([created.code, created.out, created.err], [0, '', '']);
  const read = await debug('api', 'get', 'access/users/api@pbs');
  assert.deepEqual(JSON.parse(read.out), { userid: 'api@pbs', enable: false, expire: 5 });
  assert.equal((await debug('api', 'set', '/access/users/api@pbs', '--comment', 'by hand')).code, 0);
  const list = await debug('api', 'get', '/access/users', '--include_tokens', '--output-format', 'json');
  assert.ok(list.out.includes('by hand'));
  assert.equal((await debug('api', 'delete', '/access/users/api@pbs')).code, 0);
  const gone = await debug('api', 'get', '/access/users/api@pbs');
  assert.deepEqual([gone.code, gone.err.trim()], [255, "Error: no such user 'api@pbs'"]);
});

test('a task is followed', async () => {
  const made = await debug('api', 'create', '/config/datastore', '--name', 'store1', '--path', server.path('store1'));
  assert.deepEqual([made.code, made.out.trimEnd().split('\n').at(-1)], [0, 'TASK OK']);
});

test('what there is can be listed and explained', async () => {
  const top = await debug('api', 'ls', '--output-format', 'json');
  assert.ok((JSON.parse(top.out) as { name: string }[]).some((row) => row.name === 'admin/'));
  assert.match((await debug('api', 'ls', '/access')).out, /│ users\/ +│ get create/);
  const { out } = await debug('api', 'usage', '/access/users', '--verbose');
  assert.match(out, /get \/access\/users\n.*List users/);
  assert.match(out, /create \/access\/users\n[\s\S]*--userid <string of 3..64 characters>\n/);
});

test('mistakes are explained', async () => {
  const path = await debug('api', 'create', '/version');
  assert.match(path.err, /there is no POST \/version\nThere is GET\./);
  const parameter = await debug(
    'api',
    'create',
    '/access/users',
    '--userid',
    'api@pbs',
    '--expire',
    'soon',
    '--bad',
    'x',
  );
  assert.match(parameter.err, /'expire': invalid digit found in string/);
  assert.match(parameter.err, /'bad': schema does not allow additional properties\./);
  assert.match((await debug('api', 'get', '/../etc')).err, /illegal components/);
});

test('changes are in the audit log, which is checked', async () => {
  const list = await server.manager('audit', 'list', '--match', 'access/acl');
  assert.match(list.out, /│ root@pam │ .* │ PUT +│ access\/acl │ OK +│/);
  const whole = await server.manager('audit', 'verify');
  assert.deepEqual([whole.code, whole.err.trim()], [0, 'The audit log is whole.']);
  const head = /head: (\w{64})/.exec(whole.out)![1]!;
  assert.equal((await server.manager('audit', 'verify', '--head', head)).code, 0);
  const folder = server.path('server', 'log', 'audit');
  const [file] = (await readdir(folder)).filter((name) => name.endsWith('.log'));
  await appendFile(`${folder}/${file}`, '{"seq":999}\n');
  const broken = await server.manager('audit', 'verify', '--output-format', 'json');
  assert.equal(broken.code, 255);
  assert.equal((JSON.parse(broken.out) as { problems: string[] }).problems.length, 1);
  assert.match(broken.err, /the audit log is not whole: 1 found/);
});
