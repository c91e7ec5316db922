// A map from 32-byte digests to lengths in flat memory: an index of a million chunks costs tens of megabytes, not hundreds.

const digestBytes = 32;

/** Digest to a non-negative integer below 2^32. Entries are never removed. */
export class DigestMap {
  #capacity: number;
  #keys: Uint8Array;
  #values: Uint32Array;
  #used: Uint8Array;
  #count = 0;

  constructor(expected = 1024) {
    this.#capacity = 1024;
    while (this.#capacity < expected * 2) this.#capacity *= 2;
    this.#keys = new Uint8Array(this.#capacity * digestBytes);
    this.#values = new Uint32Array(this.#capacity);
    this.#used = new Uint8Array(this.#capacity);
  }

  get count(): number {
    return this.#count;
  }

  /** The value of a digest, or undefined. */
  get(digest: Uint8Array): number | undefined {
    const slot = this.#find(digest);
    return this.#used[slot] === 1 ? this.#values[slot] : undefined;
  }

  has(digest: Uint8Array): boolean {
    return this.#used[this.#find(digest)] === 1;
  }

  /** All digests, one after the other, in no order that means anything. */
  keys(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.#count * digestBytes);
    let at = 0;
    for (let slot = 0; slot < this.#capacity; slot++) {
      if (this.#used[slot] !== 1) continue;
      all.set(this.#keys.subarray(slot * digestBytes, (slot + 1) * digestBytes), at);
      at += digestBytes;
    }
    return all;
  }

  /** Sets the value; true when the digest is new. The digest is copied. */
  set(digest: Uint8Array, value: number): boolean {
    let slot = this.#find(digest);
    if (this.#used[slot] === 1) {
      this.#values[slot] = value;
      return false;
    }
    if ((this.#count + 1) * 4 > this.#capacity * 3) {
      this.#grow();
      slot = this.#find(digest);
    }
    this.#used[slot] = 1;
    this.#keys.set(digest.subarray(0, digestBytes), slot * digestBytes);
    this.#values[slot] = value;
    this.#count++;
    return true;
  }

  #find(digest: Uint8Array): number {
    const mask = this.#capacity - 1;
    // Digests are uniform: their own bytes are the hash.
    let slot = (digest[0]! | (digest[1]! << 8) | (digest[2]! << 16) | (digest[3]! << 24)) & mask;
    while (this.#used[slot] === 1 && !this.#equals(slot, digest)) slot = (slot + 1) & mask;
    return slot;
  }

  #equals(slot: number, digest: Uint8Array): boolean {
    const base = slot * digestBytes;
    for (let i = 0; i < digestBytes; i++) {
      if (this.#keys[base + i] !== digest[i]) return false;
    }
    return true;
  }

  #grow(): void {
    const { keys, values, used } = { keys: this.#keys, values: this.#values, used: this.#used };
    this.#capacity *= 2;
    this.#keys = new Uint8Array(this.#capacity * digestBytes);
    this.#values = new Uint32Array(this.#capacity);
    this.#used = new Uint8Array(this.#capacity);
    for (let old = 0; old < used.length; old++) {
      if (used[old] !== 1) continue;
      const key = keys.subarray(old * digestBytes, (old + 1) * digestBytes);
      const slot = this.#find(key);
      this.#used[slot] = 1;
      this.#keys.set(key, slot * digestBytes);
      this.#values[slot] = values[old]!;
    }
  }
}
