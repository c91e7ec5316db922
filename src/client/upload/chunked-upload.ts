// An archive whose chunks were cut before, as on the way from one datastore to another: what is committed at once is one
// chunk.

import { GranaryError } from '../../base/errors.ts';
import { ArchiveUpload } from './archive-upload.ts';
import type { Segment } from './segments.ts';

export class ChunkedUpload extends ArchiveUpload {
  #segment: Segment | undefined;

  /** Room for one chunk of exactly that length. */
  override reserve(length: number): Uint8Array | Promise<Uint8Array> {
    this.check();
    this.#segment = this.environment.segments.tryTake(length);
    return this.#segment?.bytes ?? this.#reserveLater(length);
  }

  async #reserveLater(length: number): Promise<Uint8Array> {
    const { segments } = this.environment;
    while (!this.#segment) {
      if (segments.taken === 0) {
        throw new GranaryError('internal', `${this.name} needs ${length} bytes, more than the engine may use`);
      }
      await segments.changed();
      this.check();
      this.#segment = segments.tryTake(length);
    }
    return this.#segment.bytes;
  }

  override commit(length: number): void {
    this.check();
    const segment = this.#segment!;
    this.#segment = undefined;
    this.position += length;
    let held = true;
    const release = (): void => {
      if (held) segment.release();
      held = false;
    };
    this.store({ offset: segment.offset, length, release });
  }

  protected override end(): void {
    if (this.position === 0) throw new GranaryError('bad-request', `${this.name} is empty, which an index cannot be`);
  }

  protected override dropMemory(): void {
    this.#segment?.release();
    this.#segment = undefined;
  }
}
