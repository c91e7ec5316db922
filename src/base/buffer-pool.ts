// Memory for large bytes that come and go: fresh memory costs the kernel more than reading a file into it, and
// the collector looks through the whole heap for every 64 MiB of it.

/** Bytes in pooled memory. */
export interface PooledBytes {
  readonly bytes: Uint8Array;
  /** Gives the memory back; nobody may look at `bytes` from then on. Without it the collector takes the memory. */
  release(): void;
}

const smallest = 64 * 1024;

/** Hands out memory of any size, and keeps at most `kept` bytes of what comes back. */
export class BufferPool {
  readonly #free = new Map<number, Buffer[]>();
  #room: number;

  constructor(kept: number) {
    this.#room = kept;
  }

  take(size: number): PooledBytes {
    const length = classOf(size);
    const kept = this.#free.get(length)?.pop();
    if (kept) this.#room += length;
    const buffer = kept ?? Buffer.allocUnsafeSlow(length);
    let held = true;
    return {
      bytes: buffer.subarray(0, size),
      release: () => {
        if (held) this.#keep(buffer);
        held = false;
      },
    };
  }

  #keep(buffer: Buffer): void {
    const length = buffer.byteLength;
    if (length > this.#room) return;
    this.#room -= length;
    const list = this.#free.get(length);
    if (list) list.push(buffer);
    else this.#free.set(length, [buffer]);
  }
}

/** Four sizes for each power of two, so that what came back fits again. */
function classOf(size: number): number {
  const step = 2 ** (Math.floor(Math.log2(Math.max(size, smallest))) - 2);
  return Math.max(smallest, Math.ceil(size / step) * step);
}
