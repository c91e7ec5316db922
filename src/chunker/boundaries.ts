// Where a dynamic stream is cut: hash boundaries, preferred by suggested ones (file starts), overruled by
// injections of chunks that the previous snapshot has already (formats.md 5.4 and 5.5).

import { GranaryError } from '../base/errors.ts';
import type { ChunkParameters } from './buzhash.ts';

/** Finds hash boundaries in the chunk that is being filled. */
export interface BoundaryScanner {
  readonly parameters: ChunkParameters;
  /** Examines the bytes `from` to `to` of the current chunk. Length of the chunk at the first cut; 0: none. */
  scan(from: number, to: number): number;
  /** The current chunk ended after `length` bytes, and the next one begins there. */
  next(length: number): void;
}

export interface Cut<T> {
  /** Length of the piece that ends here; 0 only in front of an injection. */
  readonly length: number;
  /** What comes into the index directly behind the piece. */
  readonly injected: T | undefined;
}

interface Injection<T> {
  boundary: number;
  size: number;
  entries: T;
}

/**
 * Decides the cuts of one stream, whose bytes the caller keeps. All offsets are positions in the
 * archive, injected chunks included.
 */
export class StreamCutter<T = never> {
  readonly #scanner: BoundaryScanner;
  readonly #suggestions: number[] = [];
  readonly #injections: Injection<T>[] = [];
  /** Archive offset of the current chunk's first byte. */
  #base = 0;
  /** Bytes of the current chunk in which no cut was found. */
  #scanned = 0;

  constructor(scanner: BoundaryScanner) {
    this.#scanner = scanner;
  }

  /** Archive offset of the current chunk's first byte. */
  get base(): number {
    return this.#base;
  }

  /** A good place to cut, as an archive offset. Offsets that are passed already are ignored. */
  suggest(offset: number): void {
    this.#suggestions.push(offset);
  }

  /** Forces a cut at `boundary`, behind which `entries` of together `size` bytes come into the index. */
  inject(boundary: number, size: number, entries: T): void {
    const last = this.#injections.at(-1);
    const least = last ? last.boundary + last.size : this.#base;
    if (boundary < least) {
      throw new GranaryError('internal', `chunks injected at ${boundary}, but the archive is at ${least} already`);
    }
    this.#injections.push({ boundary, size, entries });
  }

  /** True while nothing but boundaries is going to cut what comes: no suggestion or injection is known. */
  get plain(): boolean {
    return !this.pending && (this.#suggestions.at(-1) ?? 0) <= this.#base;
  }

  /** True while an injection waits for its boundary. */
  get pending(): boolean {
    return this.#injections.length > 0;
  }

  /**
   * The next cut, given that the current chunk has `length` bytes so far; undefined when it may go on.
   * After a cut the caller drops the piece and asks again with what is left.
   */
  next(length: number): Cut<T> | undefined {
    const injection = this.#injections[0];
    const piece = injection ? injection.boundary - this.#base : Infinity;
    // What lies behind an injection belongs to later offsets, so it takes no part in the search.
    const found = this.#regular(Math.min(length, piece));
    if (injection && piece <= length && (found === 0 || found === piece)) {
      this.#injections.shift();
      this.end(piece);
      this.#base += injection.size;
      return { length: piece, injected: injection.entries };
    }
    if (found === 0) return undefined;
    this.end(found);
    return { length: found, injected: undefined };
  }

  /** The chunk ends after `length` bytes: because the stream ends there. */
  end(length: number): void {
    this.#base += length;
    this.#scanned = 0;
    this.#scanner.next(length);
  }

  /** formats.md 5.4; the suggestion in question stays at the head of the queue while it is kept. */
  #regular(total: number): number {
    const { minimum, maximum } = this.#scanner.parameters;
    for (;;) {
      const suggestion = this.#suggestions[0];
      if (suggestion === undefined) return this.#scan(total);
      const length = suggestion - this.#base;
      if (length >= this.#scanned && (length > total || length > maximum)) return this.#scan(total);
      this.#suggestions.shift();
      if (length >= this.#scanned && length >= minimum) return length;
    }
  }

  #scan(total: number): number {
    if (this.#scanned >= total) return 0;
    const found = this.#scanner.scan(this.#scanned, total);
    if (found === 0) this.#scanned = total;
    return found;
  }
}
