// A map from 32-byte digests to numbers in flat memory: an index of a million chunks costs tens of megabytes, not hundreds.
//
// Entries lie one behind the other as they came, so that new ones are written where the last one was. Where an entry is
// stands in a table of four bytes a place, which is small enough for a processor's caches: beside the entry's number it
// has as many bits of the digest as are left, and entries of other digests are hardly ever looked at.

const digestWords = 8;
/** The digest and its value. */
const entryWords = digestWords + 1;
const smallestTable = 1024;

/** Digest to a non-negative integer below 2^32. Single entries are never removed; at most 2^30. */
export class DigestMap {
  /** Of each place: 0, or the number of an entry plus one in its low bits, the rest from the digest. */
  #table: Uint32Array;
  /** The table's places, a power of two, minus one. */
  #mask: number;
  #entries: Uint32Array;
  #count = 0;
  /** The digest that is looked for. */
  readonly #wanted = new Uint32Array(digestWords);
  /** Where its number belongs when it is not there. */
  #place = 0;

  /** Memory that is never written to costs nothing: `expected` may be far too many. */
  constructor(expected = 0) {
    let places = smallestTable;
    while (places * 3 < expected * 4) places *= 2;
    this.#table = new Uint32Array(places);
    this.#mask = places - 1;
    this.#entries = new Uint32Array(Math.max(expected, smallestTable / 2) * entryWords);
  }

  get count(): number {
    return this.#count;
  }

  /** The value of a digest, or undefined. */
  get(digest: Uint8Array): number | undefined {
    const entry = this.#find(digest, 0);
    return entry < 0 ? undefined : this.#entries[entry + digestWords];
  }

  /** Whether there is the digest that is at `at` of `bytes`. */
  has(bytes: Uint8Array, at = 0): boolean {
    return this.#find(bytes, at) >= 0;
  }

  /** Sets the value of the digest that is at `at` of `bytes`; true when it is new. The digest is copied. */
  set(bytes: Uint8Array, value: number, at = 0): boolean {
    const entry = this.#find(bytes, at);
    if (entry < 0) this.#add(value);
    else this.#entries[entry + digestWords] = value;
    return entry < 0;
  }

  /** The value of the digest whose eight words, as they lie in memory, are at `at` of `words`; or undefined. */
  getWords(words: Uint32Array, at: number): number | undefined {
    const entry = this.#findWords(words, at);
    return entry < 0 ? undefined : this.#entries[entry + digestWords];
  }

  /** Sets the value of the digest at `at` of `words`, and gives the one it had, or undefined. */
  exchangeWords(words: Uint32Array, at: number, value: number): number | undefined {
    const entry = this.#findWords(words, at);
    if (entry < 0) {
      this.#add(value);
      return undefined;
    }
    const before = this.#entries[entry + digestWords];
    this.#entries[entry + digestWords] = value;
    return before;
  }

  /** Forgets all; the memory is kept. */
  clear(): void {
    this.#table.fill(0);
    this.#count = 0;
  }

  /** Where the entry of a digest begins, or -1; leaves the digest in `#wanted`. */
  #find(bytes: Uint8Array, at: number): number {
    const wanted = this.#wanted;
    for (let word = 0, from = at; word < digestWords; word++, from += 4) {
      wanted[word] = bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24);
    }
    return this.#findWanted();
  }

  #findWords(words: Uint32Array, at: number): number {
    const wanted = this.#wanted;
    for (let word = 0; word < digestWords; word++) wanted[word] = words[at + word]!;
    return this.#findWanted();
  }

  #findWanted(): number {
    const wanted = this.#wanted;
    const table = this.#table;
    const entries = this.#entries;
    const mask = this.#mask;
    const rest = wanted[1]! & ~mask;
    // Digests are uniform: their own bytes are the hash.
    for (let place = wanted[0]! & mask; ; place = (place + 1) & mask) {
      const found = table[place]!;
      if (found === 0) {
        this.#place = place;
        return -1;
      }
      if ((found & ~mask) !== rest) continue;
      const entry = ((found & mask) - 1) * entryWords;
      let word = 0;
      while (word < digestWords && entries[entry + word] === wanted[word]) word++;
      if (word === digestWords) return entry;
    }
  }

  /** Adds the digest in `#wanted`, which was looked for last. */
  #add(value: number): void {
    const at = this.#count * entryWords;
    if (at === this.#entries.length) this.#entries = grown(this.#entries);
    const entries = this.#entries;
    for (let word = 0; word < digestWords; word++) entries[at + word] = this.#wanted[word]!;
    entries[at + digestWords] = value;
    this.#count++;
    if (this.#count * 4 > this.#table.length * 3) this.#rebuild(this.#table.length * 2);
    else this.#table[this.#place] = (this.#wanted[1]! & ~this.#mask) | this.#count;
  }

  #rebuild(places: number): void {
    const table = new Uint32Array(places);
    const mask = places - 1;
    for (let number = 1, at = 0; number <= this.#count; number++, at += entryWords) {
      let place = this.#entries[at]! & mask;
      while (table[place] !== 0) place = (place + 1) & mask;
      table[place] = (this.#entries[at + 1]! & ~mask) | number;
    }
    this.#table = table;
    this.#mask = mask;
  }
}

function grown(entries: Uint32Array): Uint32Array {
  const larger = new Uint32Array(entries.length * 2);
  larger.set(entries);
  return larger;
}
