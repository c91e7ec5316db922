// Chunks of a reader session in bounded shared memory: downloaded once while they are in use or fit, checked and
// opened by workers. Shared by all archives that are read over the session.

import { toHex } from '../base/bytes.ts';
import { GranaryError, withContext } from '../base/errors.ts';
import { type ArenaRoom, SharedArena } from '../base/shared-arena.ts';
import { WorkerPool } from '../base/worker-pool.ts';
import { type CryptConfig, plainDigest } from '../crypto/crypt-config.ts';
import { encryptedHeaderSize, isCompressed } from '../format/blob.ts';
import { fixedChunkSize, maxChunkSize } from '../model/names.ts';
import type { H2Session } from '../wire/h2-client.ts';
import type { DecodeWorkerInit, RawChunk, WritableFile } from './decode-worker.ts';

const MiB = 1024 * 1024;
const defaultMemory = 64 * MiB;

/** A chunk to be read. */
export interface ChunkAddress {
  digest: Uint8Array;
  size: number;
  expect: 'plain' | 'encrypted';
  /** Names archive, digest and offset in errors. */
  what: string;
}

/** A chunk's content, which stays where it is until `release`. */
export interface PinnedChunk {
  readonly bytes: Uint8Array;
  release(): void;
}

interface Entry {
  readonly key: string;
  room: ArenaRoom | undefined;
  content: Promise<Uint8Array>;
  pins: number;
  settled: boolean;
  /** Somebody had it: it may go before what was fetched ahead and not yet used. */
  used: boolean;
}

export interface ChunkCacheOptions {
  session: H2Session;
  crypt?: CryptConfig;
  /** Bytes of memory for chunks, at least 17 MiB for each stream, default 64 MiB. */
  memory?: number;
  /** Threads, default 2; 0 works in this one. */
  workers?: number;
}

export class ChunkCache implements AsyncDisposable {
  readonly #session: H2Session;
  readonly #crypt: CryptConfig | undefined;
  readonly #arena: SharedArena;
  readonly #pool: WorkerPool;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #waiting: (() => void)[] = [];
  #roomsTaken = 0;
  #zeros: { plain: string; encrypted: string | undefined; bytes: Uint8Array } | undefined;

  constructor(options: ChunkCacheOptions) {
    this.#session = options.session;
    this.#crypt = options.crypt;
    this.#arena = new SharedArena(options.memory ?? defaultMemory);
    const init: DecodeWorkerInit = { buffer: this.#arena.buffer, encKey: options.crypt?.encKey };
    const file = new URL('./decode-worker.ts', import.meta.url);
    this.#pool = new WorkerPool({ size: options.workers ?? 2, file, name: 'reader', init });
  }

  /** The chunk's content; waits for memory if need be. */
  async take(chunk: ChunkAddress): Promise<PinnedChunk> {
    if (this.isZero(chunk)) return { bytes: this.#zeroBytes(chunk.size), release: () => {} };
    const entry = this.#find(chunk) ?? this.#load(chunk, () => this.#room(chunk.size));
    entry.pins++;
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      entry.pins--;
      this.#wake();
    };
    try {
      const bytes = await entry.content;
      entry.used = true;
      return { bytes, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Starts to fetch the chunk if there is room that nobody else has a claim to; errors show when it is taken. */
  prefetch(chunk: ChunkAddress): void {
    if (this.isZero(chunk) || this.#find(chunk)) return;
    const room = this.#tryRoom(chunk.size, isUsed);
    if (room) this.#load(chunk, async () => room);
  }

  /** Reads the chunk and writes it at `position` of a file, past the cache. */
  async writeTo(chunk: ChunkAddress, file: WritableFile, position: number): Promise<void> {
    const room = await this.#room(chunk.size);
    try {
      const raw = await this.#download(chunk, room);
      await this.#pool.run('decodeTo', [raw, file, position]);
    } finally {
      this.#giveBack(room);
    }
  }

  writeZeros(fd: number, position: number, length: number): Promise<void> {
    return this.#pool.run('writeZeros', [fd, position, length]);
  }

  /** Whether the chunk is known to be all zeros by its digest (formats.md 4.2). */
  isZero({ digest, size, expect }: ChunkAddress): boolean {
    if (size !== fixedChunkSize) return false;
    const key = toHex(digest);
    this.#zeros ??= this.#makeZeros();
    return key === this.#zeros[expect];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }

  #find(chunk: ChunkAddress): Entry | undefined {
    const key = keyOf(chunk);
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  #load(chunk: ChunkAddress, getRoom: () => Promise<ArenaRoom>): Entry {
    const key = keyOf(chunk);
    const entry: Entry = {
      key,
      room: undefined,
      content: this.#fetch(chunk, getRoom, (room) => {
        entry.room = room;
      }),
      pins: 0,
      settled: false,
      used: false,
    };
    this.#entries.set(key, entry);
    entry.content.then(
      () => {
        entry.settled = true;
        this.#wake();
      },
      () => {
        entry.settled = true;
        this.#drop(entry);
      },
    );
    return entry;
  }

  /** `hold` is told of the room that has to stay as long as the content. */
  async #fetch(
    chunk: ChunkAddress,
    getRoom: () => Promise<ArenaRoom>,
    hold: (room: ArenaRoom) => void,
  ): Promise<Uint8Array> {
    // The entry has to be there before anything happens that may look at it.
    await Promise.resolve();
    const room = await getRoom();
    hold(room);
    const raw = await this.#download(chunk, room);
    // With room for it, what is decompressed is not put where it was compressed, which takes a copy.
    const spare = isCompressed(room.bytes.subarray(0, raw.length)) ? this.#tryRoom(chunk.size, isUsed) : undefined;
    let start: number;
    try {
      start = await this.#pool.run<number>('decode', [raw, spare?.offset]);
    } catch (error) {
      if (spare) this.#giveBack(spare);
      throw error;
    }
    if (spare?.offset === start) {
      hold(spare);
      this.#giveBack(room);
    } else if (spare) this.#giveBack(spare);
    return new Uint8Array(this.#arena.buffer, start, chunk.size);
  }

  async #download({ digest, size, expect, what }: ChunkAddress, room: ArenaRoom): Promise<RawChunk> {
    try {
      const length = await this.#session.downloadInto('chunk', { digest: toHex(digest) }, room.bytes);
      return { offset: room.offset, length, digest, size, expect, what };
    } catch (error) {
      throw withContext(what, error);
    }
  }

  async #room(size: number): Promise<ArenaRoom> {
    for (;;) {
      const room = this.#tryRoom(size, () => true);
      if (room) return room;
      if (this.#roomsTaken === 0) {
        throw new GranaryError('internal', `a chunk of ${size} bytes is larger than the memory for reading`);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Room for a container with this much content, at the cost of unused entries that may go. */
  #tryRoom(size: number, mayGo: (entry: Entry) => boolean): ArenaRoom | undefined {
    if (size > maxChunkSize) throw new GranaryError('index-invalid', `an index has a chunk of ${size} bytes`);
    // A foreign writer may have kept compressed data that is a little longer than its content.
    const length = size + encryptedHeaderSize + 1024 + (size >> 7);
    let room = this.#arena.tryAcquire(length);
    for (const entry of [...this.#entries.values()]) {
      if (room) break;
      if (entry.pins > 0 || !entry.settled || !mayGo(entry)) continue;
      this.#drop(entry);
      room = this.#arena.tryAcquire(length);
    }
    if (room) this.#roomsTaken++;
    return room;
  }

  #drop(entry: Entry): void {
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
    if (entry.room) this.#giveBack(entry.room);
    entry.room = undefined;
  }

  #giveBack(room: ArenaRoom): void {
    this.#roomsTaken--;
    room.release();
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #makeZeros(): { plain: string; encrypted: string | undefined; bytes: Uint8Array } {
    const bytes = new Uint8Array(fixedChunkSize);
    const encrypted = this.#crypt && toHex(this.#crypt.digest(bytes));
    return { plain: toHex(plainDigest(bytes)), encrypted, bytes };
  }

  #zeroBytes(size: number): Uint8Array {
    return this.#zeros!.bytes.subarray(0, size);
  }
}

function isUsed(entry: Entry): boolean {
  return entry.used;
}

function keyOf({ digest, size, expect }: ChunkAddress): string {
  return `${toHex(digest)} ${size} ${expect}`;
}
