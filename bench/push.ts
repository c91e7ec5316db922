// A first push over loopback, from files to files, against a plain copy of the same chunk files over TLS. Both in each
// round, one after the other.
// Usage: sh scripts/node.sh bench/push.ts [--mib 512] [--rounds 5] [--work DIR]

import { hash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { parseArgs } from 'node:util';
import { toHex } from '../src/base/bytes.ts';
import { systemClock } from '../src/base/clock.ts';
import { chunkPath } from '../src/chunk-store/layout.ts';
import type { TestChunk } from '../src/chunk-store/testing/chunks.ts';
import { Connection } from '../src/client/connection.ts';
import { parseRepository } from '../src/client/repository.ts';
import { CryptConfig } from '../src/crypto/crypt-config.ts';
import { Datastore } from '../src/datastore/datastore.ts';
import { host, writeBackup } from '../src/datastore/testing/temporary-store.ts';
import { encodeBlob } from '../src/format/blob.ts';
import { parseIndex } from '../src/format/chunk-index.ts';
import { privileges as allPrivileges } from '../src/model/privileges.ts';
import { LocalSource } from '../src/sync/local-source.ts';
import { syncParameters } from '../src/sync/parameters.ts';
import { push } from '../src/sync/push.ts';
import { pushMemory } from '../src/sync/push-chunks.ts';
import { PushTarget } from '../src/sync/push-target.ts';
import { SyncStatistics } from '../src/sync/statistics.ts';
import { cpuSeconds, median, peakKiB, processTree, resetPeaks } from './measure.ts';
import { startServer, startSink } from './yardstick.ts';

const MiB = 1024 * 1024;
const chunkSize = 4 * MiB;

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '512' },
    rounds: { type: 'string', default: '5' },
    work: { type: 'string', default: tmpdir() },
  },
});
const work = mkdtempSync(join(values.work, 'granary-push-'));
const base = join(work, 'source');
mkdirSync(join(base, '.chunks'), { recursive: true });
const source = await Datastore.open('source', { path: base }, { lockDir: join(work, 'locks') });
const { paths, encoded } = await fillSource(Math.ceil((Number(values.mib) * MiB) / chunkSize));
const { child: yardstick, port } = await startSink(work);
const home = join(work, 'home');
const { child: server, env } = await startServer(new URL('..', import.meta.url).pathname, home);

interface Result {
  wall: number;
  client: number;
  server: number;
  /** Largest memory of this process and the largest of the others, MiB. */
  memory: [number, number];
}
const kinds: Record<string, { pids: number[]; run: () => Promise<void>; results: Result[] }> = {
  'copy over TLS': { pids: [yardstick.pid!], run: copy, results: [] },
  push: { pids: processTree(server.pid!), run: () => pushAll(), results: [] },
  'push encrypted': {
    pids: processTree(server.pid!),
    run: () => pushAll(CryptConfig.fromKey(randomBytes(32))),
    results: [],
  },
};
try {
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const { pids, run, results } of Object.values(kinds)) {
      const result = await measured(pids, run);
      // The first round warms up.
      if (round > 0) results.push(result);
      if (run !== copy) await removePushed();
    }
  }
} finally {
  yardstick.disconnect();
  server.kill('SIGTERM');
  await once(server, 'exit');
  rmSync(work, { recursive: true, force: true });
}
console.log(`${((paths.length * chunkSize) / 1e9).toFixed(2)} GB of content, ${(encoded / 1e9).toFixed(2)} GB encoded`);
const reference = kinds['copy over TLS']!.results;
for (const [name, { results }] of Object.entries(kinds)) {
  const of = (f: (r: Result, i: number) => number): number => median(results.map(f));
  const ratio = of((r, i) => reference[i]!.wall / r.wall);
  const rate = (encoded / 1e6 / of((r) => r.wall)).toFixed(0);
  const cpu = [of((r) => r.client), of((r) => r.server)].map((s) => ((s * 1e9) / encoded).toFixed(2));
  const memory = [0, 1].map((i) => Math.max(...results.map((r) => r.memory[i]!)).toFixed(0));
  console.log(
    `${name.padEnd(15)} ${rate} MB/s encoded, ${ratio.toFixed(2)} of the copy in the same round; ` +
      `CPU s/GB ${cpu.join(' + ')}; largest process ${memory.join(', ')} MiB`,
  );
}

/** One snapshot with an image. Half of the chunks shrink to about the half, the others do not shrink. */
async function fillSource(count: number): Promise<{ paths: string[]; encoded: number }> {
  const chunks: TestChunk[] = Array.from({ length: count }, (_, i) => {
    const content = randomBytes(chunkSize);
    if (i % 2 === 0) for (let at = 0; at < chunkSize; at++) content[at]! &= 15;
    return { digest: hash('sha256', content, 'buffer'), size: chunkSize, content, blob: encodeBlob(content) };
  });
  await writeBackup(source, host('bench', 1_700_000_000), { archives: { 'disk.img.fidx': chunks } });
  return {
    paths: chunks.map(({ digest }) => chunkPath(base, toHex(digest))),
    encoded: chunks.reduce((sum, { blob }) => sum + blob.byteLength, 0),
  };
}

async function copy(): Promise<void> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  let ahead = readFile(paths[0]!);
  for (let i = 0; i < paths.length; i++) {
    const bytes = await ahead;
    if (i + 1 < paths.length) ahead = readFile(paths[i + 1]!);
    if (!socket.write(bytes)) await once(socket, 'drain');
  }
  socket.end();
  socket.resume();
  await once(socket, 'close');
}

async function pushAll(crypt?: CryptConfig): Promise<void> {
  const { store, ...repository } = parseRepository(env['PBS_REPOSITORY']!);
  const connection = await Connection.open({ repository, env });
  await using target = await PushTarget.open(connection, store, repository.authId);
  const privileges = () => new Set(allPrivileges);
  const log = {
    log: () => {},
    warn: (line: string) => {
      throw new Error(line);
    },
  };
  await push({
    parameters: syncParameters({ store: 'source', remote: 'target', 'remote-store': store }, 'root@pam'),
    source: new LocalSource(source, 'root@pam', privileges),
    target,
    privileges,
    statistics: new SyncStatistics(),
    crypt,
    memory: pushMemory(),
    log,
    signal: new AbortController().signal,
    clock: systemClock,
  });
}

async function removePushed(): Promise<void> {
  const group = join(home, 'store', 'host');
  const [index] = globSync('**/disk.img.fidx', { cwd: group });
  const name = join(group, index!);
  const chunks = parseIndex(name, readFileSync(name), name);
  for (let i = 0; i < chunks.count; i++) {
    rmSync(chunkPath(join(home, 'store'), toHex(chunks.digestAt(i))), { force: true });
  }
  rmSync(group, { recursive: true });
}

async function measured(pids: number[], run: () => Promise<void>): Promise<Result> {
  resetPeaks([...pids, process.pid]);
  const before = cpuSeconds(pids);
  const own = process.cpuUsage();
  const start = performance.now();
  await run();
  const wall = (performance.now() - start) / 1000;
  const used = process.cpuUsage(own);
  const others = Math.max(...pids.map((pid) => peakKiB([pid]) / 1024));
  return {
    wall,
    client: (used.user + used.system) / 1e6,
    server: cpuSeconds(pids) - before,
    memory: [peakKiB([process.pid]) / 1024, others],
  };
}
