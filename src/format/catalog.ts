// Writes `catalog.pcat1`: names, sizes and times of the archives of a snapshot (formats.md 10). A directory's block
// is written when the directory is left, so that children lie before their parents and nothing is patched.

import { GranaryError } from '../base/errors.ts';
import type { ByteSink } from '../base/io.ts';
import { concatBytes, writeU64 } from '../base/plain-bytes.ts';
import { pushSigned, pushUnsigned } from './varint.ts';

/** SHA-256 prefix of `Proxmox Backup Catalog file v1.0`. */
export const catalogMagic = Uint8Array.of(0x91, 0xfd, 0x60, 0xf9, 0xc4, 0x67, 0x58, 0xd5);
/** A name has fewer bytes than this. */
export const catalogNameLimit = 4096;

/** The type byte of each kind of entry; also the letter of the listing. */
export const catalogTypes = {
  directory: 'd',
  file: 'f',
  symlink: 'l',
  hardlink: 'h',
  'block-device': 'b',
  'char-device': 'c',
  fifo: 'p',
  socket: 's',
} as const;
export type CatalogKind = keyof typeof catalogTypes;

/** A directory that is still open: its entries without the back-distances, which follow from where its own block goes. */
interface OpenDirectory {
  name: Uint8Array;
  count: number;
  bytes: GrowingBytes;
  /** Where in `bytes` a distance has to go, and the offset of the child's block. */
  children: { at: number; offset: number }[];
}

/**
 * Writes one catalog to a sink, from its magic on. Directories nest; those at the top are named like the archives
 * (`root.pxar.didx`). A returned promise has to settle before the next call. Memory: the open directories.
 */
export class CatalogWriter {
  readonly #sink: ByteSink;
  readonly #open: OpenDirectory[] = [newDirectory(new Uint8Array(0))];
  #position = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  startDirectory(name: Uint8Array): void {
    checkName(name);
    this.#open.push(newDirectory(Uint8Array.from(name)));
  }

  /** Writes the block of the directory that was opened last. */
  endDirectory(): void | Promise<void> {
    if (this.#open.length < 2) throw new GranaryError('internal', 'the catalog has no open directory to end');
    const directory = this.#open.pop()!;
    const { block, offset } = this.#place(directory);
    const parent = this.#current();
    this.#add('directory', directory.name);
    parent.children.push({ at: parent.bytes.length, offset });
    return this.#sink.write(block);
  }

  /** `mtime`: whole seconds since the epoch, rounded down. */
  addFile(name: Uint8Array, size: number | bigint, mtime: number | bigint): void {
    const trailer: number[] = [];
    pushUnsigned(trailer, size);
    pushSigned(trailer, mtime);
    this.#add('file', name, trailer);
  }

  addSymlink(name: Uint8Array): void {
    this.#add('symlink', name);
  }

  addHardLink(name: Uint8Array): void {
    this.#add('hardlink', name);
  }

  addBlockDevice(name: Uint8Array): void {
    this.#add('block-device', name);
  }

  addCharDevice(name: Uint8Array): void {
    this.#add('char-device', name);
  }

  addFifo(name: Uint8Array): void {
    this.#add('fifo', name);
  }

  addSocket(name: Uint8Array): void {
    this.#add('socket', name);
  }

  /** Writes the root block and the trailer. All directories have to be ended. */
  finish(): void | Promise<void> {
    if (this.#open.length !== 1) throw new GranaryError('internal', 'the catalog has directories that were not ended');
    const { block, offset } = this.#place(this.#open.pop()!);
    const trailer = new Uint8Array(8);
    writeU64(trailer, 0, offset);
    return this.#sink.write(concatBytes([block, trailer]));
  }

  /** The bytes of a directory's block at the next free offset; the very first come with the magic in front. */
  #place(directory: OpenDirectory): { block: Uint8Array; offset: number } {
    const first = this.#position === 0;
    const offset = first ? catalogMagic.byteLength : this.#position;
    const body = encodeBlock(directory, offset);
    this.#position = offset + body.byteLength;
    return { block: first ? concatBytes([catalogMagic, body]) : body, offset };
  }

  #current(): OpenDirectory {
    const directory = this.#open.at(-1);
    if (!directory) throw new GranaryError('internal', 'the catalog is finished');
    return directory;
  }

  #add(kind: CatalogKind, name: Uint8Array, trailer: readonly number[] = []): void {
    checkName(name);
    const directory = this.#current();
    const head = [catalogTypes[kind].charCodeAt(0)];
    pushUnsigned(head, name.byteLength);
    directory.bytes.append(head);
    directory.bytes.append(name);
    directory.bytes.append(trailer);
    directory.count++;
  }
}

function newDirectory(name: Uint8Array): OpenDirectory {
  return { name, count: 0, bytes: new GrowingBytes(), children: [] };
}

function encodeBlock(directory: OpenDirectory, offset: number): Uint8Array<ArrayBuffer> {
  const count: number[] = [];
  pushUnsigned(count, directory.count);
  const parts: Uint8Array[] = [Uint8Array.from(count)];
  const entries = directory.bytes.view();
  let from = 0;
  for (const child of directory.children) {
    const distance: number[] = [];
    pushUnsigned(distance, offset - child.offset);
    parts.push(entries.subarray(from, child.at), Uint8Array.from(distance));
    from = child.at;
  }
  parts.push(entries.subarray(from));
  const length: number[] = [];
  pushUnsigned(
    length,
    parts.reduce((sum, part) => sum + part.byteLength, 0),
  );
  return concatBytes([Uint8Array.from(length), ...parts]);
}

function checkName(name: Uint8Array): void {
  if (name.byteLength === 0 || name.byteLength >= catalogNameLimit || name.includes(0x2f) || name.includes(0)) {
    throw new GranaryError('catalog-invalid', `not a name for a catalog entry: '${new TextDecoder().decode(name)}'`);
  }
}

class GrowingBytes {
  #buffer = new Uint8Array(256);
  length = 0;

  append(bytes: ArrayLike<number>): void {
    const end = this.length + bytes.length;
    if (end > this.#buffer.byteLength) {
      const bigger = new Uint8Array(Math.max(end, this.#buffer.byteLength * 2));
      bigger.set(this.view());
      this.#buffer = bigger;
    }
    this.#buffer.set(bytes, this.length);
    this.length = end;
  }

  view(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }
}
