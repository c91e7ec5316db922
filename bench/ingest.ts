// What the server spends on taking in a backup: chunks that were encoded beforehand, over one and over several
// connections, against raw TLS and writing the same bytes. Nothing of a client's work but TLS and HTTP/2 is in it.
// Usage: sh scripts/node.sh bench/ingest.ts [--mib 512] [--rounds 3] [--connections 1,4] [--in-flight 6]
//   [--work DIR] [--tree CHECKOUT]...

import { hash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { parseArgs } from 'node:util';
import { BackupWriter } from '../src/backup/writer.ts';
import { toHex } from '../src/base/bytes.ts';
import { chunkPath } from '../src/chunk-store/layout.ts';
import { Connection } from '../src/client/connection.ts';
import { parseRepository } from '../src/client/repository.ts';
import { encodeBlob } from '../src/format/blob.ts';
import { cpuSeconds, median, peakKiB, processTree, resetPeaks } from './measure.ts';
import { startServer, startSink } from './yardstick.ts';

const MiB = 1024 * 1024;
const chunkSize = 4 * MiB;

interface Chunk {
  digest: Uint8Array;
  blob: Uint8Array;
}

interface Result {
  wall: number;
  client: number;
  server: number;
  memory: number[];
}

await run();

/** Half of the chunks shrink to about the half, the others do not shrink. */
function makeChunks(count: number): Chunk[] {
  const words = Array.from({ length: 4096 }, () => randomBytes(3 + Math.floor(Math.random() * 8)).toString('base64'));
  return Array.from({ length: count }, (_, i) => {
    const content = randomBytes(chunkSize);
    for (let at = 0; i % 2 === 0 && at < chunkSize; ) {
      at += content.write(words[content.readUInt16LE(Math.min(at, chunkSize - 2)) % words.length]!, at, 'latin1') + 1;
    }
    return { digest: hash('sha256', content, 'buffer'), blob: encodeBlob(content) };
  });
}

async function upload(
  env: Record<string, string>,
  connections: number,
  inFlight: number,
  chunks: readonly Chunk[],
): Promise<void> {
  const { store, ...repository } = parseRepository(env['PBS_REPOSITORY']!);
  await using connection = await Connection.open({ repository, env });
  let next = 0;
  const session = async (id: number): Promise<void> => {
    await using session = await connection.openSession('backup', {
      store,
      'backup-type': 'host',
      'backup-id': `ingest-${id}`,
      'backup-time': Math.floor(Date.now() / 1000),
    });
    const writer = new BackupWriter(session);
    const index = await writer.createDynamicIndex('ingest.pxar.didx');
    const sender = async (): Promise<void> => {
      while (next < chunks.length) {
        const { digest, blob } = chunks[next++]!;
        await writer.uploadChunk(index, { digest, size: chunkSize, body: [blob] });
      }
    };
    await Promise.all(Array.from({ length: inFlight }, sender));
  };
  await connection.login();
  await Promise.all(Array.from({ length: connections }, (_, i) => session(i)));
}

async function sendRaw(port: number, chunks: readonly Chunk[]): Promise<void> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  for (const { blob } of chunks) {
    if (!socket.write(blob)) await once(socket, 'drain');
  }
  socket.end();
  socket.resume();
  await once(socket, 'close');
}

async function measured(pids: number[], work: () => Promise<void>): Promise<Result> {
  resetPeaks(pids);
  const before = cpuSeconds(pids);
  const own = process.cpuUsage();
  const start = performance.now();
  await work();
  const wall = (performance.now() - start) / 1000;
  const used = process.cpuUsage(own);
  const memory = pids.map((pid) => peakKiB([pid]) / 1024).sort((a, b) => b - a);
  return { wall, client: (used.user + used.system) / 1e6, server: cpuSeconds(pids) - before, memory };
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: {
      mib: { type: 'string', default: '512' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '1,4' },
      'in-flight': { type: 'string', default: '6' },
      work: { type: 'string', default: tmpdir() },
      tree: { type: 'string', multiple: true, default: [new URL('..', import.meta.url).pathname] },
    },
  });
  const work = mkdtempSync(join(values.work, 'granary-ingest-'));
  const chunks = makeChunks(Math.ceil((Number(values.mib) * MiB) / chunkSize));
  const encoded = chunks.reduce((sum, { blob }) => sum + blob.byteLength, 0);
  const { child: yardstick, port } = await startSink(work);
  const results = new Map<string, Result[]>();
  const keep = (name: string, result: Result): void => void results.set(name, [...(results.get(name) ?? []), result]);
  const servers = await Promise.all(
    values.tree.map(async (checkout, i) => {
      const home = join(work, `home-${i}`);
      return { name: values.tree.length > 1 ? ` of ${checkout}` : '', home, ...(await startServer(checkout, home)) };
    }),
  );
  try {
    for (let round = 0; round < Number(values.rounds); round++) {
      keep('raw TLS and write', await measured([yardstick.pid!], () => sendRaw(port, chunks)));
      for (const connections of values.connections.split(',').map(Number)) {
        for (const { name, home, child, env } of servers) {
          const label = `${connections} connection${connections > 1 ? 's' : ''}${name}`;
          keep(
            label,
            await measured(processTree(child.pid!), () =>
              upload(env, connections, Number(values['in-flight']), chunks),
            ),
          );
          for (const { digest } of chunks) rmSync(chunkPath(join(home, 'store'), toHex(digest)));
        }
      }
    }
  } finally {
    yardstick.disconnect();
    for (const { child } of servers) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(work, { recursive: true, force: true });
  }
  const [content, gigabytes] = [(chunks.length * chunkSize) / 1e9, encoded / 1e9];
  console.log(`${content.toFixed(2)} GB of content, ${gigabytes.toFixed(2)} GB encoded; CPU seconds per GB of content`);
  const reference = median(results.get('raw TLS and write')!.map((r) => r.wall));
  for (const [name, list] of results) {
    const of = (f: (r: Result) => number): number => median(list.map(f));
    const wall = of((r) => r.wall);
    const cpu = `client ${(of((r) => r.client) / content).toFixed(2)}, server ${(of((r) => r.server) / content).toFixed(2)} CPU s/GB`;
    const memory = `${Math.round(Math.max(...list.map((r) => r.memory[0]!)))} MiB`;
    const ratio = (reference / wall).toFixed(2);
    console.log(
      `${name.padEnd(18)}  ${(content / wall).toFixed(2)} GB/s (${ratio} of raw)  ${cpu}  largest process ${memory}`,
    );
  }
}
