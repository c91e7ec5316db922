// Against real receivers on loopback.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import * as fs from 'node:fs';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { ensureIdentity } from '../certificates/identity.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { InfluxDbHttpConfig, InfluxDbUdpConfig } from '../config/metric-server-config.ts';
import { http } from '../os/node-http.ts';
import { InfluxDbSender } from './influxdb-sender.ts';
import { batches, formatLines } from './line-protocol.ts';
import type { Sample } from './series.ts';

let home: string;
let directories: Directories;
before(async () => {
  home = fs.mkdtempSync(join(tmpdir(), 'granary-influx-'));
});
after(() => fs.rmSync(home, { recursive: true }));

const fresh = async (): Promise<Directories> => {
  directories = resolveDirectories(fs.mkdtempSync(join(home, 'server-')), 'home');
  await createDirectories(directories);
  return directories;
};
const samples: readonly Sample[] = [
  { series: 'host', values: {}, points: { cpu_current: 0.5, net_in: 7 } },
  { series: 'datastore/store1', values: {}, points: { disk_used: 40 } },
  { series: 'datastore/empty', values: {} },
];

interface Received {
  url: string;
  authorization: string | undefined;
  body: string;
}

/** A receiver that answers with the given statuses, the last of them for ever. */
async function receiver(server: HttpServer | https.Server, ...statuses: number[]) {
  const received: Received[] = [];
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      received.push({ url: request.url ?? '', authorization: request.headers.authorization, body });
      response.statusCode = (statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 204;
      response.end();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { received, port: (server.address() as AddressInfo).port, close };
}

test('lines as InfluxDB reads them, in batches of bounded size', () => {
  assert.deepEqual(formatLines('no de,1', 1_790_000_000, samples), [
    'host,host=no\\ de\\,1 cpu_current=0.5,net_in=7 1790000000000000000\n',
    'datastore,host=no\\ de\\,1,datastore=store1 disk_used=40 1790000000000000000\n',
  ]);
  const lines = Array.from({ length: 10 }, (_, i) => `line ${i}\n`);
  const cut = batches(lines, 21);
  assert.equal(cut.join(''), lines.join(''));
  assert.ok(cut.every((text) => text.length <= 21));
  assert.equal(cut.length, 4);
  assert.deepEqual(batches(['a line that is too long\n', 'b\n'], 5), ['a line that is too long\n', 'b\n']);
});

test('datagrams no longer than the MTU', async () => {
  const socket = dgram.createSocket('udp4');
  await once(socket.bind(0, '127.0.0.1'), 'listening');
  const arrived: string[] = [];
  const enough = Promise.withResolvers<void>();
  socket.on('message', (message) => {
    arrived.push(message.toString());
    if (arrived.join('').split('\n').length > 60) enough.resolve();
  });
  const config = new InfluxDbUdpConfig(await fresh());
  await config.create({ name: 'udp', host: `127.0.0.1:${socket.address().port}`, mtu: 512 });
  const sender = new InfluxDbSender(directories, 'vm', () => {});
  const many = Array.from({ length: 60 }, (_, i) => ({
    series: `datastore/s${i}`,
    values: {},
    points: { disk_used: i },
  }));
  sender.push(1000, many);
  await enough.promise;
  await sender.settled();
  assert.ok(arrived.length > 5);
  assert.ok(arrived.every((text) => Buffer.byteLength(text) <= 512 && text.endsWith('\n')));
  assert.equal(arrived.join(''), formatLines('vm', 1000, many).join(''));
  await sender.stop();
  socket.close();
});

test('HTTP: where it goes, what is kept while the server is away, what is given up', async () => {
  const away = await receiver(http.createServer(), 503, 204, 400, 204);
  const config = new InfluxDbHttpConfig(await fresh());
  const url = `http://127.0.0.1:${away.port}/influx/`;
  await config.create({ name: 'web', url, token: 'tok', bucket: 'b 1', organization: 'org' });
  await config.create({ name: 'off', url, enable: false });
  const log: string[] = [];
  const sender = new InfluxDbSender(directories, 'vm', (_level, event) => void log.push(event));
  const push = async (time: number): Promise<void> => {
    sender.push(time, samples);
    await sender.settled();
  };
  await push(1000);
  assert.deepEqual(log, ['metric-server-does-not-take']);
  await push(1010);
  assert.deepEqual(log, ['metric-server-does-not-take', 'metric-server-answers-again']);
  assert.equal(away.received.length, 2);
  const { url: asked, authorization, body } = away.received[1]!;
  assert.equal(asked, '/influx/api/v2/write?org=org&bucket=b+1&precision=ns');
  assert.equal(authorization, 'Token tok');
  assert.equal(body, [1000, 1010].flatMap((time) => formatLines('vm', time, samples)).join(''));
  await push(1020);
  await push(1030);
  assert.equal(
    away.received.at(-1)!.body,
    formatLines('vm', 1030, samples).join(''),
    'what was refused is not sent again',
  );
  assert.equal(log.at(-1), 'metrics-rejected');

  await config.update('web', { 'max-body-size': 80 });
  await push(1040);
  assert.deepEqual(
    away.received.slice(-2).map((one) => one.body),
    formatLines('vm', 1040, samples),
  );
  const count = away.received.length;
  await config.update('web', { enable: false });
  await push(1050);
  assert.equal(away.received.length, count);
  await sender.stop();
  await away.close();
});

test('a server that is gone for long: fewer tries, half an hour is kept', async () => {
  const gone = await receiver(http.createServer(), 500);
  await new InfluxDbHttpConfig(await fresh()).create({ name: 'web', url: `http://127.0.0.1:${gone.port}` });
  const sender = new InfluxDbSender(directories, 'vm', () => {});
  for (let i = 0; i < 200; i++) {
    sender.push(i, samples);
    await sender.settled();
  }
  assert.ok(gone.received.length < 15, `${gone.received.length} tries`);
  const last = gone.received.at(-1)!.body.split('\n');
  assert.ok(last.length <= 2 * 180 + 1);
  await sender.stop();
  await gone.close();
});

test('a certificate that nobody trusts is refused, unless it may be', async () => {
  const identity = await ensureIdentity((await fresh()).config, { clock: systemClock, bits: 2048 });
  const secure = await receiver(https.createServer({ cert: identity.certificate, key: identity.key }), 204);
  const config = new InfluxDbHttpConfig(directories);
  await config.create({ name: 'tls', url: `https://127.0.0.1:${secure.port}` });
  const log: string[] = [];
  const sender = new InfluxDbSender(directories, 'vm', (_level, event) => void log.push(event));
  sender.push(1000, samples);
  await sender.settled();
  assert.deepEqual([log, secure.received.length], [['metric-server-does-not-take'], 0]);
  await config.update('tls', { 'verify-tls': false });
  sender.push(1010, samples);
  await sender.settled();
  assert.equal(secure.received.length, 1);
  await sender.stop();
  await secure.close();
});
