// Archives in memory as the streams and sinks of the room's doors.

import { setImmediate } from 'node:timers/promises';
import { type ByteSink, MemorySink } from '../../base/io.ts';

/** Pieces of `size` bytes; each piece is overwritten once the next is asked for, as a recycling source would. */
export async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += size) {
    const piece = Uint8Array.from(bytes.subarray(at, at + size));
    yield piece;
    piece.fill(0xee);
  }
}

/** A sink that makes its user wait for every write. */
export class SlowSink implements ByteSink {
  readonly #inner = new MemorySink();

  get position(): number {
    return this.#inner.position;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await setImmediate();
    this.#inner.write(bytes);
  }

  async reserve(max: number): Promise<Uint8Array> {
    await setImmediate();
    return this.#inner.reserve(Math.min(max, 7));
  }

  commit(length: number): void {
    this.#inner.commit(length);
  }

  bytes(): Uint8Array {
    return this.#inner.bytes();
  }
}

export async function contentOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(Uint8Array.from(piece));
  return Buffer.concat(parts);
}
