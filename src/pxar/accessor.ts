// Random access to an archive by path, for browsing, mounting and restoring single files (pxar.md 7).
// Nodes are plain facts; nothing is read that is not asked for. All methods may run concurrently.

import { throwIfAborted } from '../base/abort.ts';
import { GranaryError } from '../base/errors.ts';
import type { ReadAt } from '../base/io.ts';
import { bytesEqual } from '../base/plain-bytes.ts';
import { damaged } from './damage.ts';
import { checkPayloadHeader, maxPreludeLength, type PxarReadOptions } from './decoder.ts';
import { GoodbyeTable } from './goodbye-table.ts';
import { headerSize, Item, identifyItem, itemTypes } from './items.ts';
import {
  checkContentSize,
  type ItemContent,
  MetadataReader,
  readHardLink,
  readName,
  readSymlink,
  readU64,
} from './metadata-reader.ts';
import { ReadWindow, SliceReadAt } from './read-window.ts';
import { fileType, fileTypeMask, type LinkTarget, type PxarMetadata } from './types.ts';

interface NodeFacts {
  /** Name without directory; empty for the root. */
  readonly name: Uint8Array;
  /** Offset of the FILENAME item (of the ENTRY item for the root). */
  readonly offset: number;
}

interface EntryFacts extends NodeFacts {
  readonly meta: PxarMetadata;
}

export interface DirectoryNode extends EntryFacts {
  readonly kind: 'directory';
  readonly entryOffset: number;
  /** Where the ENTRY's attributes end and the children begin. */
  readonly childrenStart: number;
  /** Where the GOODBYE item ends. */
  readonly end: number;
}

export interface FileNode extends EntryFacts {
  readonly kind: 'file';
  readonly size: number;
  /** Content in the archive itself begins here. */
  readonly contentOffset?: number;
  /** Split archives: the PAYLOAD header's position in the payload stream. */
  readonly payloadOffset?: number;
}

export interface HardLinkNode extends NodeFacts {
  readonly kind: 'hardlink';
  readonly target: Uint8Array;
  readonly targetOffset: LinkTarget;
}

export interface SymlinkNode extends EntryFacts {
  readonly kind: 'symlink';
  readonly target: Uint8Array;
}

export interface DeviceNode extends EntryFacts {
  readonly kind: 'device';
  readonly major: number;
  readonly minor: number;
}

export interface SpecialNode extends EntryFacts {
  readonly kind: 'fifo' | 'socket';
}

export type PxarNode = DirectoryNode | FileNode | HardLinkNode | SymlinkNode | DeviceNode | SpecialNode;

export interface PxarAccessorSource {
  archive: ReadAt;
  /** Split archives: the payload stream; only needed for content. */
  payload?: ReadAt;
}

const rootName: Uint8Array = new Uint8Array(0);
/** Bytes to read at once: for one child, and for the children of a directory one after the other. */
const aheadForOne = 4096;
const aheadForAll = 64 * 1024;

export class PxarAccessor {
  readonly #archive: ReadAt;
  readonly #payload: ReadAt | undefined;
  readonly #name: string;
  readonly #payloadName: string;
  readonly #signal: AbortSignal | undefined;
  readonly #tables = new WeakMap<DirectoryNode, Promise<GoodbyeTable>>();
  #payloadChecked = false;
  readonly #version: number;
  readonly root: DirectoryNode;
  readonly prelude: Uint8Array | undefined;

  /** Reads the root entry. Throws `pxar-invalid` for damage; errors of the sources pass through. */
  static async open(source: PxarAccessorSource, options: PxarReadOptions = {}): Promise<PxarAccessor> {
    const name = options.archiveName ?? 'archive';
    const { archive } = source;
    const window = new ReadWindow(archive, name, aheadForOne);
    const first = await window.with(0, () => readItem(window, 0, archive.size, name));
    let version = 1;
    let entryOffset = 0;
    let prelude: Uint8Array | undefined;
    if (first.code === Item.formatVersion) {
      version = readU64(first.view, first.at, name, 0);
      if (version !== 1 && version !== 2) throw damaged(name, 0, `unknown format version ${version}`);
      entryOffset = first.end;
      const at = entryOffset;
      const second = await window.with(at, () => readItem(window, at, archive.size, name));
      if (second.code === Item.prelude) {
        prelude = second.bytes.slice(second.at, second.at + second.length);
        entryOffset = second.end;
      }
    }
    const start = await window.with(entryOffset, () => readEntry(window, entryOffset, archive.size, name));
    if ((start.meta.mode & fileTypeMask) !== fileType.directory) {
      throw damaged(name, entryOffset, 'the root entry is not a directory');
    }
    const root: DirectoryNode = {
      kind: 'directory',
      name: rootName,
      offset: entryOffset,
      meta: start.meta,
      entryOffset,
      childrenStart: start.body.offset,
      end: archive.size,
    };
    const accessor = new PxarAccessor(source, name, version, root, prelude, options);
    await accessor.#table(root);
    return accessor;
  }

  private constructor(
    source: PxarAccessorSource,
    name: string,
    version: number,
    root: DirectoryNode,
    prelude: Uint8Array | undefined,
    options: PxarReadOptions,
  ) {
    this.#archive = source.archive;
    this.#payload = source.payload;
    this.#name = name;
    this.#payloadName = options.payloadName ?? `payload of ${name}`;
    this.#signal = options.signal;
    this.#version = version;
    this.root = root;
    this.prelude = prelude;
  }

  /** The children in archive order, which for the product's archives is that of their names. */
  async *list(directory: DirectoryNode): AsyncGenerator<PxarNode, void, undefined> {
    const table = await this.#table(directory);
    const offsets = await table.offsets();
    const ahead = Math.min(aheadForAll, table.offset - directory.childrenStart);
    const window = new ReadWindow(this.#archive, this.#name, ahead);
    for (let i = 0; i < offsets.length; i++) {
      throwIfAborted(this.#signal);
      // Children lie back to back, so each ends where the next begins.
      const end = i + 1 < offsets.length ? offsets[i + 1]! : table.offset;
      yield await this.#readNode(window, offsets[i]!, end, end);
    }
  }

  /** The child of that name, undefined when there is none. */
  async child(directory: DirectoryNode, name: Uint8Array): Promise<PxarNode | undefined> {
    throwIfAborted(this.#signal);
    const table = await this.#table(directory);
    for await (const row of table.find(name)) {
      const window = new ReadWindow(this.#archive, this.#name, aheadForOne);
      const item = await window.with(row.offset, () => readItem(window, row.offset, table.offset, this.#name));
      if (item.code !== Item.filename) throw damaged(this.#name, row.offset, 'no FILENAME where the table says');
      if (bytesEqual(readName(item, this.#name, row.offset), name)) {
        return this.#readNode(window, row.offset, table.offset, row.end);
      }
    }
    return undefined;
  }

  /** The node at a path from the root; empty and `.` components are skipped, links are not followed. */
  async lookup(path: Uint8Array): Promise<PxarNode | undefined> {
    let node: PxarNode = this.root;
    for (let start = 0; start < path.byteLength; ) {
      const slash = path.indexOf(0x2f, start);
      const end = slash < 0 ? path.byteLength : slash;
      const name = path.subarray(start, end);
      start = end + 1;
      if (name.byteLength === 0 || (name.byteLength === 1 && name[0] === 0x2e)) continue;
      if (node.kind !== 'directory') return undefined;
      const next: PxarNode | undefined = await this.child(node, name);
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }

  /** The regular file that a hard link stands for; other nodes themselves. */
  async follow<N extends PxarNode>(node: N): Promise<Exclude<N, HardLinkNode> | FileNode> {
    if (node.kind !== 'hardlink') return node as Exclude<N, HardLinkNode>;
    if (node.targetOffset < this.root.childrenStart) {
      throw damaged(this.#name, node.offset, `HARDLINK to offset ${node.targetOffset}, in front of all files`);
    }
    const window = new ReadWindow(this.#archive, this.#name, aheadForOne);
    const target = await this.#readNode(window, node.targetOffset, node.offset, -1);
    if (target.kind === 'file') return target;
    throw damaged(this.#name, node.offset, `HARDLINK to offset ${node.targetOffset}, where no regular file is`);
  }

  /** The content of a regular file. */
  async content(file: FileNode): Promise<ReadAt> {
    if (file.contentOffset !== undefined) return new SliceReadAt(this.#archive, file.contentOffset, file.size);
    const payload = this.#payload;
    const name = this.#payloadName;
    if (payload === undefined || file.payloadOffset === undefined) {
      throw new GranaryError('bad-request', `${this.#name}: file content is in a payload archive, which was not given`);
    }
    if (!this.#payloadChecked) await checkMarker(payload, name, 0, Item.payloadStart, 0);
    this.#payloadChecked = true;
    await checkMarker(payload, name, file.payloadOffset, Item.payload, file.size);
    return new SliceReadAt(payload, file.payloadOffset + headerSize, file.size);
  }

  #table(directory: DirectoryNode): Promise<GoodbyeTable> {
    let table = this.#tables.get(directory);
    if (table === undefined) {
      table = this.#openTable(directory);
      this.#tables.set(directory, table);
      // A read that failed may work the next time.
      table.catch(() => this.#tables.delete(directory));
    }
    return table;
  }

  async #openTable(directory: DirectoryNode): Promise<GoodbyeTable> {
    const table = await GoodbyeTable.open(this.#archive, this.#name, directory.end, directory.childrenStart);
    const start = table.offset - table.tailOffset;
    // The root's tail may point at the archive's beginning instead.
    if (start !== directory.entryOffset && !(directory.offset === this.root.offset && start === 0)) {
      throw damaged(this.#name, table.offset, `the GOODBYE tail belongs to a directory at offset ${start}`);
    }
    return table;
  }

  /** The node at a FILENAME item; nothing of it lies beyond `limit`, and if it is a directory it ends at `end`. */
  #readNode(window: ReadWindow, offset: number, limit: number, end: number): Promise<PxarNode> {
    return window.with(offset, () => this.#nodeAt(window, offset, limit, end));
  }

  #nodeAt(window: ReadWindow, offset: number, limit: number, end: number): PxarNode {
    const archive = this.#name;
    const first = readItem(window, offset, limit, archive);
    if (first.code !== Item.filename) throw damaged(archive, offset, 'no FILENAME where a child should begin');
    const name = readName(first, archive, offset);
    const entryOffset = first.end;
    const second = readItem(window, entryOffset, limit, archive);
    if (second.code === Item.hardLink) {
      return { kind: 'hardlink', name, offset, ...readHardLink(second, archive, entryOffset, offset) };
    }
    const { meta, body } = readEntry(window, entryOffset, limit, archive);
    switch (meta.mode & fileTypeMask) {
      case fileType.directory:
        if (end < body.offset || end > limit) throw damaged(archive, offset, 'a directory with an impossible end');
        return { kind: 'directory', name, offset, meta, entryOffset, childrenStart: body.offset, end };
      case fileType.regular: {
        const item = readItem(window, body.offset, limit, archive);
        if (item.code === Item.payload) {
          return { kind: 'file', name, offset, meta, size: item.length, contentOffset: body.offset + headerSize };
        }
        if (item.code === Item.payloadReference && this.#version === 2) {
          const payloadOffset = readU64(item.view, item.at, archive, body.offset);
          return {
            kind: 'file',
            name,
            offset,
            meta,
            size: readU64(item.view, item.at + 8, archive, body.offset),
            payloadOffset,
          };
        }
        break;
      }
      case fileType.symlink: {
        const item = readItem(window, body.offset, limit, archive);
        if (item.code !== Item.symlink) break;
        return { kind: 'symlink', name, offset, meta, target: readSymlink(item, archive, body.offset) };
      }
      case fileType.blockDevice:
      case fileType.characterDevice: {
        const item = readItem(window, body.offset, limit, archive);
        if (item.code !== Item.device) break;
        const major = readU64(item.view, item.at, archive, body.offset);
        return {
          kind: 'device',
          name,
          offset,
          meta,
          major,
          minor: readU64(item.view, item.at + 8, archive, body.offset),
        };
      }
      case fileType.fifo:
        return { kind: 'fifo', name, offset, meta };
      case fileType.socket:
        return { kind: 'socket', name, offset, meta };
    }
    throw damaged(archive, offset, `an entry of mode 0${meta.mode.toString(8)} without what belongs to it`);
  }
}

interface ReadItem extends ItemContent {
  code: Item;
  /** Offset behind the item. */
  end: number;
}

/**
 * The item at an offset, which has to end at or before `limit`; the content of PAYLOAD and GOODBYE is not read. To be
 * called within `window.with`.
 */
function readItem(window: ReadWindow, offset: number, limit: number, archive: string): ReadItem {
  let at = window.need(offset, headerSize, limit);
  const code = identifyItem(window.view.getUint32(at + 4, true), window.view.getUint32(at, true));
  if (code === Item.unknown) throw damaged(archive, offset, 'an item of unknown type');
  const type = itemTypes[code]!;
  const length = readU64(window.view, at + 8, archive, offset) - headerSize;
  checkContentSize(type, length, archive, offset);
  const end = offset + headerSize + length;
  if (end > limit) throw damaged(archive, offset, `${type.name} reaches beyond offset ${limit}`);
  if (code === Item.prelude && length > maxPreludeLength) throw damaged(archive, offset, `PRELUDE of ${length} bytes`);
  if (code !== Item.payload && code !== Item.goodbye) {
    at = window.need(offset, headerSize + length, limit);
  }
  return { code, bytes: window.bytes, view: window.view, at: at + headerSize, length, end };
}

/** ENTRY with its attributes; `body` is the item behind them. To be called within `window.with`. */
function readEntry(
  window: ReadWindow,
  offset: number,
  limit: number,
  archive: string,
): { meta: PxarMetadata; body: { offset: number } } {
  let item = readItem(window, offset, limit, archive);
  if (item.code !== Item.entry && item.code !== Item.entryV1) {
    throw damaged(archive, offset, `${itemTypes[item.code]!.name} where an ENTRY belongs`);
  }
  const meta = new MetadataReader(item.code, item, archive, offset);
  let next = item.end;
  // A fifo or socket may end right at the limit.
  while (next < limit) {
    item = readItem(window, next, limit, archive);
    if (!meta.add(item.code, item, archive, next)) break;
    next = item.end;
  }
  return { meta, body: { offset: next } };
}

async function checkMarker(payload: ReadAt, name: string, offset: number, code: Item, size: number): Promise<void> {
  if (offset + headerSize + size > payload.size) {
    throw damaged(name, offset, `${size} bytes of content reach beyond the end of the payload`);
  }
  const header = await payload.readAt(offset, headerSize);
  checkPayloadHeader(new DataView(header.buffer, header.byteOffset, headerSize), 0, code, size, name, offset);
}
