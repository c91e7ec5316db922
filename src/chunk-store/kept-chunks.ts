// The chunks that a sweep keeps, on their way to who wants to know their sizes.

const recordBytes = 36;

/** Records of nine 32-bit words: the digest as its bytes lie in memory, then the size. */
export class KeptChunks {
  #buffer = Buffer.alloc(recordBytes * 1024);
  #used = 0;

  /** `name` is the digest in hex. */
  add(name: string, size: number): void {
    if (this.#used === this.#buffer.byteLength) this.#buffer = Buffer.concat([this.#buffer], this.#used * 2);
    this.#buffer.write(name, this.#used, 'hex');
    this.#buffer.writeUInt32LE(size, this.#used + 32);
    this.#used += recordBytes;
  }

  /** A copy of all. */
  records(): Uint32Array<ArrayBuffer> {
    const copy = new Uint32Array(this.#used / 4);
    new Uint8Array(copy.buffer).set(this.#buffer.subarray(0, this.#used));
    return copy;
  }
}
