// The chunker over shared memory: the same cuts as buzhash.ts, found sixteen lanes at a time by scanner.wat.
// It looks only where a cut may be: from the minimum size on, with a window of 64 bytes to warm up.

import { GranaryError } from '../base/errors.ts';
import type { BoundaryScanner } from './boundaries.ts';
import { type ChunkParameters, chunkParameters, windowSize } from './buzhash.ts';
import { buzhashTable } from './buzhash-table.ts';
import { scannerWasm } from './scanner.wasm.ts';

/** Threads that may scan the same memory at once, each with a number below this. */
export const scannerThreads = 8;
const constantsSize = 1024;
/** Half of it is used. */
const scratchSize = 8192;
/** Bytes at the start of the memory that belong to the scanner: its constants, and scratch room for each thread. */
export const scannerReserved = constantsSize + scannerThreads * scratchSize;
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

  /** The first `scannerReserved` bytes of `memory` are overwritten. `thread` is the number of who uses it. */
  constructor(memory: WebAssembly.Memory, thread = 0) {
    compiled ??= new WebAssembly.Module(Buffer.from(scannerWasm, 'base64'));
    const { exports } = new WebAssembly.Instance(compiled, { env: { memory, scratch: thread * scratchSize } });
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

/** All cuts in a range of addresses: the addresses behind them, ascending. */
export interface FoundCuts {
  from: number;
  to: number;
  cuts: number[];
}

/** Data that repeats itself may be cut at every few bytes, of which next to nothing counts. */
const mostCuts = 64;

/**
 * All cuts in `from` to `to`; the 64 bytes in front are there, too. What was found in a range of its own, whatever the
 * chunks turn out to be. Ends earlier when there are too many.
 */
export function findCuts(program: ScannerProgram, from: number, to: number, mask: number): FoundCuts {
  const cuts: number[] = [];
  for (let at = from; at < to && cuts.length < mostCuts; ) {
    const cut = program.find(at, to, mask, at);
    if (cut === 0) return { from, to, cuts };
    cuts.push(cut);
    at = cut;
  }
  return { from, to: cuts.at(-1) ?? to, cuts };
}

/** Finds the hash boundaries of one stream whose current chunk lies in one piece in the program's memory. */
export class SimdScanner implements BoundaryScanner {
  readonly parameters: ChunkParameters;
  readonly #program: ScannerProgram;
  #address = 0;
  /** What another thread has found; one range without gaps. */
  #found: FoundCuts = { from: 0, to: 0, cuts: [] };

  constructor(program: ScannerProgram, average: number) {
    this.#program = program;
    this.parameters = chunkParameters(average);
  }

  /** Where the current chunk begins; to be set when its bytes are moved. */
  get address(): number {
    return this.#address;
  }

  set address(address: number) {
    this.#address = address;
    this.#found = { from: 0, to: 0, cuts: [] };
  }

  /** Bytes at the start of a chunk that have no cut: a cut shows in its last byte, and the window has to be full. */
  get first(): number {
    return Math.max(this.parameters.minimum - 1, windowSize);
  }

  /** Takes over what was found where the current chunk lies; it is not looked for again. */
  learn(found: FoundCuts): void {
    if (found.from === this.#found.to) {
      this.#found = { ...found, from: this.#found.from, cuts: [...this.#found.cuts, ...found.cuts] };
    } else this.#found = found;
  }

  scan(from: number, to: number): number {
    const { maximum, mask } = this.parameters;
    const low = this.#address + Math.max(from, this.first);
    const high = this.#address + Math.min(to, maximum - 1);
    const cut = low < high ? this.#cutIn(low, high, mask) : 0;
    if (cut !== 0) return cut - this.#address;
    return to >= maximum ? maximum : 0;
  }

  next(length: number): void {
    this.#address += length;
  }

  #cutIn(low: number, high: number, mask: number): number {
    const { from, to, cuts } = this.#found;
    let rest = low;
    if (from <= low && low < to) {
      const known = cuts.find((cut) => cut > low);
      if (known !== undefined && known <= high) return known;
      rest = Math.min(high, to);
    }
    return rest < high ? this.#program.find(rest, high, mask, this.#address + this.first) : 0;
  }
}
