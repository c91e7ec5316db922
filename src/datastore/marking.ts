// Phase 1 of garbage collection: marks the chunks of every index as used (formats.md 16.3).
//
// Indexes are read one after the other while the chunks of those before are marked, in batches, so that each batch can
// be put in the order of the directories. An index whose entries were met before, as that of an image that did not
// change, costs its checksum. Other digests that were met lately are passed over: two generations of at most half the
// capacity each remember them. Memory is bounded by that capacity and by the two largest indexes.

import * as fs from 'node:fs';
import { toHex } from '../base/bytes.ts';
import { DigestMap } from '../base/digest-map.ts';
import { mapOrdered, throwIfAborted } from '../base/streams.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import { type FoundIndex, findIndexFiles } from './index-search.ts';
import { ifExists, type StoreContext } from './store-context.ts';
import { openIndexFile } from './stored-files.ts';
import type { GcStatus } from './usage.ts';

export interface MarkingOptions {
  /** How many digests are remembered: `gc-cache-capacity`. */
  capacity: number;
  /** For chunks that an index names and that are missing. */
  warn(line: string): void;
  /** Told what is marked for good: how many index files of all, and the share of the work, 0 to 1. */
  onProgress(files: number, allFiles: number, share: number): void;
  /** Called after each batch; what it throws ends the phase. */
  afterBatch(): void;
  signal?: AbortSignal | undefined;
}

export type Marked = Pick<GcStatus, 'index-file-count' | 'index-data-bytes' | 'cache-stats'>;

const smallestGeneration = 1024;
/** Digests from which on a batch is worth starting when nothing is being marked. */
const worthwhileBatch = 32_768;
/** Digests that are looked at before others have their turn. */
const pieceSize = 16_384;

/** Digests to be marked together, and what is done when they are. */
class Batch {
  readonly digests: Uint8Array;
  /** For each digest the position of an index file that names it. */
  readonly files: Uint32Array;
  count = 0;
  /** Index files and their bytes that are done with this batch. */
  filesDone = 0;
  bytesDone = 0;

  constructor(capacity: number) {
    this.digests = new Uint8Array(capacity * 32);
    this.files = new Uint32Array(capacity);
  }

  add(bytes: Uint8Array, at: number, file: number): void {
    const { digests } = this;
    const to = this.count * 32;
    for (let i = 0; i < 32; i++) digests[to + i] = bytes[at + i]!;
    this.files[this.count++] = file;
  }
}

export class Marking {
  readonly #store: StoreContext;
  readonly #options: MarkingOptions;
  /** Of one generation, and of one batch. */
  readonly #size: number;
  #newer = new DigestMap();
  #older = new DigestMap();
  /** Checksums of entries that were met. */
  readonly #indexes = new Set<string>();
  #batch: Batch;
  /** The batch that is being marked; undefined when none is. */
  #running: Promise<void> | undefined;
  #paths: string[] = [];
  #totalBytes = 0;
  #filesDone = 0;
  #bytesDone = 0;
  #hits = 0;
  #misses = 0;

  constructor(store: StoreContext, options: MarkingOptions) {
    this.#store = store;
    this.#options = options;
    this.#size = Math.max(Math.ceil(options.capacity / 2), smallestGeneration);
    this.#batch = new Batch(this.#size);
  }

  /** Throws what makes an index unreadable, unless the index is gone. */
  async run(): Promise<Marked> {
    const found = await findIndexFiles(this.#store.base, this.#options.signal);
    this.#paths = found.map(({ path }) => path);
    this.#totalBytes = found.reduce((sum, { size }) => sum + size, 0);
    let files = 0;
    let bytes = 0;
    const open = async (one: FoundIndex) => ({ size: one.size, index: await openIfPresent(one) });
    try {
      let position = 0;
      for await (const { index, size } of mapOrdered(found, 2, open, this.#options.signal)) {
        if (index !== undefined) {
          files++;
          bytes += index.size;
          await this.#take(index, position);
        }
        position++;
        this.#batch.filesDone++;
        this.#batch.bytesDone += size;
        if (this.#running !== undefined) continue;
        if (this.#batch.count === 0) this.#settle(this.#batch);
        else if (this.#batch.count >= worthwhileBatch) await this.#start();
      }
      await this.#start();
      await this.#running;
    } finally {
      await this.#running?.catch(() => {});
    }
    return {
      'index-file-count': files,
      'index-data-bytes': bytes,
      'cache-stats': { hits: this.#hits, misses: this.#misses },
    };
  }

  async #take(index: ChunkIndex, position: number): Promise<void> {
    const checksum = `${index.kind} ${Buffer.from(index.checksum()).toString('latin1')}`;
    if (this.#indexes.has(checksum)) {
      this.#hits += index.count;
      return;
    }
    this.#indexes.add(checksum);
    const { bytes, start, stride } = index.digestTable;
    for (let from = 0; from < index.count; from += pieceSize) {
      const to = Math.min(index.count, from + pieceSize);
      for (let i = from; i < to; i++) {
        const at = start + i * stride;
        if (this.#isKnown(bytes, at)) this.#hits++;
        else {
          this.#misses++;
          this.#batch.add(bytes, at, position);
          if (this.#batch.count >= this.#size) await this.#start();
        }
      }
      await new Promise((resolve) => setImmediate(resolve));
      throwIfAborted(this.#options.signal);
    }
  }

  /** Whether a digest was met lately; remembers it. */
  #isKnown(bytes: Uint8Array, at: number): boolean {
    if (!this.#newer.set(bytes, 0, at)) return true;
    const known = this.#older.count > 0 && this.#older.has(bytes, at);
    if (this.#newer.count >= this.#size) {
      this.#older = this.#newer;
      this.#newer = new DigestMap(this.#size);
    }
    return known;
  }

  /** Begins to mark the batch, once the one before is marked. */
  async #start(): Promise<void> {
    await this.#running;
    const batch = this.#batch;
    this.#batch = new Batch(this.#size);
    const running = this.#mark(batch).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    running.catch(() => {});
    this.#running = running;
  }

  async #mark(batch: Batch): Promise<void> {
    const { signal, warn, afterBatch } = this.#options;
    const onProgress = (share: number): void => this.#tell(batch, share);
    const digests = batch.digests.subarray(0, batch.count * 32);
    for (const at of await this.#store.chunks.mark(digests, { onProgress, ...(signal ? { signal } : {}) })) {
      const hex = toHex(digests.subarray(at * 32, at * 32 + 32));
      const path = this.#paths[batch.files[at]!];
      warn(`warning: unable to access non-existent chunk ${hex}, required by "${path}"`);
    }
    if (batch.count > 0) afterBatch();
    this.#settle(batch);
  }

  /** A batch is marked; it may be filled again. */
  #settle(batch: Batch): void {
    this.#tell(batch, 1);
    this.#filesDone += batch.filesDone;
    this.#bytesDone += batch.bytesDone;
    batch.filesDone = 0;
    batch.bytesDone = 0;
  }

  #tell(batch: Batch, share: number): void {
    const files = this.#filesDone + Math.floor(share * batch.filesDone);
    const bytes = this.#bytesDone + share * batch.bytesDone;
    this.#options.onProgress(files, this.#paths.length, this.#totalBytes === 0 ? 1 : bytes / this.#totalBytes);
  }
}

/** Undefined for an index that was removed meanwhile; one that cannot even be looked at is not gone. */
async function openIfPresent({ path, file }: FoundIndex): Promise<ChunkIndex | undefined> {
  try {
    return await openIndexFile(path, file);
  } catch (error) {
    const isGone = (await ifExists(fs.promises.lstat(file)).catch(() => 'unknown')) === undefined;
    if (isGone) return undefined;
    throw error;
  }
}
