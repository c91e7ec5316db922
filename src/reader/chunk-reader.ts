// The content of one archive, read through its index: anywhere, from front to back, or into a file.

import { closeSync } from 'node:fs';
import { toHex } from '../base/bytes.ts';
import type { ReadAt } from '../base/io.ts';
import { mapOrdered, throwIfAborted } from '../base/streams.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';
import type { CryptMode } from '../model/names.ts';
import { reopenDirect } from '../os/direct-flag.ts';
import type { ChunkAddress, ChunkCache } from './chunk-cache.ts';

/** How far a stream fetches ahead of its reader, in bytes of content. */
const defaultReadAhead = 24 * 1024 * 1024;
/** Chunks that are under way at once when an archive is written to a file; memory is the actual limit. */
const writesAhead = 16;

export interface ChunkReaderOptions {
  cache: ChunkCache;
  index: ChunkIndex;
  /** The archive's name, for errors. */
  name: string;
  /** As the manifest has it: decides which kind of chunks is accepted. */
  cryptMode: CryptMode;
  readAhead?: number;
}

export interface WriteOptions {
  /** The file is new and empty: zeros need not be written. It has to be brought to its full size by the caller. */
  sparse?: boolean;
  signal?: AbortSignal;
  /** Bytes of content that were written or left out since the last call. */
  onProgress?: (bytes: number) => void;
}

/**
 * Every chunk is checked against CRC, authentication tag, digest and length before anything of it is handed out.
 * Errors name the archive, the chunk's digest and its offset.
 */
export class ChunkReader implements ReadAt {
  readonly index: ChunkIndex;
  readonly name: string;
  readonly #cache: ChunkCache;
  readonly #expect: 'plain' | 'encrypted';
  readonly #readAhead: number;
  #lastRead = -1;

  constructor(options: ChunkReaderOptions) {
    this.index = options.index;
    this.name = options.name;
    this.#cache = options.cache;
    this.#expect = options.cryptMode === 'encrypt' ? 'encrypted' : 'plain';
    this.#readAhead = options.readAhead ?? defaultReadAhead;
  }

  get size(): number {
    return this.index.size;
  }

  /** A copy of the range. Reading on where the last call ended fetches the next chunk ahead. */
  async readAt(offset: number, length: number): Promise<Uint8Array> {
    if (offset < 0 || length < 0 || offset + length > this.size) {
      throw new RangeError(`range ${offset}+${length} is outside of the ${this.size} bytes of ${this.name}`);
    }
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = this.index.find(offset + done);
      if (at === this.#lastRead + 1 && at + 1 < this.index.count) this.#cache.prefetch(this.#address(at + 1));
      this.#lastRead = at;
      const chunk = await this.#cache.take(this.#address(at));
      try {
        const start = offset + done - this.index.startOf(at);
        const piece = chunk.bytes.subarray(start, start + length - done);
        out.set(piece, done);
        done += piece.byteLength;
      } finally {
        chunk.release();
      }
    }
    return out;
  }

  /**
   * The content from `from` to `to` in order, with chunks fetched and checked ahead. A piece is valid until the
   * next one is asked for; it may lie in shared memory.
   */
  async *stream(from = 0, to = this.size, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    if (from >= to) return;
    const last = this.index.find(to - 1);
    let ahead = this.index.find(from);
    for (let at = ahead; at <= last; at++) {
      throwIfAborted(signal);
      const taken = this.#cache.take(this.#address(at));
      ahead = Math.max(ahead, at + 1);
      while (ahead <= last && this.index.endOf(ahead) - this.index.endOf(at) <= this.#readAhead) {
        this.#cache.prefetch(this.#address(ahead++));
      }
      const chunk = await taken;
      try {
        const start = this.index.startOf(at);
        yield chunk.bytes.subarray(Math.max(0, from - start), to - start);
      } finally {
        chunk.release();
      }
    }
  }

  /** Writes the whole content to an open file, at its places; workers do the writing. */
  async writeTo(fd: number, options: WriteOptions = {}): Promise<void> {
    const { sparse, signal, onProgress } = options;
    // In a new file direct writes find nothing in the page cache that they could contradict.
    const direct = sparse ? reopenDirect(fd) : undefined;
    const file = direct === undefined ? { fd } : { fd, direct };
    const write = async (at: number): Promise<number> => {
      const chunk = this.#address(at);
      const position = this.index.startOf(at);
      if (!this.#cache.isZero(chunk)) await this.#cache.writeTo(chunk, file, position);
      else if (!sparse) await this.#cache.writeZeros(fd, position, chunk.size);
      return chunk.size;
    };
    const numbers = Array.from({ length: this.index.count }, (_, at) => at);
    try {
      for await (const size of mapOrdered(numbers, writesAhead, write, signal)) onProgress?.(size);
    } finally {
      if (direct !== undefined) closeSync(direct);
    }
  }

  #address(at: number): ChunkAddress {
    const digest = this.index.digestAt(at);
    const start = this.index.startOf(at);
    const what = `${this.name}: chunk ${toHex(digest)} at offset ${start}`;
    return { digest, size: this.index.endOf(at) - start, expect: this.#expect, what };
  }
}
