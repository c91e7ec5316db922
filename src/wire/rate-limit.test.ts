import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import { type AddressInfo, connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { makeSelfSigned } from '../certificates/self-signed.ts';
import { LimitedConnection, Limiter } from './rate-limit.ts';

interface Link {
  /** TLS, as the server sees it, with the TCP socket below. */
  server: TLSSocket;
  serverTcp: Socket;
  client: TLSSocket;
  clientTcp: Socket;
}

const links: Link[] = [];
let identity: { certificate: string; key: string };
let listener: Server;

before(async () => {
  const year = 365 * 86_400_000;
  identity = await makeSelfSigned({
    organization: 'test',
    organizationalUnit: 'test',
    commonName: 'localhost',
    alternativeNames: ['localhost'],
    notBefore: new Date(Date.now() - year),
    notAfter: new Date(Date.now() + year),
    bits: 2048,
  });
  listener = createServer({ pauseOnConnect: true });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
});

after(() => {
  for (const { server, client } of links) {
    server.destroy();
    client.destroy();
  }
  listener.close();
});

/** A TLS connection whose client is held to the limits. */
async function link(limiter?: Limiter): Promise<Link> {
  const accepted = once(listener, 'connection');
  const clientTcp = connectTcp((listener.address() as AddressInfo).port, '127.0.0.1');
  await once(clientTcp, 'connect');
  const [serverTcp] = (await accepted) as [Socket];
  const server = new TLSSocket(serverTcp, { isServer: true, cert: identity.certificate, key: identity.key });
  const client = connectTls({ socket: clientTcp, rejectUnauthorized: false });
  limiter?.hold(clientTcp, client);
  for (const socket of [server, client, serverTcp, clientTcp]) socket.on('error', () => {});
  await once(client, 'secureConnect');
  const made = { server, serverTcp, client, clientTcp };
  links.push(made);
  return made;
}

/** Counts what comes, and tells when it is enough. */
function receive(socket: Socket, enough: number): { done: Promise<void>; bytes: () => number } {
  let bytes = 0;
  const done = new Promise<void>((resolve) => {
    socket.on('data', (data) => {
      bytes += data.byteLength;
      if (bytes >= enough) resolve();
    });
  });
  return { done, bytes: () => bytes };
}

const MB = 1_000_000;

test('several connections share what a limiter allows, in either direction', async () => {
  const limiter = new Limiter({ rateIn: 8 * MB, burstIn: MB / 10, rateOut: 8 * MB, burstOut: MB / 10 });
  const three = [await link(limiter), await link(limiter), await link(limiter)];
  for (const direction of ['out', 'in'] as const) {
    const start = performance.now();
    const all = three.map(({ client, server }) => {
      const [from, to] = direction === 'out' ? [client, server] : [server, client];
      const received = receive(to, MB);
      from.write(Buffer.alloc(MB));
      return received.done;
    });
    await Promise.all(all);
    const least = ((3 * MB - MB / 10 - 3 * 65_536) / (8 * MB)) * 1000;
    const took = performance.now() - start;
    assert.ok(took >= least, `${direction}: ${took} ms, at least ${least}`);
  }
});

test('a direction without a rate is not held', async () => {
  const { client, server } = await link(new Limiter({ rateOut: 1000 }));
  const received = receive(client, 20 * MB);
  server.write(Buffer.alloc(20 * MB));
  await received.done;
});

test('limits come, change and go while bytes flow', async () => {
  const { client, server, serverTcp } = await link();
  const limited = new LimitedConnection(serverTcp, server);
  const at = receive(client, 6 * MB);
  const slow = new Limiter({ rateOut: 10_000, burstOut: 1 });
  limited.setBuckets(slow.buckets);
  const written = new Promise((resolve) => server.write(Buffer.alloc(6 * MB), resolve));
  await delay(100);
  assert.ok(at.bytes() <= 100_000, String(at.bytes()));
  limited.setBuckets({});
  await at.done;
  await written;
  const back = receive(server, 5 * MB);
  limited.setBuckets(new Limiter({ rateIn: 10_000, burstIn: 1 }).buckets);
  client.write(Buffer.alloc(5 * MB));
  await delay(100);
  const early = back.bytes();
  assert.ok(early < 5 * MB, String(early));
  limited.setBuckets({});
  await back.done;
});

test('what was paused by its reader stays so, and nothing is lost', async () => {
  const { client, server, clientTcp } = await link(new Limiter({ rateIn: 20 * MB, burstIn: 1 }));
  const received = receive(client, 3 * MB);
  server.write(Buffer.alloc(3 * MB, 7));
  await delay(30);
  client.pause();
  await delay(30);
  const paused = clientTcp.bytesRead;
  await delay(100);
  // A stream may take what it has room for, no more.
  assert.ok(clientTcp.bytesRead - paused <= 256 * 1024, `${clientTcp.bytesRead - paused} bytes while paused`);
  client.resume();
  await received.done;
  assert.equal(received.bytes(), 3 * MB);
});

test('texts, corked writes and an end pass the limit in order', async () => {
  const { client, server } = await link(new Limiter({ rateOut: 2 * MB, burstOut: 1 }));
  const text: Buffer[] = [];
  server.on('data', (data) => text.push(data));
  client.cork();
  for (let i = 0; i < 20; i++) client.write(`${i}-`.repeat(2000), 'latin1');
  client.write(Buffer.from('é', 'utf8'));
  client.uncork();
  client.end('end');
  await once(server, 'end');
  const expected = `${Array.from({ length: 20 }, (_, i) => `${i}-`.repeat(2000)).join('')}éend`;
  assert.equal(Buffer.concat(text).toString('utf8'), expected);
});

test('a write that rests fails when the connection goes', async () => {
  const { client, server } = await link(new Limiter({ rateOut: 1000, burstOut: 1 }));
  const failed = new Promise<Error | null | undefined>((resolve) => client.write(Buffer.alloc(MB), resolve));
  await once(server, 'readable');
  server.destroy();
  client.destroy();
  assert.ok(await failed);
});

test("what Node's HTTP parser takes is held, and its own pauses stay", async () => {
  let taken = 0;
  const server = https.createServer({ cert: identity.certificate, key: identity.key }, async (request, response) => {
    await delay(100);
    const early = tcp!.bytesRead;
    for await (const part of request as AsyncIterable<Buffer>) taken += part.byteLength;
    response.end(String(early));
  });
  let tcp: Socket | undefined;
  server.on('connection', (socket) => {
    tcp = socket as Socket;
  });
  const limiter = new Limiter({ rateIn: 6 * MB, burstIn: 1 });
  server.prependListener('secureConnection', (tls: TLSSocket) => limiter.hold(tcp!, tls));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const start = performance.now();
  const request = https.request({
    port: (server.address() as AddressInfo).port,
    method: 'POST',
    rejectUnauthorized: false,
  });
  request.end(Buffer.alloc(3 * MB));
  const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer>];
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  assert.equal(taken, 3 * MB);
  assert.ok(performance.now() - start >= 250, `${performance.now() - start} ms`);
  assert.ok(Number(Buffer.concat(parts)) < 2.5 * MB, 'nothing is read that nobody takes');
  server.close();
  server.closeAllConnections();
});
