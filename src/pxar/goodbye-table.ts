// Reads a directory's goodbye table: where the children are, and the search by name hash (pxar.md 6.2, 7).

import type { ReadAt } from '../base/io.ts';
import { plain } from './byte-window.ts';
import { damaged } from './damage.ts';
import { goodbyeItemSize } from './goodbye.ts';
import { goodbyeTail, headerSize, Item, identifyItem } from './items.ts';
import { readU64 } from './metadata-reader.ts';
import { hash, siphash } from './siphash.ts';

/** Tables up to this size are kept while their directory is; longer ones are read row by row. */
const keptTableLength = 1024 * 1024;
/** FILENAME of one byte and HARDLINK of one byte: no child is smaller. */
const smallestChild = 18 + 26;

export interface TableRow {
  /** Offset of the child's FILENAME item. */
  readonly offset: number;
  /** Where the child ends, as far as the table says; only for directories it has to be right. */
  readonly end: number;
}

/** The table at the end of a directory. */
export class GoodbyeTable {
  readonly #archive: ReadAt;
  readonly #name: string;
  /** Offset of the GOODBYE item, which is where the last child ends. */
  readonly offset: number;
  readonly count: number;
  /** Distance from the GOODBYE item back to the directory's ENTRY, by the table. */
  readonly tailOffset: number;
  readonly #childrenStart: number;
  #kept: DataView | undefined = undefined;

  private constructor(
    archive: ReadAt,
    name: string,
    place: { offset: number; count: number; tailOffset: number; childrenStart: number },
  ) {
    this.#archive = archive;
    this.#name = name;
    this.offset = place.offset;
    this.count = place.count;
    this.tailOffset = place.tailOffset;
    this.#childrenStart = place.childrenStart;
  }

  /** The table of the directory that ends at `end` and whose children begin at or behind `childrenStart`. */
  static async open(archive: ReadAt, name: string, end: number, childrenStart: number): Promise<GoodbyeTable> {
    const tailAt = end - goodbyeItemSize;
    if (tailAt < childrenStart + headerSize) throw damaged(name, end, 'no room for a GOODBYE item');
    const tail = viewOf(await archive.readAt(tailAt, goodbyeItemSize));
    if (tail.getUint32(0, true) !== goodbyeTail.lo || tail.getUint32(4, true) !== goodbyeTail.hi) {
      throw damaged(name, tailAt, 'no GOODBYE tail marker');
    }
    const tailOffset = readU64(tail, 8, name, tailAt);
    const size = readU64(tail, 16, name, tailAt);
    const content = size - headerSize;
    const offset = end - size;
    if (content < goodbyeItemSize || content % goodbyeItemSize !== 0 || offset < childrenStart || tailOffset > offset) {
      throw damaged(name, tailAt, 'the GOODBYE tail is impossible');
    }
    const count = content / goodbyeItemSize - 1;
    if (count * smallestChild > offset - childrenStart) {
      throw damaged(name, offset, `a GOODBYE table of ${count} rows for ${offset - childrenStart} bytes of children`);
    }
    const header = viewOf(await archive.readAt(offset, headerSize));
    const isGoodbye = identifyItem(header.getUint32(4, true), header.getUint32(0, true)) === Item.goodbye;
    if (!isGoodbye || readU64(header, 8, name, offset) !== size) {
      throw damaged(name, offset, 'no GOODBYE item where the tail says that it begins');
    }
    return new GoodbyeTable(archive, name, { offset, count, tailOffset, childrenStart });
  }

  /** The rows whose hash is that of the name, in no particular order. Others with that hash may be among them. */
  async *find(childName: Uint8Array): AsyncGenerator<TableRow, void, undefined> {
    siphash(childName);
    const { hi, lo } = hash;
    const open = [0];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (at >= this.count) continue;
      const { view, index } = await this.#row(at);
      const rowLo = view.getUint32(index, true);
      const rowHi = view.getUint32(index + 4, true);
      const order = hi - rowHi || lo - rowLo;
      if (order >= 0) open.push(2 * at + 2);
      if (order <= 0) open.push(2 * at + 1);
      if (order === 0) yield this.#child(view, index);
    }
  }

  /** The offsets of all children, in archive order. */
  async offsets(): Promise<Float64Array> {
    const offsets = new Float64Array(this.count);
    for (let row = 0; row < this.count; ) {
      const { view, index, rows } = await this.#row(row, this.count - row);
      for (let i = 0; i < rows; i++) offsets[row++] = this.#child(view, index + i * goodbyeItemSize).offset;
    }
    offsets.sort();
    for (let i = 1; i < offsets.length; i++) {
      if (offsets[i - 1]! + smallestChild > offsets[i]!) {
        throw damaged(this.#name, offsets[i]!, 'the GOODBYE table has overlapping children');
      }
    }
    return offsets;
  }

  #child(view: DataView, index: number): TableRow {
    const distance = readU64(view, index + 8, this.#name, this.offset);
    const offset = this.offset - distance;
    if (distance < smallestChild || offset < this.#childrenStart) {
      throw damaged(this.#name, this.offset, 'the GOODBYE table has a child outside of its directory');
    }
    return { offset, end: offset + readU64(view, index + 16, this.#name, this.offset) };
  }

  /** The row at a position, with up to `rows` in all where that costs nothing more. */
  async #row(position: number, rows = 1): Promise<{ view: DataView; index: number; rows: number }> {
    const start = this.offset + headerSize;
    const length = this.count * goodbyeItemSize;
    if (length <= keptTableLength) {
      this.#kept ??= viewOf(await this.#archive.readAt(start, length));
      return { view: this.#kept, index: position * goodbyeItemSize, rows };
    }
    const count = Math.min(rows, Math.floor(keptTableLength / goodbyeItemSize));
    const bytes = await this.#archive.readAt(start + position * goodbyeItemSize, count * goodbyeItemSize);
    return { view: viewOf(bytes), index: 0, rows: count };
  }
}

function viewOf(bytes: Uint8Array): DataView {
  const { buffer, byteOffset, byteLength } = plain(bytes);
  return new DataView(buffer, byteOffset, byteLength);
}
