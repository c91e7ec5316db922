// Garbage collection: marks the chunks of every index as used, then removes those that were not used for a day and
// that no running backup can count on (formats.md 16, config-and-tasks.md 11).
//
// Nothing is removed unless every index was found and read. Memory is bounded by the set of digests that are marked
// together (`gc-cache-capacity`) and the largest index.

import * as fs from 'node:fs';
import { toHex } from '../base/bytes.ts';
import { epochSeconds, formatUtc } from '../base/clock.ts';
import { DigestMap } from '../base/digest-map.ts';
import { GranaryError } from '../base/errors.ts';
import { formatBytes, formatSpan } from '../base/human.ts';
import { throwIfAborted } from '../base/streams.ts';
import { chunksDirectory } from '../chunk-store/layout.ts';
import { probeAccessTimes } from './create.ts';
import { findIndexFiles } from './index-search.ts';
import type { StoreContext } from './store-context.ts';
import { openIndexFile } from './stored-files.ts';
import { type GcStatus, writeGcStatus } from './usage.ts';

export interface GcOptions {
  /** The task, for the status. */
  upid: string;
  log(line: string): void;
  /** For chunks that an index names and that are missing. */
  warn(line: string): void;
  signal?: AbortSignal;
  /** Whether to try that access times can be set. Default true. */
  safetyCheck?: boolean;
  /** Minutes for which unused chunks are kept. Default 1445. */
  cutoffMinutes?: number;
  /** How many digests are marked together. Default 1048576. */
  cacheCapacity?: number;
}

const defaultCutoffMinutes = 1445;
const defaultCapacity = 1_048_576;
const smallestCapacity = 1024;
/** Seconds between two clocks that are worth a word. */
const tolerableSkew = 60;
/** Before the start of the oldest writer, for clocks of different granularity. */
const writerMargin = 300;

/**
 * Collects the garbage of a datastore and keeps the figures in `.gc-status`. Throws `locked` when a collection is under
 * way, `aborted`, or what made an index unreadable, and then nothing was removed.
 */
export async function collectGarbage(store: StoreContext, options: GcOptions): Promise<GcStatus> {
  using _lock = store.writers.beginCollection();
  const { log, signal } = options;
  const now = epochSeconds(store.clock);
  const start = fileSystemTime(store, now, options);
  // Writers know their start by the server's clock, chunks their use by that of the file system.
  const oldestWriter = (store.writers.oldest() ?? now) + (start - now);
  const cutoff = 60 * (options.cutoffMinutes ?? defaultCutoffMinutes);
  const minAtime = smallestAccessTime(start, oldestWriter, cutoff);
  log(`Using access time cutoff ${formatSpan(cutoff)}, minimum access time is ${formatUtc(minAtime)}`);

  log('Start GC phase1 (mark used chunks)');
  const marked = await new Marking(store, options, start).run();

  log('Start GC phase2 (sweep unused chunks)');
  const onProgress = percentLog((percent, chunks) => log(`processed ${percent}% (${chunks} chunks)`));
  using account = store.accounting.beginCollection();
  const counts = await store.chunks.sweep({
    minAtime,
    oldestWriter,
    onProgress,
    onKept: account.take,
    ...(signal ? { signal } : {}),
  });

  const status: GcStatus = { upid: options.upid, ...marked, ...counts };
  await writeGcStatus(store, status);
  const problem = await account.finish(signal);
  if (problem !== undefined) log(`Unique bytes of snapshots could not be counted: ${problem}`);
  logSummary(status, log);
  return status;
}

/**
 * The file system's time, by which chunks are marked; it may be another machine's. Throws when access times cannot be
 * set, unless the check is switched off.
 */
function fileSystemTime(store: StoreContext, now: number, { safetyCheck = true, log }: GcOptions): number {
  let time: number;
  try {
    time = probeAccessTimes(chunksDirectory(store.base));
  } catch (error) {
    if (safetyCheck) throw error;
    return now;
  }
  if (safetyCheck) log('Access time update check successful, proceeding with GC.');
  if (Math.abs(time - now) > tolerableSkew) {
    log(`The clock of the file system differs by ${formatSpan(Math.abs(time - now))}; its time is used.`);
  }
  return time;
}

/** The rule of formats.md 16.2: chunks that were last used before this may go. Epoch seconds, `cutoff` in seconds. */
export function smallestAccessTime(start: number, oldestWriter: number, cutoff: number): number {
  const time = start - cutoff;
  return oldestWriter < time ? oldestWriter - writerMargin : time;
}

type Marked = Pick<GcStatus, 'index-file-count' | 'index-data-bytes' | 'cache-stats'>;

/** Phase 1. */
class Marking {
  readonly #store: StoreContext;
  readonly #options: GcOptions;
  readonly #capacity: number;
  readonly #start: number;
  /** Digests that are to be marked, with the position of an index that names them. */
  #digests: DigestMap;
  #hits = 0;
  #misses = 0;

  /** `start` is the file system's time at which marking begins. */
  constructor(store: StoreContext, options: GcOptions, start: number) {
    this.#store = store;
    this.#options = options;
    this.#start = start;
    this.#capacity = Math.max(options.cacheCapacity ?? defaultCapacity, smallestCapacity);
    this.#digests = new DigestMap();
  }

  async run(): Promise<Marked> {
    const { signal, log } = this.#options;
    const paths = await findIndexFiles(this.#store.base);
    let files = 0;
    let bytes = 0;
    let last = 0;
    for (const [position, path] of paths.entries()) {
      throwIfAborted(signal);
      const size = await this.#read(path, position, paths);
      if (size !== undefined) {
        files++;
        bytes += size;
      }
      const percent = Math.floor(((position + 1) * 100) / paths.length);
      if (percent > last) log(`marked ${percent}% (${position + 1} of ${paths.length} index files)`);
      last = percent;
    }
    await this.#flush(paths);
    return {
      'index-file-count': files,
      'index-data-bytes': bytes,
      'cache-stats': { hits: this.#hits, misses: this.#misses },
    };
  }

  /** Takes the digests of an index; gives the size of its content, undefined for one that was removed meanwhile. */
  async #read(path: string, position: number, paths: readonly string[]): Promise<number | undefined> {
    if (!fs.existsSync(path)) return undefined;
    const index = await openIndexFile(path).catch((error: unknown) => {
      if (fs.existsSync(path)) throw error;
      return undefined;
    });
    if (index === undefined) return undefined;
    for (let i = 0; i < index.count; i++) {
      if (this.#digests.set(index.digestAt(i), position)) this.#misses++;
      else this.#hits++;
      if (this.#digests.count >= this.#capacity) await this.#flush(paths);
    }
    return index.size;
  }

  /** Marks what was taken. */
  async #flush(paths: readonly string[]): Promise<void> {
    const digests = this.#digests.keys();
    for (const at of await this.#store.chunks.mark(digests, this.#options.signal)) {
      const digest = digests.subarray(at * 32, at * 32 + 32);
      const path = paths[this.#digests.get(digest)!];
      this.#options.warn(`warning: unable to access non-existent chunk ${toHex(digest)}, required by "${path}"`);
    }
    this.#digests = new DigestMap();
    this.#checkClock();
  }

  /** Chunks that were marked by a clock that was put back would look unused. */
  #checkClock(): void {
    if ((this.#options.safetyCheck ?? true) === false) return;
    const time = probeAccessTimes(chunksDirectory(this.#store.base));
    if (time >= this.#start) return;
    throw new GranaryError(
      'io',
      `the clock was put back by ${formatSpan(this.#start - time)} while chunks were marked: nothing was removed`,
    );
  }
}

/** Lets `log` hear of each whole percent from 1 to 99 once, and only when there is something new. */
function percentLog(log: (percent: number, chunks: number) => void): (share: number, chunks: number) => void {
  let lastPercent = 0;
  let lastChunks = 0;
  return (share, chunks) => {
    const percent = Math.floor(share * 100);
    if (percent <= lastPercent || percent >= 100 || chunks === lastChunks) return;
    log(percent, chunks);
    [lastPercent, lastChunks] = [percent, chunks];
  };
}

function logSummary(status: GcStatus, log: (line: string) => void): void {
  const { 'index-data-bytes': data, 'disk-bytes': disk, 'disk-chunks': chunks } = status;
  log(`Removed garbage: ${formatBytes(status['removed-bytes'])}`);
  log(`Removed chunks: ${status['removed-chunks']}`);
  if (status['pending-bytes'] > 0) {
    log(`Pending removals: ${formatBytes(status['pending-bytes'])} (in ${status['pending-chunks']} chunks)`);
  }
  if (status['removed-bad'] > 0) log(`Removed bad chunks: ${status['removed-bad']}`);
  if (status['still-bad'] > 0) log(`Leftover bad chunks: ${status['still-bad']}`);
  log(`Original data usage: ${formatBytes(data)}`);
  if (data > 0) log(`On-Disk usage: ${formatBytes(disk)} (${((disk * 100) / data).toFixed(2)}%)`);
  else log(`On-Disk usage: ${formatBytes(disk)}`);
  log(`On-Disk chunks: ${chunks}`);
  log(`Deduplication factor: ${deduplicationFactor(status).toFixed(2)}`);
  if (chunks > 0) log(`Average chunk size: ${formatBytes(disk / chunks)}`);
}

/** Bytes that all indexes refer to, per byte on disk; 1 for an empty datastore. */
export function deduplicationFactor(status: Pick<GcStatus, 'index-data-bytes' | 'disk-bytes'>): number {
  return status['disk-bytes'] === 0 ? 1 : status['index-data-bytes'] / status['disk-bytes'];
}
