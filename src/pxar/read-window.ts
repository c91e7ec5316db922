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

  /** Index in `bytes` of `offset` if `length` bytes from there are at hand, else -1. */
  indexOf(offset: number, length: number): number {
    const at = offset - this.#start;
    return at >= 0 && at + length <= this.bytes.byteLength ? at : -1;
  }

  /** Makes `length` bytes at `offset` available, which have to end at or before `limit`; returns their index. */
  async load(offset: number, length: number, limit: number): Promise<number> {
    const at = this.indexOf(offset, length);
    if (at >= 0) return at;
    if (offset + length > limit) {
      throw damaged(this.#name, offset, `an item of ${length} bytes reaches beyond offset ${limit}`);
    }
    const ahead = Math.min(Math.max(length, this.#ahead), this.#source.size - offset);
    this.bytes = plain(await this.#source.readAt(offset, ahead));
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    this.#start = offset;
    return 0;
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
