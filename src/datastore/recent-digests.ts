// Which digests garbage collection met lately, so that it marks each chunk once and not once for each snapshot
// (formats.md 16.3).
//
// Snapshots of a group come one after the other and differ in little. So each digest is first compared with the one that
// is expected by the index before, which costs next to nothing; only others are looked for in a map that is larger than
// the caches of a processor. Two generations of at most half the capacity each bound its memory.

import { DigestMap } from '../base/digest-map.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';

/** The digests of an index: number `i` is the eight words at `start + i * stride`, as they lie in memory. */
export interface DigestWords {
  words: Uint32Array;
  start: number;
  stride: number;
  count: number;
}

const none: DigestWords = { words: new Uint32Array(), start: 0, stride: 8, count: 0 };

/** A view of the index, or of a copy when its bytes do not begin at a whole word. */
export function digestWords(index: Pick<ChunkIndex, 'digestTable' | 'count'>): DigestWords {
  const { bytes, start, stride } = index.digestTable;
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  return {
    words: new Uint32Array(buffer, byteOffset, byteLength / 4),
    start: start / 4,
    stride: stride / 4,
    count: index.count,
  };
}

export class RecentDigests {
  /** Of one generation. */
  readonly #size: number;
  /** Digests, and their position in the index where they were met. */
  #newer: DigestMap;
  #older: DigestMap | undefined;
  #previous = none;
  #current = none;
  /** Where in the previous index the next digest of the current one is expected. */
  #expected = 0;

  /** `size`: digests that are remembered at least, and half of those that are at most. `expected`: how many there may be. */
  constructor(size: number, expected: number) {
    this.#size = size;
    this.#newer = new DigestMap(Math.min(size, expected));
  }

  /** Goes on to the digests of another index; those of the last one are kept until the next time. */
  begin(index: DigestWords): void {
    this.#previous = this.#current;
    this.#current = index;
    this.#expected = 0;
  }

  /** Whether digest `i` of the index was met lately; remembers it. To be asked for one after the other. */
  isKnown(i: number): boolean {
    const { words, start, stride } = this.#current;
    const at = start + i * stride;
    const expected = this.#expected;
    if (this.#isAt(expected, words, at)) {
      this.#expected = expected + 1;
      return true;
    }
    const met = this.#remember(words, at, i);
    // One that is new most often replaces another.
    this.#expected = (met ?? expected) + 1;
    return met !== undefined;
  }

  #isAt(position: number, words: Uint32Array, at: number): boolean {
    const { words: others, start, stride, count } = this.#previous;
    if (position >= count) return false;
    const other = start + position * stride;
    for (let word = 0; word < 8; word++) if (others[other + word] !== words[at + word]) return false;
    return true;
  }

  /** Gives where it was met, or undefined. */
  #remember(words: Uint32Array, at: number, position: number): number | undefined {
    const met = this.#newer.exchangeWords(words, at, position);
    if (met !== undefined) return met;
    const metBefore = this.#older?.getWords(words, at);
    if (this.#newer.count >= this.#size) this.#turn();
    return metBefore;
  }

  #turn(): void {
    const forgotten = this.#older;
    this.#older = this.#newer;
    forgotten?.clear();
    this.#newer = forgotten ?? new DigestMap(this.#size);
  }
}
