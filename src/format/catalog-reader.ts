// Reads `catalog.pcat1` by random access: list a directory, look up a path, walk it all (formats.md 10).
// Nothing the catalog states is believed: no loop, no depth and no length in it can make a reader run away.

import { formatUtc } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import type { ReadAt } from '../base/io.ts';
import { bytesEqual, concatBytes, readSafeU64 } from '../base/plain-bytes.ts';
import { quotePath } from '../base/quote.ts';
import { type CatalogKind, catalogMagic, catalogNameLimit, catalogTypes } from './catalog.ts';
import { VarintReader } from './varint.ts';

const maxDepth = 4096;
const trailerSize = 8;
const firstRead = 4096;
const slash = Uint8Array.of(0x2f);

/** A directory's block. */
export interface CatalogDirectory {
  /** Offset of the block in the catalog. */
  readonly block: number;
}

export type CatalogEntry =
  | { readonly kind: 'directory'; readonly name: Uint8Array; readonly block: number }
  | { readonly kind: 'file'; readonly name: Uint8Array; readonly size: number; readonly mtime: bigint }
  | { readonly kind: Exclude<CatalogKind, 'directory' | 'file'>; readonly name: Uint8Array };

const kindOfType = new Map<number, CatalogKind>(
  Object.entries(catalogTypes).map(([kind, type]) => [type.charCodeAt(0), kind as CatalogKind]),
);

/** A catalog behind random access. Every method throws `catalog-invalid` for damage, naming `what` and the offset. */
export class CatalogReader {
  readonly #source: ReadAt;
  readonly #what: string;

  constructor(source: ReadAt, what = 'catalog') {
    this.#source = source;
    this.#what = what;
  }

  /** The root block, whose entries are the archives. */
  async root(): Promise<CatalogDirectory> {
    const { size } = this.#source;
    if (size < catalogMagic.byteLength + trailerSize) throw this.#fail(0, `${size} bytes are too few`);
    const magic = await this.#source.readAt(0, catalogMagic.byteLength);
    if (!bytesEqual(magic, catalogMagic)) throw this.#fail(0, 'wrong magic');
    const trailer = await this.#source.readAt(size - trailerSize, trailerSize);
    const block = readSafeU64(trailer, 0);
    if (block === undefined || block < catalogMagic.byteLength || block >= size - trailerSize) {
      throw this.#fail(size - trailerSize, 'the root block lies outside of the catalog');
    }
    return { block };
  }

  /** The entries of a directory, in stored order. */
  async entries(directory: CatalogDirectory): Promise<CatalogEntry[]> {
    const { block } = directory;
    const bytes = await this.#readBlock(block);
    const fail = (text: string) => this.#fail(block, text);
    const reader = new VarintReader(bytes, 0, fail);
    const count = reader.unsigned('number of entries');
    const entries: CatalogEntry[] = [];
    // An entry has at least two bytes, so the block's length bounds the loop, not the count.
    while (entries.length < count) {
      const kind = kindOfType.get(bytes[reader.at] ?? -1);
      if (kind === undefined) throw fail(`entry ${entries.length} of ${count} is cut off or of unknown type`);
      reader.at++;
      const length = reader.unsigned('length of a name');
      if (length >= catalogNameLimit) throw fail(`a name of ${length} bytes`);
      const name = bytes.subarray(reader.at, reader.at + length);
      if (name.byteLength < length) throw fail('a name is cut off');
      reader.at += length;
      if (!isEntryName(name)) throw fail(`not a name: ${quotePath(name)}`);
      if (kind === 'directory') {
        const distance = reader.unsigned('distance of a directory');
        const child = block - distance;
        if (distance === 0 || child < catalogMagic.byteLength) throw fail(`directory ${quotePath(name)} lies outside`);
        entries.push({ kind, name, block: child });
      } else if (kind === 'file') {
        const size = reader.unsigned('size of a file');
        entries.push({ kind, name, size, mtime: reader.signed64('time of a file') });
      } else {
        entries.push({ kind, name });
      }
    }
    if (reader.at !== bytes.byteLength) throw fail(`${bytes.byteLength - reader.at} bytes left over`);
    return entries;
  }

  /**
   * The entry at a path from the root, archive name first; empty components do not count, and the empty path
   * is the root. Undefined if there is none.
   */
  async lookup(path: Uint8Array): Promise<CatalogEntry | undefined> {
    let entry: CatalogEntry = { kind: 'directory', name: new Uint8Array(0), ...(await this.root()) };
    for (const component of splitPath(path)) {
      if (entry.kind !== 'directory') return undefined;
      const found: CatalogEntry | undefined = (await this.entries(entry)).find((e) => bytesEqual(e.name, component));
      if (!found) return undefined;
      entry = found;
    }
    return entry;
  }

  /** Every entry below `start` (the root by default) depth first in stored order; paths begin with `prefix`. */
  async *walk(start?: CatalogDirectory, prefix = './'): AsyncGenerator<{ path: Uint8Array; entry: CatalogEntry }> {
    const top = start ?? (await this.root());
    // Each block belongs to one directory only: one met twice is damage that would list without end.
    const met = new Set([top.block]);
    const stack = [{ path: new TextEncoder().encode(prefix), rest: (await this.entries(top)).values() }];
    while (stack.length > 0) {
      const { path, rest } = stack.at(-1)!;
      const next = rest.next();
      if (next.done) {
        stack.pop();
        continue;
      }
      const entry = next.value;
      const entryPath = concatBytes([path, entry.name]);
      yield { path: entryPath, entry };
      if (entry.kind !== 'directory') continue;
      if (met.has(entry.block)) throw this.#fail(entry.block, 'two directories share this block');
      if (stack.length >= maxDepth) throw this.#fail(entry.block, `directories are nested deeper than ${maxDepth}`);
      met.add(entry.block);
      stack.push({
        path: concatBytes([entryPath, slash]),
        rest: (await this.entries(entry)).values(),
      });
    }
  }

  /** A block without its length. */
  async #readBlock(block: number): Promise<Uint8Array> {
    const end = this.#source.size - trailerSize;
    if (block < catalogMagic.byteLength || block >= end) throw this.#fail(block, 'a block outside of the catalog');
    const head = await this.#source.readAt(block, Math.min(firstRead, end - block));
    const reader = new VarintReader(head, 0, (text) => this.#fail(block, text));
    const length = reader.unsigned('length of a block');
    const from = reader.at;
    if (length < 1 || block + from + length > end) throw this.#fail(block, `a block of ${length} bytes does not fit`);
    if (from + length <= head.byteLength) return head.subarray(from, from + length);
    return await this.#source.readAt(block + from, length);
  }

  #fail(offset: number, text: string): GranaryError {
    return new GranaryError('catalog-invalid', `${this.#what}: at offset ${offset}: ${text}`, { details: { offset } });
  }
}

/** One line of the listing, without line break: type letter, quoted path, for files size and time. */
export function formatCatalogLine(path: Uint8Array, entry: CatalogEntry): string {
  const line = `${catalogTypes[entry.kind]} ${quotePath(path)}`;
  return entry.kind === 'file' ? `${line} ${entry.size} ${formatMtime(entry.mtime)}` : line;
}

/** A day beyond what a date can show is printed as its number of seconds. */
function formatMtime(seconds: bigint): string {
  const limit = 8_640_000_000_000n;
  return seconds < -limit || seconds > limit ? String(seconds) : formatUtc(Number(seconds));
}

function isEntryName(name: Uint8Array): boolean {
  if (name.byteLength === 0 || name.includes(0x2f) || name.includes(0)) return false;
  return !(name[0] === 0x2e && (name.byteLength === 1 || (name.byteLength === 2 && name[1] === 0x2e)));
}

function splitPath(path: Uint8Array): Uint8Array[] {
  const components: Uint8Array[] = [];
  let from = 0;
  while (from <= path.byteLength) {
    const slash = path.indexOf(0x2f, from);
    const to = slash < 0 ? path.byteLength : slash;
    if (to > from) components.push(path.subarray(from, to));
    from = to + 1;
  }
  return components;
}
