// A disk image: cut at fixed positions. A block of zeros is recognised on sight and dealt with once.

import type { IndexHandle } from '../../backup/writer.ts';
import { GranaryError } from '../../base/errors.ts';
import type { ScannerProgram } from '../../chunker/simd-scanner.ts';
import type { ChunkIndex } from '../../format/chunk-index.ts';
import { ArchiveUpload, type UploadEnvironment } from './archive-upload.ts';
import type { Segment } from './segments.ts';

export class FixedUpload extends ArchiveUpload {
  readonly #program: ScannerProgram;
  readonly #chunkSize: number;
  readonly #size: number | undefined;
  #segment: Segment | undefined;
  #fill = 0;
  /** The digest of a whole chunk of zeros, once one has come. */
  #zeros: Promise<Uint8Array> | undefined;

  constructor(
    name: string,
    index: IndexHandle,
    environment: UploadEnvironment,
    o: { program: ScannerProgram; chunkSize: number; size: number | undefined; base: ChunkIndex | undefined },
  ) {
    super(name, index, environment, o.base);
    this.#program = o.program;
    this.#chunkSize = o.chunkSize;
    this.#size = o.size;
  }

  override reserve(max: number): Uint8Array | Promise<Uint8Array> {
    this.check();
    this.#segment ??= this.environment.segments.tryTake(this.#chunkSize);
    return this.#segment ? this.#segment.bytes.subarray(this.#fill, this.#fill + max) : this.#reserveLater(max);
  }

  async #reserveLater(max: number): Promise<Uint8Array> {
    const { segments } = this.environment;
    for (;;) {
      this.check();
      this.#segment = segments.tryTake(this.#chunkSize);
      if (this.#segment) return this.#segment.bytes.subarray(0, max);
      if (segments.taken === 0) {
        throw new GranaryError('internal', `${this.name} needs ${this.#chunkSize} bytes, more than the engine may use`);
      }
      await segments.changed();
    }
  }

  override commit(length: number): void {
    this.check();
    this.position += length;
    this.#fill += length;
    if (this.#fill === this.#chunkSize) this.#chunk();
  }

  #chunk(): void {
    const segment = this.#segment!;
    const length = this.#fill;
    const zero = length === this.#chunkSize && this.#program.isZero(segment.offset, length);
    this.#fill = 0;
    if (zero && this.#zeros) {
      this.counts.chunks++;
      this.counts.reused += length;
      this.environment.stage.countReused(length);
      this.entries.add(length, this.#zeros);
      return;
    }
    this.#segment = undefined;
    let held = true;
    const release = (): void => {
      if (held) segment.release();
      held = false;
    };
    const stored = this.store({ offset: segment.offset, length, release });
    if (zero) this.#zeros = stored;
  }

  protected override end(): void {
    if (this.#fill > 0) this.#chunk();
    this.dropMemory();
    if (this.#size !== undefined && this.position !== this.#size) {
      throw new GranaryError('io', `${this.name} has ${this.position} bytes, not the ${this.#size} it was opened with`);
    }
    if (this.position === 0) throw new GranaryError('bad-request', `${this.name} is empty, which an index cannot be`);
  }

  protected override dropMemory(): void {
    this.#segment?.release();
    this.#segment = undefined;
    this.#fill = 0;
  }
}
