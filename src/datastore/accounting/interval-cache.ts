// Joins what the snapshots of a group have in common: a chunk that snapshots in a row name becomes one record, not one
// a snapshot. A table without chains: a digest that meets another one in its place passes that on and takes the place,
// so that the memory is fixed and only the number of records grows where it is too small.

import { digestWords, type RecordCollector } from './digest-records.ts';
import { firstWord, lastWord, recordWords } from './reference-table.ts';

/** The size of a chunk is not known here. */
const free = 0xffffffff;

export class IntervalCache {
  readonly #collector: RecordCollector;
  readonly #mask: number;
  readonly #slots: Uint32Array;

  /** `expected` is the number of references to come. */
  constructor(collector: RecordCollector, expected: number) {
    let slots = 1024;
    while (slots < expected && slots < 2 ** 20) slots *= 2;
    this.#collector = collector;
    this.#mask = slots - 1;
    this.#slots = new Uint32Array(slots * recordWords);
    for (let at = firstWord; at < this.#slots.length; at += recordWords) this.#slots[at] = free;
  }

  /** A snapshot names the chunk whose digest begins at `from[at]`. `follows`: the snapshot before it is of its group. */
  add(from: Uint32Array, at: number, ordinal: number, follows: boolean): void {
    const slots = this.#slots;
    const slot = ((from[at + 1]! ^ from[at]!) & this.#mask) * recordWords;
    if (slots[slot + firstWord] !== free) {
      let word = 0;
      while (word < digestWords && slots[slot + word] === from[at + word]) word++;
      if (word === digestWords) {
        const last = slots[slot + lastWord]!;
        if (last === ordinal) return;
        if (follows && last === ordinal - 1) {
          slots[slot + lastWord] = ordinal;
          return;
        }
      }
      this.#collector.add(slots, slot);
    }
    for (let word = 0; word < digestWords; word++) slots[slot + word] = from[at + word]!;
    slots[slot + firstWord] = ordinal;
    slots[slot + lastWord] = ordinal;
  }

  /** Passes on what is left. */
  flush(): void {
    for (let slot = 0; slot < this.#slots.length; slot += recordWords) {
      if (this.#slots[slot + firstWord] === free) continue;
      this.#collector.add(this.#slots, slot);
      this.#slots[slot + firstWord] = free;
    }
  }
}
