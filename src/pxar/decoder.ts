// Reads an archive from front to back, of version 1 and 2, with or without payload stream (pxar.md 4, 8, 9).
// Parsing is synchronous as long as data is at hand; content is handed out as views on the input.

import { GranaryError } from '../base/errors.ts';
import { ByteWindow } from './byte-window.ts';
import { damaged } from './damage.ts';
import {
  type ContentReader,
  Device,
  Directory,
  EndDirectory,
  File,
  HardLink,
  Pipe,
  Socket,
  Symlink,
} from './events.ts';
import { goodbyeTail, headerSize, Item, identifyItem, itemTypes } from './items.ts';
import {
  checkContentSize,
  type ItemContent,
  MetadataReader,
  readHardLink,
  readName,
  readSymlink,
  readU64,
} from './metadata-reader.ts';
import { OffsetSet } from './offset-set.ts';
import { type FileEvent, fileType, fileTypeMask, type PxarEvent } from './types.ts';

/** Pieces may be recycled by the source once the next one is asked for. */
export interface PxarSource {
  archive: AsyncIterable<Uint8Array>;
  /** Split archives: the payload stream; only needed when content is read. */
  payload?: AsyncIterable<Uint8Array>;
}

export interface PxarReadOptions {
  /** Names the archive in errors. */
  archiveName?: string;
  payloadName?: string;
  signal?: AbortSignal;
}

/** A prelude is kept in memory, and only exclude patterns are ever in it. */
export const maxPreludeLength = 16 * 1024 * 1024;
/** Directories within directories; each costs the decoder some memory. */
const maxDepth = 65536;
const goodbyeItemSize = 24;

const State = {
  start: 0,
  prelude: 1,
  root: 2,
  children: 3,
  entry: 4,
  attributes: 5,
  goodbyeTail: 6,
  done: 7,
} as const;
type State = (typeof State)[keyof typeof State];

const rootName: Uint8Array = new Uint8Array(0);
/** `read` has to wait for data. */
const waiting = Symbol('waiting');

/**
 * Yields everything in the archive in stored order; see `PxarEvent`. Content is valid until the next event or
 * piece is asked for. Throws `pxar-invalid` for damage; errors of the sources pass through.
 */
export async function* decodePxar(
  source: PxarSource,
  options: PxarReadOptions = {},
): AsyncGenerator<PxarEvent, void, undefined> {
  await using decoder = new PxarDecoder(source, options);
  for (;;) {
    const next = decoder.next();
    const event = next instanceof Promise ? await next : next;
    if (event === undefined) return;
    yield event;
  }
}

/** What `decodePxar` runs on, for those who want to avoid a promise for each entry. */
export class PxarDecoder implements ContentReader {
  readonly #name: string;
  readonly #payloadName: string;
  readonly #archive: ByteWindow;
  readonly #payload: ByteWindow | undefined;
  readonly #files = new OffsetSet();
  readonly #item: ItemContent = { bytes: rootName, view: new DataView(rootName.buffer), at: 0, length: 0 };
  #state: State = State.start;
  #version = 1;
  /** Contiguous bytes that `#run` is waiting for. */
  #need = 0;
  /** Bytes to leave out before the next item. */
  #skip = 0;
  #directory: Directory | undefined = undefined;
  #depth = 0;
  #entryName = rootName;
  #entryOffset = 0;
  #meta: MetadataReader | undefined = undefined;
  #file: FileEvent | undefined = undefined;
  #contentLeft = 0;
  #payloadStarted = false;
  #payloadPlaced = false;
  #failure: unknown = undefined;

  constructor(source: PxarSource, options: PxarReadOptions = {}) {
    this.#name = options.archiveName ?? 'archive';
    this.#payloadName = options.payloadName ?? `payload of ${this.#name}`;
    this.#archive = new ByteWindow(source.archive, this.#name, options.signal);
    if (source.payload) this.#payload = new ByteWindow(source.payload, this.#payloadName, options.signal);
  }

  /** The next event, undefined behind the last; a promise only when data has to be waited for. */
  next(): PxarEvent | undefined | Promise<PxarEvent | undefined> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#file !== undefined) this.#leaveFile();
    try {
      const event = this.#run();
      return event ?? this.#wait();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#failure ??= new GranaryError('internal', `${this.#name}: the decoder is closed`);
    await this.#archive.close();
    await this.#payload?.close();
  }

  async #wait(): Promise<PxarEvent | undefined> {
    try {
      for (;;) {
        if (this.#state === State.done) {
          if (await this.#archive.atEnd()) return undefined;
          throw damaged(this.#name, this.#archive.position, 'data behind the end of the root directory');
        }
        await this.#archive.fill(this.#need);
        const event = this.#run();
        if (event !== undefined) return event;
      }
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #leaveFile(): void {
    if (this.#file!.payloadOffset === undefined) this.#skip = this.#contentLeft;
    this.#file = undefined;
  }

  /** Parses items until there is an event; undefined when `#need` bytes have to come first, or at the end. */
  #run(): PxarEvent | undefined {
    const window = this.#archive;
    const name = this.#name;
    while (this.#state !== State.done) {
      if (this.#skip > 0) {
        this.#skip -= window.skip(this.#skip);
        if (this.#skip > 0) return this.#waitFor(1);
      }
      if (this.#state === State.goodbyeTail) {
        if (!window.has(goodbyeItemSize)) return this.#waitFor(goodbyeItemSize);
        return this.#endDirectory();
      }
      if (!window.has(headerSize)) return this.#waitFor(headerSize);
      const offset = window.position;
      const { view, at } = window;
      const code = identifyItem(view.getUint32(at + 4, true), view.getUint32(at, true));
      if (code === Item.unknown) throw damaged(name, offset, `unknown item type ${typeNumber(view, at)}`);
      const type = itemTypes[code]!;
      const length = readU64(view, at + 8, name, offset) - headerSize;
      checkContentSize(type, length, name, offset);
      if (code === Item.prelude && length > maxPreludeLength) throw damaged(name, offset, `PRELUDE of ${length} bytes`);
      // Everything but content, tables and entries without body is parsed whole.
      if (code !== Item.payload && code !== Item.goodbye && !window.has(headerSize + length)) {
        return this.#waitFor(headerSize + length);
      }
      const item = this.#item;
      item.bytes = window.bytes;
      item.view = window.view;
      item.at = window.at + headerSize;
      item.length = length;
      switch (this.#state) {
        case State.start:
          if (code === Item.formatVersion) {
            const version = readU64(item.view, item.at, name, offset);
            if (version !== 1 && version !== 2) throw damaged(name, offset, `unknown format version ${version}`);
            this.#version = version;
            window.at = item.at + length;
            this.#state = State.prelude;
            continue;
          }
          this.#startEntry(code, rootName, offset);
          continue;
        case State.prelude:
          this.#state = State.root;
          if (code === Item.prelude) {
            window.at = item.at + length;
            return { kind: 'prelude', data: item.bytes.slice(item.at, item.at + length) };
          }
          continue;
        case State.root:
          this.#startEntry(code, rootName, offset);
          continue;
        case State.children:
          if (code === Item.filename) {
            this.#entryName = readName(item, name, offset);
            this.#entryOffset = offset;
            window.at = item.at + length;
            this.#state = State.entry;
            continue;
          }
          if (code === Item.goodbye) {
            if (length % goodbyeItemSize !== 0) throw damaged(name, offset, `GOODBYE of ${length} bytes of content`);
            window.at += headerSize;
            this.#skip = length - goodbyeItemSize;
            this.#state = State.goodbyeTail;
            continue;
          }
          throw misplaced(type.name, 'where a FILENAME or GOODBYE belongs', name, offset);
        case State.entry: {
          if (code !== Item.hardLink) {
            this.#startEntry(code, this.#entryName, this.#entryOffset);
            continue;
          }
          const link = readHardLink(item, name, offset, this.#entryOffset);
          if (!this.#files.has(link.targetOffset)) {
            throw damaged(name, offset, `HARDLINK to offset ${link.targetOffset}, where no regular file is`);
          }
          window.at = item.at + length;
          this.#state = State.children;
          return new HardLink(this.#entryName, this.#directory!, this.#entryOffset, link.target, link.targetOffset);
        }
        case State.attributes:
          if (this.#meta!.add(code, item, name, offset)) {
            window.at = item.at + length;
            continue;
          }
          return this.#endEntry(code, item, offset);
      }
    }
    return undefined;
  }

  #waitFor(need: number): undefined {
    this.#need = need;
    return undefined;
  }

  #startEntry(code: Item, entryName: Uint8Array, entryOffset: number): void {
    const offset = this.#archive.position;
    if (code !== Item.entry && code !== Item.entryV1) {
      throw misplaced(itemTypes[code]!.name, 'where an ENTRY belongs', this.#name, offset);
    }
    const item = this.#item;
    const meta = new MetadataReader(code, item, this.#name, offset);
    if (this.#directory === undefined && (meta.mode & fileTypeMask) !== fileType.directory) {
      throw damaged(this.#name, offset, 'the root entry is not a directory');
    }
    this.#archive.at = item.at + item.length;
    this.#meta = meta;
    this.#entryName = entryName;
    this.#entryOffset = entryOffset;
    this.#state = State.attributes;
  }

  /** The first item that is no attribute decides what kind of entry this is; it must fit the mode. */
  #endEntry(code: Item, item: ItemContent, offset: number): PxarEvent {
    const meta = this.#meta!;
    const entryName = this.#entryName;
    const start = this.#entryOffset;
    const parent = this.#directory;
    const type = meta.mode & fileTypeMask;
    this.#state = State.children;
    if (type === fileType.directory) {
      if (++this.#depth > maxDepth) throw damaged(this.#name, offset, `more than ${maxDepth} nested directories`);
      this.#directory = new Directory(entryName, parent, start, meta);
      return this.#directory;
    }
    // Only the root has no parent, and the root is a directory.
    const dir = parent!;
    const window = this.#archive;
    switch (type) {
      case fileType.regular: {
        if (code === Item.payload) {
          window.at += headerSize;
          this.#contentLeft = item.length;
          this.#file = new File(entryName, dir, start, meta, item.length, undefined, this);
        } else if (code === Item.payloadReference && this.#version === 2) {
          const payloadOffset = readU64(item.view, item.at, this.#name, offset);
          const size = readU64(item.view, item.at + 8, this.#name, offset);
          window.at = item.at + item.length;
          this.#contentLeft = size;
          this.#payloadPlaced = false;
          this.#file = new File(entryName, dir, start, meta, size, payloadOffset, this);
        } else break;
        this.#files.add(start);
        return this.#file;
      }
      case fileType.symlink: {
        if (code !== Item.symlink) break;
        const target = readSymlink(item, this.#name, offset);
        window.at = item.at + item.length;
        return new Symlink(entryName, dir, start, meta, target);
      }
      case fileType.characterDevice:
      case fileType.blockDevice: {
        if (code !== Item.device) break;
        const major = readU64(item.view, item.at, this.#name, offset);
        const minor = readU64(item.view, item.at + 8, this.#name, offset);
        window.at = item.at + item.length;
        return new Device(entryName, dir, start, meta, major, minor);
      }
      case fileType.fifo:
      case fileType.socket:
        if (code !== Item.filename && code !== Item.goodbye) break;
        return type === fileType.fifo ? new Pipe(entryName, dir, start, meta) : new Socket(entryName, dir, start, meta);
      default:
        throw damaged(this.#name, start, `an entry of unknown file type, mode 0${meta.mode.toString(8)}`);
    }
    throw misplaced(itemTypes[code]!.name, `after an ENTRY of mode 0${meta.mode.toString(8)}`, this.#name, offset);
  }

  #endDirectory(): PxarEvent {
    const window = this.#archive;
    const { view, at } = window;
    if (view.getUint32(at, true) !== goodbyeTail.lo || view.getUint32(at + 4, true) !== goodbyeTail.hi) {
      throw damaged(this.#name, window.position, 'GOODBYE does not end with its tail marker');
    }
    window.at += goodbyeItemSize;
    const directory = this.#directory!;
    this.#directory = directory.parent;
    this.#depth--;
    this.#state = directory.parent === undefined ? State.done : State.children;
    return new EndDirectory(directory);
  }

  readContent(file: FileEvent): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    if (this.#failure !== undefined) throw this.#failure;
    if (file !== this.#file) {
      throw new GranaryError('internal', `${this.#name}: content asked for after the decoder has moved on`);
    }
    try {
      const piece = this.#contentPiece(file);
      return piece === waiting ? this.#waitForContent(file) : piece;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async #waitForContent(file: FileEvent): Promise<Uint8Array | undefined> {
    try {
      for (;;) {
        const window = file.payloadOffset === undefined ? this.#archive : this.#payload!;
        await window.fill(this.#need);
        const piece = this.#contentPiece(file);
        if (piece !== waiting) return piece;
      }
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #contentPiece(file: FileEvent): Uint8Array | undefined | typeof waiting {
    let window = this.#archive;
    if (file.payloadOffset !== undefined) {
      if (this.#payload === undefined) {
        throw new GranaryError(
          'bad-request',
          `${this.#name}: file content is in a payload archive, which was not given`,
        );
      }
      window = this.#payload;
      if (!this.#payloadPlaced && !this.#placePayload(window, file.payloadOffset, file.size)) return waiting;
    }
    if (this.#contentLeft === 0) return undefined;
    if (!window.has(1)) {
      this.#need = 1;
      return waiting;
    }
    const piece = window.take(this.#contentLeft);
    this.#contentLeft -= piece.byteLength;
    return piece;
  }

  /** Goes forward to the content at a PAYLOAD_REF; false when data has to be waited for. */
  #placePayload(window: ByteWindow, target: number, size: number): boolean {
    const name = this.#payloadName;
    this.#need = headerSize;
    if (!this.#payloadStarted) {
      if (!window.has(headerSize)) return false;
      checkPayloadHeader(window.view, window.at, Item.payloadStart, 0, name, 0);
      window.at += headerSize;
      this.#payloadStarted = true;
    }
    const distance = target - window.position;
    if (distance < 0) throw damaged(name, target, 'content lies before what has been read already');
    if (distance > 0 && window.skip(distance) < distance) {
      this.#need = 1;
      return false;
    }
    if (!window.has(headerSize)) return false;
    checkPayloadHeader(window.view, window.at, Item.payload, size, name, target);
    window.at += headerSize;
    this.#payloadPlaced = true;
    return true;
  }
}

/** Checks an item header in a payload stream: exactly this item, with exactly this content size. */
export function checkPayloadHeader(
  view: DataView,
  at: number,
  code: Item,
  size: number,
  payloadName: string,
  offset: number,
): void {
  const type = itemTypes[code]!;
  if (view.getUint32(at, true) !== type.lo || view.getUint32(at + 4, true) !== type.hi) {
    throw damaged(payloadName, offset, `item type ${typeNumber(view, at)} where ${type.name} belongs`);
  }
  const length = readU64(view, at + 8, payloadName, offset) - headerSize;
  if (length !== size) {
    throw damaged(payloadName, offset, `${type.name} of ${length} bytes of content instead of ${size}`);
  }
}

function typeNumber(view: DataView, at: number): string {
  return view.getBigUint64(at, true).toString(16).padStart(16, '0');
}

function misplaced(item: string, where: string, archive: string, offset: number): GranaryError {
  return damaged(archive, offset, `${item} ${where}`);
}
