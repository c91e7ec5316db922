// Garbage collection: marks the chunks of every index as used, then removes those that were not used for a day and
// that no running backup can count on (formats.md 16, config-and-tasks.md 11).
//
// Nothing is removed unless every index was found and read.

import { epochSeconds, formatUtc } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import { formatBytes, formatSpan } from '../base/human.ts';
import { timeLeft } from '../base/time-left.ts';
import { chunksDirectory } from '../chunk-store/layout.ts';
import { probeAccessTimes } from './create.ts';
import { Marking, type MarkingOptions } from './marking.ts';
import { needsRefresh } from './refresh.ts';
import type { StoreContext } from './store-context.ts';
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
  /** How many digests are remembered as marked. Default 1048576. */
  cacheCapacity?: number;
}

const defaultCutoffMinutes = 1445;
const defaultCapacity = 1_048_576;
/** Seconds between two clocks that are worth a word. */
const tolerableSkew = 60;
/** Before the start of the oldest writer, for clocks of different granularity. */
const writerMargin = 300;

/**
 * Collects the garbage of a datastore and keeps the figures in `.gc-status`. Throws `locked` when a collection is under
 * way, `maintenance` when the local part of a datastore in a bucket is not all of it, `aborted`, or what made an index
 * unreadable, and then nothing was removed.
 */
export async function collectGarbage(store: StoreContext, options: GcOptions): Promise<GcStatus> {
  if (needsRefresh(store.base)) {
    const text = `datastore '${store.name}' has not fetched all that its bucket has`;
    throw new GranaryError('maintenance', `${text}: no chunk is safe before 'datastore s3-refresh' has ended`);
  }
  using _lock = store.writers.beginCollection();
  const { log, signal } = options;
  const now = epochSeconds(store.clock);
  const start = fileSystemTime(store, now, options);
  // Chunks know their use by the clock of the file system, writers only for how long they have been there.
  const oldestWriter = start - (store.writers.oldestAge(now) ?? 0);
  const cutoff = 60 * (options.cutoffMinutes ?? defaultCutoffMinutes);
  const minAtime = smallestAccessTime(start, oldestWriter, cutoff);
  log(`Using access time cutoff ${formatSpan(cutoff)}, minimum access time is ${formatUtc(minAtime)}`);

  log('Start GC phase1 (mark used chunks)');
  const marking = new Marking(store, {
    capacity: options.cacheCapacity ?? defaultCapacity,
    warn: options.warn,
    onProgress: markingLog(log),
    afterBatch: () => options.safetyCheck !== false && refuseEarlierClock(store, start),
    signal,
  });
  const marked = await marking.run();

  log('Start GC phase2 (sweep unused chunks)');
  using account = store.accounting.beginCollection();
  const counts = await store.chunks.sweep({
    minAtime,
    oldestWriter,
    onProgress: sweepLog(log),
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

/** Chunks that were marked by a clock that was put back would look unused. */
function refuseEarlierClock(store: StoreContext, start: number): void {
  const time = probeAccessTimes(chunksDirectory(store.base));
  if (time >= start) return;
  throw new GranaryError(
    'io',
    `the clock was put back by ${formatSpan(start - time)} while chunks were marked: nothing was removed`,
  );
}

/** The lines `marked N% (i of n index files)`, one for each percent that an index file completes. */
function markingLog(log: (line: string) => void): MarkingOptions['onProgress'] {
  const left = timeLeft();
  let told = 0;
  let lastPercent = 0;
  return (files, allFiles, share) => {
    while (told < files) {
      const percent = Math.floor((++told * 100) / allFiles);
      if (percent === lastPercent) continue;
      lastPercent = percent;
      log(`marked ${percent}% (${told} of ${allFiles} index files)${left(share)}`);
    }
  };
}

/** The lines `processed N% (M chunks)`, from 1 to 99 percent and only when there is something new. */
function sweepLog(log: (line: string) => void): (share: number, chunks: number) => void {
  const left = timeLeft();
  let lastPercent = 0;
  let lastChunks = 0;
  return (share, chunks) => {
    const percent = Math.floor(share * 100);
    if (percent <= lastPercent || percent >= 100 || chunks === lastChunks) return;
    log(`processed ${percent}% (${chunks} chunks)${left(share)}`);
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
