// The positions of all regular files seen so far, to check hard links against: about two bytes a file.

export class OffsetSet {
  /** Differences to the predecessor, as varints; every 64th offset starts a block of its own. */
  #deltas = new Uint8Array(256);
  #length = 0;
  #blockOffset = new Float64Array(16);
  #blockStart = new Float64Array(16);
  #count = 0;
  #last = 0;

  /** Offsets have to come in strictly increasing order. */
  add(offset: number): void {
    const block = this.#count >> 6;
    if ((this.#count & 63) === 0) {
      if (block === this.#blockOffset.length) {
        this.#blockOffset = doubled(this.#blockOffset);
        this.#blockStart = doubled(this.#blockStart);
      }
      this.#blockOffset[block] = offset;
      this.#blockStart[block] = this.#length;
    } else {
      if (this.#length + 8 > this.#deltas.byteLength) {
        const bigger = new Uint8Array(this.#deltas.byteLength * 2);
        bigger.set(this.#deltas);
        this.#deltas = bigger;
      }
      let delta = offset - this.#last;
      while (delta >= 0x80) {
        this.#deltas[this.#length++] = (delta % 0x80) | 0x80;
        delta = Math.floor(delta / 0x80);
      }
      this.#deltas[this.#length++] = delta;
    }
    this.#last = offset;
    this.#count++;
  }

  has(offset: number): boolean {
    let low = 0;
    let high = (this.#count + 63) >> 6;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#blockOffset[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return false;
    const block = low - 1;
    let at = this.#blockStart[block]!;
    let found = this.#blockOffset[block]!;
    const end = low << 6 < this.#count ? this.#blockStart[low]! : this.#length;
    while (found < offset && at < end) {
      let delta = 0;
      for (let scale = 1; ; scale *= 0x80) {
        const byte = this.#deltas[at++]!;
        delta += (byte & 0x7f) * scale;
        if (byte < 0x80) break;
      }
      found += delta;
    }
    return found === offset;
  }
}

function doubled(from: Float64Array): Float64Array<ArrayBuffer> {
  const bigger = new Float64Array(from.length * 2);
  bigger.set(from);
  return bigger;
}
