// Goodbye tables: one hashed and permuted row a child, so that a reader finds a name by binary search (pxar.md 6).
// All open directories share one stack of rows; closing a directory pops its own.

import { goodbyeTail, headerSize, Item, itemTypes } from './items.ts';
import { hash, siphash } from './siphash.ts';

export const goodbyeItemSize = 24;

/**
 * The order in which `n` sorted rows are stored: `place(position, sorted)` for each.
 * A balanced search tree in heap order whose last level is filled from the left.
 */
export function searchTreeOrder(n: number, place: (position: number, sorted: number) => void): void {
  const put = (base: number, count: number, position: number): void => {
    if (count === 0) return;
    const p = 2 ** Math.floor(Math.log2(count));
    const half = Math.floor(p / 2);
    const left = count >= p + half - 1 ? p - 1 : count - half;
    place(position, base + left);
    put(base, left, 2 * position + 1);
    put(base + left + 1, count - 1 - left, 2 * position + 2);
  };
  put(0, n, 0);
}

/** The children of the directories that are open, with what their rows need. */
export class GoodbyeRows {
  #hi = new Uint32Array(1024);
  #lo = new Uint32Array(1024);
  #offset = new Float64Array(1024);
  #size = new Float64Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds a child by its name and the offset of its FILENAME item; its size may be set later. */
  push(name: Uint8Array, offset: number, size: number): void {
    const i = this.#length;
    if (i === this.#hi.length) this.#double();
    siphash(name);
    this.#hi[i] = hash.hi;
    this.#lo[i] = hash.lo;
    this.#offset[i] = offset;
    this.#size[i] = size;
    this.#length = i + 1;
  }

  setSize(row: number, size: number): void {
    this.#size[row] = size;
  }

  /** Removes the rows from `first` on and gives the GOODBYE item made of them, to be written at `offset`. */
  pop(first: number, offset: number, tailOffset: number): Uint8Array {
    const count = this.#length - first;
    const size = headerSize + goodbyeItemSize * (count + 1);
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    const type = itemTypes[Item.goodbye]!;
    view.setUint32(0, type.lo, true);
    view.setUint32(4, type.hi, true);
    setU64(view, 8, size);
    const order = this.#sorted(first, count);
    searchTreeOrder(count, (position, sorted) => {
      const row = order[sorted]!;
      const at = headerSize + goodbyeItemSize * position;
      view.setUint32(at, this.#lo[row]!, true);
      view.setUint32(at + 4, this.#hi[row]!, true);
      setU64(view, at + 8, offset - this.#offset[row]!);
      setU64(view, at + 16, this.#size[row]!);
    });
    const tail = size - goodbyeItemSize;
    view.setUint32(tail, goodbyeTail.lo, true);
    view.setUint32(tail + 4, goodbyeTail.hi, true);
    setU64(view, tail + 8, tailOffset);
    setU64(view, tail + 16, size);
    this.#length = first;
    return bytes;
  }

  /** Row numbers by ascending hash. */
  #sorted(first: number, count: number): Float64Array | Uint32Array {
    const hi = this.#hi;
    const lo = this.#lo;
    const compare = (a: number, b: number) => hi[a]! - hi[b]! || lo[a]! - lo[b]! || a - b;
    const rowBits = 2 ** 21;
    if (count < 64 || first + count > rowBits) {
      const rows = new Uint32Array(count);
      for (let i = 0; i < count; i++) rows[i] = first + i;
      return rows.sort(compare);
    }
    // Large directories: the native number sort on (high half, row), then the rare equal halves one by one.
    const rows = new Float64Array(count);
    for (let i = 0; i < count; i++) rows[i] = hi[first + i]! * rowBits + first + i;
    rows.sort();
    for (let i = 0; i < count; i++) rows[i] = rows[i]! % rowBits;
    for (let i = 1; i < count; i++) {
      const row = rows[i]!;
      let j = i;
      for (; j > 0 && hi[rows[j - 1]!] === hi[row] && compare(rows[j - 1]!, row) > 0; j--) rows[j] = rows[j - 1]!;
      rows[j] = row;
    }
    return rows;
  }

  #double(): void {
    const length = this.#hi.length * 2;
    const hi = new Uint32Array(length);
    hi.set(this.#hi);
    this.#hi = hi;
    const lo = new Uint32Array(length);
    lo.set(this.#lo);
    this.#lo = lo;
    const offset = new Float64Array(length);
    offset.set(this.#offset);
    this.#offset = offset;
    const size = new Float64Array(length);
    size.set(this.#size);
    this.#size = size;
  }
}

export function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}
