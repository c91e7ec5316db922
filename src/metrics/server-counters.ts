// What the processes of a server count while they work: requests and their times, bytes, what waits in line. Each
// process writes its counts to a file of its own; the sum over all of them, and over those that have ended, is the
// server's. A count never falls while the machine is up.

import { mkdirSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { lockFile } from '../os/file-lock.ts';
import { giveToOwnerOf, ownerIn } from '../os/inherit-owner.ts';
import { isProcessRunning, processStartTicks } from '../os/process.ts';
import type { Family, Labels } from './exposition.ts';

/** What there is to count, with what it means. */
export const countedFamilies = {
  pbs_http_request_duration_seconds: ['histogram', 'Time from a request to the end of its answer.'],
  pbs_session_request_duration_seconds: ['histogram', 'Time to answer a call inside a backup or reader session.'],
  pbs_network_receive_bytes_total: ['counter', 'Bytes that came in through the port, TLS included.'],
  pbs_network_transmit_bytes_total: ['counter', 'Bytes that went out through the port, TLS included.'],
  pbs_open_connections: ['gauge', 'Connections to the port.'],
  pbs_upload_queue_length: ['gauge', 'Uploaded chunks that wait for memory.'],
  pbs_worker_queue_length: ['gauge', 'Chunks that wait for a thread, or are at one.'],
  pbs_process_resident_memory_bytes: ['gauge', 'Memory of the processes of the server.'],
  pbs_processes: ['gauge', 'Processes that serve the port.'],
} as const satisfies Record<string, readonly [Family['type'], string]>;
export type CountedFamily = keyof typeof countedFamilies;

/** Upper bounds of the buckets, seconds. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const writeMs = 1000;
const lockWaitMs = 2000;
/** Ended processes whose files may still be there. */
const rememberedProcesses = 256;

interface Histogram {
  /** One more than there are bounds; each counts its own observations only. */
  buckets: number[];
  sum: number;
}

/** By family, then by the labels as JSON. */
interface Counts {
  counters: Record<string, Record<string, number>>;
  histograms: Record<string, Record<string, Histogram>>;
}

interface ProcessFile extends Counts {
  gauges: Record<string, Record<string, number>>;
}

interface EndedFile extends Counts {
  /** Names of files whose counts are in here. */
  processes: string[];
}

/** Tells apart the servers of one process, as tests have them. */
let instances = 0;

/** Tells values at the moment when they are asked for: counters as what is to be added to those of `add`. */
export type Source = () => Iterable<readonly [family: CountedFamily, labels: Labels, value: number]>;

export class ServerCounters {
  readonly #folder: string;
  readonly #log: Logger;
  readonly #name: string;
  readonly #counts: Counts = { counters: {}, histograms: {} };
  readonly #sources = new Set<Source>();
  #timer: NodeJS.Timeout | undefined;
  #written = '';
  #reported = false;
  #writing: Promise<void> = Promise.resolve();

  /** Counts in memory only until `start`. */
  constructor(directories: Directories, log: Logger = silentLogger) {
    this.#folder = join(directories.run, 'counters');
    this.#log = log;
    this.#name = `${process.pid}-${processStartTicks(process.pid) ?? 0}-${instances++}.json`;
  }

  add(family: CountedFamily, labels: Labels, by: number): void {
    const series = member(this.#counts.counters, family, () => ({}));
    const key = JSON.stringify(labels);
    series[key] = (series[key] ?? 0) + by;
  }

  /** Counts one duration in seconds. */
  observe(family: CountedFamily, labels: Labels, seconds: number): void {
    const series = member(this.#counts.histograms, family, () => ({}));
    const key = JSON.stringify(labels);
    const histogram = member(series, key, emptyHistogram);
    const bucket = bounds.findIndex((bound) => seconds <= bound);
    histogram.buckets[bucket < 0 ? bounds.length : bucket]!++;
    histogram.sum += seconds;
  }

  /** Asks `source` whenever counts are written or read, until the returned function is called. */
  addSource(source: Source): () => void {
    this.#sources.add(source);
    return () => void this.#sources.delete(source);
  }

  /** Shows the counts of this process to the others from now on. */
  start(): void {
    this.#timer ??= setInterval(() => void this.#write(), writeMs).unref();
    void this.#write();
  }

  /** Leaves the counts of this process to the server. */
  async stop(): Promise<void> {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#write();
    await this.#foldEnded(this.#name).catch((error: unknown) => this.#report(error));
  }

  /** The sums over all processes; gauges over those that run. */
  async families(): Promise<Family[]> {
    const sum: ProcessFile = { counters: {}, histograms: {}, gauges: {} };
    merge(sum, this.#current());
    // Before what has ended is read, so that a process that ends meanwhile is not missed.
    const files = await this.#files();
    const ended = await this.#ended();
    merge(sum, ended);
    for (const [name, counts] of files) {
      if (ended.processes.includes(name)) continue;
      merge(sum, counts, isRunning(name) ? 1 : 0);
    }
    return Object.entries(countedFamilies).map(([name, [type, help]]) => ({
      name,
      type,
      help,
      samples: type === 'histogram' ? histogramSamples(sum.histograms[name]) : plainSamples(sum, name),
    }));
  }

  #current(): ProcessFile {
    const now: ProcessFile = { ...structuredClone(this.#counts), gauges: {} };
    for (const source of this.#sources) {
      for (const [family, labels, value] of source()) {
        const kind = countedFamilies[family][0] === 'gauge' ? now.gauges : now.counters;
        const series = member(kind, family, () => ({}));
        const key = JSON.stringify(labels);
        series[key] = (series[key] ?? 0) + value;
      }
    }
    return now;
  }

  #write(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#writeNow()).catch((error: unknown) => this.#report(error));
    return this.#writing;
  }

  async #writeNow(): Promise<void> {
    const now = this.#current();
    const text = JSON.stringify(now);
    if (text === this.#written) return;
    this.#written = text;
    mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
    giveToOwnerOf(join(this.#folder, '..'), this.#folder);
    const owner = ownerIn(this.#folder);
    const o = { mode: 0o644, durable: false, ...(owner === undefined ? {} : { owner }) };
    await replaceFile(join(this.#folder, this.#name), text, o);
    await this.#foldEnded();
  }

  /** Puts the counts of ended processes, and of `own`, into one file and removes theirs. */
  async #foldEnded(own?: string): Promise<void> {
    const isEnded = (name: string): boolean => name === own || !isRunning(name);
    const names = (await readdir(this.#folder)).filter(isProcessFile);
    if (!names.some(isEnded)) return;
    const path = join(this.#folder, '.lock');
    using lock = await lockFile(path, { mode: 'exclusive', waitMs: lockWaitMs });
    // Whoever has it does this work.
    if (lock === undefined && own === undefined) return;
    giveToOwnerOf(this.#folder, path);
    const sum = await this.#ended();
    const ended = (await this.#files(true)).filter(([name]) => isEnded(name));
    for (const [name, counts] of ended) if (!sum.processes.includes(name)) merge({ ...sum, gauges: {} }, counts, 0);
    sum.processes = [...new Set([...sum.processes, ...ended.map(([name]) => name)])].slice(-rememberedProcesses);
    const owner = ownerIn(this.#folder);
    const o = { mode: 0o644, durable: false, ...(owner === undefined ? {} : { owner }) };
    await replaceFile(join(this.#folder, 'ended.json'), JSON.stringify(sum), o);
    for (const [name] of ended) await rm(join(this.#folder, name), { force: true });
  }

  /** The counts of the other processes, or with `all` of every one that has a file. */
  async #files(all = false): Promise<[name: string, counts: ProcessFile][]> {
    const names = (await readdir(this.#folder).catch(() => [])).filter(isProcessFile);
    const files: [string, ProcessFile][] = [];
    for (const name of names) {
      if (name === this.#name && !all) continue;
      const counts = await readJson<ProcessFile>(join(this.#folder, name));
      if (counts !== undefined) files.push([name, counts]);
    }
    return files;
  }

  async #ended(): Promise<EndedFile> {
    const ended = await readJson<EndedFile>(join(this.#folder, 'ended.json'));
    return ended ?? { counters: {}, histograms: {}, processes: [] };
  }

  #report(error: unknown): void {
    if (!this.#reported) this.#log('error', 'counters-not-shared', { folder: this.#folder, error: messageOf(error) });
    this.#reported = true;
  }
}

const processFile = /^(\d+)-(\d+)-\d+\.json$/;

function isProcessFile(name: string): boolean {
  return processFile.test(name);
}

function isRunning(name: string): boolean {
  const [, pid, start] = processFile.exec(name) ?? [];
  return isProcessRunning(Number(pid), Number(start));
}

/** The member of that name, made if it is missing. */
function member<T>(of: Record<string, T>, name: string, make: () => NoInfer<T>): T {
  const value = of[name] ?? make();
  of[name] = value;
  return value;
}

function emptyHistogram(): Histogram {
  return { buckets: new Array<number>(bounds.length + 1).fill(0), sum: 0 };
}

/** Adds what a process has counted; `gauges` is 0 for one that has ended. */
function merge(into: ProcessFile, from: Counts & Partial<ProcessFile>, gauges = 1): void {
  const plain = [
    [into.counters, from.counters],
    [into.gauges, gauges === 0 ? {} : (from.gauges ?? {})],
  ] as const;
  for (const [target, source] of plain) {
    for (const [family, series] of Object.entries(source)) {
      const sums = member(target, family, () => ({}));
      for (const [key, value] of Object.entries(series)) sums[key] = (sums[key] ?? 0) + value;
    }
  }
  for (const [family, series] of Object.entries(from.histograms)) {
    const sums = member(into.histograms, family, () => ({}));
    for (const [key, one] of Object.entries(series)) {
      const sum = member(sums, key, emptyHistogram);
      sum.sum += one.sum;
      one.buckets.forEach((count, i) => {
        sum.buckets[i] = (sum.buckets[i] ?? 0) + count;
      });
    }
  }
}

function plainSamples(sum: ProcessFile, name: string): Family['samples'] {
  return Object.entries({ ...sum.counters[name], ...sum.gauges[name] }).map(([key, value]) => ({
    labels: JSON.parse(key) as Labels,
    value,
  }));
}

function histogramSamples(series: Record<string, Histogram> = {}): Family['samples'] {
  return Object.entries(series).flatMap(([key, { buckets, sum }]) => {
    const labels = JSON.parse(key) as Labels;
    let count = 0;
    const cumulative = buckets.map((own, i) => {
      count += own;
      const le = bounds[i] === undefined ? '+Inf' : String(bounds[i]);
      return { suffix: '_bucket', labels: { ...labels, le }, value: count };
    });
    return [...cumulative, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: count }];
  });
}

/** Undefined for a file that is not there or, as after a full disk, is no JSON. */
async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}
