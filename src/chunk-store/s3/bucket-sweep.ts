// The second half of garbage collection in a bucket: lists its chunks, and removes those whose markers were not used for
// long (formats.md 16.4).
//
// What is in doubt stays. An object without a marker gets one with the present time. Before objects are removed, their
// markers are taken away under a lock that keeps every writer of these digests waiting, also for a while when this
// process dies, as its request may still be on the way; a marker that was touched at the last moment is put back. A
// marker whose object is gone is removed, so that the next backup brings the chunk again.

import { fromHex } from '../../base/bytes.ts';
import { throwIfAborted } from '../../base/streams.ts';
import type { ObjectInfo, ObjectStore } from '../../object-store/contract.ts';
import type { SweepCounts, SweepOptions } from '../contract.ts';
import { KeptChunks } from '../kept-chunks.ts';
import { isBadName, isChunkName } from '../layout.ts';
import { noCounts } from '../sweep-counts.ts';
import {
  forgetTaken,
  markerPrefixes,
  markersOf,
  markerTime,
  mayStillGo,
  removeMarker,
  setMarker,
  takeMarkers,
} from './markers.ts';
import type { PrefixLocks } from './prefix-locks.ts';

export interface SweptBucket {
  /** Where the markers are. */
  base: string;
  objects: ObjectStore;
  /** What the keys of chunks begin with, with a slash at the end. */
  keys: string;
  locks: PrefixLocks;
  /** How long a request may still be carried out whose sender has died or given up, milliseconds. */
  lateMs: number;
  /** Forgets the local copy of a chunk. */
  drop(hex: string): void;
}

/** See `ChunkStore.sweep`. */
export async function sweepBucket(bucket: SweptBucket, options: SweepOptions): Promise<SweepCounts> {
  const sweep = new BucketSweep(bucket, options);
  await sweep.run();
  return sweep.counts;
}

/** The objects of one prefix of four digits. */
export interface PrefixObjects {
  prefix: string;
  /** By their names: digests, and copies that were set aside. */
  objects: Map<string, ObjectInfo>;
}

/** All objects below `keys`, in order, a prefix at a time. */
export async function* objectsByPrefix(
  objects: ObjectStore,
  keys: string,
  signal?: AbortSignal,
): AsyncGenerator<PrefixObjects> {
  let current: PrefixObjects | undefined;
  for await (const info of objects.list(keys, signal ? { signal } : {})) {
    const [prefix = '', name = ''] = info.key.slice(keys.length).split('/');
    if (!(isChunkName(name) || isBadName(name)) || !name.startsWith(prefix) || prefix.length !== 4) continue;
    if (current?.prefix !== prefix) {
      if (current) yield current;
      current = { prefix, objects: new Map() };
    }
    current.objects.set(name, info);
  }
  if (current) yield current;
}

class BucketSweep {
  readonly counts = noCounts();
  readonly #bucket: SweptBucket;
  readonly #options: SweepOptions;
  #done = 0;

  constructor(bucket: SweptBucket, options: SweepOptions) {
    this.#bucket = bucket;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { base, objects, keys } = this.#bucket;
    const { signal } = this.#options;
    // A prefix that gets its first marker from now on has none that stands for nothing.
    const markers = markerPrefixes(base);
    let next = 0;
    const withoutObjects = async (before: string): Promise<void> => {
      for (; next < markers.length && markers[next]! < before; next++)
        await this.#sweepPrefix(markers[next]!, new Map());
    };
    for await (const { prefix, objects: found } of objectsByPrefix(objects, keys, signal)) {
      await withoutObjects(prefix);
      if (markers[next] === prefix) next++;
      await this.#sweepPrefix(prefix, found);
    }
    await withoutObjects('g');
    this.#options.onProgress?.(1, this.#chunks);
  }

  get #chunks(): number {
    return this.counts['disk-chunks'] + this.counts['pending-chunks'] + this.counts['removed-chunks'];
  }

  async #sweepPrefix(prefix: string, objects: Map<string, ObjectInfo>): Promise<void> {
    const { signal, minAtime, onProgress, onKept } = this.#options;
    throwIfAborted(signal);
    const kept = new KeptChunks();
    const old: ObjectInfo[] = [];
    for (const [name, info] of objects) {
      const used = markerTime(this.#bucket.base, name);
      if (used === undefined) await this.#adopt(name, info, kept);
      else if (used < minAtime) old.push(info);
      else this.#keep(name, info, used, kept);
    }
    if (old.length > 0) await this.#remove(old, kept);
    for (const name of markersOf(this.#bucket.base, prefix, this.#bucket.lateMs)) {
      if (!objects.has(name)) await this.#removeUnfounded(name);
    }
    onKept?.(kept.records());
    onProgress?.(++this.#done / 65536, this.#chunks);
  }

  /** A chunk of which nobody here knows when it was used: from now on somebody does. */
  async #adopt(name: string, info: ObjectInfo, kept: KeptChunks): Promise<void> {
    using _lock = await this.#bucket.locks.shared(name);
    if (!(await this.#bucket.objects.head(info.key))) return;
    // One that may still go is left to the next collection.
    if (!mayStillGo(this.#bucket.base, name, this.#bucket.lateMs)) setMarker(this.#bucket.base, name, info.size);
    this.#keep(name, info, Number.POSITIVE_INFINITY, kept);
  }

  async #remove(old: readonly ObjectInfo[], kept: KeptChunks): Promise<void> {
    const { base, objects, locks, drop } = this.#bucket;
    const byName = new Map(old.map((info) => [nameOf(info), info]));
    using lock = await locks.exclusive(nameOf(old[0]!));
    const taken = lock ? takeMarkers(base, [...byName.keys()], this.#options.minAtime) : [];
    // When it fails some of them may be gone, or go yet; the next collection finds out which.
    await objects.delete(taken.map((name) => byName.get(name)!.key));
    forgetTaken(base, taken);
    for (const name of taken) {
      const info = byName.get(name)!;
      byName.delete(name);
      drop(name);
      this.counts['removed-bytes'] += info.size;
      this.counts[isChunkName(name) ? 'removed-chunks' : 'removed-bad']++;
    }
    for (const [name, info] of byName) {
      this.#keep(name, info, markerTime(base, name) ?? Number.POSITIVE_INFINITY, kept);
    }
  }

  #keep(name: string, info: ObjectInfo, used: number, kept: KeptChunks): void {
    const kind = used < this.#options.oldestWriter ? 'pending' : 'disk';
    this.counts[`${kind}-bytes`] += info.size;
    if (isBadName(name)) {
      this.counts['still-bad']++;
      return;
    }
    this.counts[`${kind}-chunks`]++;
    kept.add(fromHex(name, 32), info.size);
  }

  /** A marker that no object was found for: its chunk may have come since. */
  async #removeUnfounded(name: string): Promise<void> {
    const { base, objects, keys, locks } = this.#bucket;
    if (!isChunkName(name) && !isBadName(name)) return;
    using lock = await locks.exclusive(name);
    if (!lock || (await objects.head(`${keys}${name.slice(0, 4)}/${name}`))) return;
    removeMarker(base, name);
  }
}

function nameOf(info: ObjectInfo): string {
  return info.key.slice(info.key.lastIndexOf('/') + 1);
}
