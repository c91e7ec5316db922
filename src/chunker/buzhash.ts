// Content-defined chunking in plain TypeScript: the reference that simd-scanner.ts has to agree with, and the
// chunker for bytes that are not in shared memory (formats.md 5.1 and 5.2).

import { GranaryError } from '../base/errors.ts';
import { buzhashTable } from './buzhash-table.ts';

export const windowSize = 64;

/** What follows from the average chunk size (formats.md 5.2). */
export interface ChunkParameters {
  readonly average: number;
  readonly minimum: number;
  readonly maximum: number;
  /** The low bits of the hash that decide; a cut is where they are at least `mask - 2`. */
  readonly mask: number;
}

/** Averages that a client may choose, in bytes (formats.md 4.1). */
export const chunkAverages: readonly number[] = [64, 128, 256, 512, 1024, 2048, 4096].map((kib) => kib * 1024);
export const defaultChunkAverage = 4 * 1024 * 1024;
export const catalogChunkAverage = 512 * 1024;

/** Throws `bad-request` for an average that is not one of `chunkAverages`. */
export function chunkParameters(average: number): ChunkParameters {
  if (!chunkAverages.includes(average)) {
    throw new GranaryError('bad-request', `invalid average chunk size ${average}: not a power of two, 64 KiB to 4 MiB`);
  }
  return { average, minimum: average / 4, maximum: average * 4, mask: average * 2 - 1 };
}

/**
 * Finds the cuts of one stream. The hash starts anew after each cut, and cuts do not depend on how the
 * stream is split into calls.
 */
export class BuzhashChunker {
  readonly parameters: ChunkParameters;
  readonly #ring = new Uint8Array(windowSize);
  #hash = 0;
  #length = 0;

  constructor(average: number) {
    this.parameters = chunkParameters(average);
  }

  /** Takes the next bytes. The chunk ends after that many of them; 0: it goes on. After a cut, pass the rest again. */
  scan(bytes: Uint8Array): number {
    const { minimum, maximum, mask } = this.parameters;
    const threshold = mask - 2;
    const ring = this.#ring;
    let hash = this.#hash;
    let length = this.#length;
    for (let i = 0; i < bytes.length; i++) {
      const entering = bytes[i]!;
      const at = length & (windowSize - 1);
      hash = ((hash << 1) | (hash >>> 31)) ^ buzhashTable[entering]!;
      // A rotation by 64 is the identity in 32 bits, so the leaving value needs none.
      if (length >= windowSize) hash ^= buzhashTable[ring[at]!]!;
      ring[at] = entering;
      length++;
      if (length >= minimum && (length >= maximum || (hash & mask) >= threshold)) {
        this.reset();
        return i + 1;
      }
    }
    this.#hash = hash;
    this.#length = length;
    return 0;
  }

  /** Starts a new chunk. */
  reset(): void {
    this.#hash = 0;
    this.#length = 0;
  }
}
