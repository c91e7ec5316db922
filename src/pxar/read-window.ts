// Reads ahead over random access, so that neighbouring small items cost one read. Each walk has its own window;
// nothing is shared between concurrent calls.

import type { ReadAt } from '../base/io.ts';
import { plain } from './byte-window.ts';
import { damaged } from './damage.ts';

export class ReadWindow {
  readonly #source: ReadAt;
  readonly #name: string;
  readonly #ahead: number;
  #start = 0;
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);

  constructor(source: ReadAt, name: string, ahead: number) {
    this.#source = source;
    this.#name = name;
    this.#ahead = ahead;
  }

  /**
   * What `read` gives, which begins at `offset` and asks for bytes by `need`. Where some are not at hand they are read, and
   * `read` is called once more: waiting for each item of millions of entries would take longer than looking at it.
   */
  async with<T>(offset: number, read: () => T): Promise<T> {
    for (let least = this.#ahead; ; least *= 2) {
      try {
        return read();
      } catch (error) {
        if (!(error instanceof Missing)) throw error;
        await this.#load(offset, Math.max(least, error.end - offset));
      }
    }
  }

  /** The index in `bytes` of `length` bytes at `offset`, which have to end at or before `limit`. */
  need(offset: number, length: number, limit: number): number {
    const at = offset - this.#start;
    const end = offset + length;
    if (at >= 0 && at + length <= this.bytes.byteLength) return at;
    if (end > limit || end > this.#source.size) {
      const most = Math.min(limit, this.#source.size);
      throw damaged(this.#name, offset, `an item of ${length} bytes reaches beyond offset ${most}`);
    }
    throw new Missing(end);
  }

  async #load(offset: number, length: number): Promise<void> {
    this.bytes = plain(await this.#source.readAt(offset, Math.min(length, this.#source.size - offset)));
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    this.#start = offset;
  }
}

/** Thrown by `need` for bytes before `end` that are not at hand; nobody but `with` sees it. */
class Missing {
  readonly end: number;

  constructor(end: number) {
    this.end = end;
  }
}

/** A part of other content, as content of its own. */
export class SliceReadAt implements ReadAt {
  readonly #source: ReadAt;
  readonly #start: number;
  readonly size: number;

  constructor(source: ReadAt, start: number, size: number) {
    this.#source = source;
    this.#start = start;
    this.size = size;
  }

  async readAt(offset: number, length: number): Promise<Uint8Array> {
    if (offset < 0 || length < 0 || offset + length > this.size) {
      throw new RangeError(`range ${offset}+${length} is outside of ${this.size} bytes`);
    }
    return this.#source.readAt(this.#start + offset, length);
  }
}
