// Uploads of 4 MiB bodies over one connection against raw TLS between two Node processes, in one run.
// The server is the product's: its upgrade, its windows, one copy into a slot, as an upload is taken in.
// Acceptance: 0.95 of raw TLS. Usage: sh scripts/node.sh bench/upload.ts [--mib 1024] [--rounds 5] [--streams 6]

import { type ChildProcess, fork } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { parseArgs } from 'node:util';
import { copyBytes } from '../src/base/bytes.ts';
import { SharedArena } from '../src/base/shared-arena.ts';
import { makeSelfSigned } from '../src/certificates/self-signed.ts';
import { http } from '../src/os/node-http.ts';
import { connectH2, type H2Session } from '../src/wire/h2-client.ts';
import { upgradeToHttp2 } from '../src/wire/h2-upgrade.ts';

const MiB = 1024 * 1024;
const body = 4 * MiB;
const protocol = 'proxmox-backup-protocol-v1';

interface Usage {
  wall: number;
  client: number;
  server: number;
}

if (process.argv[2] === '--serve') await serve();
else await run();

/** The server process: a raw sink that confirms every 4 MiB, and an HTTP/2 session that takes uploads. */
async function serve(): Promise<void> {
  const { certificate: cert, key } = await makeSelfSigned({
    organization: 'Granary',
    organizationalUnit: 'bench',
    commonName: 'localhost',
    alternativeNames: ['localhost'],
    notBefore: new Date(),
    notAfter: new Date(Date.now() + 86_400_000),
    bits: 2048,
  });
  const identity = { cert, key };
  const slot = new SharedArena(body).tryAcquire(body)!.bytes;
  const raw = tls.createServer(identity, (socket) => {
    let at = 0;
    socket.on('data', (bytes) => {
      const piece = bytes.subarray(0, body - at);
      copyBytes(slot, piece, at);
      at += piece.length;
      if (at < body) return;
      socket.write('.');
      at = bytes.length - piece.length;
      copyBytes(slot, bytes.subarray(piece.length));
    });
    socket.on('error', () => {});
  });
  const upgrades = http.createServer();
  upgrades.on('upgrade', async (_request, socket, head) => {
    await upgradeToHttp2(socket, head, protocol, async (stream) => {
      await stream.readInto(slot);
      await stream.answer([[':status', '200']], Buffer.from('{"data":null}'));
    });
  });
  const sessions = tls.createServer(identity, (socket) => upgrades.emit('connection', socket));
  for (const server of [raw, sessions]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const ports = [raw, sessions].map((server) => (server.address() as AddressInfo).port);
  process.on('message', () => process.send?.({ cpu: seconds(process.cpuUsage()) }));
  process.on('disconnect', () => process.exit());
  process.send?.({ ports });
}

function seconds(usage: NodeJS.CpuUsage): number {
  return (usage.user + usage.system) / 1e6;
}

async function connect(port: number): Promise<tls.TLSSocket> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  return socket;
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: {
      mib: { type: 'string', default: '1024' },
      rounds: { type: 'string', default: '5' },
      streams: { type: 'string', default: '6' },
    },
  });
  const count = Math.ceil((Number(values.mib) * MiB) / body);
  const server = fork(new URL(import.meta.url), ['--serve'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [{ ports }] = await once(server, 'message');
  const memory = new SharedArena(8 * body).tryAcquire(8 * body)!.bytes;
  for (let i = 0; i < memory.length; i += 8) memory[i] = i;
  const bodyAt = (i: number): Uint8Array => memory.subarray((i % 8) * body, ((i % 8) + 1) * body);
  const results: Record<string, Usage[]> = { raw: [], 'HTTP/2': [] };
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const [name, work] of [
      ['raw', () => sendRaw(ports[0], count, bodyAt)],
      ['HTTP/2', () => sendUploads(ports[1], count, Number(values.streams), bodyAt)],
    ] as const) {
      const usage = await measured(server, work);
      if (round > 0) results[name]!.push(usage);
    }
  }
  server.disconnect();
  const gigabytes = (count * body) / 1e9;
  const rate = (name: string): number => gigabytes / median(results[name]!.map((usage) => usage.wall));
  for (const [name, list] of Object.entries(results)) {
    const [client, peer] = [median(list.map((u) => u.client)), median(list.map((u) => u.server))];
    const cpu = `client ${(client / gigabytes).toFixed(2)}, server ${(peer / gigabytes).toFixed(2)} CPU s/GB`;
    console.log(`${name.padEnd(7)} ${rate(name).toFixed(2)} GB/s   ${cpu}`);
  }
  console.log(`HTTP/2 / raw TLS ${(rate('HTTP/2') / rate('raw')).toFixed(2)} (at least 0.95)`);
}

async function measured(server: ChildProcess, work: () => Promise<void>): Promise<Usage> {
  const serverCpu = async (): Promise<number> => {
    server.send('cpu');
    return (await once(server, 'message'))[0].cpu;
  };
  const before = await serverCpu();
  const own = process.cpuUsage();
  const start = performance.now();
  await work();
  const wall = (performance.now() - start) / 1000;
  return { wall, client: seconds(process.cpuUsage(own)), server: (await serverCpu()) - before };
}

async function sendRaw(port: number, count: number, bodyAt: (i: number) => Uint8Array): Promise<void> {
  const socket = await connect(port);
  let confirmed = 0;
  const done = new Promise<void>((resolve) => {
    socket.on('data', (bytes) => {
      confirmed += bytes.length;
      if (confirmed === count) resolve();
    });
  });
  for (let i = 0; i < count; i++) {
    if (!socket.write(bodyAt(i))) await once(socket, 'drain');
  }
  await done;
  socket.destroy();
}

async function sendUploads(
  port: number,
  count: number,
  streams: number,
  bodyAt: (i: number) => Uint8Array,
): Promise<void> {
  const socket = await connect(port);
  const path = '/api2/json/backup';
  await using session: H2Session = await connectH2({ socket, authority: 'bench', path, protocol, headers: {} });
  const header = new Uint8Array(12);
  const digest = hash('sha256', header);
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < count) {
      const view = bodyAt(next++);
      const query = { digest, 'encoded-size': body + 12, size: body, wid: 1 };
      await session.request('POST', 'dynamic_chunk', { query, body: [header, view.subarray(12)] });
    }
  };
  await Promise.all(Array.from({ length: streams }, sender));
}

function median(list: number[]): number {
  return list.toSorted((a, b) => a - b)[list.length >> 1]!;
}
