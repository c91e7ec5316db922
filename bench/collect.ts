// Garbage collection against the bare cost of its system calls: marking against `utimes` on the same files, sweeping
// against `readdir` and `lstat` on the same directories, each in two threads that do nothing else. Alternating, medians.
// Usage: scripts/node.sh bench/collect.ts [--chunks 500000] [--snapshots 4] [--rounds 5] [--work DIR]
//        scripts/node.sh bench/collect.ts --memory [--digests 20000000]
// The second form measures the memory and the time of reading a large set of indexes, with a store that only counts.

import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { toHex } from '../src/base/bytes.ts';
import type { ChunkStore } from '../src/chunk-store/contract.ts';
import { chunkPath, createChunkTree, prefixCount, prefixName } from '../src/chunk-store/layout.ts';
import { Datastore } from '../src/datastore/datastore.ts';
import { collectGarbage } from '../src/datastore/garbage-collection.ts';
import type { StoreContext } from '../src/datastore/store-context.ts';
import { encodeFixedIndex } from '../src/format/fixed-index.ts';
import { median } from './measure.ts';

const chunkSize = 4 * 1024 * 1024;
const upid = 'UPID:bench:00000001:00000001:00000001:00000001:garbage_collection:bench:root@pam:';

type BareWork = 'mark' | 'sweep';

/**
 * What a bare thread does: finds its half of the files, waits for its word, then makes its calls and answers. Only the
 * thread has the paths: a collector of the main thread that went through hundreds of thousands of them would count as
 * work of the collection.
 */
function bareThread({ base, half }: { base: string; half: number }): void {
  const part = Array.from({ length: prefixCount / 2 }, (_, i) => prefixName(i + (half * prefixCount) / 2));
  const directories = part.map((prefix) => `${base}/.chunks/${prefix}`);
  const files = directories.flatMap((path) => fs.readdirSync(path).map((name) => `${path}/${name}`)).sort();
  parentPort!.on('message', (kind: BareWork) => {
    const now = Date.now() / 1000;
    if (kind === 'mark') for (const path of files) fs.utimesSync(path, now, 1000);
    else for (const path of directories) for (const name of fs.readdirSync(path)) fs.lstatSync(`${path}/${name}`);
    parentPort!.postMessage('done');
  });
  parentPort!.postMessage('ready');
}

/** Seconds on the clock and of processors. */
interface Cost {
  wall: number;
  cpu: number;
}

/** Gives what was spent since it was called. */
function meter(): () => Cost {
  const start = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
  };
}

/** Two threads that make the calls at a word, until they are ended. */
class BareThreads implements AsyncDisposable {
  readonly #workers: Worker[];

  private constructor(workers: Worker[]) {
    this.#workers = workers;
  }

  static async start(base: string): Promise<BareThreads> {
    const start = (half: number): Worker => new Worker(new URL(import.meta.url), { workerData: { base, half } });
    const threads = new BareThreads([start(0), start(1)]);
    await threads.#answers();
    return threads;
  }

  async run(kind: BareWork): Promise<Cost> {
    const spent = meter();
    const done = this.#answers();
    for (const worker of this.#workers) worker.postMessage(kind);
    await done;
    return spent();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #answers(): Promise<unknown> {
    return Promise.all(this.#workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  }
}

const digestOf = (i: number): Buffer => createHash('sha256').update(`chunk ${i}`).digest();

/** One index of `digests`, as the image of a snapshot. */
function writeIndex(base: string, id: number, time: number, digests: readonly Uint8Array[]): void {
  const stamp = new Date(time * 1000).toISOString().replace('.000Z', 'Z');
  const directory = join(base, `vm/${id}/${stamp}`);
  fs.mkdirSync(directory, { recursive: true });
  const size = digests.length * chunkSize;
  const uuid = createHash('md5').update(directory).digest();
  fs.writeFileSync(join(directory, 'disk.img.fidx'), encodeFixedIndex({ uuid, ctime: time, size, chunkSize, digests }));
}

/** A datastore of so many chunks. */
async function fill(base: string, chunks: number, snapshots: number): Promise<void> {
  await createChunkTree(base);
  const digests = Array.from({ length: chunks }, (_, i) => digestOf(i));
  const sorted = digests.map(toHex).sort();
  for (const hex of sorted) fs.writeFileSync(chunkPath(base, hex), 'x');
  // Ten machines; each snapshot shares nine tenths with the one before.
  const perGroup = Math.floor(chunks / 10);
  for (let id = 0; id < 10; id++) {
    const own = digests.slice(id * perGroup, (id + 1) * perGroup);
    const kept = Math.floor(own.length * 0.7);
    const part = Math.floor((own.length - kept) / snapshots);
    for (let n = 0; n < snapshots; n++) {
      const changed = own.slice(kept + n * part, n === snapshots - 1 ? undefined : kept + (n + 1) * part);
      writeIndex(base, 100 + id, 1_700_000_000 + n * 86_400, [...own.slice(0, kept), ...changed]);
    }
  }
}

async function speed(base: string, chunks: number, snapshots: number, rounds: number): Promise<void> {
  await fill(base, chunks, snapshots);
  await using bare = await BareThreads.start(base);
  const store = await Datastore.open('bench', { path: base }, { lockDir: `${base}.locks` });
  const costs: Record<string, Cost[]> = { mark: [], sweep: [], account: [], 'bare mark': [], 'bare sweep': [] };
  for (let round = 0; round <= rounds; round++) {
    const bareMark = await bare.run('mark');
    const bareSweep = await bare.run('sweep');
    let spent = meter();
    let mark: Cost | undefined;
    let sweep: Cost | undefined;
    const log = (line: string): void => {
      if (line.startsWith('Start GC phase1')) spent = meter();
      if (!line.startsWith('Start GC phase2')) return;
      mark = spent();
      spent = meter();
    };
    const warn = (line: string): void => {
      throw new Error(line);
    };
    // Who takes up the space is counted after the sweep, which tells the sizes.
    const context = withSweepEnd(store.context, () => {
      sweep = spent();
      spent = meter();
    });
    const status = await collectGarbage(context, { upid, log, warn });
    const account = spent();
    if (status['disk-chunks'] !== chunks) throw new Error(`${status['disk-chunks']} chunks of ${chunks} were found`);
    // The first round warms the caches of the file system.
    if (round === 0) continue;
    costs['bare mark']!.push(bareMark);
    costs['bare sweep']!.push(bareSweep);
    costs['mark']!.push(mark!);
    costs['sweep']!.push(sweep!);
    costs['account']!.push(account);
  }
  for (const [name, list] of Object.entries(costs)) {
    const each = list.map(({ wall, cpu }) => `${wall.toFixed(2)} (${cpu.toFixed(2)})`).join(', ');
    const speed = Math.round(chunks / median(list.map(({ wall }) => wall)));
    console.log(`${name}: ${each} wall (CPU) seconds, ${speed} chunks/s`);
  }
  for (const phase of ['mark', 'sweep']) {
    const ratio = (of: (cost: Cost) => number): string =>
      median(costs[phase]!.map((cost, i) => of(costs[`bare ${phase}`]![i]!) / of(cost))).toFixed(2);
    const both = `${ratio(({ wall }) => wall)} by the clock, ${ratio(({ cpu }) => cpu)} by CPU seconds`;
    console.log(`${phase}: ${both} of the bare calls (goal 0.85)`);
  }
}

/** The same store, which tells when a sweep is through. */
function withSweepEnd(context: StoreContext, onEnd: () => void): StoreContext {
  const accounting: typeof context.accounting = Object.create(context.accounting);
  accounting.beginCollection = () => {
    const collection = context.accounting.beginCollection();
    const finish = collection.finish.bind(collection);
    collection.finish = (signal) => {
      onEnd();
      return finish(signal);
    };
    return collection;
  };
  return { ...context, accounting };
}

/** Reads indexes of `count` different digests in all, in images of 200,000 chunks (800 GB). */
async function memory(base: string, count: number): Promise<void> {
  fs.mkdirSync(join(base, '.chunks'), { recursive: true });
  const perIndex = 200_000;
  for (let n = 0; n * perIndex < count; n++) {
    const bytes = randomBytes(perIndex * 32);
    const digests = Array.from({ length: perIndex }, (_, i) => bytes.subarray(i * 32, i * 32 + 32));
    writeIndex(base, 100 + n, 1_700_000_000, digests);
  }
  const { context } = await Datastore.open('bench', { path: base }, { lockDir: `${base}.locks` });
  let marked = 0;
  const mark = (digests: Uint8Array): Promise<Uint32Array> => {
    marked += digests.byteLength / 32;
    return Promise.resolve(new Uint32Array());
  };
  const chunks = new Proxy<ChunkStore>(context.chunks, {
    get: (target, name) => (name === 'mark' ? mark : Reflect.get(target, name).bind(target)),
  });
  fs.writeFileSync('/proc/self/clear_refs', '5');
  const peak = (): number => Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'latin1'))![1]) / 1024;
  const before = peak();
  const start = performance.now();
  const log = (line: string): void => {
    if (!line.startsWith('Start GC phase2')) return;
    const seconds = (performance.now() - start) / 1000;
    console.log(`${marked} digests marked in ${seconds.toFixed(1)} s, ${Math.round(marked / seconds)} a second`);
    console.log(`peak memory ${Math.round(before)} MiB before, ${Math.round(peak())} MiB after marking`);
  };
  await collectGarbage({ ...context, chunks }, { upid, log, warn: () => {} });
  console.log(`${Math.round(peak())} MiB after the account of who takes up the space`);
}

if (isMainThread) {
  const { values } = parseArgs({
    options: {
      chunks: { type: 'string', default: '500000' },
      snapshots: { type: 'string', default: '4' },
      rounds: { type: 'string', default: '5' },
      work: { type: 'string', default: tmpdir() },
      memory: { type: 'boolean', default: false },
      digests: { type: 'string', default: '20000000' },
    },
  });
  const work = fs.mkdtempSync(join(values.work, 'granary-collect-'));
  const base = join(work, 'store');
  try {
    fs.mkdirSync(base);
    console.log(`${availableParallelism()} cores, Node ${process.version}`);
    if (values.memory) await memory(base, Number(values.digests));
    else await speed(base, Number(values.chunks), Number(values.snapshots), Number(values.rounds));
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
} else bareThread(workerData as { base: string; half: number });
