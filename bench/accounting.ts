// What the account of unique bytes costs: counting a made-up datastore of many chunks as a garbage collection does, once
// more after one backup, and reading what a prune would free; and what a collection of real chunks costs with it.
// Usage: sh scripts/node.sh bench/accounting.ts [--chunks 10000000] [--files 200000] [--rounds 5]

import { createHash, randomFillSync } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatUtc, systemClock } from '../src/base/clock.ts';
import { openChunkStore } from '../src/chunk-store/backends.ts';
import { chunkPath } from '../src/chunk-store/layout.ts';
import { Accounting } from '../src/datastore/accounting.ts';
import { encodeFixedHeader } from '../src/format/fixed-index.ts';
import { fixedChunkSize } from '../src/model/names.ts';

const { values } = parseArgs({
  options: {
    chunks: { type: 'string', default: '10000000' },
    files: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '5' },
  },
});
const root = fs.mkdtempSync(join(tmpdir(), 'granary-accounting-'));
process.on('exit', () => fs.rmSync(root, { recursive: true, force: true }));

/** Digests are as random as real ones, but are found again from their number. */
function digestsOf(first: number, count: number): Uint32Array {
  const digests = new Uint32Array(count * 8);
  for (let i = 0; i < count; i++) {
    let x = first + i + 1;
    for (let word = 0; word < 8; word++) {
      x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) ^ Math.imul(word + 1, 0x9e3779b1);
      x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
      digests[i * 8 + word] = x ^ (x >>> 16) ^ (word === 7 ? first + i : 0);
    }
  }
  return digests;
}

function writeIndex(base: string, group: number, snapshot: number, digests: Uint32Array): void {
  const directory = join(base, 'vm', String(100 + group), formatUtc(1_700_000_000 + snapshot * 86_400));
  fs.mkdirSync(directory, { recursive: true });
  const count = digests.length / 8;
  const header = encodeFixedHeader({
    uuid: new Uint8Array(16),
    ctime: 1_700_000_000,
    checksum: new Uint8Array(32),
    size: count * fixedChunkSize,
  });
  const file = fs.openSync(join(directory, 'drive.img.fidx'), 'w');
  fs.writeSync(file, header);
  fs.writeSync(file, new Uint8Array(digests.buffer));
  fs.closeSync(file);
}

interface Seconds {
  wall: number;
  /** Of all threads of this process. */
  cpu: number;
}

async function seconds(action: () => Promise<unknown>): Promise<Seconds> {
  const start = performance.now();
  const cpu = process.cpuUsage();
  await action();
  const { user, system } = process.cpuUsage(cpu);
  return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}

const show = ({ wall, cpu }: Seconds): string => `${wall.toFixed(2)} s (CPU ${cpu.toFixed(2)} s)`;
const peakMiB = (): number =>
  Math.round(Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'latin1'))![1]) / 1024);
const sum = (bytes: readonly number[]): number => bytes.reduce((a, b) => a + b, 0);

/** Ten groups of ten snapshots; each snapshot has 5 % of its chunks anew. */
async function madeUp(chunks: number): Promise<void> {
  const [groups, snapshots] = [10, 10];
  const perSnapshot = Math.round(chunks / groups / (1 + (snapshots - 1) * 0.05));
  const fresh = Math.round(perSnapshot * 0.05);
  const base = join(root, 'made-up');
  fs.mkdirSync(join(base, '.chunks'), { recursive: true });
  let next = 0;
  let references = 0;
  const current: Uint32Array[] = [];
  const addSnapshot = (group: number, snapshot: number): void => {
    const digests = current[group] ?? digestsOf(next, perSnapshot);
    if (current[group]) {
      const at = (snapshot * fresh) % (perSnapshot - fresh);
      digests.set(digestsOf(next, fresh), at * 8);
      next += fresh;
    } else next += perSnapshot;
    current[group] = digests;
    references += perSnapshot;
    writeIndex(base, group, snapshot, digests);
  };
  for (let group = 0; group < groups; group++) {
    for (let snapshot = 0; snapshot < snapshots; snapshot++) addSnapshot(group, snapshot);
  }
  const accounting = new Accounting({ base, lockDirectory: join(root, 'locks'), clock: systemClock, threads: 0 });
  const collect = async (): Promise<void> => {
    using collection = accounting.beginCollection();
    for (let first = 0; first < next; first += 100_000) {
      const count = Math.min(100_000, next - first);
      const digests = digestsOf(first, count);
      const records = new Uint32Array(count * 9);
      for (let i = 0; i < count; i++) {
        records.set(digests.subarray(i * 8, i * 8 + 8), i * 9);
        records[i * 9 + 8] = 1_000_000;
      }
      collection.take(records);
    }
    const problem = await collection.finish();
    if (problem !== undefined) throw new Error(problem);
  };
  console.log(`${next} chunks, ${references} references, peak before ${peakMiB()} MiB`);
  console.log(`first collection: ${show(await seconds(collect))}, peak ${peakMiB()} MiB`);
  console.log(`next collection, nothing new: ${show(await seconds(collect))}`);
  for (const name of fs.readdirSync(join(base, '.accounting'))) {
    console.log(`${name}: ${fs.statSync(join(base, '.accounting', name)).size} bytes`);
  }
  addSnapshot(0, snapshots);
  const account = () => accounting.account({ waitMs: 600_000, mayWrite: true });
  console.log(`one more backup, ${fresh} chunks new: ${show(await seconds(account))}`);
  console.log(`nothing new: ${show(await seconds(account))}`);
  const removed = [0, 1, 2].map((n) => ({
    ns: [],
    snapshot: { type: 'vm' as const, id: '100', time: 1_700_000_000 + n * 86_400 },
  }));
  let freed: number[] | undefined;
  const took = await seconds(async () => {
    freed = await accounting.freedBy(removed, { waitMs: 600_000, mayWrite: true });
  });
  console.log(`freed by three snapshots: ${sum(freed ?? [])} bytes, ${show(took)}; peak ${peakMiB()} MiB`);
}

/** The sweep of real files with the account and without it, in turn. */
async function realSweep(files: number, rounds: number): Promise<void> {
  const base = join(root, 'real');
  fs.mkdirSync(join(base, '.chunks'), { recursive: true });
  const content = randomFillSync(Buffer.alloc(100));
  for (let i = 0; i < files; i++) {
    const path = chunkPath(base, createHash('sha256').update(String(i)).digest('hex'));
    fs.mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true });
    fs.writeFileSync(path, content);
  }
  const store = openChunkStore('directory', { base, name: 'real' });
  const accounting = new Accounting({ base, lockDirectory: join(root, 'locks-real'), clock: systemClock, threads: 1 });
  const times = { minAtime: 0, oldestWriter: 0 };
  const rows: Seconds[][] = [];
  for (let round = 0; round <= rounds; round++) {
    const plain = await seconds(() => store.sweep(times));
    using collection = accounting.beginCollection();
    const told = await seconds(() => store.sweep({ ...times, onKept: collection.take }));
    const finish = await seconds(() => collection.finish());
    if (round > 0) rows.push([plain, told, finish]);
  }
  const median = (at: number): Seconds =>
    rows.map((row) => row[at]!).sort((a, b) => a.cpu - b.cpu)[Math.floor(rows.length / 2)]!;
  const [plain, told, finish] = [median(0), median(1), median(2)];
  console.log(
    `sweep of ${files} chunks: ${show(plain)}, with the account ${show(told)}, then ${show(finish)} to count`,
  );
  console.log(`CPU of a plain sweep to one with the account: ${(plain.cpu / told.cpu).toFixed(2)}`);
}

await realSweep(Number(values.files), Number(values.rounds));
await madeUp(Number(values.chunks));
process.exit();
