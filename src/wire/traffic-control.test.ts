import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createDirectories, resolveDirectories } from '../config/directories.ts';
import { TrafficControlConfig } from '../config/traffic-control-config.ts';
import { bucketFolder } from './shared-bucket.ts';
import { TrafficControl } from './traffic-control.ts';

const home = fs.mkdtempSync(join(tmpdir(), 'granary-traffic-'));
const directories = resolveDirectories(home, 'home');
await createDirectories(directories);
const config = new TrafficControlConfig(directories);
const file = join(directories.config, 'traffic-control.cfg');
let epoch = new Date(2026, 5, 1, 12).getTime();
const events: string[] = [];
const traffic = new TrafficControl(directories, { now: () => epoch }, (_level, event) => void events.push(event));
const listener = createServer();
listener.listen(0, '127.0.0.1');
await once(listener, 'listening');
const sockets: Socket[] = [];
after(() => {
  traffic.stop();
  for (const socket of sockets) socket.destroy();
  listener.close();
  fs.rmSync(home, { recursive: true });
});

/**
 * A connection under traffic control. `sent` says how much of a megabyte came from the server in 60 ms, `sentAll` waits
 * for all of it.
 */
async function open(): Promise<{ server: Socket; sent(): Promise<number>; sentAll(): Promise<number> }> {
  const accepted = once(listener, 'connection');
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const [server] = (await accepted) as [Socket];
  sockets.push(client, server);
  traffic.connected(server, server);
  let received = 0;
  client.on('data', (data) => {
    received += data.byteLength;
  });
  const send = async (patienceMs: number): Promise<number> => {
    const before = received;
    server.write(Buffer.alloc(size));
    const deadline = performance.now() + patienceMs;
    while (received - before < size && performance.now() < deadline) await delay(5);
    return received - before;
  };
  return { server, sent: () => send(60), sentAll: () => send(60_000) };
}

const size = 1_000_000;
const slow = { network: ['127.0.0.0/8'], 'rate-out': '10 KB', 'burst-out': '1 KB' };
const held = (bytes: number): void => assert.ok(bytes <= 100_000, String(bytes));

test('open connections follow the file: a rule comes, changes and goes', async () => {
  const { sent, sentAll } = await open();
  assert.equal(await sentAll(), size);
  await config.create({ name: 'slow', ...slow });
  traffic.refresh();
  held(await sent());
  await config.update('slow', { 'rate-out': '1 GB', 'burst-out': '1 GB' });
  traffic.refresh();
  // The rest of what was held comes with it.
  assert.ok((await sentAll()) >= size);
  await config.remove('slow');
  traffic.refresh();
  assert.deepEqual(fs.readdirSync(bucketFolder(directories)), []);
});

test('a rule for a user holds once the caller is known', async () => {
  await config.create({ name: 'user-rule', ...slow, users: ['guest@pbs'] });
  traffic.refresh();
  const { server, sent, sentAll } = await open();
  traffic.identified(server, 'admin@pbs');
  assert.equal(await sentAll(), size);
  traffic.identified(server, 'guest@pbs!laptop');
  held(await sent());
  await config.remove('user-rule');
  traffic.refresh();
});

test('a rule holds at its hours', async () => {
  await config.create({ name: 'morning', ...slow, timeframe: ['8-11'] });
  traffic.refresh();
  const { sent, sentAll } = await open();
  assert.equal(await sentAll(), size);
  epoch = new Date(2026, 5, 1, 10, 59).getTime();
  traffic.refresh();
  held(await sent());
  await config.remove('morning');
  traffic.refresh();
});

test('a file that cannot be read leaves the rules as they are, and is complained of once', async () => {
  await config.create({ name: 'kept', ...slow });
  traffic.refresh();
  fs.writeFileSync(file, 'rule: broken\n\tnetwork nowhere\n');
  traffic.refresh();
  traffic.refresh();
  held(await (await open()).sent());
  assert.deepEqual(events, ['traffic-control-not-loaded']);
  fs.rmSync(file);
  traffic.refresh();
  assert.equal(await (await open()).sentAll(), size);
});
