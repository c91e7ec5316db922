// The chunker over shared memory: the same cuts as buzhash.ts, found sixteen lanes at a time by scanner.wat.
// It looks only where a cut may be: from the minimum size on, with a window of 64 bytes to warm up.

import { GranaryError } from '../base/errors.ts';
import type { BoundaryScanner } from './boundaries.ts';
import { type ChunkParameters, chunkParameters, windowSize } from './buzhash.ts';
import { buzhashTable } from './buzhash-table.ts';
import { scannerWasm } from './scanner.wasm.ts';

/** Bytes at the start of the memory that belong to the scanner: its constants and its scratch room. */
export const scannerReserved = 8192;
const lanes = 16;
const segment = 2112;
const block = lanes * segment;

type Search = (from: number, to: number, free: number) => number;

interface ScannerExports {
  scalar: Search;
  blocks: Search;
  isZero(from: number, to: number): number;
}

let compiled: WebAssembly.Module | undefined;

/** The compiled scanner bound to one shared memory, for one thread at a time. */
export class ScannerProgram {
  readonly #exports: ScannerExports;

  /** The first `scannerReserved` bytes of `memory` are overwritten. */
  constructor(memory: WebAssembly.Memory) {
    compiled ??= new WebAssembly.Module(Buffer.from(scannerWasm, 'base64'));
    const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
    const { scalar, blocks, isZero } = exports;
    if (typeof scalar !== 'function' || typeof blocks !== 'function' || typeof isZero !== 'function') {
      throw new GranaryError('internal', 'the compiled scanner lacks its functions');
    }
    this.#exports = { scalar: scalar as Search, blocks: blocks as Search, isZero: isZero as ScannerExports['isZero'] };
    new Uint32Array(memory.buffer, 0, 256).set(buzhashTable);
  }

  /** Whether `length` bytes at `address` are all zero; stops at the first that is not. `length` is a multiple of 64. */
  isZero(address: number, length: number): boolean {
    return this.#exports.isZero(address, address + length) !== 0;
  }

  /**
   * The address behind the first cut in `from` to `to`, or 0. The 64 bytes in front belong to the chunk; those from
   * `tested` to `from` are known to have no cut.
   */
  find(from: number, to: number, mask: number, tested: number): number {
    const { scalar, blocks } = this.#exports;
    const whole = from + Math.floor((to - from) / block) * block;
    if (whole > from) {
      const found = blocks(from, whole, ~mask);
      if (found !== 0 || whole === to) return found;
    }
    // The rest is less than a block: make it one by looking once more at bytes that have no cut.
    return to - block >= tested ? blocks(to - block, to, ~mask) : scalar(whole, to, ~mask);
  }
}

/** Finds the hash boundaries of one stream whose current chunk lies in one piece in the program's memory. */
export class SimdScanner implements BoundaryScanner {
  readonly parameters: ChunkParameters;
  /** Where the current chunk begins; to be set when its bytes are moved. */
  address = 0;
  readonly #program: ScannerProgram;

  constructor(program: ScannerProgram, average: number) {
    this.#program = program;
    this.parameters = chunkParameters(average);
  }

  scan(from: number, to: number): number {
    const { minimum, maximum, mask } = this.parameters;
    // A cut behind `length` bytes shows in the byte at `length - 1`; the window has to be full before it.
    const first = Math.max(minimum - 1, windowSize);
    const low = this.address + Math.max(from, first);
    const high = this.address + Math.min(to, maximum - 1);
    if (low < high) {
      const found = this.#program.find(low, high, mask, this.address + first);
      if (found !== 0) return found - this.address;
    }
    return to >= maximum ? maximum : 0;
  }

  next(length: number): void {
    this.address += length;
  }
}
