// Restores: CPU seconds and memory of whole commands for a tree, an image to a file and an image to a pipe, and the
// pipe against its two bounds in the same run: raw TLS from another process, and the threads that open chunks.
// Needs the Debian package time. Usage: node bench/data.ts DATA && node bench/restore.ts DATA [--runs 3]

import { execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { parseArgs } from 'node:util';
import { fromHex } from '../src/base/bytes.ts';
import { SharedArena } from '../src/base/shared-arena.ts';
import { mapOrdered } from '../src/base/streams.ts';
import { WorkerPool } from '../src/base/worker-pool.ts';
import { makeSelfSigned } from '../src/certificates/self-signed.ts';
import { fixedChunkSize } from '../src/model/names.ts';
import { type Measured, measure, median } from './measure.ts';

const MiB = 1024 * 1024;
const root = new URL('..', import.meta.url).pathname;
const client = join(root, 'bin/proxmox-backup-client');

if (process.argv[2] === '--serve') await serve();
else await run();

/** The other end of raw TLS: sends for as long as somebody takes. */
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
  const piece = Buffer.alloc(MiB, 7);
  const server = tls.createServer({ cert, key }, (socket) => {
    const send = (): void => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('drain', send).on('error', () => {});
    send();
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.on('disconnect', () => process.exit());
}

async function run(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: 'string', default: '3' } },
  });
  const data = positionals[0];
  if (!data) throw new Error('usage: bench/restore.ts DATA [--runs N]');
  const home = mkdtempSync(join(tmpdir(), 'granary-restore-'));
  const server = spawn(join(root, 'scripts/node.sh'), [join(root, 'bench/server.ts'), '--home', home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const sender = fork(new URL(import.meta.url), ['--serve']);
  try {
    const [port] = (await once(sender, 'message')) as [number];
    const env = { ...(await settings(server.stdout)), XDG_RUNTIME_DIR: home, XDG_CONFIG_HOME: home };
    const backup = (source: string): void => {
      execFileSync(client, ['backup', source, '--backup-id', 'bench'], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    };
    backup(`disk.img:${join(data, 'disk.img')}`);
    const chunks = chunkFiles(join(home, 'store'));
    const stored = chunks.reduce((sum, { raw }) => sum + raw.byteLength, 0);
    const options = { env, serverPid: server.pid! };
    const out = join(home, 'out');
    const commands: Record<string, string[]> = {
      'image to pipe': ['sh', '-c', `'${client}' restore host/bench disk.img - | cat > /dev/null`],
      'image to file': [client, 'restore', 'host/bench', 'disk.img', out],
    };
    const results: Record<string, Measured[]> = {};
    const bounds: { tls: number; decode: number }[] = [];
    const measureAll = async (): Promise<void> => {
      for (const [name, command] of Object.entries(commands)) {
        results[name] = [...(results[name] ?? []), await measure(command, options)];
        rmSync(out, { recursive: true, force: true });
      }
    };
    for (let i = 0; i < Number(values.runs); i++) {
      await measureAll();
      bounds.push({ tls: await receive(port, stored), decode: await openAll(chunks) });
    }
    const ratio = median(
      bounds.map(({ tls, decode }, i) => Math.max(tls, decode) / results['image to pipe']![i]!.wall),
    );
    const [tlsWall, decodeWall] = [median(bounds.map((b) => b.tls)), median(bounds.map((b) => b.decode))];
    backup(`tree.pxar:${join(data, 'tree')}`);
    delete commands['image to pipe'];
    delete commands['image to file'];
    commands['tree'] = [client, 'restore', 'host/bench', 'tree.pxar', out];
    for (let i = 0; i < Number(values.runs); i++) await measureAll();
    for (const [name, list] of Object.entries(results)) console.log(describe(name, list));
    console.log(`raw TLS ${tlsWall.toFixed(2)} s, opening the chunks with two threads ${decodeWall.toFixed(2)} s`);
    console.log(`image to pipe, speed to the slower of the two: ${ratio.toFixed(2)}`);
  } finally {
    sender.disconnect();
    const gone = once(server, 'exit');
    server.kill('SIGTERM');
    await gone;
    rmSync(home, { recursive: true, force: true });
  }
}

function describe(name: string, list: readonly Measured[]): string {
  const of = (f: (m: Measured) => number): number => median(list.map(f));
  const cpu = `client ${of((m) => m.cpu).toFixed(1)} + server ${of((m) => m.serverCpu).toFixed(1)} CPU s`;
  const memory = `${Math.round(of((m) => m.memory) / 1024)} + ${Math.round(of((m) => m.serverMemory) / 1024)} MiB`;
  return `${name.padEnd(14)} wall ${of((m) => m.wall).toFixed(2)} s   ${cpu}   ${memory}`;
}

/** What the server prints for its clients. */
async function settings(output: AsyncIterable<Buffer>): Promise<Record<string, string>> {
  let text = '';
  for await (const part of output) {
    text += part.toString();
    const found = Object.fromEntries([...text.matchAll(/^export (PBS_\w+)='(.*)'$/gm)].map((m) => [m[1]!, m[2]!]));
    if (found['PBS_FINGERPRINT']) return found;
  }
  throw new Error(`the server ended: ${text}`);
}

interface ChunkFile {
  digest: Uint8Array;
  raw: Uint8Array;
}

function chunkFiles(store: string): ChunkFile[] {
  const files = readdirSync(join(store, '.chunks'), { recursive: true, withFileTypes: true });
  return files
    .filter((file) => file.isFile() && file.name.length === 64)
    .map((file) => ({ digest: fromHex(file.name, 32), raw: readFileSync(join(file.parentPath, file.name)) }));
}

/** Seconds to take `length` bytes over TLS. */
async function receive(port: number, length: number): Promise<number> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const start = performance.now();
  let left = length;
  for await (const piece of socket) {
    left -= (piece as Buffer).byteLength;
    if (left <= 0) break;
  }
  return (performance.now() - start) / 1000;
}

/** Seconds that a restore's threads need for the chunks alone. */
async function openAll(chunks: readonly ChunkFile[]): Promise<number> {
  const arena = new SharedArena(64 * MiB);
  const file = new URL('../src/reader/decode-worker.ts', import.meta.url);
  await using pool = new WorkerPool({ size: 2, file, name: 'bench', init: { buffer: arena.buffer } });
  const start = performance.now();
  const open = async ({ digest, raw }: ChunkFile): Promise<void> => {
    const room = await arena.acquire(fixedChunkSize + MiB);
    room.bytes.set(raw);
    const { offset } = room;
    await pool.run('decode', [
      { offset, length: raw.byteLength, digest, size: fixedChunkSize, expect: 'plain', what: 'chunk' },
    ]);
    room.release();
  };
  for await (const _ of mapOrdered(chunks, 8, open));
  return (performance.now() - start) / 1000;
}
