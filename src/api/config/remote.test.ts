// Remotes: their secrets, and what is on them, seen over a real connection to a server (rest-api.md 7.5).

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { loadIdentity } from '../../certificates/identity.ts';
import { TestApi } from '../testing/api-server.ts';

let api: TestApi;
let far: TestApi;
let access: Record<string, string | number>;
before(async () => {
  [api, far] = await Promise.all([TestApi.start(), TestApi.start()]);
  const base = path.join(far.home, 'far1');
  for (const group of ['host/h1', 'ns/a/vm/100']) {
    mkdirSync(path.join(base, group, '2026-01-01T00:00:00Z'), { recursive: true });
    writeFileSync(path.join(base, group, 'owner'), 'admin@pbs!sync\n');
  }
  mkdirSync(path.join(base, '.chunks'));
  const { config } = far.server.directories;
  writeFileSync(path.join(config, 'datastore.cfg'), `datastore: far1\n\tcomment over there\n\tpath ${base}\n`);
  const token = await far.call('POST', 'access/users/admin@pbs/token/sync', { as });
  await far.server.access.updateAcl('root@pam', {
    path: '/datastore',
    role: 'DatastoreAdmin',
    authId: 'admin@pbs!sync',
  });
  access = {
    host: '127.0.0.1',
    port: far.port,
    'auth-id': 'admin@pbs!sync',
    password: (token.json.data as { value: string }).value,
    fingerprint: (await loadIdentity(config))!.fingerprint,
  };
});
after(async () => {
  await api[Symbol.asyncDispose]();
  await far[Symbol.asyncDispose]();
});

const as = 'admin@pbs';
const create = (params: Record<string, string | number>) => api.call('POST', 'config/remote', { as, params });
const get = (route: string, who = as) => api.call('GET', `config/remote/${route}`, { as: who });

test('the password is stored in base64, in a file that is not for everybody, and never answered', async () => {
  const params: Record<string, string | number> = { name: 'rem1', ...access };
  assert.equal((await create(params)).status, 200);
  const file = path.join(api.server.directories.config, 'remote.cfg');
  const stored = Buffer.from(String(access['password'])).toString('base64');
  assert.match(readFileSync(file, 'utf8'), new RegExp(`^\\tpassword ${stored}$`, 'm'));
  assert.equal(statSync(file).mode & 0o777, 0o640);
  const shown = Object.fromEntries(Object.entries(params).filter(([name]) => name !== 'password'));
  assert.deepEqual((await get('rem1')).json.data, shown);
  assert.deepEqual((await get('')).json.data, [shown]);
  await api.call('PUT', 'config/remote/rem1', { as, params: { comment: 'x', password: 'other' } });
  assert.match(readFileSync(file, 'utf8'), /^\tpassword b3RoZXI=$/m);
  await api.call('PUT', 'config/remote/rem1', {
    as,
    params: { delete: ['comment'], password: String(access['password']) },
  });
  assert.deepEqual((await get('rem1')).json.data, shown);
  assert.deepEqual((await get('', 'nobody@pbs')).json.data, []);
});

test('datastores, namespaces and groups of a remote are listed with its token', async () => {
  assert.deepEqual((await get('rem1/scan')).json.data, [
    { store: 'far1', comment: 'over there', 'mount-status': 'nonremovable', 'backend-type': 'filesystem' },
  ]);
  assert.deepEqual((await get('rem1/scan/far1/namespaces')).json.data, [{ ns: '' }, { ns: 'a' }]);
  const groups = async (query: string) => {
    const list = (await get(`rem1/scan/far1/groups${query}`)).json.data as { 'backup-id': string }[];
    return list.map((group) => group['backup-id']);
  };
  assert.deepEqual(await groups(''), ['h1']);
  assert.deepEqual(await groups('?namespace=a'), ['100']);
});

test('what is wrong with a remote is told, with its name', async () => {
  const closed = createServer();
  const port = await new Promise<number>((resolve) =>
    closed.listen(0, '127.0.0.1', () => resolve((closed.address() as { port: number }).port)),
  );
  await new Promise((resolve) => closed.close(resolve));
  const cases: [string, Record<string, string | number>, RegExp][] = [
    ['bad-secret', { password: 'wrong' }, /authentication failed/],
    [
      'bad-print',
      { fingerprint: Array.from({ length: 32 }, () => '00').join(':') },
      /remote update bad-print --fingerprint ([0-9a-f]{2}:){31}[0-9a-f]{2}'/,
    ],
    ['bad-port', { port }, /ECONNREFUSED|refused/],
  ];
  for (const [name, change, text] of cases) {
    assert.equal((await create({ name, ...access, ...change })).status, 200);
    const answer = await get(`${name}/scan`);
    assert.equal(answer.status, 500);
    assert.ok(answer.text.startsWith(`failed to scan remote '${name}' - `), answer.text);
    assert.match(answer.text, text);
  }
  const unpinned = Object.fromEntries(Object.entries(access).filter(([name]) => name !== 'fingerprint'));
  await create({ name: 'unpinned', ...unpinned });
  assert.match((await get('unpinned/scan')).text, /certificate .*'proxmox-backup-manager remote update unpinned /);
  assert.match((await get('rem1/scan/nosuch/groups')).text, /^failed to scan remote 'rem1' - .*nosuch/);
  assert.deepEqual((await get('unknown/scan')).text, "no such remote 'unknown'");
  assert.deepEqual(api.errors, []);
});

test('a remote that a sync job uses stays', async () => {
  const job = { id: 'job1', store: 'store1', remote: 'rem1', 'remote-store': 'far1' };
  assert.equal((await api.call('POST', 'config/sync', { as, params: job })).status, 200);
  const refused = await api.call('DELETE', 'config/remote/rem1', { as });
  const text = "remote 'rem1' is used by sync job 'job1' (datastore 'store1')";
  assert.deepEqual([refused.status, refused.text], [400, `parameter verification failed - 'name': ${text}`]);
  await api.call('DELETE', 'config/sync/job1', { as });
  assert.equal((await api.call('DELETE', 'config/remote/rem1', { as })).status, 200);
  const again = await api.call('DELETE', 'config/remote/rem1', { as });
  assert.deepEqual([again.status, again.text], [404, "remote 'rem1' does not exist."]);
});
