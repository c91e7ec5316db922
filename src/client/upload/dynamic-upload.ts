// An archive that is cut by its content: bytes gather in large segments of shared memory, where workers look for cuts
// while more is read; which of them count is decided here, in order.

import type { IndexHandle } from '../../backup/writer.ts';
import { copyBytes } from '../../base/bytes.ts';
import { GranaryError } from '../../base/errors.ts';
import { StreamCutter } from '../../chunker/boundaries.ts';
import { type FoundCuts, type ScannerProgram, SimdScanner } from '../../chunker/simd-scanner.ts';
import { ArchiveUpload, type UploadEnvironment } from './archive-upload.ts';
import type { Segment } from './segments.ts';

/** A chunk that the server knows from the previous snapshot. */
export interface KnownChunk {
  readonly digest: Uint8Array;
  readonly size: number;
}

/** New bytes are examined in portions of this size: the scanner is made for many at once. */
const portion = 2 * 1024 * 1024;
const minSegment = 4 * 1024 * 1024;

/** Room for the largest chunk and some to go on reading: more segments are better than larger ones. */
export function dynamicSegmentSize(maximumChunk: number): number {
  return Math.max(maximumChunk + (maximumChunk >> 2), minSegment);
}

export class DynamicUpload extends ArchiveUpload {
  readonly #scanner: SimdScanner;
  readonly #cutter: StreamCutter<readonly KnownChunk[]>;
  readonly #segmentSize: number;
  #segment: Segment | undefined;
  /**
   * Offsets in the segment: of the current chunk, of bytes that were not examined yet, of bytes whose examination is not
   * due yet, and of the free room.
   */
  #chunk = 0;
  #examined = 0;
  #asked = 0;
  #fill = 0;
  /** Ends of portions that were not cut yet; the last one is `#asked`, and as an address in shared memory `#askedAddress`. */
  readonly #portions: number[] = [];
  readonly #askedAddress = new Uint32Array(new SharedArrayBuffer(4));
  /** While a thread looks for cuts; settles when what it found was cut. Never rejects. */
  #scanning: Promise<void> | undefined;
  readonly #injected = { bytes: 0, chunks: 0 };

  constructor(
    name: string,
    index: IndexHandle,
    environment: UploadEnvironment,
    program: ScannerProgram,
    average: number,
  ) {
    super(name, index, environment);
    this.#scanner = new SimdScanner(program, average);
    this.#cutter = new StreamCutter(this.#scanner);
    this.#segmentSize = dynamicSegmentSize(this.#scanner.parameters.maximum);
  }

  override reserve(max: number): Uint8Array | Promise<Uint8Array> {
    this.check();
    const segment = this.#segment;
    if (segment && this.#fill < segment.bytes.byteLength) return segment.bytes.subarray(this.#fill, this.#fill + max);
    return this.#reserveLater(max);
  }

  async #reserveLater(max: number): Promise<Uint8Array> {
    const segment = await this.#nextSegment();
    return segment.bytes.subarray(this.#fill, this.#fill + max);
  }

  override commit(length: number): void {
    this.check();
    this.position += length;
    this.#fill += length;
    const full = this.#fill === this.#segment?.bytes.byteLength;
    if (full || this.#fill - this.#asked >= portion) this.#ask();
  }

  /** A file begins at this archive offset, which is a good place to cut. */
  suggest(offset: number): void {
    this.#cutter.suggest(offset);
  }

  /** Cuts at the archive offset `boundary`, and puts chunks that the server knows behind it. */
  inject(boundary: number, chunks: readonly KnownChunk[]): void {
    this.check();
    const size = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
    this.#cutter.inject(boundary, size, chunks);
    this.position += size;
  }

  protected override injected(): { bytes: number; chunks: number } {
    return this.#injected;
  }

  protected override end(): void | Promise<void> {
    this.#ask();
    return this.#scanning ? this.#endLater() : this.#endNow();
  }

  async #endLater(): Promise<void> {
    while (this.#scanning) await this.#scanning;
    this.#endNow();
  }

  #endNow(): void {
    this.check();
    const rest = this.#fill - this.#chunk;
    if (rest > 0) {
      this.#cutter.end(rest);
      this.#piece(rest);
    }
    this.dropMemory();
    if (this.#cutter.pending) {
      throw new GranaryError('internal', `${this.name} ends at ${this.position}, in front of chunks to be injected`);
    }
    if (this.counts.chunks === 0)
      throw new GranaryError('bad-request', `${this.name} is empty, which an index cannot be`);
  }

  protected override dropMemory(): void {
    this.#segment?.release();
    this.#segment = undefined;
    this.#chunk = 0;
    this.#examined = 0;
    this.#asked = 0;
    this.#fill = 0;
    this.#portions.length = 0;
  }

  /** The bytes so far are to be cut, whatever comes behind them. */
  #ask(): void {
    this.#asked = this.#fill;
    this.#portions.push(this.#fill);
    if (this.#segment) Atomics.store(this.#askedAddress, 0, this.#segment.offset + this.#fill);
    this.#examine();
  }

  /**
   * Cuts all portions: at once if no thread runs, else later, once one has found the places. It goes on with portions
   * that come meanwhile; so it knows where chunks begin, and passes over their first bytes.
   */
  #examine(): void {
    if (this.#scanning) return;
    const segment = this.#segment;
    const { first, parameters } = this.#scanner;
    const to = this.#asked;
    const from = Math.max(this.#examined, this.#chunk + first);
    const found =
      segment && from < to
        ? this.environment.stage.findCuts({
            from: segment.offset + from,
            filled: this.#askedAddress,
            mask: parameters.mask,
            skipped: this.#cutter.plain ? first : 0,
          })
        : undefined;
    if (segment && found) this.#cutLater(segment, to, found);
    else this.#cutPortions(to);
  }

  #cutLater(segment: Segment, to: number, found: Promise<FoundCuts>): void {
    const release = segment.hold();
    this.#scanning = found
      .then((cuts) => {
        // Given up meanwhile, with the reason that was told then.
        if (this.#segment !== segment) return;
        this.#scanner.learn(cuts);
        this.#cutPortions(Math.max(to, cuts.to - segment.offset));
      })
      .catch((error: unknown) => this.abort(error))
      .finally(() => {
        release();
        this.#scanning = undefined;
        if (this.#portions.length > 0) this.#examine();
      });
  }

  /** One after the other: which suggestions are preferred depends on how far the bytes have come. */
  #cutPortions(to: number): void {
    for (let end = this.#portions[0]; end !== undefined && end <= to; end = this.#portions[0]) {
      this.#portions.shift();
      this.#examined = end;
      this.#cut(end);
    }
  }

  /** Cuts what can be cut of the segment's first `fill` bytes. */
  #cut(fill: number): void {
    for (;;) {
      const cut = this.#cutter.next(fill - this.#chunk);
      if (!cut) break;
      if (cut.length > 0) this.#piece(cut.length);
      for (const { digest, size } of cut.injected ?? []) {
        this.counts.chunks++;
        this.#injected.chunks++;
        this.#injected.bytes += size;
        this.environment.stage.countReused(size);
        this.entries.addKnown(size, digest);
      }
    }
  }

  #piece(length: number): void {
    const segment = this.#segment!;
    const offset = segment.offset + this.#chunk;
    this.#chunk += length;
    this.store({ offset, length, release: segment.hold() });
  }

  /** Gets room for more, and moves the unfinished chunk there. At worst waits until the own chunks are stored. */
  async #nextSegment(): Promise<Segment> {
    const { segments } = this.environment;
    for (;;) {
      // Which bytes are to be moved is known when all was cut.
      while (this.#scanning) await this.#scanning;
      this.check();
      const old = this.#segment;
      const next = segments.tryTake(this.#segmentSize);
      if (next) {
        if (old) copyBytes(next.bytes, old.bytes.subarray(this.#chunk, this.#fill));
        old?.release();
        return this.#moved(next);
      }
      if (old?.exclusive) {
        old.bytes.copyWithin(0, this.#chunk, this.#fill);
        return this.#moved(old);
      }
      if (segments.taken === 0) {
        throw new GranaryError(
          'internal',
          `${this.name} needs ${this.#segmentSize} bytes, more than the engine may use`,
        );
      }
      await segments.changed();
    }
  }

  #moved(segment: Segment): Segment {
    this.#segment = segment;
    this.#fill -= this.#chunk;
    this.#examined = this.#fill;
    this.#asked = this.#fill;
    this.#chunk = 0;
    this.#scanner.address = segment.offset;
    return segment;
  }
}
