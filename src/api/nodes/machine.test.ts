// Packages, disks and the report through the API (rest-api.md 7.6).

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { FakeMachine } from '../../machine/testing/fake-machine.ts';
import { spoolDirectory } from '../../notify/spool.ts';
import { TestApi } from '../testing/api-server.ts';

type Item = Record<string, unknown>;
let api: TestApi;
before(async () => {
  const machine = new FakeMachine(
    { '/etc/apt/sources.list': 'deb http://mirror.example.org/debian bookworm main\n' },
    {
      'apt-get': (args) =>
        args.includes('dist-upgrade') ? 'Inst zstd [1.5.4] (1.5.5 Debian:12/stable [amd64])\n' : 'Hit:1 http://deb\n',
      'apt-cache': () => 'Package: zstd\nVersion: 1.5.5\nSection: utils\nPriority: optional\nDescription: fast\n',
      lsblk: () => JSON.stringify({ blockdevices: [{ name: 'sda', path: '/dev/sda', type: 'disk', size: 4096 }] }),
    },
    '/',
  );
  api = await TestApi.start({ machine });
});
after(() => api[Symbol.asyncDispose]());

const admin = { as: 'admin@pbs' };
const get = async (path: string) => (await api.call('GET', `nodes/localhost/${path}`, admin)).json.data;

test('lists of packages are fetched by a task, and say what can be upgraded', async () => {
  const answer = await api.call('POST', 'nodes/localhost/apt/update', admin);
  const upid = String(answer.json.data);
  assert.match(upid, /:aptupdate::admin@pbs:$/);
  assert.equal(await api.finished(upid), 'OK');
  const log = await api.call('GET', `nodes/localhost/tasks/${encodeURIComponent(upid)}/log`, admin);
  assert.match(log.text, /Hit:1 http:\/\/deb[\s\S]*1 packages can be upgraded/);
  assert.doesNotMatch(log.text, /notification/);
  // Told of once, however often it is asked for.
  for (const said of ['notification is on its way', 'no notification: nothing is new']) {
    const told = await api.call('POST', 'nodes/localhost/apt/update', { ...admin, params: { notify: true } });
    const id = String(told.json.data);
    assert.equal(await api.finished(id), 'OK');
    assert.ok((await api.server.tasks.log(id, 0, 0)).lines.some(({ t }) => t.includes(said)));
  }
  assert.equal(readdirSync(spoolDirectory(api.server.directories)).length, 1);
  const [update] = (await get('apt/update')) as Item[];
  assert.deepEqual(
    [update!['Package'], update!['OldVersion'], update!['Version'], update!['Section']],
    ['zstd', '1.5.4', '1.5.5', 'utils'],
  );
  const versions = (await get('apt/versions')) as Item[];
  assert.equal(versions[1]!['Package'], 'proxmox-backup-server');
});

test('repositories are shown and turned off', async () => {
  const path = '/etc/apt/sources.list';
  const { digest } = (await get('apt/repositories')) as Item;
  const params = { path, index: 0, enabled: false, digest: String(digest) };
  assert.equal((await api.call('POST', 'nodes/localhost/apt/repositories', { ...admin, params })).status, 200);
  const { files } = (await get('apt/repositories')) as { files: { repositories: Item[] }[] };
  assert.equal(files[0]!.repositories[0]!['Enabled'], false);
  const again = await api.call('POST', 'nodes/localhost/apt/repositories', { ...admin, params });
  assert.match(again.text, /^detected modified configuration/);
  const added = await api.call('PUT', 'nodes/localhost/apt/repositories', { ...admin, params: { handle: 'x' } });
  assert.equal(added.text, "there is no standard repository 'x'");
});

test('disks are listed by those who may see them, pools only where there are some', async () => {
  const [disk] = (await get('disks/list')) as Item[];
  assert.deepEqual([disk!['name'], disk!['used'], disk!['status']], ['sda', 'unused', 'unknown']);
  assert.equal((await api.call('GET', 'nodes/localhost/disks/list', { as: 'audit@pbs' })).status, 403);
  assert.deepEqual(await get('disks/zfs'), []);
  assert.deepEqual(await get('disks/directory'), []);
  const smart = await api.call('GET', 'nodes/localhost/disks/smart?disk=sdzz', admin);
  assert.deepEqual([smart.status, smart.text], [404, "disk 'sdzz' does not exist"]);
});

test('a report is whole even where parts of the machine cannot be asked', async () => {
  delete api.machine.programs['lsblk'];
  const report = String(await get('report'));
  assert.match(report, /==== disks ====\nnot known: the program 'lsblk' is not installed/);
  assert.match(report, /==== machine ====\nkernel: /);
  assert.match(report, /==== user\.cfg ====/);
});
