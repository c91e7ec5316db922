// The plain content behind an index of a datastore, server side: random access for browsing and ordered streams for
// downloads. Encrypted content cannot be read here; the server has no key.

import { toHex } from '../base/bytes.ts';
import type { ReadAt } from '../base/io.ts';
import { mapOrdered, throwIfAborted } from '../base/streams.ts';
import type { ChunkStore } from '../chunk-store/contract.ts';
import { decodeBlob } from '../format/blob.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';

export interface DatastoreReaderOptions {
  chunks: ChunkStore;
  index: ChunkIndex;
  /** Bytes of decoded chunks that are kept for the next read. Default 16 MiB; at least one chunk is kept. */
  cacheBytes?: number;
  signal?: AbortSignal;
}

const defaultCache = 16 * 1024 * 1024;
/** Chunks of a stream that are read at the same time. */
const readAhead = 4;

interface CachedChunk {
  content: Promise<Uint8Array>;
  size: number;
}

/**
 * Every chunk is checked on its way: CRC, kind, digest and length. Throws `chunk-missing`, `blob-invalid` and
 * `digest-mismatch`. May be read concurrently.
 */
export class DatastoreReader implements ReadAt {
  readonly #chunks: ChunkStore;
  readonly #index: ChunkIndex;
  readonly #cacheBytes: number;
  readonly #signal: AbortSignal | undefined;
  /** By position in the index, least recently used first. */
  readonly #cache = new Map<number, CachedChunk>();
  #cached = 0;

  constructor(options: DatastoreReaderOptions) {
    this.#chunks = options.chunks;
    this.#index = options.index;
    this.#cacheBytes = options.cacheBytes ?? defaultCache;
    this.#signal = options.signal;
  }

  get size(): number {
    return this.#index.size;
  }

  async readAt(offset: number, length: number): Promise<Uint8Array> {
    if (offset < 0 || length < 0 || offset + length > this.size) {
      throw new RangeError(`range ${offset}+${length} is outside of ${this.size} bytes`);
    }
    if (length === 0) return new Uint8Array(0);
    const first = this.#index.find(offset);
    const content = await this.#chunk(first);
    const within = offset - this.#index.startOf(first);
    if (within + length <= content.byteLength) return content.subarray(within, within + length);
    const result = new Uint8Array(length);
    let at = 0;
    for (let i = first; at < length; i++) {
      const bytes = i === first ? content.subarray(within) : await this.#chunk(i);
      const piece = bytes.subarray(0, length - at);
      result.set(piece, at);
      at += piece.byteLength;
    }
    return result;
  }

  /** The content from `offset` to `end`, in pieces of a chunk at most. */
  async *stream(offset = 0, end = this.size): AsyncGenerator<Uint8Array, void, undefined> {
    if (offset >= end) return;
    const first = this.#index.find(offset);
    const last = this.#index.find(end - 1);
    const positions = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    for await (const [i, content] of mapOrdered(
      positions,
      readAhead,
      async (i) => [i, await this.#load(i)] as const,
      this.#signal,
    )) {
      const start = this.#index.startOf(i);
      yield content.subarray(Math.max(0, offset - start), Math.min(content.byteLength, end - start));
    }
  }

  #chunk(i: number): Promise<Uint8Array> {
    const known = this.#cache.get(i);
    if (known !== undefined) {
      this.#cache.delete(i);
      this.#cache.set(i, known);
      return known.content;
    }
    const entry = { content: this.#load(i), size: this.#index.endOf(i) - this.#index.startOf(i) };
    this.#cache.set(i, entry);
    this.#cached += entry.size;
    for (const [oldest, { size }] of this.#cache) {
      if (this.#cached <= this.#cacheBytes || oldest === i) break;
      this.#cache.delete(oldest);
      this.#cached -= size;
    }
    // A read that failed may work the next time.
    entry.content.catch(() => {
      if (this.#cache.get(i) === entry && this.#cache.delete(i)) this.#cached -= entry.size;
    });
    return entry.content;
  }

  async #load(i: number): Promise<Uint8Array> {
    throwIfAborted(this.#signal);
    const digest = this.#index.digestAt(i);
    const size = this.#index.endOf(i) - this.#index.startOf(i);
    return decodeBlob(await this.#chunks.read(digest), {
      what: `chunk ${toHex(digest)}`,
      digest,
      size,
      maxSize: size,
      expect: 'plain',
    });
  }
}
