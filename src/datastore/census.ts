// How many snapshots there are, how they were verified, and what they brought: counted again and again for monitoring,
// so a directory is read anew only when its time of change says that something in it is another.

import * as fs from 'node:fs';
import { mapOrdered } from '../base/streams.ts';
import { type BackupGroup, type BackupSnapshot, formatNamespace, type Namespace } from '../model/backup.ts';
import { hasSettled } from '../os/times.ts';
import { groupNames, snapshotTimes } from './groups.ts';
import { loadManifest } from './manifests.ts';
import { listNamespaces } from './namespaces.ts';
import { parseVerifyState } from './snapshots.ts';
import { groupDirectory, ifExists, type StoreContext, snapshotDirectory } from './store-context.ts';

/** A group with at least one finished snapshot. */
export interface GroupCensus extends BackupGroup {
  ns: Namespace;
  /** Finished ones. */
  snapshots: number;
  /** Time of the newest finished one, epoch seconds. */
  last: number;
  /** Those whose last verification failed. */
  verifyFailed: number;
  /** Median of the latest intervals between them, seconds; absent with fewer than three. */
  usualInterval?: number;
}

/** What the sessions of the snapshots that are there brought in new chunks. */
export interface Upload {
  /** Time of the snapshot, epoch seconds. */
  time: number;
  /** Bytes on disk. */
  bytes: number;
}

export interface Census {
  groups: readonly GroupCensus[];
  uploads: readonly Upload[];
}

interface SnapshotNotes {
  changed: number;
  /** Absent while it has no manifest. */
  finished?: { failed: boolean; bytes: number };
}

interface GroupNotes {
  changed: number;
  times: readonly number[];
  snapshots: Map<number, SnapshotNotes>;
}

const parallelReads = 16;
/** Younger than this the last count is good, milliseconds. */
const freshMs = 60_000;
/** At most this share of a thread's time goes into counting. */
const share = 1 / 20;

/** Counts the snapshots of one datastore. */
export class SnapshotCensus {
  readonly #store: StoreContext;
  #groups = new Map<string, GroupNotes>();
  #counted: { census: Census; at: number; took: number; changes: number } | undefined;
  /** How often what was counted is known to have changed. */
  #changes = 0;
  #counting: Promise<Census> | undefined;

  constructor(store: StoreContext) {
    this.#store = store;
  }

  /** A manifest was changed: the last count is good only for as long as counting must not be repeated. */
  outdate(): void {
    this.#changes++;
  }

  /**
   * The count, at most a minute old, younger than the last change that is known of, older where counting takes seconds.
   * With `fresh` as of now.
   */
  async current(o: { fresh?: boolean } = {}): Promise<Census> {
    const counted = this.#counted;
    const age = counted === undefined ? Number.POSITIVE_INFINITY : performance.now() - counted.at;
    const goodFor = Math.max(counted?.changes === this.#changes ? freshMs : 0, (counted?.took ?? 0) / share);
    if (counted !== undefined && !o.fresh && age < goodFor) return counted.census;
    this.#counting ??= this.#count().finally(() => {
      this.#counting = undefined;
    });
    return await this.#counting;
  }

  async #count(): Promise<Census> {
    const began = performance.now();
    const changes = this.#changes;
    const known = this.#groups;
    const seen = new Map<string, GroupNotes>();
    const groups: GroupCensus[] = [];
    const uploads: Upload[] = [];
    for (const ns of await listNamespaces(this.#store, [])) {
      for (const group of (await ifExists(groupNames(this.#store, ns))) ?? []) {
        const key = `${formatNamespace(ns)} ${group.type}/${group.id}`;
        const notes = await this.#group(ns, group, known.get(key));
        if (notes === undefined) continue;
        seen.set(key, notes);
        const finished = [...notes.snapshots].flatMap(([time, one]) =>
          one.finished ? [{ time, ...one.finished }] : [],
        );
        if (finished.length === 0) continue;
        const usualInterval = usualIntervalOf(finished.map((one) => one.time));
        uploads.push(...finished.map(({ time, bytes }) => ({ time, bytes })));
        groups.push({
          ...group,
          ns,
          snapshots: finished.length,
          last: Math.max(...finished.map((one) => one.time)),
          verifyFailed: finished.filter((one) => one.failed).length,
          ...(usualInterval === undefined ? {} : { usualInterval }),
        });
      }
    }
    this.#groups = seen;
    const census = { groups, uploads };
    this.#counted = { census, at: performance.now(), took: performance.now() - began, changes };
    return census;
  }

  async #group(ns: Namespace, group: BackupGroup, known: GroupNotes | undefined): Promise<GroupNotes | undefined> {
    const changed = await changeTime(groupDirectory(this.#store, ns, group));
    if (changed === undefined) return undefined;
    const times = known?.changed === changed ? known.times : await snapshotTimes(this.#store, ns, group);
    const snapshots = new Map<number, SnapshotNotes>();
    const noted = mapOrdered(times, parallelReads, async (time) => ({
      time,
      notes: await this.#snapshot(ns, { ...group, time }, known?.snapshots.get(time)),
    }));
    for await (const { time, notes } of noted) if (notes !== undefined) snapshots.set(time, notes);
    return { changed, times, snapshots };
  }

  async #snapshot(
    ns: Namespace,
    snapshot: BackupSnapshot,
    known: SnapshotNotes | undefined,
  ): Promise<SnapshotNotes | undefined> {
    const changed = await changeTime(snapshotDirectory(this.#store, ns, snapshot));
    if (changed === undefined) return undefined;
    if (known?.changed === changed) return known;
    const stored = await loadManifest(this.#store, ns, snapshot).catch(() => null);
    if (stored === undefined) return { changed };
    // A manifest that cannot be read is there: verification tells of it.
    const { verify_state: state, chunk_upload_stats: stats } = stored?.manifest.unprotected ?? {};
    return { changed, finished: { failed: parseVerifyState(state)?.state === 'failed', bytes: uploadedBytes(stats) } };
  }
}

/** The median of the last ten intervals; undefined with fewer than two of them. */
function usualIntervalOf(times: readonly number[]): number | undefined {
  const latest = times.toSorted((a, b) => a - b).slice(-11);
  const intervals = latest.slice(1).map((time, i) => time - latest[i]!);
  if (intervals.length < 2) return undefined;
  return intervals.toSorted((a, b) => a - b)[intervals.length >> 1];
}

/** When a directory changed; not comparable, so never equal, when that was just now. Undefined when there is none. */
async function changeTime(path: string): Promise<number | undefined> {
  const stat = await ifExists(fs.promises.stat(path));
  if (stat === undefined) return undefined;
  return hasSettled(stat.mtimeMs) ? stat.mtimeMs : Number.NaN;
}

function uploadedBytes(stats: unknown): number {
  if (typeof stats !== 'object' || stats === null || !('compressed_size' in stats)) return 0;
  const bytes = stats.compressed_size;
  return typeof bytes === 'number' && bytes > 0 && Number.isFinite(bytes) ? bytes : 0;
}
