// acme/plugins.cfg and metricserver.cfg: files of the original, and what is written into them.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { scratchFolder } from '../../test/support/scratch.ts';
import { AcmePluginConfig } from './acme-plugin-config.ts';
import { type Directories, resolveDirectories } from './directories.ts';
import { InfluxDbHttpConfig, InfluxDbUdpConfig } from './metric-server-config.ts';

let home: string;
let directories: Directories;
beforeEach(() => {
  home = scratchFolder('granary-plugins-');
  directories = resolveDirectories(home, 'home');
});
afterEach(() => rmSync(home, { recursive: true }));

test('plugins of the original are read, and a change leaves the others', async () => {
  const file = path.join(directories.config, 'acme', 'plugins.cfg');
  const original = `dns: ns1
\tapi cf
\tdata Q0ZfVG9rZW49YWJj
\tvalidation-delay 30

standalone: web

dns: ns2
\tapi hetzner
\tdata SEVUWk5FUl9Ub2tlbj14
\tdisable true
`;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, original, { mode: 0o600 });
  const config = new AcmePluginConfig(directories);
  assert.deepEqual(config.list().data, [
    { id: 'ns1', api: 'cf', data: 'Q0ZfVG9rZW49YWJj', 'validation-delay': 30 },
    { id: 'ns2', api: 'hetzner', data: 'SEVUWk5FUl9Ub2tlbj14', disable: true },
  ]);
  assert.deepEqual(config.standalone(), ['standalone', 'web']);
  await config.update('ns1', { 'validation-delay': 60 }, { remove: [] });
  assert.equal(readFileSync(file, 'utf8'), original.replace('delay 30', 'delay 60'));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await assert.rejects(config.create({ id: 'web', api: 'x', data: '' }), { code: 'already-exists' });
});

test('the first plugin makes the file, which only its owner can read', async () => {
  const config = new AcmePluginConfig(directories);
  await config.create({ id: 'ns1', api: 'hook', data: '' });
  const file = path.join(directories.config, 'acme', 'plugins.cfg');
  assert.equal(readFileSync(file, 'utf8'), 'dns: ns1\n\tapi hook\n\tdata \n');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(path.dirname(file)).mode & 0o777, 0o700);
  assert.deepEqual(new AcmePluginConfig(directories).get('ns1').data, { id: 'ns1', api: 'hook', data: '' });
});

test('metric servers of both kinds share a file', async () => {
  const file = path.join(directories.config, 'metricserver.cfg');
  const original = `influxdb-http: http1
\tbucket proxmox
\tenable true
\tmax-body-size 25000000
\torganization proxmox
\ttoken secret
\turl https://influx.example.com:8086
\tverify-tls false

influxdb-udp: udp1
\tcomment by UDP
\thost [2001:db8::1]:8089
\tmtu 1500
`;
  mkdirSync(directories.config, { recursive: true });
  writeFileSync(file, original);
  const udp = new InfluxDbUdpConfig(directories);
  assert.equal(udp.get('udp1').data.host, '[2001:db8::1]:8089');
  assert.equal(new InfluxDbHttpConfig(directories).get('http1').data['verify-tls'], false);
  assert.throws(() => udp.get('http1'), { message: "no such influxdb-udp 'http1'" });
  await udp.update('udp1', { mtu: 9000 });
  assert.equal(readFileSync(file, 'utf8'), original.replace('mtu 1500', 'mtu 9000'));
  await assert.rejects(udp.create({ name: 'http1', host: 'x:1' }), { code: 'already-exists' });
});
