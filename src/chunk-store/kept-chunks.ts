// The chunks that a sweep keeps, on their way to who wants to know their sizes.

const recordBytes = 36;

/** Records of nine 32-bit words: the digest as its bytes lie in memory, then the size. */
export class KeptChunks {
  #buffer = new Uint8Array(recordBytes * 1024);
  #used = 0;

  add(digest: Uint8Array, size: number): void {
    if (this.#used === this.#buffer.byteLength) this.#grow();
    const to = this.#used;
    const buffer = this.#buffer;
    for (let i = 0; i < 32; i++) buffer[to + i] = digest[i]!;
    for (let i = 0; i < 4; i++) buffer[to + 32 + i] = size >>> (8 * i);
    this.#used += recordBytes;
  }

  /** A copy of all. */
  records(): Uint32Array<ArrayBuffer> {
    const copy = new Uint32Array(this.#used / 4);
    new Uint8Array(copy.buffer).set(this.#buffer.subarray(0, this.#used));
    return copy;
  }

  #grow(): void {
    const larger = new Uint8Array(this.#used * 2);
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}
