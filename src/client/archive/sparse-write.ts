// Writes file content and leaves out blocks of zeros, so that sparse files come back sparse (pxar.md 12).

import { ftruncateSync, writeSync } from 'node:fs';
import { asBuffer } from '../../base/bytes.ts';

const block = 4096;
const zeros = Buffer.alloc(64 * 1024);

/** Takes the content of one file in order. */
export interface ContentWriter {
  /** Bytes taken so far. */
  readonly position: number;
  /** A returned promise has to settle before the next call; `piece` may be reused then. */
  write(piece: Uint8Array): void | Promise<void>;
  /** Everything is written, and the file has its full size, when this is over. */
  finish(): void | Promise<void>;
  /** Has to be awaited before the file is closed, whether it was finished or not. */
  abandon(): void | Promise<void>;
}

export class SparseWriter implements ContentWriter {
  readonly #fd: number;
  #position = 0;
  /** End of what was really written. */
  #written = 0;

  /** `fd`: an empty file, open for writing. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  get position(): number {
    return this.#position;
  }

  write(piece: Uint8Array): void {
    const bytes = asBuffer(piece);
    let run = 0;
    for (let at = 0; at < bytes.byteLength; ) {
      // Blocks are those of the file, whatever the pieces are.
      const end = Math.min(bytes.byteLength, at + block - ((this.#position + at) % block));
      if (isZero(bytes, at, end)) {
        this.#writeRun(bytes, run, at);
        run = end;
      }
      at = end;
    }
    this.#writeRun(bytes, run, bytes.byteLength);
    this.#position += bytes.byteLength;
  }

  /** Gives the file its full size. */
  finish(): void {
    if (this.#written < this.#position) ftruncateSync(this.#fd, this.#position);
  }

  abandon(): void {}

  #writeRun(bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to; ) at += writeSync(this.#fd, bytes, at, to - at, this.#position + at);
    if (to > from) this.#written = this.#position + to;
  }
}

/** Whether the bytes from `from` to `to`, at most 64 KiB, are all zero. */
export function isZero(bytes: Buffer, from: number, to: number): boolean {
  return bytes[from] === 0 && bytes[to - 1] === 0 && bytes.compare(zeros, 0, to - from, from, to) === 0;
}
