import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import tls, { type TLSSocket } from 'node:tls';
import { makeSelfSigned } from '../certificates/self-signed.ts';
import { receiveInOneBuffer } from './receive-buffer.ts';

let server: tls.Server;

before(async () => {
  const now = new Date();
  const { certificate: cert, key } = await makeSelfSigned({
    organization: 'Granary',
    organizationalUnit: 'test',
    commonName: 'localhost',
    alternativeNames: ['localhost'],
    notBefore: now,
    notAfter: new Date(now.getTime() + 86_400_000),
    bits: 2048,
  });
  server = tls.createServer({ cert, key });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => server.close());

async function pair(): Promise<{ client: TLSSocket; accepted: TLSSocket }> {
  const { port } = server.address() as AddressInfo;
  const accepting = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  const client = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(client, 'secureConnect');
  return { client, accepted: (await accepting)[0] };
}

for (const side of ['client', 'accepted'] as const) {
  test(`${side}: everything arrives in one buffer, what was queued first, and the end as ever`, async () => {
    const sockets = await pair();
    const socket = sockets[side];
    const peer = sockets[side === 'client' ? 'accepted' : 'client'];
    const sent = randomBytes(3 * 1024 * 1024);
    peer.write(sent.subarray(0, 5000));
    await once(socket, 'readable');
    const parts: Buffer[] = [];
    const memory = new Set<ArrayBufferLike>();
    let listeners = 0;
    assert.equal(
      receiveInOneBuffer(socket, (bytes) => {
        parts.push(Buffer.from(bytes));
        if (parts.length > 1) memory.add(bytes.buffer);
      }),
      true,
    );
    assert.deepEqual(Buffer.concat(parts), sent.subarray(0, 5000));
    socket.on('data', () => listeners++);
    socket.resume();
    peer.end(sent.subarray(5000));
    await once(socket, 'end');
    assert.ok(Buffer.concat(parts).equals(sent));
    assert.equal(memory.size, 1);
    assert.equal(listeners, 0);
    socket.destroy();
    peer.destroy();
  });
}
