// A part of an archive as events for the extractor, read by random access: what no pattern can select is not even
// looked at, so that a few files of a large archive cost few chunks (pxar.md 11.4, 12).

import type { ReadAt } from '../base/io.ts';
import { throwIfAborted } from '../base/streams.ts';
import type { DirectoryNode, FileNode, HardLinkNode, PxarAccessor, PxarNode } from '../pxar/accessor.ts';
import { type Pattern, PatternList } from '../pxar/patterns.ts';
import type { DirectoryEvent, FileEvent, PxarEvent } from '../pxar/types.ts';
import type { PxarEventSource } from './extract.ts';

/** Content is handed on in pieces of this size. */
const pieceSize = 1024 * 1024;
const slash = 0x2f;

export class ArchiveEvents implements PxarEventSource {
  readonly #accessor: PxarAccessor;
  readonly #root: DirectoryNode;
  readonly #patterns: readonly Pattern[];
  readonly #list: PatternList;
  readonly #signal: AbortSignal;
  readonly #events: AsyncGenerator<PxarEvent, void, undefined>;
  /** Files that were given out: by their offset, the path and offset under which hard links find them. */
  readonly #given = new Map<number, { path: Uint8Array; offset: number }>();

  /**
   * `patterns` select as in `extractArchive`, which has to get the same ones. With `root`, that directory is taken
   * for the whole archive, in paths and patterns too.
   */
  constructor(accessor: PxarAccessor, patterns: readonly Pattern[], signal: AbortSignal, root?: DirectoryNode) {
    this.#accessor = accessor;
    this.#root = root ?? accessor.root;
    this.#patterns = patterns;
    this.#list = new PatternList(patterns);
    this.#signal = signal;
    this.#events = this.#walkRoot();
  }

  async next(): Promise<PxarEvent | undefined> {
    const next = await this.#events.next();
    return next.done ? undefined : next.value;
  }

  async *#walkRoot(): AsyncGenerator<PxarEvent, void, undefined> {
    if (this.#accessor.prelude && this.#root === this.#accessor.root)
      yield { kind: 'prelude', data: this.#accessor.prelude };
    const includes = this.#patterns.some((pattern) => pattern.type === 'include');
    yield* this.#directory({ ...this.#root, name: new Uint8Array(0) }, new Uint8Array(0), !includes);
  }

  async *#directory(
    node: DirectoryNode,
    path: Uint8Array,
    selected: boolean,
  ): AsyncGenerator<PxarEvent, void, undefined> {
    const event: DirectoryEvent = { kind: 'directory', name: node.name, path, offset: node.offset, meta: node.meta };
    yield event;
    for await (const child of this.#accessor.list(node)) {
      throwIfAborted(this.#signal);
      yield* this.#child(child, joinPath(path, child.name), selected);
    }
    yield { kind: 'end-directory', directory: event };
  }

  async *#child(node: PxarNode, path: Uint8Array, inherited: boolean): AsyncGenerator<PxarEvent, void, undefined> {
    const decision = this.#list.match(joinPath(new Uint8Array(0), path, true), node.kind === 'directory');
    const selected = decision === undefined ? inherited : decision === 'include';
    if (node.kind === 'directory') {
      if (selected || this.#patterns.some((pattern) => mayMatchBelow(pattern, path))) {
        yield* this.#directory(node, path, selected);
      }
      return;
    }
    if (!selected) return;
    if (node.kind === 'file') yield this.#file(node, path, node.offset);
    else if (node.kind === 'hardlink') yield await this.#hardLink(node, path);
    else yield { ...node, path };
  }

  #file(node: FileNode, path: Uint8Array, offset: number): FileEvent {
    this.#given.set(node.offset, { path, offset });
    return new AccessedFile(this.#accessor, node, path, offset);
  }

  /** A link to a file that is not restored becomes the file itself; later links go to this one. */
  async #hardLink(node: HardLinkNode, path: Uint8Array): Promise<PxarEvent> {
    const given = this.#given.get(node.targetOffset);
    if (given) {
      const { name, offset } = node;
      return { kind: 'hardlink', name, path, offset, target: given.path, targetOffset: given.offset };
    }
    const file = await this.#accessor.follow(node);
    return this.#file({ ...file, name: node.name }, path, node.offset);
  }
}

class AccessedFile implements FileEvent {
  readonly kind = 'file';
  readonly name: Uint8Array;
  readonly path: Uint8Array;
  readonly offset: number;
  readonly meta: FileEvent['meta'];
  readonly size: number;
  readonly #accessor: PxarAccessor;
  readonly #node: FileNode;
  #content: ReadAt | undefined;
  #at = 0;

  constructor(accessor: PxarAccessor, node: FileNode, path: Uint8Array, offset: number) {
    this.name = node.name;
    this.path = path;
    this.offset = offset;
    this.meta = node.meta;
    this.size = node.size;
    this.#accessor = accessor;
    this.#node = node;
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#at >= this.size) return undefined;
    this.#content ??= await this.#accessor.content(this.#node);
    const piece = await this.#content.readAt(this.#at, Math.min(pieceSize, this.size - this.#at));
    this.#at += piece.byteLength;
    return piece;
  }

  async *content(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const piece = await this.read();
      if (piece === undefined) return;
      yield piece;
    }
  }
}

function joinPath(directory: Uint8Array, name: Uint8Array, always = false): Uint8Array {
  if (directory.byteLength === 0 && !always) return name;
  const path = new Uint8Array(directory.byteLength + 1 + name.byteLength);
  path.set(directory);
  path[directory.byteLength] = slash;
  path.set(name, directory.byteLength + 1);
  return path;
}

const special = /[*?[\\]/;

/**
 * Whether an include could select something below a directory. Only patterns that begin at the root say no: where
 * their components without wildcards differ from the directory's.
 */
export function mayMatchBelow(pattern: Pattern, directory: Uint8Array): boolean {
  if (pattern.type !== 'include') return false;
  const text = Buffer.from(pattern.text).toString('latin1');
  if (!text.startsWith('/')) return true;
  const wanted = text.split('/').filter((part) => part !== '');
  const have = Buffer.from(directory).toString('latin1').split('/');
  for (const [i, part] of have.entries()) {
    const component = wanted[i];
    // What is exactly this deep or above it is the directory itself, which was asked about before.
    if (component === undefined) return false;
    if (special.test(component)) return true;
    if (component !== part) return false;
  }
  return wanted.length > have.length;
}
