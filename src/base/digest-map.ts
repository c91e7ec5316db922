// A map from 32-byte digests to lengths in flat memory: an index of a million chunks costs tens of megabytes, not hundreds.

const digestWords = 8;
/** An entry is the digest and its value plus one, which is 0 where there is none: beside each other, for the caches. */
const entryWords = digestWords + 1;

/** Digest to a non-negative integer below 2^32 - 1. Entries are never removed. */
export class DigestMap {
  #capacity: number;
  #entries: Uint32Array;
  #count = 0;
  /** The digest that is looked for. */
  readonly #wanted = new Uint32Array(digestWords);

  constructor(expected = 1024) {
    this.#capacity = 1024;
    while (this.#capacity * 3 < expected * 4) this.#capacity *= 2;
    this.#entries = new Uint32Array(this.#capacity * entryWords);
  }

  get count(): number {
    return this.#count;
  }

  /** The value of a digest, or undefined. */
  get(digest: Uint8Array): number | undefined {
    const value = this.#entries[this.#find(digest, 0) + digestWords]!;
    return value === 0 ? undefined : value - 1;
  }

  /** Whether there is the digest that is at `at` of `bytes`. */
  has(bytes: Uint8Array, at = 0): boolean {
    return this.#entries[this.#find(bytes, at) + digestWords] !== 0;
  }

  /** Sets the value of the digest that is at `at` of `bytes`; true when it is new. The digest is copied. */
  set(bytes: Uint8Array, value: number, at = 0): boolean {
    let entry = this.#find(bytes, at);
    const isNew = this.#entries[entry + digestWords] === 0;
    if (isNew) {
      if ((this.#count + 1) * 4 > this.#capacity * 3) {
        this.#grow();
        entry = this.#find(bytes, at);
      }
      this.#count++;
    }
    this.#put(entry, value + 1);
    return isNew;
  }

  /** Where the entry of a digest is, or belongs; leaves the digest in `#wanted`. */
  #find(bytes: Uint8Array, at: number): number {
    const wanted = this.#wanted;
    for (let word = 0, from = at; word < digestWords; word++, from += 4) {
      wanted[word] = bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24);
    }
    return this.#findWanted();
  }

  #findWanted(): number {
    const wanted = this.#wanted;
    const entries = this.#entries;
    const mask = this.#capacity - 1;
    // Digests are uniform: their own bytes are the hash.
    for (let slot = wanted[0]! & mask; ; slot = (slot + 1) & mask) {
      const entry = slot * entryWords;
      if (entries[entry + digestWords] === 0) return entry;
      let word = 0;
      while (word < digestWords && entries[entry + word] === wanted[word]) word++;
      if (word === digestWords) return entry;
    }
  }

  #put(entry: number, tag: number): void {
    const entries = this.#entries;
    const wanted = this.#wanted;
    for (let word = 0; word < digestWords; word++) entries[entry + word] = wanted[word]!;
    entries[entry + digestWords] = tag;
  }

  #grow(): void {
    const old = this.#entries;
    this.#capacity *= 2;
    this.#entries = new Uint32Array(this.#capacity * entryWords);
    for (let from = 0; from < old.length; from += entryWords) {
      const tag = old[from + digestWords]!;
      if (tag === 0) continue;
      for (let word = 0; word < digestWords; word++) this.#wanted[word] = old[from + word]!;
      this.#put(this.#findWanted(), tag);
    }
  }
}
