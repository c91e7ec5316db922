// The chunk store of a datastore on a file system. This thread only keeps order; reading, checking, hashing and
// writing of chunks run in the worker threads of workers.ts.

import * as fs from 'node:fs';
import { fromHex } from '../../base/bytes.ts';
import { GranaryError, isErrno, messageOf } from '../../base/errors.ts';
import { StopFlag } from '../../base/stop-flag.ts';
import { mapOrdered, throwIfAborted } from '../../base/streams.ts';
import { checkBlob } from '../../format/blob.ts';
import { maxBlobSize } from '../../model/names.ts';
import { syncFileSystem } from '../../os/atomic-file.ts';
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
import { chunkPath, chunksDirectory, digestName, hasChunks, isChunkName, isPrefixName } from '../layout.ts';
import { noCounts } from '../sweep-counts.ts';
import { processWorkers, type StoreWorkers } from '../workers.ts';
import { ChunkFile, readingFailed } from './chunk-file.ts';
import { quarantineChunk, type StoreTarget, touchChunk } from './chunk-files.ts';
import type { SweepPart } from './chunk-worker.ts';

/** When written chunks become durable (formats.md 13.4). */
export type SyncLevel = 'none' | 'file' | 'filesystem';
/** In which order many chunks are read (formats.md 20). */
export type ChunkOrder = 'inode' | 'none';

export interface DirectoryStoreOptions {
  /** The datastore's name, for texts. */
  name: string;
  syncLevel?: SyncLevel;
  chunkOrder?: ChunkOrder;
  /** Threads and memory; those of the process by default. */
  workers?: StoreWorkers;
}

const touchBatch = 2048;
const checkBatch = 8;
/** Work that one call of a thread does of a collection: digests, nearly; directories. */
const markBatch = 4096;
const largestPart = 65_536;
const sweepBatch = 64;

interface DirectorySlot extends Slot {
  readonly offset: number;
}

export class DirectoryChunkStore implements ChunkStore {
  readonly base: string;
  readonly #target: StoreTarget;
  readonly #syncLevel: SyncLevel;
  readonly #chunkOrder: ChunkOrder;
  readonly #workers: StoreWorkers;
  /** Inserts under way by digest: two of one digest must not both take themselves for the first. */
  readonly #inserting = new Map<string, Promise<unknown>>();

  private constructor(base: string, options: DirectoryStoreOptions) {
    this.base = base;
    this.#syncLevel = options.syncLevel ?? 'filesystem';
    this.#chunkOrder = options.chunkOrder ?? 'inode';
    this.#workers = options.workers ?? processWorkers();
    this.#target = { base, name: options.name, fsyncEach: this.#syncLevel === 'file' };
  }

  /** Opens the store below an absolute path. Directories of digests may be missing: they are made on demand. */
  static open(base: string, options: DirectoryStoreOptions): DirectoryChunkStore {
    if (!base.startsWith('/')) throw new GranaryError('bad-request', `datastore path '${base}' is not absolute`);
    if (!hasChunks(base)) {
      throw new GranaryError('not-found', `unable to open chunk store '${options.name}' at '${chunksDirectory(base)}'`);
    }
    return new DirectoryChunkStore(base, options);
  }

  async acquireSlot(size: number, options: { signal?: AbortSignal } = {}): Promise<Slot> {
    if (!Number.isSafeInteger(size) || size < 1 || size > maxBlobSize) {
      throw new GranaryError('bad-request', `a chunk of ${size} bytes cannot be, it has 1 to ${maxBlobSize} bytes`);
    }
    const room = await this.#workers.arena.acquire(size, options.signal);
    const bytes = new Uint8Array(this.#workers.arena.buffer, room.offset, size);
    const slot: DirectorySlot = {
      bytes,
      offset: room.offset,
      release: () => room.release(),
      [Symbol.dispose]: () => room.release(),
    };
    return slot;
  }

  receive(digest: Uint8Array, size: number, slot: Slot, length: number, o: ReceiveOptions = {}): Promise<InsertResult> {
    if (length < 0 || length > slot.bytes.byteLength) {
      const text = `chunk of ${length} bytes in a slot of ${slot.bytes.byteLength} bytes`;
      return Promise.reject(new GranaryError('internal', text));
    }
    const at = slot.bytes.byteOffset;
    return this.#inOrder(digest, () =>
      this.#workers.ingest.run('receive', [this.#target, digest, size, at, length, o.copyOf]),
    );
  }

  async insert(digest: Uint8Array, blob: Uint8Array): Promise<InsertResult> {
    using slot = await this.acquireSlot(blob.byteLength);
    slot.bytes.set(blob);
    const at = slot.bytes.byteOffset;
    return await this.#inOrder(digest, () =>
      this.#workers.ingest.run('insert', [this.#target, digest, at, blob.byteLength]),
    );
  }

  async #inOrder(digest: Uint8Array, run: () => Promise<InsertResult>): Promise<InsertResult> {
    const hex = digestName(digest);
    while (this.#inserting.has(hex)) await this.#inserting.get(hex);
    const running = run();
    const settled = running.catch(() => {});
    this.#inserting.set(hex, settled);
    try {
      return await running;
    } catch (error) {
      throw asGranaryError(`inserting chunk ${hex} on store '${this.#target.name}' failed`, error);
    } finally {
      this.#inserting.delete(hex);
    }
  }

  async read(digest: Uint8Array): Promise<Uint8Array> {
    await using chunk = await this.openChunk(digest);
    const bytes = Buffer.allocUnsafeSlow(chunk.size);
    await chunk.read(bytes, 0);
    checkBlob(bytes, `chunk file '${chunkPath(this.base, digestName(digest))}'`);
    return bytes;
  }

  async openChunk(digest: Uint8Array): Promise<OpenChunk> {
    const hex = digestName(digest);
    const path = chunkPath(this.base, hex);
    let file: ChunkFile | undefined;
    try {
      file = await ChunkFile.open(path);
      const { size } = file;
      if (size > maxBlobSize)
        throw new GranaryError('blob-invalid', `chunk file '${path}' has ${size} bytes, too many`);
      return file;
    } catch (error) {
      await file?.[Symbol.asyncDispose]();
      if (isErrno(error, 'ENOENT')) {
        throw new GranaryError('chunk-missing', `chunk ${hex} is missing: no file '${path}'`, { details: { hex } });
      }
      throw readingFailed(path, error);
    }
  }

  async storedSize(digest: Uint8Array): Promise<number | undefined> {
    const stat = fs.lstatSync(chunkPath(this.base, digestName(digest)), { throwIfNoEntry: false });
    return stat?.isFile() ? stat.size : undefined;
  }

  async touch(digest: Uint8Array): Promise<boolean> {
    return touchChunk(chunkPath(this.base, digestName(digest)));
  }

  async touchMany(digests: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const batches = batchesOf(digests, touchBatch);
    const answers = await Promise.all(
      batches.map((batch) => this.#workers.ingest.run<Uint32Array>('touchMany', [this.base, flatten(batch)])),
    );
    return answers.flatMap((positions, i) => Array.from(positions, (position) => batches[i]![position]!));
  }

  async check(expected: readonly ChunkExpectation[], o: { signal?: AbortSignal } = {}): Promise<ChunkCheck[]> {
    using stop = new StopFlag(o.signal);
    const answers = await allOrReason(
      batchesOf(expected, checkBatch).map((batch) =>
        this.#workers.check.run<ChunkCheck[]>('check', [
          this.base,
          flatten(batch.map((chunk) => chunk.digest)),
          Float64Array.from(batch, (chunk) => chunk.size),
          Uint8Array.from(batch, (chunk) => (chunk.encrypted ? 1 : 0)),
          stop.word,
        ]),
      ),
      o.signal,
    );
    return answers.flat();
  }

  async readingOrder(digests: readonly Uint8Array[], o: { signal?: AbortSignal } = {}): Promise<Uint32Array> {
    const order = Uint32Array.from(digests, (_, i) => i);
    if (this.#chunkOrder === 'none') return order;
    using stop = new StopFlag(o.signal);
    const answers = await allOrReason(
      batchesOf(digests, touchBatch).map((batch) =>
        this.#workers.check.run<Float64Array>('inodes', [this.base, flatten(batch), stop.word]),
      ),
      o.signal,
    );
    const inodes = new Float64Array(digests.length);
    let at = 0;
    for (const answer of answers) {
      inodes.set(answer, at);
      at += answer.length;
    }
    // Infinity - infinity is no number: chunks that are missing stay in their order.
    return order.sort((a, b) => inodes[a]! - inodes[b]! || a - b);
  }

  async quarantine(digest: Uint8Array, copy?: string): Promise<string | undefined> {
    return quarantineChunk(this.base, digest, copy);
  }

  async *digests(): AsyncGenerator<StoredChunk> {
    for (const prefix of await this.#list(chunksDirectory(this.base))) {
      if (!isPrefixName(prefix)) continue;
      const directory = `${chunksDirectory(this.base)}/${prefix}`;
      for (const name of await this.#list(directory)) {
        if (!isChunkName(name)) continue;
        const stat = fs.lstatSync(`${directory}/${name}`, { throwIfNoEntry: false });
        if (stat?.isFile()) yield { digest: fromHex(name, 32), storedSize: stat.size };
      }
    }
  }

  async #list(directory: string): Promise<string[]> {
    try {
      return await fs.promises.readdir(directory);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw asGranaryError(`listing '${directory}' failed`, error);
    }
  }

  async mark(digests: Uint8Array, { signal, onProgress }: MarkOptions = {}): Promise<Uint32Array> {
    const { list, positions, parts } = inParts(digests);
    const missing: number[] = [];
    using stop = new StopFlag(signal);
    const run = async ({ from, to }: Part): Promise<{ to: number; absent: Uint32Array }> => {
      const absent = await this.#workers.check.run<Uint32Array>('mark', [this.base, list, from, to, stop.word]);
      return { to, absent };
    };
    try {
      for await (const { to, absent } of mapOrdered(parts, this.#callsAtOnce, run, signal)) {
        for (const at of absent) missing.push(positions[at]!);
        onProgress?.(to / positions.length);
      }
    } catch (error) {
      throwIfAborted(signal);
      throw asGranaryError(`marking chunks of store '${this.#target.name}' failed`, error);
    }
    return Uint32Array.from(missing).sort();
  }

  async sweep(options: SweepOptions): Promise<SweepCounts> {
    const { minAtime, oldestWriter, signal, onProgress, onKept } = options;
    const counts = noCounts();
    // A directory that is made from now on holds nothing that is old.
    const prefixes = (await this.#list(chunksDirectory(this.base))).filter(isPrefixName).sort();
    using stop = new StopFlag(signal);
    const run = (some: readonly string[]): Promise<SweepPart> =>
      this.#workers.check.run('sweep', [this.base, some, minAtime, oldestWriter, onKept !== undefined, stop.word]);
    let done = 0;
    try {
      for await (const part of mapOrdered(batchesOf(prefixes, sweepBatch), this.#callsAtOnce, run, signal)) {
        for (const name of Object.keys(counts) as (keyof SweepCounts)[]) counts[name] += part.counts[name];
        if (part.kept) onKept?.(part.kept);
        done += sweepBatch;
        const chunks = counts['disk-chunks'] + counts['pending-chunks'] + counts['removed-chunks'];
        onProgress?.(Math.min(1, done / prefixes.length), chunks);
      }
    } catch (error) {
      throwIfAborted(signal);
      throw asGranaryError(`sweeping chunks of store '${this.#target.name}' failed`, error);
    }
    return counts;
  }

  /** Every thread has its next call before the last one is answered. */
  get #callsAtOnce(): number {
    return Math.max(1, this.#workers.check.size * 2);
  }

  async sync(): Promise<void> {
    if (this.#syncLevel === 'filesystem') await syncFileSystem(this.base);
  }
}

/** Waits for all, so that none is left behind; those that were stopped throw what the signal says. */
async function allOrReason<T>(calls: readonly Promise<T>[], signal: AbortSignal | undefined): Promise<T[]> {
  try {
    return await Promise.all(calls);
  } catch (error) {
    await Promise.allSettled(calls);
    throwIfAborted(signal);
    throw error;
  }
}

/** Of a list of digests. */
interface Part {
  from: number;
  to: number;
}

/**
 * A copy of the list, in shared memory, in parts of some thousand digests that begin alike, in the order of the
 * directories, and where each digest was. In the part itself they are not in order: the whole list does not fit into
 * a processor's cache, a part does.
 */
function inParts(digests: Uint8Array): { list: SharedArrayBuffer; positions: Uint32Array; parts: Part[] } {
  const count = digests.byteLength / 32;
  const bits = Math.min(16, Math.max(0, Math.floor(Math.log2(count / markBatch))));
  const partAt = (i: number): number => ((digests[i * 32]! << 8) | digests[i * 32 + 1]!) >>> (16 - bits);
  const ends = new Uint32Array(2 ** bits);
  for (let i = 0; i < count; i++) ends[partAt(i)]!++;
  const parts: Part[] = [];
  for (let part = 0, from = 0; part < ends.length; part++) {
    const to = from + ends[part]!;
    for (let at = from; at < to; at += largestPart) parts.push({ from: at, to: Math.min(to, at + largestPart) });
    ends[part] = from;
    from = to;
  }
  const list = new SharedArrayBuffer(digests.byteLength);
  const positions = new Uint32Array(count);
  // Words, because a view for each of a million digests takes longer than marking some of them.
  const sorted = new Uint32Array(list);
  const aligned = digests.byteOffset % 4 === 0 ? digests : new Uint8Array(digests);
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, count * 8);
  for (let i = 0; i < count; i++) {
    const at = ends[partAt(i)]!++;
    positions[at] = i;
    for (let word = 0; word < 8; word++) sorted[at * 8 + word] = words[i * 8 + word]!;
  }
  return { list, positions, parts };
}

function batchesOf<T>(items: readonly T[], size: number): (readonly T[])[] {
  const batches: (readonly T[])[] = [];
  for (let at = 0; at < items.length; at += size) batches.push(items.slice(at, at + size));
  return batches;
}

function flatten(digests: readonly Uint8Array[]): Uint8Array {
  const flat = new Uint8Array(digests.length * 32);
  digests.forEach((digest, i) => {
    flat.set(digest, i * 32);
  });
  return flat;
}

function asGranaryError(context: string, error: unknown): GranaryError {
  if (error instanceof GranaryError) return error;
  return new GranaryError('io', `${context}: ${messageOf(error)}`, { cause: error });
}
