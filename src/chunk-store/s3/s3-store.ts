// The chunk store of a datastore whose chunks are objects in a bucket: `PREFIX/.chunks/XXXX/DIGEST`
// (docs/decisions/0007). Local marker files say which there are and when they were last used; a bounded cache keeps
// copies. A chunk is in the bucket before it is reported as stored.

import { fromHex, toHex } from '../../base/bytes.ts';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { mapOrdered } from '../../base/streams.ts';
import { blobInfo, checkBlob, encryptedHeaderSize } from '../../format/blob.ts';
import { maxBlobSize } from '../../model/names.ts';
import type { ObjectStore } from '../../object-store/contract.ts';
import type {
  ChunkCheck,
  ChunkExpectation,
  ChunkStore,
  InsertResult,
  MarkOptions,
  OpenChunk,
  ReceiveOptions,
  Slot,
  StoredChunk,
  SweepCounts,
  SweepOptions,
} from '../contract.ts';
import { DirectoryChunkStore } from '../directory/directory-store.ts';
import { type BlobTraits, decideInsert, type ExistingChunk, type IncomingChunk } from '../insert-table.ts';
import { digestName, isChunkName } from '../layout.ts';
import { processWorkers, type StoreWorkers } from '../workers.ts';
import { objectsByPrefix, sweepBucket } from './bucket-sweep.ts';
import { ChunkCache } from './chunk-cache.ts';
import {
  markerPrefixes,
  markersOf,
  markerTime,
  removeMarker,
  renameMarker,
  setMarker,
  untilSettled,
} from './markers.ts';
import { PrefixLocks } from './prefix-locks.ts';

export interface S3StoreOptions {
  /** The datastore's name, for texts. */
  name: string;
  objects: ObjectStore;
  /** What the keys begin with, without a slash at the end. */
  prefix: string;
  /** Where lock files of this datastore go. */
  lockDirectory: string;
  /** Bytes of chunks that are kept locally; by default as much as there is room for. */
  maxCacheSize?: number | undefined;
  /** Threads and memory; those of the process by default. */
  workers?: StoreWorkers | undefined;
  /** How long a request may still be carried out whose sender has died or given up, milliseconds. */
  lateMs?: number;
}

/** No request is under way longer: answers do not come any more after a minute of silence. */
const defaultLateMs = 120_000;
const readsAtOnce = 8;
const badCopies = 10;

export class S3ChunkStore implements ChunkStore {
  readonly #base: string;
  readonly #name: string;
  readonly #objects: ObjectStore;
  /** With a slash at the end. */
  readonly #keys: string;
  readonly #workers: StoreWorkers;
  readonly #locks: PrefixLocks;
  readonly #cache: ChunkCache;
  readonly #lateMs: number;
  /** What can be done with markers as with chunk files: slots, touching, marking. */
  readonly #markers: DirectoryChunkStore;
  /** Inserts under way by digest: two of one digest must not both take themselves for the first. */
  readonly #inserting = new Map<string, Promise<unknown>>();

  private constructor(base: string, o: S3StoreOptions) {
    this.#base = base;
    this.#name = o.name;
    this.#objects = o.objects;
    this.#keys = `${o.prefix}/.chunks/`;
    this.#workers = o.workers ?? processWorkers();
    this.#locks = new PrefixLocks(`${o.lockDirectory}/.chunk-locks`);
    this.#cache = new ChunkCache(base, o.maxCacheSize);
    this.#lateMs = o.lateMs ?? defaultLateMs;
    this.#markers = DirectoryChunkStore.open(base, { name: o.name, syncLevel: 'none', workers: this.#workers });
  }

  /** Opens the store whose markers are below an absolute path. Asks the bucket nothing. */
  static open(base: string, options: S3StoreOptions): S3ChunkStore {
    return new S3ChunkStore(base, options);
  }

  #key(name: string): string {
    return `${this.#keys}${name.slice(0, 4)}/${name}`;
  }

  acquireSlot(size: number, options: { signal?: AbortSignal } = {}): Promise<Slot> {
    return this.#markers.acquireSlot(size, options);
  }

  async receive(
    digest: Uint8Array,
    size: number,
    slot: Slot,
    length: number,
    { copyOf, noCache }: ReceiveOptions = {},
  ): Promise<InsertResult> {
    if (length < 0 || length > slot.bytes.byteLength) {
      throw new GranaryError('internal', `chunk of ${length} bytes in a slot of ${slot.bytes.byteLength} bytes`);
    }
    const at = slot.bytes.byteOffset;
    const admit = () => this.#workers.ingest.run<IncomingChunk>('admit', [digest, size, at, length, copyOf]);
    return await this.#inOrder(digest, admit, slot, length, noCache);
  }

  async insert(digest: Uint8Array, blob: Uint8Array): Promise<InsertResult> {
    using slot = await this.acquireSlot(blob.byteLength);
    slot.bytes.set(blob);
    const at = slot.bytes.byteOffset;
    const describe = () => this.#workers.ingest.run<IncomingChunk>('describe', [digest, at, blob.byteLength]);
    return await this.#inOrder(digest, describe, slot, blob.byteLength);
  }

  async #inOrder(
    digest: Uint8Array,
    admit: () => Promise<IncomingChunk>,
    slot: Slot,
    length: number,
    noCache = false,
  ): Promise<InsertResult> {
    const hex = digestName(digest);
    while (this.#inserting.has(hex)) await this.#inserting.get(hex);
    const running = admit().then((incoming) =>
      // A copy: what is sent must not be shared with other threads.
      this.#insert(hex, incoming, Uint8Array.from(slot.bytes.subarray(0, length)), noCache),
    );
    this.#inserting.set(
      hex,
      running.catch(() => {}),
    );
    try {
      return await running;
    } catch (error) {
      if (error instanceof GranaryError) throw error;
      const text = `inserting chunk ${hex} on store '${this.#name}' failed: ${messageOf(error)}`;
      throw new GranaryError('io', text, { cause: error });
    } finally {
      this.#inserting.delete(hex);
    }
  }

  async #insert(hex: string, incoming: IncomingChunk, blob: Uint8Array, noCache: boolean): Promise<InsertResult> {
    using _lock = await this.#locks.shared(hex);
    await untilSettled(this.#base, hex, this.#lateMs);
    const isMarked = markerTime(this.#base, hex) !== undefined;
    // A plain chunk was verified: it may take any place, so it is not asked first what there is.
    let existing = isMarked || incoming.encrypted ? await this.#lookAt(hex) : undefined;
    if (existing === undefined && (await this.#objects.put(this.#key(hex), blob, { ifAbsent: true }))) {
      return await this.#inserted(hex, blob, noCache);
    }
    existing ??= await this.#lookAt(hex);
    if (decideInsert(incoming, existing, hex, this.#name) === 'keep' && existing) {
      setMarker(this.#base, hex, existing.size);
      return { duplicate: true, storedSize: existing.size };
    }
    await this.#objects.put(this.#key(hex), blob);
    return await this.#inserted(hex, blob, noCache);
  }

  async #inserted(hex: string, blob: Uint8Array, noCache: boolean): Promise<InsertResult> {
    setMarker(this.#base, hex, blob.byteLength);
    if (noCache) this.#cache.drop(hex);
    else await this.#cache.write(hex, blob);
    return { duplicate: false, storedSize: blob.byteLength };
  }

  /** What the bucket has, by the first bytes of it. */
  async #lookAt(hex: string): Promise<ExistingChunk | undefined> {
    const start = await this.#objects.start(this.#key(hex), encryptedHeaderSize);
    return start && { size: start.size, traits: traitsOf(start.bytes) };
  }

  async read(digest: Uint8Array): Promise<Uint8Array> {
    const { bytes, what, isChecked } = await this.#fetch(digest);
    if (!isChecked) checkBlob(bytes, what);
    return bytes;
  }

  async openChunk(digest: Uint8Array): Promise<OpenChunk> {
    const { bytes, what } = await this.#fetch(digest);
    return {
      size: bytes.byteLength,
      read: async (target, position) => {
        const piece = bytes.subarray(position, position + target.byteLength);
        if (piece.byteLength < target.byteLength) throw new GranaryError('io', `${what} is shorter than that`);
        target.set(piece);
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }

  /** The chunk from the cache or the bucket, as it is stored; a sound one is kept in the cache. */
  async #fetch(digest: Uint8Array): Promise<{ bytes: Uint8Array<ArrayBuffer>; what: string; isChecked: boolean }> {
    const hex = digestName(digest);
    const what = `chunk '${this.#key(hex)}' of ${this.#objects.label}`;
    const cached = await this.#cache.read(hex);
    if (cached) return { bytes: cached, what, isChecked: true };
    const stored = await this.#objects.get(this.#key(hex));
    if (!stored) throw new GranaryError('chunk-missing', `${what} is missing`, { details: { hex } });
    const { bytes } = stored;
    if (bytes.byteLength > maxBlobSize) {
      throw new GranaryError('blob-invalid', `${what} has ${bytes.byteLength} bytes, too many`);
    }
    const isChecked = isSound(bytes);
    if (isChecked) await this.#cache.write(hex, bytes);
    return { bytes, what, isChecked };
  }

  async storedSize(digest: Uint8Array): Promise<number | undefined> {
    return (await this.#objects.head(this.#key(digestName(digest))))?.size;
  }

  touch(digest: Uint8Array): Promise<boolean> {
    return this.#markers.touch(digest);
  }

  touchMany(digests: readonly Uint8Array[]): Promise<Uint8Array[]> {
    return this.#markers.touchMany(digests);
  }

  /** Looks at what the bucket has, whatever there is in the cache. */
  async check(expected: readonly ChunkExpectation[]): Promise<ChunkCheck[]> {
    const checks: ChunkCheck[] = [];
    for await (const check of mapOrdered(expected, readsAtOnce, (one) => this.#check(one))) checks.push(check);
    return checks;
  }

  async #check(expected: ChunkExpectation): Promise<ChunkCheck> {
    try {
      const stored = await this.#objects.get(this.#key(digestName(expected.digest)));
      if (!stored) return { verdict: 'missing', storedSize: 0, error: 'chunk is missing' };
      const { bytes, etag: copy } = stored;
      if (bytes.byteLength > maxBlobSize) {
        return { verdict: 'corrupt', storedSize: 0, copy, error: `object of ${bytes.byteLength} bytes is too large` };
      }
      const { digest, size, encrypted } = expected;
      const judged = await this.#workers.check.run<Pick<ChunkCheck, 'verdict' | 'error'>>('judge', [
        bytes,
        { digest, size, encrypted },
      ]);
      return { ...judged, storedSize: bytes.byteLength, copy };
    } catch (error) {
      return { verdict: 'unreadable', storedSize: 0, error: messageOf(error) };
    }
  }

  readingOrder(digests: readonly Uint8Array[]): Promise<Uint32Array> {
    return this.#markers.readingOrder(digests);
  }

  async quarantine(digest: Uint8Array, copy?: string): Promise<string | undefined> {
    const hex = digestName(digest);
    using lock = await this.#locks.exclusive(hex);
    if (!lock) return undefined;
    const key = this.#key(hex);
    const etag = copy ?? (await this.#objects.head(key))?.etag;
    if (etag === undefined) return undefined;
    const taken = new Set<string>();
    for await (const { key: other } of this.#objects.list(`${key}.`)) taken.add(other);
    let n = 0;
    while (n < badCopies - 1 && taken.has(`${key}.${n}.bad`)) n++;
    const bad = `${key}.${n}.bad`;
    if (!(await this.#objects.copy(key, bad, etag))) return undefined;
    this.#cache.drop(hex);
    // First the marker: nobody may count on what is removed now.
    renameMarker(this.#base, hex, `${hex}.${n}.bad`);
    setMarker(this.#base, `${hex}.${n}.bad`);
    await this.#objects.delete([key]);
    return bad;
  }

  async *digests(): AsyncGenerator<StoredChunk> {
    for await (const { key, size } of this.#objects.list(this.#keys)) {
      const name = key.slice(this.#keys.length + 5);
      if (isChunkName(name)) yield { digest: fromHex(name, 32), storedSize: size };
    }
  }

  /** Marks markers; a chunk without one that the bucket has gets one. */
  async mark(digests: Uint8Array, options: MarkOptions = {}): Promise<Uint32Array> {
    const unmarked = await this.#markers.mark(digests, options);
    const adopt = async (at: number): Promise<number | undefined> =>
      (await this.#adopt(toHex(digests.subarray(at * 32, at * 32 + 32)))) ? undefined : at;
    const missing: number[] = [];
    for await (const at of mapOrdered(unmarked, readsAtOnce, adopt, options.signal)) {
      if (at !== undefined) missing.push(at);
    }
    return Uint32Array.from(missing);
  }

  /** Makes the marker of an object that there is. */
  async #adopt(hex: string): Promise<boolean> {
    using _lock = await this.#locks.shared(hex);
    await untilSettled(this.#base, hex, this.#lateMs);
    const info = await this.#objects.head(this.#key(hex));
    if (!info) return false;
    setMarker(this.#base, hex, info.size);
    return true;
  }

  async sweep(options: SweepOptions): Promise<SweepCounts> {
    return await sweepBucket(
      {
        base: this.#base,
        objects: this.#objects,
        keys: this.#keys,
        locks: this.#locks,
        lateMs: this.#lateMs,
        drop: (hex) => this.#cache.drop(hex),
      },
      options,
    );
  }

  /** What the bucket has taken is durable. */
  async sync(): Promise<void> {
    await this.#cache.settled();
  }

  /** Makes markers of all objects, and removes those that stand for none. */
  async relearn(o: { signal?: AbortSignal } = {}): Promise<number> {
    let chunks = 0;
    const markers = new Set(markerPrefixes(this.#base));
    for await (const { prefix, objects } of objectsByPrefix(this.#objects, this.#keys, o.signal)) {
      markers.delete(prefix);
      const names = new Set(markersOf(this.#base, prefix, this.#lateMs));
      for (const [name, { size }] of objects) if (!names.delete(name)) setMarker(this.#base, name, size);
      for (const name of names) removeMarker(this.#base, name);
      chunks += objects.size;
    }
    for (const prefix of markers) {
      for (const name of markersOf(this.#base, prefix, this.#lateMs)) removeMarker(this.#base, name);
    }
    return chunks;
  }
}

function traitsOf(header: Uint8Array): BlobTraits | undefined {
  try {
    const { encrypted, compressed } = blobInfo(header, '');
    return { encrypted, compressed };
  } catch {
    return undefined;
  }
}

function isSound(bytes: Uint8Array): boolean {
  try {
    checkBlob(bytes, '');
    return true;
  } catch {
    return false;
  }
}
