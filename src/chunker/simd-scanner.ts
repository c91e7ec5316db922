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

/** Cuts in a range of addresses: the addresses behind them, ascending. */
export interface FoundCuts {
  from: number;
  to: number;
  cuts: number[];
  /** So many bytes behind each cut nobody has looked at. */
  skipped: number;
}

/** Data that repeats itself may be cut at every few bytes, of which next to nothing counts. */
const mostCuts = 64;
const nothingFound: FoundCuts = { from: 0, to: 0, cuts: [], skipped: 0 };

/**
 * The cuts from `from` on, up to where `to` says that the bytes have come, and further if more have come meanwhile; the
 * 64 bytes in front are there, too. With `skipped` 0 it is all of them, else those that count if the first one does: a
 * chunk that begins at a cut has none in its first bytes. Ends earlier when there are too many.
 */
export function findCuts(
  program: ScannerProgram,
  { from, to }: { from: number; to: () => number },
  mask: number,
  skipped = 0,
): FoundCuts {
  const cuts: number[] = [];
  let end = from;
  for (let at = from; ; ) {
    if (at >= end) end = Math.max(end, to());
    if (at >= end) return { from, to: end, cuts, skipped };
    const cut = program.find(at, end, mask, at);
    if (cut !== 0) cuts.push(cut);
    if (cuts.length === mostCuts) return { from, to: cut, cuts, skipped };
    at = cut === 0 ? end : cut + skipped;
  }
}

/** Finds the hash boundaries of one stream whose current chunk lies in one piece in the program's memory. */
export class SimdScanner implements BoundaryScanner {
  readonly parameters: ChunkParameters;
  readonly #program: ScannerProgram;
  #address = 0;
  /** What another thread has found last. */
  #found: FoundCuts = nothingFound;

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
    this.#found = nothingFound;
  }

  /** Bytes at the start of a chunk that have no cut: a cut shows in its last byte, and the window has to be full. */
  get first(): number {
    return Math.max(this.parameters.minimum - 1, windowSize);
  }

  /** Takes over what was found where the current chunk lies, in place of what was found before. */
  learn(found: FoundCuts): void {
    this.#found = found;
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

  /** What was found is not looked for again, whatever it was found for. */
  #cutIn(low: number, high: number, mask: number): number {
    const { from, to, cuts, skipped } = this.#found;
    if (low < from || low >= to) return this.#search(low, high, mask);
    const searched = (cuts.findLast((cut) => cut <= low) ?? from - skipped) + skipped;
    const overlooked = this.#search(low, Math.min(high, searched), mask);
    if (overlooked !== 0) return overlooked;
    const known = cuts.find((cut) => cut > low);
    if (known !== undefined && known <= high) return known;
    return this.#search(Math.max(to, searched), high, mask);
  }

  #search(from: number, to: number, mask: number): number {
    return from < to ? this.#program.find(from, to, mask, this.#address + this.first) : 0;
  }
}
