import assert from 'node:assert/strict';
import { closeSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { logsToJournal, notifyManager, watchdogMs } from './service-manager.ts';
import {
  boundPort,
  descriptorOf,
  duplicate,
  limitReceiveWindow,
  listenLocal,
  listenTcp,
  peerCredentials,
  segmentSize,
  sendDatagram,
  unreadBytes,
} from './sockets.ts';
import { DatagramReceiver } from './testing/datagrams.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'granary-sockets-'));
after(() => rmSync(folder, { recursive: true }));

async function serve(fd: number, connect: net.NetConnectOpts): Promise<net.Socket[]> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen({ fd }, resolve));
  const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
  const client = net.connect(connect);
  await new Promise<void>((resolve) => client.once('connect', resolve));
  const socket = await accepted;
  server.close();
  return [client, socket];
}

test('a port can be reached by both protocols, or by one address alone', async () => {
  const every = listenTcp(undefined, 0, 10);
  const addresses = [...Object.values(os.networkInterfaces()).flat()].map((one) => one?.address);
  for (const host of ['127.0.0.1', '::1'].filter((address) => addresses.includes(address))) {
    const [client, socket] = await serve(duplicate(every), { host, port: boundPort(every) });
    client?.destroy();
    socket?.destroy();
  }
  const taken = boundPort(every);
  assert.throws(() => listenTcp('127.0.0.1', taken, 1), { code: 'EADDRINUSE' });
  closeSync(every);
  const one = listenTcp('127.0.0.1', taken, 10);
  assert.equal(boundPort(one), taken);
  closeSync(one);
  assert.throws(() => listenTcp('no address', 0, 1), { code: 'EINVAL' });
  assert.throws(() => listenTcp('192.0.2.1', 0, 1), { code: 'EADDRNOTAVAIL' });
});

test('both ends of a local socket know who is at the other', async () => {
  const file = path.join(folder, 'local.sock');
  const local = listenLocal(file, { mode: 0o640, backlog: 10 });
  assert.equal(statSync(file).mode & 0o777, 0o640);
  const [client, socket] = await serve(local.fd, { path: file });
  const self = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() };
  for (const end of [client!, socket!]) {
    assert.deepEqual(peerCredentials(descriptorOf(end)!), self);
    end.destroy();
  }
});

test('a socket takes the place of one that nobody listens on, and is not removed in the name of the old one', () => {
  const file = path.join(folder, 'again.sock');
  const first = listenLocal(file, { mode: 0o600, backlog: 1 });
  const second = listenLocal(file, { mode: 0o600, backlog: 1 });
  first.unlink();
  assert.ok(existsSync(file));
  second.unlink();
  assert.ok(!existsSync(file));
  for (const { fd } of [first, second]) closeSync(fd);
});

test('the manager is told in its own words', async () => {
  using manager = new DatagramReceiver(path.join(folder, 'notify'));
  const env = { NOTIFY_SOCKET: manager.path };
  assert.ok(notifyManager({ state: 'READY', status: 'Serving\nport 1' }, env));
  assert.equal(await manager.next(/READY/), 'READY=1\nSTATUS=Serving port 1');
  notifyManager({ state: 'RELOADING' }, env);
  assert.match(await manager.next(/RELOADING/), /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
  assert.equal(notifyManager({ state: 'READY' }, {}), false);
  assert.throws(() => notifyManager({ state: 'READY' }, { NOTIFY_SOCKET: path.join(folder, 'none') }), {
    code: 'ENOENT',
  });
  using abstract = new DatagramReceiver(`@granary-test-${process.pid}`);
  sendDatagram(abstract.path, 'ä');
  assert.equal(await abstract.next(/./), 'ä');
});

test('signs of life are wanted only of the process that was asked', () => {
  assert.equal(watchdogMs({}), undefined);
  assert.equal(watchdogMs({ WATCHDOG_USEC: '30000000' }), 30_000);
  assert.equal(watchdogMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: String(process.pid) }), 30_000);
  assert.equal(watchdogMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }), undefined);
  assert.equal(watchdogMs({ WATCHDOG_USEC: 'x' }), undefined);
});

test('levels are for the journal, and only if standard error leads there', () => {
  const { dev, ino } = statSync('/proc/self/fd/2', { bigint: true });
  assert.ok(logsToJournal({ JOURNAL_STREAM: `${dev}:${ino}` }));
  assert.ok(!logsToJournal({ JOURNAL_STREAM: `${dev}:${ino + 1n}` }));
  assert.ok(!logsToJournal({}));
});

test("a limited window stays as small after a while of fast reading, and is the kernel's again afterwards", async (t) => {
  const fd = listenTcp('127.0.0.1', 0, 5);
  const [client, socket] = await serve(fd, { port: boundPort(fd), host: '127.0.0.1' });
  const [from, to] = [client!, socket!];
  t.after(() => {
    from.destroy();
    to.destroy();
  });
  const receiver = descriptorOf(to)!;
  assert.ok(segmentSize(receiver) > 500);
  const window = 256 * 1024;
  limitReceiveWindow(receiver, window);
  /** Reads so much, stops, and tells how much came without being read. */
  const readAndStop = async (bytes: number): Promise<number> => {
    let left = bytes;
    await new Promise<void>((resolve) => {
      const take = (data: Buffer): void => {
        left -= data.byteLength;
        if (left > 0) return;
        to.pause().off('data', take);
        resolve();
      };
      to.on('data', take);
      to.resume();
    });
    let unread = unreadBytes(receiver);
    for (let before = -1; before !== unread; unread = unreadBytes(receiver)) {
      before = unread;
      await delay(50);
    }
    return unread;
  };
  from.write(Buffer.alloc(200 * 1024 * 1024));
  const held = await readAndStop(64 * 1024 * 1024);
  // The kernel takes some more than it has announced; without a limit it would be megabytes.
  assert.ok(held <= 4 * window, `${held} bytes`);
  limitReceiveWindow(receiver, undefined);
  await readAndStop(64 * 1024 * 1024);
});
