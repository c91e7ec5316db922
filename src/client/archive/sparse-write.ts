// Writes file content and leaves out blocks of zeros, so that sparse files come back sparse (pxar.md 12). All goes
// through the page cache, at once: past it, or by another thread, a restore waits for the device or for its turn.

import { ftruncateSync, writeSync } from 'node:fs';
import { asBuffer } from '../../base/bytes.ts';

const block = 4096;
const zeros = Buffer.alloc(block);

/** Takes the content of one file in order. */
export class SparseWriter {
  readonly #fd: number;
  #position = 0;
  /** End of what was really written. */
  #written = 0;

  /** `fd`: an empty file, open for writing. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Bytes taken so far. */
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

  #writeRun(bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to; ) at += writeSync(this.#fd, bytes, at, to - at, this.#position + at);
    if (to > from) this.#written = this.#position + to;
  }
}

/** Whether the bytes from `from` to `to`, at most a block, are all zero. */
function isZero(bytes: Buffer, from: number, to: number): boolean {
  return bytes[from] === 0 && bytes[to - 1] === 0 && bytes.compare(zeros, 0, to - from, from, to) === 0;
}
