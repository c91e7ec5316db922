// A map from 32-byte digests to lengths in flat memory: an index of a million chunks costs tens of megabytes, not hundreds.

const digestWords = 8;

/** Digest to a non-negative integer below 2^32. Entries are never removed. */
export class DigestMap {
  #capacity: number;
  #keys: Uint32Array;
  #values: Uint32Array;
  #used: Uint8Array;
  #count = 0;
  /** The digest that is looked for. */
  readonly #wanted = new Uint32Array(digestWords);

  constructor(expected = 1024) {
    this.#capacity = 1024;
    while (this.#capacity < expected * 2) this.#capacity *= 2;
    this.#keys = new Uint32Array(this.#capacity * digestWords);
    this.#values = new Uint32Array(this.#capacity);
    this.#used = new Uint8Array(this.#capacity);
  }

  get count(): number {
    return this.#count;
  }

  /** The value of a digest, or undefined. */
  get(digest: Uint8Array): number | undefined {
    const slot = this.#find(digest, 0);
    return this.#used[slot] === 1 ? this.#values[slot] : undefined;
  }

  /** Whether there is the digest that is at `at` of `bytes`. */
  has(bytes: Uint8Array, at = 0): boolean {
    return this.#used[this.#find(bytes, at)] === 1;
  }

  /** Sets the value of the digest that is at `at` of `bytes`; true when it is new. The digest is copied. */
  set(bytes: Uint8Array, value: number, at = 0): boolean {
    let slot = this.#find(bytes, at);
    if (this.#used[slot] === 1) {
      this.#values[slot] = value;
      return false;
    }
    if ((this.#count + 1) * 4 > this.#capacity * 3) {
      this.#grow();
      slot = this.#find(bytes, at);
    }
    this.#used[slot] = 1;
    this.#keys.set(this.#wanted, slot * digestWords);
    this.#values[slot] = value;
    this.#count++;
    return true;
  }

  /** The slot of a digest, or the one where it belongs; leaves it in `#wanted`. */
  #find(bytes: Uint8Array, at: number): number {
    for (let word = 0, from = at; word < digestWords; word++, from += 4) {
      this.#wanted[word] = bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24);
    }
    return this.#findWanted();
  }

  #findWanted(): number {
    const mask = this.#capacity - 1;
    // Digests are uniform: their own bytes are the hash.
    let slot = this.#wanted[0]! & mask;
    while (this.#used[slot] === 1 && !this.#isWanted(slot)) slot = (slot + 1) & mask;
    return slot;
  }

  #isWanted(slot: number): boolean {
    const base = slot * digestWords;
    for (let word = 0; word < digestWords; word++) {
      if (this.#keys[base + word] !== this.#wanted[word]) return false;
    }
    return true;
  }

  #grow(): void {
    const { keys, values, used } = { keys: this.#keys, values: this.#values, used: this.#used };
    this.#capacity *= 2;
    this.#keys = new Uint32Array(this.#capacity * digestWords);
    this.#values = new Uint32Array(this.#capacity);
    this.#used = new Uint8Array(this.#capacity);
    for (let old = 0; old < used.length; old++) {
      if (used[old] !== 1) continue;
      this.#wanted.set(keys.subarray(old * digestWords, (old + 1) * digestWords));
      const slot = this.#findWanted();
      this.#used[slot] = 1;
      this.#keys.set(this.#wanted, slot * digestWords);
      this.#values[slot] = values[old]!;
    }
  }
}
