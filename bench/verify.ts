// Verification against its bound and against restic on the same data: a run over a snapshot in this process against
// threads that do nothing but read, decompress and hash the same chunks; and the whole command against
// `restic check --read-data`. Everything comes from the page cache; alternating, medians.
// Needs the Debian packages restic and time. Usage: node bench/data.ts DATA && node bench/verify.ts DATA [--runs 5]

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { zstdDecompressSync } from 'node:zlib';
import { Datastore } from '../src/datastore/datastore.ts';
import { Verification } from '../src/datastore/verify.ts';
import { blobInfo } from '../src/format/blob.ts';
import { type Measured, measure, median } from './measure.ts';

const root = new URL('..', import.meta.url).pathname;
const client = join(root, 'bin/proxmox-backup-client');
const upid = 'UPID:bench:00000001:00000001:00000001:00000001:verify:bench:root@pam:';
const plainHeader = 12;

/** What a bare thread does: reads, decompresses and hashes each file, and nothing else. */
function bareThread(paths: readonly string[]): void {
  parentPort!.on('message', () => {
    let content = 0;
    for (const path of paths) {
      const blob = readFileSync(path);
      const data = blob.subarray(plainHeader);
      const plain = blobInfo(blob, path).compressed ? zstdDecompressSync(data) : data;
      createHash('sha256').update(plain).digest();
      content += plain.byteLength;
    }
    parentPort!.postMessage(content);
  });
  parentPort!.postMessage(0);
}

interface Cost {
  wall: number;
  cpu: number;
}

/** Gives what was spent since it was called, in seconds of the clock and of processors. */
function meter(): () => Cost {
  const start = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
  };
}

async function bare(paths: readonly string[]): Promise<Cost & { bytes: number }> {
  const threads = availableParallelism();
  const workers = Array.from(
    { length: threads },
    (_, n) => new Worker(new URL(import.meta.url), { workerData: paths.filter((_path, i) => i % threads === n) }),
  );
  const answers = () =>
    Promise.all(workers.map((worker) => new Promise<number>((resolve) => worker.once('message', resolve))));
  await answers();
  const spent = meter();
  const done = answers();
  for (const worker of workers) worker.postMessage('go');
  const bytes = (await done).reduce((sum, one) => sum + one, 0);
  const cost = spent();
  await Promise.all(workers.map((worker) => worker.terminate()));
  return { ...cost, bytes };
}

async function own(home: string): Promise<Cost> {
  const store = await Datastore.open('bench', { path: join(home, 'store') }, { lockDir: join(home, 'locks') });
  const spent = meter();
  const run = new Verification(store, { upid, log: () => {} });
  run.conclude(await run.verifyDatastore());
  return spent();
}

async function main(data: string, runs: number): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'granary-verify-'));
  const server = spawn(join(root, 'scripts/node.sh'), [join(root, 'bench/server.ts'), '--home', home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let text = '';
    for await (const part of server.stdout) {
      text += String(part);
      if (text.includes('PBS_FINGERPRINT')) break;
    }
    const exports = Object.fromEntries([...text.matchAll(/^export (PBS_\w+)='(.*)'$/gm)].map((m) => [m[1]!, m[2]!]));
    const env: Record<string, string> = { ...exports, XDG_RUNTIME_DIR: home, XDG_CONFIG_HOME: home };
    const restic = { RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: join(home, 'cache') };
    const repository = join(home, 'restic');
    execFileSync(client, ['backup', `tree.pxar:${join(data, 'tree')}`, '--backup-id', 'tree'], {
      env: { ...process.env, ...env },
    });
    const quiet = ['-q', '-r', repository];
    execFileSync('restic', [...quiet, 'init', '--repository-version', '2'], { env: { ...process.env, ...restic } });
    execFileSync('restic', [...quiet, 'backup', join(data, 'tree')], { env: { ...process.env, ...restic } });
    const chunks = readdirSync(join(home, 'store/.chunks'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const ratios = {
      bound: [] as number[],
      boundCpu: [] as number[],
      restic: [] as number[],
      resticCpu: [] as number[],
    };
    for (let n = 0; n <= runs; n++) {
      const bound = await bare(chunks);
      const mine = await own(home);
      const command = await measure([client, 'verify', 'host/tree/latest'], { env, serverPid: server.pid! });
      const other = await measure(['restic', ...quiet, 'check', '--read-data'], { env: restic });
      // The first round fills the page cache.
      if (n === 0) continue;
      report('bare threads', bound);
      report('verification in this process', mine);
      report('verify', { wall: command.wall, cpu: command.cpu + command.serverCpu });
      report('restic check --read-data', other);
      console.log(`  ${(bound.bytes / 1e9).toFixed(2)} GB of content, ${memory(command)}`);
      ratios.bound.push(bound.wall / mine.wall);
      ratios.boundCpu.push(bound.cpu / mine.cpu);
      ratios.restic.push(command.wall / other.wall);
      ratios.resticCpu.push((command.cpu + command.serverCpu) / other.cpu);
    }
    const two = (list: number[]): string => median(list).toFixed(2);
    console.log(`of the bare threads: ${two(ratios.bound)} by the clock, ${two(ratios.boundCpu)} by CPU (goal 0.85)`);
    console.log(`of restic's time: ${two(ratios.restic)} by the clock, ${two(ratios.resticCpu)} by CPU (goal 0.45)`);
  } finally {
    server.kill('SIGTERM');
    rmSync(home, { recursive: true, force: true });
  }
}

function report(what: string, { wall, cpu }: Cost): void {
  console.log(`${what.padEnd(30)} ${wall.toFixed(2)} s, ${cpu.toFixed(2)} CPU s`);
}

const memory = ({ serverMemory }: Measured): string => `server's peak ${Math.round(serverMemory / 1024)} MiB`;

if (isMainThread) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: 'string', default: '5' } },
  });
  const data = positionals[0];
  if (!data) throw new Error('usage: bench/verify.ts DATA [--runs N]');
  await main(data, Number(values.runs));
} else bareThread(workerData as string[]);
