import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { LimitedSocket, TokenBucket } from './rate-limit.ts';

test('a bucket gives a burst at once, then the rate', () => {
  let now = 0;
  const bucket = new TokenBucket({ rate: 1000, burst: 500 }, { now: () => now });
  assert.equal(bucket.take(500), 0);
  assert.equal(bucket.take(100), 100);
  now = 100;
  assert.equal(bucket.take(0), 0);
  now = 10_000;
  assert.equal(bucket.take(500), 0);
  assert.equal(bucket.take(1000), 1000);
});

test('over long times the rate is kept exactly', () => {
  let now = 0;
  const bucket = new TokenBucket({ rate: 1_000_000 }, { now: () => now });
  let sent = 0;
  while (now < 60_000) {
    sent += 64 * 1024;
    now += bucket.take(64 * 1024);
  }
  assert.ok(Math.abs(sent / 61_000_000 - 1) < 0.01, String(sent));
});

async function pair(): Promise<{ limited: LimitedSocket; peer: Socket; close: () => void }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const peer = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const limited = new LimitedSocket(socket, { rate: 4_000_000, burst: 100_000 });
  const other = await peer;
  const close = (): void => {
    limited.destroy();
    other.destroy();
    server.close();
  };
  return { limited, peer: other, close };
}

test('a limited socket passes everything, no faster than allowed', async () => {
  const { limited, peer, close } = await pair();
  const total = 1_000_000;
  let received = 0;
  const all = new Promise<void>((resolve) => {
    peer.on('data', (data) => {
      received += data.byteLength;
      if (received === total) resolve();
    });
  });
  const start = performance.now();
  limited.write(Buffer.alloc(total));
  await all;
  const least = ((total - 100_000 - 65536) / 4_000_000) * 1000;
  assert.ok(performance.now() - start >= least * 0.95);
  let back = 0;
  const returned = new Promise<void>((resolve) => {
    limited.on('data', (data: Buffer) => {
      back += data.byteLength;
      if (back === total) resolve();
    });
  });
  peer.write(Buffer.alloc(total));
  await returned;
  close();
});
