// Writes the content of large files off the main thread, past the page cache where the file system is known to
// do that well: the kernel's work for a fresh page cache is otherwise the largest part of a restore.

import { ftruncateSync, write } from 'node:fs';
import { asBuffer, copyBytes } from '../../base/bytes.ts';
import { isErrno } from '../../base/errors.ts';
import { directAlignment, setDirect, suitsDirect } from '../../os/direct-flag.ts';
import { type ContentWriter, isZero } from './sparse-write.ts';

const slotSize = 2 * 1024 * 1024;
const slotCount = 4;
/** Zeros of at least this length, and at a multiple of it, become holes. */
const holeSize = 64 * 1024;

/** Memory between the archive and the disk, shared by the files of a restore, which are written one after the other. */
export class WriteSlots {
  readonly #free: Buffer[] = [];
  readonly #waiting: ((slot: Buffer) => void)[] = [];

  constructor() {
    // Only shared WebAssembly memory is sure to begin at a page.
    const pages = (slotSize * slotCount) / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer;
    for (let i = 0; i < slotCount; i++) this.#free.push(Buffer.from(memory, i * slotSize, slotSize));
  }

  take(): Buffer | Promise<Buffer> {
    return this.#free.pop() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(slot: Buffer): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(slot);
    else this.#free.push(slot);
  }
}

/** Files from this size on are worth the detour. */
export const largeFile = 2 * 1024 * 1024;

export class LargeFileWriter implements ContentWriter {
  readonly #fd: number;
  readonly #slots: WriteSlots;
  readonly #running = new Set<Promise<void>>();
  #slot: Buffer | undefined;
  /** Bytes in the current slot, and where it begins in the file. */
  #used = 0;
  #start = 0;
  #written = 0;
  #direct: boolean;
  #failure: unknown;

  /** `fd`: an empty file, open for writing. */
  constructor(fd: number, slots: WriteSlots) {
    this.#fd = fd;
    this.#slots = slots;
    this.#direct = suitsDirect(fd) && setDirect(fd, true);
  }

  get position(): number {
    return this.#start + this.#used;
  }

  write(piece: Uint8Array): void | Promise<void> {
    const bytes = asBuffer(piece);
    let at = 0;
    while (at < bytes.byteLength) {
      if (this.#slot === undefined) {
        const slot = this.#slots.take();
        if (slot instanceof Promise) return this.#writeLater(slot, bytes.subarray(at));
        this.#slot = slot;
      }
      const n = Math.min(slotSize - this.#used, bytes.byteLength - at);
      copyBytes(this.#slot, bytes.subarray(at, at + n), this.#used);
      at += n;
      this.#used += n;
      if (this.#used === slotSize) this.#flush(slotSize);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #writeLater(slot: Promise<Buffer>, rest: Buffer): Promise<void> {
    this.#slot = await slot;
    await this.write(rest);
  }

  async finish(): Promise<void> {
    const tail = this.#used % directAlignment;
    const size = this.position;
    const slot = this.#slot;
    if (slot !== undefined) {
      const rest = Buffer.from(slot.subarray(this.#used - tail, this.#used));
      this.#flush(this.#used - tail);
      await this.#settle();
      if (tail > 0) {
        if (this.#direct) setDirect(this.#fd, false);
        await this.#writeAll(rest, 0, tail, size - tail);
        this.#written = size;
      }
    } else await this.#settle();
    if (this.#written < size) ftruncateSync(this.#fd, size);
  }

  async abandon(): Promise<void> {
    await Promise.allSettled(this.#running);
    if (this.#slot !== undefined) this.#slots.give(this.#slot);
    this.#slot = undefined;
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Starts writing the first `length` bytes of the current slot, which is given back when that is done. */
  #flush(length: number): void {
    const slot = this.#slot!;
    const start = this.#start;
    this.#slot = undefined;
    this.#start += this.#used;
    this.#used = 0;
    const run = this.#writeSlot(slot, length, start)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#slots.give(slot);
        this.#running.delete(run);
      });
    this.#running.add(run);
  }

  async #writeSlot(slot: Buffer, length: number, start: number): Promise<void> {
    let from = 0;
    for (let at = 0; at < length; at += holeSize) {
      const end = Math.min(length, at + holeSize);
      if (!isZero(slot, at, end)) continue;
      await this.#writeAll(slot, from, at, start + from);
      from = end;
    }
    await this.#writeAll(slot, from, length, start + from);
  }

  async #writeAll(bytes: Buffer, from: number, to: number, position: number): Promise<void> {
    for (let at = from; at < to; ) {
      try {
        at += await writeOnce(this.#fd, bytes, at, to - at, position + at - from);
      } catch (error) {
        // The file system takes the flag but not this file.
        if (!this.#direct || !isErrno(error, 'EINVAL')) throw error;
        this.#direct = false;
        setDirect(this.#fd, false);
      }
    }
    if (to > from) this.#written = Math.max(this.#written, position + to - from);
  }
}

function writeOnce(fd: number, bytes: Buffer, at: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, at, length, position, (error, written) => (error ? reject(error) : resolve(written)));
  });
}
