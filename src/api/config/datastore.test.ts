// Creating and reading datastore configurations (rest-api.md 7.5).

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { TestApi } from '../testing/api-server.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(() => api[Symbol.asyncDispose]());
const as = 'admin@pbs';
const create = (params: Record<string, string | number>) => api.call('POST', 'config/datastore', { as, params });

test('a datastore is created in a task and is there at once', async () => {
  const base = path.join(api.home, 'store');
  const params = { name: 'ds1', path: base, comment: 'first', 'gc-schedule': 'daily' };
  const upid = String((await create(params)).json.data);
  assert.match(upid, /:create-datastore:ds1:admin@pbs:$/);
  assert.equal(await api.finished(upid), 'OK');
  assert.ok(existsSync(path.join(base, '.chunks', 'ffff')));
  const { lines } = await api.server.tasks.log(upid, 0, 0);
  assert.ok(lines.some(({ t }) => t.endsWith('Chunkstore create: 50%')));
  const read = await api.call('GET', 'config/datastore/ds1', { as });
  assert.deepEqual(read.json.data, params);
  assert.match(String(read.json['digest']), /^[0-9a-f]{64}$/);
  const list = await api.call('GET', 'config/datastore', { as: 'audit@pbs' });
  assert.deepEqual(list.json.data, [params]);
  assert.deepEqual((await api.call('GET', 'config/datastore', { as: 'nobody@pbs' })).json.data, []);
  const admin = await api.call('GET', 'admin/datastore', { as });
  assert.deepEqual(admin.json.data, [
    { store: 'ds1', comment: 'first', 'mount-status': 'nonremovable', 'backend-type': 'filesystem' },
  ]);
  const status = await api.call('GET', 'admin/datastore/ds1/status', { as, params: { verbose: true } });
  const { counts, dedup } = status.json.data as Record<string, unknown>;
  assert.deepEqual([counts, dedup], [{}, 1]);
});

test('names and places that cannot be are refused', async () => {
  api.machine.programs['blkid'] = () => ({ code: 2, stdout: '', stderr: '' });
  const cases: [Record<string, string>, RegExp][] = [
    [{ name: 'ds1', path: '/elsewhere' }, /'name': datastore 'ds1' already exists\.$/],
    [{ name: 'ds2', path: 'relative/path' }, /'path': .*not an absolute path/],
    [{ name: 'ds2', path: path.join(api.home, 'store', 'inside') }, /nested datastores not allowed/],
    [{ name: 'ds2', path: api.home }, /nested datastores not allowed/],
    [{ name: 'ds2', path: '/x', backend: 'type=s3,client=c,bucket=b' }, /'backend': no such s3-endpoint 'c'/],
    [{ name: 'ds2', path: 'x', 'backing-device': 'abcd' }, /'backing-device': there is no device with .* UUID 'abcd'/],
    [{ name: 'ds2', path: 'a/../b', 'backing-device': 'abcd' }, /'path': path 'a\/\.\.\/b' leads out of the device/],
    [{ name: 'ds2', path: 'x', 'backing-device': '../sda' }, /'backing-device': /],
    [{ name: 'ds2', path: '/x', tuning: 'no-such-option=1' }, /'tuning': /],
    [{ name: 'ds2', path: '/x', 'gc-schedule': 'someday' }, /'gc-schedule': unable to parse calendar event 'someday'/],
    [{ name: 'ds2', path: '/x', 'maintenance-mode': 'delete' }, /'maintenance-mode': mode 'delete' is set by/],
  ];
  for (const [params, text] of cases) {
    const answer = await create(params);
    assert.equal(answer.status, 400);
    assert.match(answer.text, text);
  }
  assert.deepEqual((await api.call('GET', 'config/datastore/nosuch', { as })).text, "no such datastore 'nosuch'");
});

test('a directory that is not empty is refused and not touched', async () => {
  const base = path.join(api.home, 'full');
  mkdirSync(base);
  writeFileSync(path.join(base, 'letters.txt'), 'dear reader');
  const refused = await create({ name: 'full', path: base });
  assert.equal(refused.status, 400);
  assert.match(refused.text, /datastore path not empty: '.*full' has an entry 'letters\.txt'/);
  assert.match((await create({ name: 'full', path: base, 'reuse-datastore': 1 })).text, /no datastore to reuse in/);
  assert.equal(readFileSync(path.join(base, 'letters.txt'), 'utf8'), 'dear reader');
  assert.equal(existsSync(path.join(base, '.chunks')), false);
  assert.equal((await api.call('GET', 'config/datastore/full', { as })).status, 400);
});

test('a directory that holds a datastore is taken over only when told so', async () => {
  const base = path.join(api.home, 'old');
  mkdirSync(path.join(base, '.chunks', '0000'), { recursive: true });
  assert.match(
    (await create({ name: 'old', path: base })).text,
    /datastore path not empty: .* holds a datastore already/,
  );
  const taken = String((await create({ name: 'old', path: base, 'reuse-datastore': 1 })).json.data);
  assert.equal(await api.finished(taken), 'OK');
  assert.equal((await api.call('GET', 'admin/datastore/old/groups', { as })).text, '{"data":[]}');
});
