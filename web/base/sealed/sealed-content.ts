// The content behind an index, chunk by chunk from the server, opened here: random access for browsing, a stream for
// downloads.

import type { ReadAt } from '../../../src/base/io.ts';
import { DamageError, openBlob } from './blob.ts';
import { type Bytes, toHex } from './bytes.ts';
import type { ChunkIndex } from './chunk-index.ts';
import type { Key } from './key.ts';

export interface SealedContentOptions {
  index: ChunkIndex;
  /** Chunk `position` as it is stored. */
  fetchChunk(position: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** Undefined where the content is not encrypted. */
  key: Key | undefined;
  signal?: AbortSignal;
}

const maxChunk = 16 * 1024 * 1024;
/** Opened chunks that are kept. */
const keptChunks = 4;
const readAhead = 3;

export class SealedContent implements ReadAt {
  readonly #o: SealedContentOptions;
  /** By position, least recently used first. */
  readonly #kept = new Map<number, Promise<Bytes>>();

  constructor(options: SealedContentOptions) {
    this.#o = options;
  }

  get size(): number {
    return this.#o.index.size;
  }

  async readAt(offset: number, length: number): Promise<Uint8Array> {
    if (offset < 0 || length < 0 || offset + length > this.size) {
      throw new RangeError(`range ${offset}+${length} is outside of ${this.size} bytes`);
    }
    const { index } = this.#o;
    const out = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const position = index.find(offset + at);
      const content = await this.#chunk(position);
      const within = offset + at - index.startOf(position);
      const piece = content.subarray(within, within + length - at);
      out.set(piece, at);
      at += piece.byteLength;
    }
    return out;
  }

  /** The content's first chunk. */
  firstChunk(): Promise<Uint8Array> {
    return this.#chunk(0);
  }

  /** All of it in order, a few chunks ahead. */
  async *stream(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const { count } = this.#o.index;
    const running: Promise<Bytes>[] = [];
    for (let next = 0, at = 0; at < count; at++) {
      while (next < count && next <= at + readAhead) {
        const load = this.#load(next++);
        load.catch(() => {});
        running.push(load);
      }
      yield await running.shift()!;
    }
  }

  #chunk(position: number): Promise<Bytes> {
    const known = this.#kept.get(position);
    this.#kept.delete(position);
    const content = known ?? this.#load(position);
    this.#kept.set(position, content);
    // What failed may work the next time.
    if (known === undefined) content.catch(() => this.#kept.delete(position));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > keptChunks) this.#kept.delete(oldest!);
    return content;
  }

  async #load(position: number): Promise<Bytes> {
    const { index, key, fetchChunk, signal } = this.#o;
    signal?.throwIfAborted();
    const digest = index.digestAt(position);
    const size = index.endOf(position) - index.startOf(position);
    const what = `chunk ${toHex(digest)}`;
    if (size > maxChunk) throw new DamageError(`${what}: ${size} bytes are too many`);
    const raw = await fetchChunk(position, signal);
    return await openBlob(raw, {
      what,
      digest,
      size,
      encrypted: key !== undefined,
      ...(key === undefined ? {} : { key }),
    });
  }
}
