// Settings of server and machine through the API (rest-api.md 7.6).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FakeMachine } from '../../machine/testing/fake-machine.ts';
import { rootUser } from '../../model/auth-id.ts';
import { TestApi } from '../testing/api-server.ts';

type Item = Record<string, unknown>;
let api: TestApi;
before(async () => {
  const machine = new FakeMachine({
    '/etc/resolv.conf': 'nameserver 192.0.2.1\n',
    '/etc/timezone': 'Etc/UTC\n',
    '/usr/share/zoneinfo/Europe/Vienna': 'TZif',
    '/var/log/syslog': 'one\ntwo\n',
  });
  api = await TestApi.start({ machine });
  await api.server.access.updateAcl(rootUser, {
    path: '/system/services/cron',
    role: 'Audit',
    authId: 'audit@pbs',
  });
});
after(() => api[Symbol.asyncDispose]());

const node = 'nodes/localhost';
const admin = { as: 'admin@pbs' };
const put = (path: string, params: Record<string, string | string[]>) =>
  api.call('PUT', `${node}/${path}`, { ...admin, params });
const get = async (path: string) => (await api.call('GET', `${node}/${path}`, admin)).json;

test('options of the server are set, removed and guarded by their digest', async () => {
  const first = await get('config');
  assert.deepEqual(first.data, {});
  const set = await put('config', {
    'http-proxy': 'http://proxy.example:3128',
    'email-from': 'backup@example.com',
    description: 'Rack 7\nsecond line',
    location: 'latitude=48.2,longitude=16.37,name=Wien',
  });
  assert.equal(set.status, 200, set.text);
  const file = join(api.server.directories.config, 'node.cfg');
  assert.match(readFileSync(file, 'utf8'), /^#Rack 7\n#second line\n/);
  const { data, digest } = await get('config');
  assert.equal((data as Item)['location'], 'latitude=48.2,longitude=16.37,name=Wien');
  const stale = await put('config', { 'email-from': 'x@y.z', digest: String(first['digest']) });
  assert.match(stale.text, /^detected modified configuration/);
  const removed = await put('config', { delete: ['description', 'http-proxy'], digest: String(digest) });
  assert.equal(removed.status, 200, removed.text);
  assert.deepEqual(Object.keys((await get('config')).data as Item).sort(), ['email-from', 'location']);
  const bad = await put('config', { location: 'latitude=north,longitude=1' });
  assert.equal(bad.status, 400);
  assert.match(bad.text, /'location'/);
});

test('name servers are changed in the file, and only addresses are taken', async () => {
  const changed = await put('dns', { dns1: '192.0.2.7', dns2: '2001:db8::1', search: 'example.com' });
  assert.equal(changed.status, 200, changed.text);
  const { digest, ...dns } = (await get('dns')).data as Item;
  assert.deepEqual(dns, { search: 'example.com', dns1: '192.0.2.7', dns2: '2001:db8::1' });
  for (const dns1 of ['300.1.1.1', '::1::', ':::::']) {
    assert.match((await put('dns', { dns1 })).text, /'dns1': value is not an IP address/);
  }
  assert.match((await put('dns', { dns1: '192.0.2.8', digest: '0'.repeat(64) })).text, /^detected modified/);
  assert.equal((await put('dns', { delete: 'dns2', digest: String(digest) })).status, 200);
});

test('the time zone is set; local time follows it at once', async () => {
  assert.equal((await put('time', { timezone: 'Mars/Olympus' })).text, "no such time zone 'Mars/Olympus'");
  assert.equal((await put('time', { timezone: 'Europe/Vienna' })).status, 200);
  const { timezone, time, localtime } = (await get('time')).data as {
    timezone: string;
    time: number;
    localtime: number;
  };
  assert.equal(timezone, 'Europe/Vienna');
  assert.ok([3600, 7200].includes(localtime - time));
});

test('there is no subscription, and no key does anything; the identity lasts', async () => {
  const { status, serverid } = (await get('subscription')).data as Item;
  assert.equal(status, 'notfound');
  assert.match((await put('subscription', { key: 'pbsc-1' })).text, /^no key was set: There are no subscriptions/);
  for (const method of ['POST', 'DELETE']) {
    assert.equal((await api.call(method, `${node}/subscription`, admin)).json.data, null);
  }
  assert.deepEqual((await get('identity')).data, { 'pbs-instance-id': serverid });
});

test('services are seen one by one as rights allow; nothing is started without systemd', async () => {
  const state = (as: string) => api.call('GET', `${node}/services/cron/state`, { as });
  assert.equal((await state('audit@pbs')).status, 200);
  assert.equal((await state('nobody@pbs')).status, 403);
  const start = await api.call('POST', `${node}/services/cron/start`, admin);
  assert.deepEqual(
    [start.status, start.text],
    [400, "cannot start service 'cron': this machine is not run by systemd"],
  );
  api.machine.write('/run/systemd/system/x', '');
  api.machine.programs['systemctl'] = () => '';
  const restarted = await api.call('POST', `${node}/services/cron/restart`, admin);
  const upid = String(restarted.json.data);
  assert.match(upid, /:srvrestart:cron:admin@pbs:$/);
  assert.equal(await api.finished(upid), 'OK');
});

test('the log is answered with its total', async () => {
  const syslog = await get('syslog?start=2');
  assert.deepEqual([syslog.data, syslog['total']], [[{ n: 2, t: 'two' }], 2]);
  assert.deepEqual((await get('journal?lastentries=1')).data, ['offset=4', 'two', 'offset=8']);
});
