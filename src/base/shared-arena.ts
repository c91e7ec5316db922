// Pooled room in one shared, page-aligned memory, so that worker threads get offsets instead of bytes.
// A WebAssembly.Memory gives the alignment that O_DIRECT needs, and lets WASM work on the same bytes.

import { GranaryError } from './errors.ts';
import { throwIfAborted } from './streams.ts';

const pageSize = 4096;
const wasmPageSize = 65536;

/** A piece of an arena. The bytes are the holder's alone until `release`. */
export interface ArenaRoom {
  /** Offset of the first byte in the arena's memory: what a worker is told. A multiple of 4096. */
  readonly offset: number;
  /** At least the size that was asked for, rounded up to whole pages. */
  readonly length: number;
  readonly bytes: Uint8Array;
  /** Gives the room back; further calls do nothing. */
  release(): void;
}

interface Waiter {
  length: number;
  resolve(room: ArenaRoom): void;
}

/**
 * First-fit allocation of page-aligned rooms. `acquire` waits, first come first served, while there is
 * no room; so the arena's size bounds the memory of whatever flows through it. Pages that were
 * never used cost nothing.
 */
export class SharedArena {
  readonly memory: WebAssembly.Memory;
  readonly buffer: SharedArrayBuffer;
  readonly size: number;
  /** Free extents as [offset, length], ascending, never adjacent. */
  readonly #free: [number, number][];
  readonly #waiting: Waiter[] = [];

  /** `reserved` bytes at offset 0 stay out of the pool (tables of a WASM program). */
  constructor(size: number, reserved = 0) {
    const first = Math.ceil(reserved / pageSize) * pageSize;
    const pages = Math.ceil((first + size) / wasmPageSize);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const buffer: ArrayBuffer | SharedArrayBuffer = this.memory.buffer;
    if (!(buffer instanceof SharedArrayBuffer)) throw new GranaryError('internal', 'shared memory is not available');
    this.buffer = buffer;
    this.size = pages * wasmPageSize - first;
    this.#free = [[first, this.size]];
  }

  /** Bytes that nobody holds. */
  get available(): number {
    return this.#free.reduce((sum, [, length]) => sum + length, 0);
  }

  /** How many wait for room. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Room of at least `size` bytes, waiting for it if need be. Fails at once if the arena is smaller than that. */
  async acquire(size: number, signal?: AbortSignal): Promise<ArenaRoom> {
    throwIfAborted(signal);
    const now = this.tryAcquire(size);
    if (now) return now;
    if (size > this.size) {
      throw new GranaryError('internal', `${size} bytes asked of an arena of ${this.size} bytes`);
    }
    return new Promise<ArenaRoom>((resolve, reject) => {
      const waiter: Waiter = {
        length: roundUp(size),
        resolve: (room) => {
          signal?.removeEventListener('abort', abort);
          resolve(room);
        },
      };
      const abort = (): void => {
        const at = this.#waiting.indexOf(waiter);
        if (at >= 0) this.#waiting.splice(at, 1);
        this.#serve();
        try {
          throwIfAborted(signal);
        } catch (error) {
          reject(error);
        }
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  /** Like `acquire`, but undefined when it would have to wait. */
  tryAcquire(size: number): ArenaRoom | undefined {
    return this.#waiting.length > 0 ? undefined : this.#take(roundUp(size));
  }

  #take(length: number): ArenaRoom | undefined {
    const at = this.#free.findIndex(([, free]) => free >= length);
    const extent = this.#free[at];
    if (!extent) return undefined;
    const offset = extent[0];
    if (extent[1] === length) this.#free.splice(at, 1);
    else {
      extent[0] += length;
      extent[1] -= length;
    }
    let held = true;
    return {
      offset,
      length,
      bytes: new Uint8Array(this.buffer, offset, length),
      release: () => {
        if (!held) return;
        held = false;
        this.#giveBack(offset, length);
        this.#serve();
      },
    };
  }

  #giveBack(offset: number, length: number): void {
    let at = this.#free.findIndex(([start]) => start > offset);
    if (at < 0) at = this.#free.length;
    const before = this.#free[at - 1];
    const after = this.#free[at];
    const joinsBefore = before !== undefined && before[0] + before[1] === offset;
    const joinsAfter = after !== undefined && offset + length === after[0];
    if (joinsBefore) before[1] += length + (joinsAfter ? after[1] : 0);
    if (joinsBefore && joinsAfter) this.#free.splice(at, 1);
    else if (!joinsBefore && joinsAfter) this.#free[at] = [offset, length + after[1]];
    else if (!joinsBefore) this.#free.splice(at, 0, [offset, length]);
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const room = this.#take(this.#waiting[0]!.length);
      if (!room) return;
      this.#waiting.shift()!.resolve(room);
    }
  }
}

function roundUp(size: number): number {
  return Math.max(1, Math.ceil(size / pageSize)) * pageSize;
}
