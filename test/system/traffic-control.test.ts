import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { CountingProxy } from '../support/counting-proxy.ts';
import { type RunResult, TestServer } from '../support/server.ts';

let server: TestServer;
let proxy: CountingProxy;
before(async () => {
  server = await TestServer.start();
  await server.datastore('store1');
  proxy = await CountingProxy.start(server.port);
});
after(async () => {
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const manage = async (...words: string[]): Promise<RunResult> => {
  const result = await server.manager('traffic-control', ...words);
  assert.equal(result.code, 0, result.err);
  return result;
};
const MB = 1_000_000;

test('a rule holds backups and restores, and shows what passes', async () => {
  await manage('create', 'line', '--network', '127.0.0.0/8', '--rate-in', '3MB', '--burst-in', '100KB');
  await manage('update', 'line', '--rate-out', '5MB', '--burst-out', '100KB');
  // New connections are held to it from their first byte.
  const noise = server.path('noise.img');
  writeFileSync(noise, randomBytes(8 * MB));
  const env = { PBS_REPOSITORY: `admin@pbs@localhost:${proxy.port}:store1` };
  const start = performance.now();
  const backup = await server.client('store1', ['backup', `noise.img:${noise}`, '--backup-id', 'limited'], { env });
  assert.equal(backup.code, 0, backup.err);
  const seconds = (performance.now() - start) / 1000;
  assert.ok(proxy.up >= 8 * MB);
  assert.ok(seconds >= (proxy.up - MB) / (3 * MB), `${seconds} s for ${proxy.up} bytes`);
  const shown = JSON.parse((await manage('traffic', '--output-format', 'json')).out) as Record<string, number>[];
  assert.equal(shown[0]!['name'], 'line');
  assert.ok(shown[0]!['cur-rate-in']! > MB && shown[0]!['cur-rate-in']! < 4 * MB, String(shown[0]!['cur-rate-in']));
  assert.match((await manage('traffic')).out, /name +│ cur-rate-in │ cur-rate-out/);

  const again = performance.now();
  const restore = await server.client('store1', ['restore', 'host/limited', 'noise.img', server.path('back.img')], {
    env,
  });
  assert.equal(restore.code, 0, restore.err);
  const took = (performance.now() - again) / 1000;
  assert.ok(took >= (proxy.down - MB) / (5 * MB), `${took} s for ${proxy.down} bytes`);
});
