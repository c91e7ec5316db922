// Phase 1 of garbage collection: marks the chunks of every index as used (formats.md 16.3).
//
// Indexes are read one after the other while the chunks of those before are marked, in batches, so that each batch can
// be put in the order of the directories. An index whose entries were met before, as that of an image that did not
// change, costs its checksum. Other digests that were met lately are passed over (recent-digests.ts). Memory is bounded
// by the capacity and by the three largest indexes.

import * as fs from 'node:fs';
import { toHex } from '../base/bytes.ts';
import { mapOrdered, throwIfAborted } from '../base/streams.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import { type FoundIndex, findIndexFiles } from './index-search.ts';
import { type DigestWords, digestWords, RecentDigests } from './recent-digests.ts';
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
  readonly words: Uint32Array<ArrayBuffer>;
  /** For each digest the position of an index file that names it. */
  readonly files: Uint32Array;
  count = 0;
  /** Index files and their bytes that are done with this batch. */
  filesDone = 0;
  bytesDone = 0;

  constructor(capacity: number) {
    this.words = new Uint32Array(capacity * 8);
    this.files = new Uint32Array(capacity);
  }

  add(words: Uint32Array, at: number, file: number): void {
    const to = this.count * 8;
    for (let word = 0; word < 8; word++) this.words[to + word] = words[at + word]!;
    this.files[this.count++] = file;
  }

  get digests(): Uint8Array {
    return new Uint8Array(this.words.buffer, 0, this.count * 32);
  }
}

export class Marking {
  readonly #store: StoreContext;
  readonly #options: MarkingOptions;
  /** Of one generation of digests that are remembered. */
  readonly #size: number;
  /** Checksums of entries that were met. */
  readonly #indexes = new Set<string>();
  /** Digests of one batch. */
  #room = 0;
  #batch = new Batch(0);
  /** The one that is filled next: two take turns, as new memory for each would keep the collector busy. */
  #spare: Batch | undefined;
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
  }

  /** Throws what makes an index unreadable, unless the index is gone. */
  async run(): Promise<Marked> {
    const found = await findIndexFiles(this.#store.base, this.#options.signal);
    this.#paths = found.map(({ path }) => path);
    this.#totalBytes = found.reduce((sum, { size }) => sum + size, 0);
    // An index can be replaced by a larger one before it is read.
    const most = Math.max(Math.ceil(this.#totalBytes / 32), smallestGeneration);
    this.#room = Math.min(this.#size, most);
    this.#batch = new Batch(this.#room);
    const recent = new RecentDigests(this.#size, most);
    let files = 0;
    let bytes = 0;
    const open = async (one: FoundIndex) => ({ size: one.size, index: await openIfPresent(one) });
    try {
      let position = 0;
      for await (const { index, size } of mapOrdered(found, 2, open, this.#options.signal)) {
        if (index !== undefined) {
          files++;
          bytes += index.size;
          await this.#take(index, position, recent);
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

  async #take(index: ChunkIndex, position: number, recent: RecentDigests): Promise<void> {
    const checksum = `${index.kind} ${Buffer.from(index.checksum()).toString('latin1')}`;
    if (this.#indexes.has(checksum)) {
      this.#hits += index.count;
      return;
    }
    this.#indexes.add(checksum);
    const digests = digestWords(index);
    recent.begin(digests);
    for (let next = 0; next < digests.count; ) {
      next = this.#fill(digests, next, Math.min(digests.count, next + pieceSize), position, recent);
      if (this.#batch.count >= this.#room) await this.#start();
      await new Promise((resolve) => setImmediate(resolve));
      throwIfAborted(this.#options.signal);
    }
  }

  /** Adds what is not known of the digests `from` to `to` to the batch, until that is full; gives where it stopped. */
  #fill(digests: DigestWords, from: number, to: number, file: number, recent: RecentDigests): number {
    const { words, start, stride } = digests;
    const batch = this.#batch;
    const misses = this.#misses;
    let i = from;
    for (; i < to && batch.count < this.#room; i++) {
      if (recent.isKnown(i)) continue;
      this.#misses++;
      batch.add(words, start + i * stride, file);
    }
    this.#hits += i - from - (this.#misses - misses);
    return i;
  }

  /** Begins to mark the batch, once the one before is marked. */
  async #start(): Promise<void> {
    await this.#running;
    const batch = this.#batch;
    this.#batch = this.#spare ?? new Batch(this.#room);
    this.#spare = undefined;
    const running = this.#mark(batch).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    running.catch(() => {});
    this.#running = running;
  }

  async #mark(batch: Batch): Promise<void> {
    const { signal, warn, afterBatch } = this.#options;
    const onProgress = (share: number): void => this.#tell(batch, share);
    const { digests } = batch;
    for (const at of await this.#store.chunks.mark(digests, { onProgress, ...(signal ? { signal } : {}) })) {
      const hex = toHex(digests.subarray(at * 32, at * 32 + 32));
      const path = this.#paths[batch.files[at]!];
      warn(`warning: unable to access non-existent chunk ${hex}, required by "${path}"`);
    }
    if (batch.count > 0) afterBatch();
    this.#settle(batch);
    batch.count = 0;
    this.#spare = batch;
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
