// What chunks are called on the other side, where they are encrypted and plain here or the other way round.

import { DigestMap } from '../base/digest-map.ts';
import type { ChunkIndex } from '../format/chunk-index.ts';

/** From the digest of a chunk to that of the same content in the other form, in flat memory. */
export class DigestPairs {
  readonly #places = new DigestMap();
  #others = new Uint8Array(1024 * 32);

  get(digest: Uint8Array): Uint8Array | undefined {
    const place = this.#places.get(digest);
    return place === undefined ? undefined : this.#others.subarray(place * 32, place * 32 + 32);
  }

  set(digest: Uint8Array, other: Uint8Array): void {
    const place = this.#places.get(digest) ?? this.#places.count;
    this.#places.set(digest, place);
    if (place * 32 >= this.#others.byteLength) {
      const larger = new Uint8Array(this.#others.byteLength * 2);
      larger.set(this.#others);
      this.#others = larger;
    }
    this.#others.set(other, place * 32);
  }

  /** From two indexes of one content that was cut at the same places; nothing when it was not. */
  learn(from: ChunkIndex, to: ChunkIndex): void {
    if (from.kind !== to.kind || from.count !== to.count || from.size !== to.size) return;
    for (let i = 0; i < from.count; i++) if (from.endOf(i) !== to.endOf(i)) return;
    for (let i = 0; i < from.count; i++) this.set(from.digestAt(i), to.digestAt(i));
  }
}
