// A sliding window over a byte stream: items are parsed in place, content is handed out as views.
// Only an item that straddles two pieces is copied, and of it only its own bytes; it is copied before the next
// piece is asked for, so that a source may recycle a piece from then on.

import { throwIfAborted } from '../base/abort.ts';
import { damaged } from './damage.ts';

const empty = new Uint8Array(0);

export class ByteWindow {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #name: string;
  readonly #signal: AbortSignal | undefined;
  /** The window; `at` is the next byte. */
  bytes: Uint8Array = empty;
  view: DataView = new DataView(empty.buffer);
  at = 0;
  /** Stream offset of `bytes[0]`. */
  #base = 0;
  /** What follows `bytes` when that is the joined copy of a straddling item. */
  #rest: Uint8Array | undefined = undefined;
  /** The memory that straddling items are joined in. */
  #owned: Uint8Array = empty;
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>, name: string, signal?: AbortSignal) {
    this.#source = source[Symbol.asyncIterator]();
    this.#name = name;
    this.#signal = signal;
  }

  /** Stream offset of the next byte. */
  get position(): number {
    return this.#base + this.at;
  }

  /** Whether `need` bytes lie contiguously in the window. */
  has(need: number): boolean {
    if (this.bytes.byteLength - this.at >= need) return true;
    return this.#rest !== undefined && this.#join(need);
  }

  /** Waits until `has(need)`; throws when the stream ends before. */
  async fill(need: number): Promise<void> {
    while (!this.has(need)) {
      const missing = need - (this.bytes.byteLength - this.at);
      if (!(await this.#pull(need))) {
        throw damaged(this.#name, this.position, `the data ends ${missing} bytes too early`);
      }
    }
  }

  /** Whether nothing follows. */
  async atEnd(): Promise<boolean> {
    while (!this.has(1)) if (!(await this.#pull(1))) return true;
    return false;
  }

  /** A view of the next 1 to `max` bytes, which are consumed; needs `has(1)`. */
  take(max: number): Uint8Array {
    const start = this.at;
    this.at = Math.min(this.bytes.byteLength, start + max);
    return this.bytes.subarray(start, this.at);
  }

  /** Consumes up to `count` bytes of those at hand; returns how many. */
  skip(count: number): number {
    let left = count;
    while (left > 0 && this.has(1)) {
      const step = Math.min(left, this.bytes.byteLength - this.at);
      this.at += step;
      left -= step;
    }
    return count - left;
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.bytes = empty;
    this.#rest = undefined;
    await this.#source.return?.();
  }

  /** Gets the next piece on the way to `need` bytes, more than are at hand; false at the end. */
  async #pull(need: number): Promise<boolean> {
    if (this.#ended) return false;
    throwIfAborted(this.#signal);
    if (this.at < this.bytes.byteLength) this.#grow(need, empty);
    const next = await this.#source.next();
    if (next.done) {
      this.#ended = true;
      return false;
    }
    if (next.value.byteLength > 0) this.#rest = plain(next.value);
    return true;
  }

  /** Makes `need` bytes contiguous with the help of `#rest`; takes all of it and returns false when it is too short. */
  #join(need: number): boolean {
    const rest = this.#rest!;
    this.#rest = undefined;
    if (this.at === this.bytes.byteLength && rest.byteLength >= need) {
      this.#show(rest, rest.byteLength, this.position);
      return true;
    }
    const missing = need - (this.bytes.byteLength - this.at);
    if (rest.byteLength <= missing) {
      this.#grow(need, rest);
      return rest.byteLength === missing;
    }
    this.#grow(need, rest.subarray(0, missing));
    this.#rest = rest.subarray(missing);
    return true;
  }

  /** Copies what is left of the window and `more` into memory of its own with room for `need` bytes. */
  #grow(need: number, more: Uint8Array): void {
    const { at, position } = this;
    const end = this.bytes.byteLength;
    if (this.bytes.buffer === this.#owned.buffer && at + need <= this.#owned.byteLength) {
      this.#owned.set(more, end);
      this.#show(this.#owned, end + more.byteLength, position - at);
      this.at = at;
      return;
    }
    this.#owned = new Uint8Array(need);
    this.#owned.set(this.bytes.subarray(at));
    this.#owned.set(more, end - at);
    this.#show(this.#owned, end - at + more.byteLength, position);
  }

  #show(bytes: Uint8Array, length: number, position: number): void {
    this.bytes = length === bytes.byteLength ? bytes : bytes.subarray(0, length);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, length);
    this.at = 0;
    this.#base = position;
  }
}

/** Never a Buffer, whose `slice` would share memory instead of copying. */
export function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
