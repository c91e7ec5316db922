// Writes archives: version 1 into one stream, version 2 split into metadata and payload (pxar.md 3, 4, 6, 9).
// An entry is assembled in memory and written at once; a call returns a promise only when the sink does.

import { GranaryError } from '../base/errors.ts';
import type { ByteSink } from '../base/io.ts';
import { GoodbyeRows } from './goodbye.ts';
import { ItemWriter } from './item-writer.ts';
import { headerSize, Item } from './items.ts';
import { fileType, fileTypeMask, type LinkTarget, type PxarMetadata } from './types.ts';

export interface EncoderOutput {
  archive: ByteSink;
  /** Given: a split archive of version 2, contents go here. */
  payload?: ByteSink;
  /** Split archives: opaque bytes in front of the root. */
  prelude?: Uint8Array;
}

interface OpenDirectory {
  /** What the distances of the own GOODBYE tail count from. */
  readonly tailBase: number;
  /** Row of this directory in its parent's table, and where it starts; -1 for the root. */
  readonly row: number;
  readonly start: number;
  readonly firstRow: number;
}

/**
 * `start`, then entries, each directory closed by `endDirectory`, then `finish`. Names, targets and attributes that the
 * format cannot hold throw `bad-request` and leave the archive as it was; a call out of turn throws `internal`.
 * After an error of a sink the archive is lost.
 */
export class PxarEncoder {
  readonly #archive: ByteSink;
  readonly #payload: ByteSink | undefined;
  readonly #prelude: Uint8Array | undefined;
  readonly #items = new ItemWriter();
  readonly #rows = new GoodbyeRows();
  readonly #open: OpenDirectory[] = [];
  #state: 'new' | 'open' | 'file' | 'closed' = 'new';
  #position = 0;
  #payloadPosition = 0;
  /** Size of the file being written, and where the sink stood at its start. */
  #fileSize = 0;
  #fileStart = 0;

  constructor(output: EncoderOutput) {
    if (output.prelude !== undefined && output.payload === undefined) {
      throw new GranaryError('internal', 'only split archives have a prelude');
    }
    this.#archive = output.archive;
    this.#payload = output.payload;
    this.#prelude = output.prelude;
  }

  /** Bytes of the archive (of the metadata stream when split). */
  get position(): number {
    return this.#position;
  }

  /** Split archives: where the next PAYLOAD header goes, the offset to suggest as boundary before a file. */
  get payloadPosition(): number {
    return this.#payloadPosition;
  }

  /** Takes the content between `startFile` and `endFile`. */
  get payloadSink(): ByteSink {
    return this.#payload ?? this.#archive;
  }

  /** Split archives: accounts for chunks that were injected at `payloadPosition`. */
  skipPayload(bytes: number): void {
    this.#expect('open');
    this.#payloadPosition += bytes;
  }

  start(root: PxarMetadata): void | Promise<void> {
    this.#expect('new');
    this.#expectType(root, fileType.directory);
    const items = this.#items;
    items.clear();
    const split = this.#payload;
    if (split !== undefined) {
      items.formatVersion(2);
      if (this.#prelude !== undefined) items.prelude(this.#prelude);
    }
    const entry = items.length;
    items.metadata(root, rootName);
    // In version 2 the root's tail points at offset 0 instead of the root ENTRY.
    this.#open.push({ tailBase: split === undefined ? entry : 0, row: -1, start: 0, firstRow: 0 });
    this.#state = 'open';
    const written = this.#flush();
    if (split === undefined) return written;
    return after(written, () => this.#writePayloadHeader(split, Item.payloadStart, 0));
  }

  startDirectory(name: Uint8Array, meta: PxarMetadata): void | Promise<void> {
    const start = this.#begin(name, meta, fileType.directory);
    const entry = start + headerSize + name.byteLength + 1;
    const row = this.#rows.length;
    this.#rows.push(name, start, 0);
    this.#open.push({ tailBase: entry, row, start, firstRow: row + 1 });
    return this.#flush();
  }

  endDirectory(): void | Promise<void> {
    this.#expect('open');
    const directory = this.#open.pop()!;
    if (directory.row < 0) {
      this.#open.push(directory);
      throw new GranaryError('internal', 'endDirectory without startDirectory');
    }
    return this.#goodbye(directory);
  }

  /** Begins a regular file; `size` bytes have to go through `payloadSink`, then `endFile` has to be called. */
  startFile(name: Uint8Array, meta: PxarMetadata, size: number): LinkTarget | Promise<LinkTarget> {
    const start = this.#begin(name, meta, fileType.regular);
    const items = this.#items;
    const split = this.#payload;
    if (split === undefined) items.header(Item.payload, size);
    else items.payloadReference(this.#payloadPosition, size);
    // Version 2 counts the content in although it lies in the other stream.
    this.#rows.push(name, start, items.length + size);
    this.#fileSize = size;
    this.#state = 'file';
    let written = this.#flush();
    if (split !== undefined) written = after(written, () => this.#writePayloadHeader(split, Item.payload, size));
    const begun = () => {
      this.#fileStart = this.payloadSink.position;
      return start;
    };
    return written === undefined ? begun() : written.then(begun);
  }

  /** Ends the file of `startFile`; throws `internal` unless exactly its size was written. */
  endFile(): void {
    this.#expect('file');
    const written = this.payloadSink.position - this.#fileStart;
    if (written !== this.#fileSize) {
      throw new GranaryError('internal', `${written} bytes written for a file of ${this.#fileSize} bytes`);
    }
    if (this.#payload === undefined) this.#position += written;
    else this.#payloadPosition += written;
    this.#state = 'open';
  }

  /** Split archives: a regular file whose PAYLOAD header lies at `payloadOffset`, in chunks that are reused. */
  addPayloadReference(
    name: Uint8Array,
    meta: PxarMetadata,
    size: number,
    payloadOffset: number,
  ): LinkTarget | Promise<LinkTarget> {
    if (this.#payload === undefined) throw new GranaryError('internal', 'only split archives have payload references');
    const start = this.#begin(name, meta, fileType.regular);
    this.#items.payloadReference(payloadOffset, size);
    this.#rows.push(name, start, this.#items.length);
    const written = this.#flush();
    return written === undefined ? start : written.then(() => start);
  }

  /** `targetPath` is relative to the archive root; `target` is what `startFile` or `addPayloadReference` gave for it. */
  addHardLink(name: Uint8Array, targetPath: Uint8Array, target: LinkTarget): void | Promise<void> {
    this.#expect('open');
    const start = this.#position;
    if (!(target >= 0 && target < start)) throw new GranaryError('internal', 'a hard link has to follow its target');
    this.#items.clear();
    this.#items.filename(name);
    this.#items.hardLink(name, start - target, targetPath);
    return this.#complete(name, start);
  }

  addSymlink(name: Uint8Array, meta: PxarMetadata, target: Uint8Array): void | Promise<void> {
    const start = this.#begin(name, meta, fileType.symlink);
    this.#items.symlink(name, target);
    return this.#complete(name, start);
  }

  /** A block or character device, as the mode says. */
  addDevice(name: Uint8Array, meta: PxarMetadata, major: number, minor: number): void | Promise<void> {
    const start = this.#begin(name, meta, fileType.blockDevice, fileType.characterDevice);
    this.#items.device(major, minor);
    return this.#complete(name, start);
  }

  addFifo(name: Uint8Array, meta: PxarMetadata): void | Promise<void> {
    return this.#complete(name, this.#begin(name, meta, fileType.fifo));
  }

  addSocket(name: Uint8Array, meta: PxarMetadata): void | Promise<void> {
    return this.#complete(name, this.#begin(name, meta, fileType.socket));
  }

  /** Closes the root and, when split, the payload stream. The sinks stay open. */
  finish(): void | Promise<void> {
    this.#expect('open');
    if (this.#open.length !== 1) throw new GranaryError('internal', `${this.#open.length - 1} directories are open`);
    const written = this.#goodbye(this.#open.pop()!);
    this.#state = 'closed';
    const split = this.#payload;
    if (split === undefined) return written;
    return after(written, () => this.#writePayloadHeader(split, Item.payloadTail, 0));
  }

  #begin(name: Uint8Array, meta: PxarMetadata, ...types: number[]): number {
    this.#expect('open');
    this.#expectType(meta, ...types);
    this.#items.clear();
    this.#items.filename(name);
    this.#items.metadata(meta, name);
    return this.#position;
  }

  #complete(name: Uint8Array, start: number): void | Promise<void> {
    this.#rows.push(name, start, this.#items.length);
    return this.#flush();
  }

  #goodbye(directory: OpenDirectory): void | Promise<void> {
    const offset = this.#position;
    const table = this.#rows.pop(directory.firstRow, offset, offset - directory.tailBase);
    this.#position += table.byteLength;
    if (directory.row >= 0) this.#rows.setSize(directory.row, this.#position - directory.start);
    return this.#archive.write(table);
  }

  #flush(): void | Promise<void> {
    const bytes = this.#items.bytes();
    this.#position += bytes.byteLength;
    return this.#archive.write(bytes);
  }

  #writePayloadHeader(payload: ByteSink, code: Item, size: number): void | Promise<void> {
    this.#items.clear();
    this.#items.header(code, size);
    this.#payloadPosition += headerSize;
    return payload.write(this.#items.bytes());
  }

  #expect(state: string): void {
    if (this.#state === state) return;
    throw new GranaryError('internal', `the archive is '${this.#state}', not '${state}'`);
  }

  #expectType(meta: PxarMetadata, ...types: number[]): void {
    if (!types.includes(meta.mode & fileTypeMask)) {
      throw new GranaryError('internal', `an entry of mode 0${meta.mode.toString(8)} is of another file type`);
    }
  }
}

const rootName = new Uint8Array(0);

/** `then` without a promise where there is none. */
function after(first: void | Promise<void>, second: () => void | Promise<void>): void | Promise<void> {
  return first === undefined ? second() : first.then(second);
}
