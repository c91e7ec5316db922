// What changed between two file archives: entries added, removed and modified, and in what (cli.md 10).

import { bytesEqual } from '../base/bytes.ts';
import { throwIfAborted } from '../base/streams.ts';
import type { DirectoryNode, FileNode, HardLinkNode, PxarAccessor, PxarNode } from '../pxar/accessor.ts';

/** A node with what it stands for: the file behind a hard link. */
export type ComparedNode = Exclude<PxarNode, HardLinkNode>;
export type Aspect = 'type' | 'content' | 'size' | 'permissions' | 'ownership' | 'time' | 'attributes' | 'target';

export interface Difference {
  readonly kind: 'added' | 'removed' | 'modified';
  /** From the archive root, with a leading slash. */
  readonly path: Uint8Array;
  /** As it is now; as it was for a removed entry. */
  readonly node: ComparedNode;
  /** What is not as before; empty unless modified. */
  readonly aspects: ReadonlySet<Aspect>;
}

export interface DiffOptions {
  /** Also compare contents of files of equal size, which reads both. */
  content: boolean;
  signal: AbortSignal;
}

/** Compares two archives, directories depth first in the order of names. */
export async function* diffArchives(
  before: PxarAccessor,
  after: PxarAccessor,
  o: DiffOptions,
): AsyncGenerator<Difference, void, undefined> {
  const comparison = new Comparison(before, after, o);
  yield* comparison.directories(before.root, after.root, new Uint8Array(0));
}

const pieceSize = 1024 * 1024;
const permissionMask = 0o7777;
const typeMask = 0o170000;

class Comparison {
  readonly #before: PxarAccessor;
  readonly #after: PxarAccessor;
  readonly #o: DiffOptions;

  constructor(before: PxarAccessor, after: PxarAccessor, o: DiffOptions) {
    this.#before = before;
    this.#after = after;
    this.#o = o;
  }

  async *directories(
    a: DirectoryNode,
    b: DirectoryNode,
    path: Uint8Array,
  ): AsyncGenerator<Difference, void, undefined> {
    const [old, current] = [await children(this.#before, a), await children(this.#after, b)];
    const names = [...new Set([...old.keys(), ...current.keys()])].sort();
    for (const name of names) {
      throwIfAborted(this.#o.signal);
      yield* this.#entry(old.get(name), current.get(name), Buffer.concat([path, Buffer.from(`/${name}`, 'latin1')]));
    }
  }

  async *#entry(
    a: PxarNode | undefined,
    b: PxarNode | undefined,
    path: Uint8Array,
  ): AsyncGenerator<Difference, void, undefined> {
    if (a === undefined) return yield* one('added', this.#after, b!, path);
    if (b === undefined) return yield* one('removed', this.#before, a, path);
    const [left, right] = [await this.#before.follow(a), await this.#after.follow(b)];
    if (left.kind !== right.kind || (left.meta.mode & typeMask) !== (right.meta.mode & typeMask)) {
      yield { kind: 'modified', path, node: right, aspects: new Set<Aspect>(['type']) };
      if (left.kind === 'directory') yield* below('removed', this.#before, left, path);
      if (right.kind === 'directory') yield* below('added', this.#after, right, path);
      return;
    }
    const aspects = compareMetadata(left, right);
    if (left.kind === 'file' && right.kind === 'file') await this.#compareFiles(left, right, aspects);
    if (left.kind === 'symlink' && right.kind === 'symlink' && !bytesEqual(left.target, right.target))
      aspects.add('target');
    if (left.kind === 'device' && right.kind === 'device') {
      if (left.major !== right.major || left.minor !== right.minor) aspects.add('target');
    }
    if (aspects.size > 0) yield { kind: 'modified', path, node: right, aspects };
    if (left.kind === 'directory' && right.kind === 'directory') yield* this.directories(left, right, path);
  }

  async #compareFiles(a: FileNode, b: FileNode, aspects: Set<Aspect>): Promise<void> {
    if (a.size !== b.size) aspects.add('size').add('content');
    else if (this.#o.content && !(await this.#sameContent(a, b))) aspects.add('content');
  }

  async #sameContent(a: FileNode, b: FileNode): Promise<boolean> {
    const [left, right] = [await this.#before.content(a), await this.#after.content(b)];
    for (let at = 0; at < a.size; at += pieceSize) {
      throwIfAborted(this.#o.signal);
      const length = Math.min(pieceSize, a.size - at);
      const [x, y] = await Promise.all([left.readAt(at, length), right.readAt(at, length)]);
      if (!bytesEqual(x, y)) return false;
    }
    return true;
  }
}

/** Children by name; names as latin1, so that every byte string is a key and sorts as bytes do. */
async function children(accessor: PxarAccessor, directory: DirectoryNode): Promise<Map<string, PxarNode>> {
  const map = new Map<string, PxarNode>();
  for await (const node of accessor.list(directory)) map.set(Buffer.from(node.name).toString('latin1'), node);
  return map;
}

async function* one(
  kind: 'added' | 'removed',
  accessor: PxarAccessor,
  node: PxarNode,
  path: Uint8Array,
): AsyncGenerator<Difference, void, undefined> {
  yield { kind, path, node: await accessor.follow(node), aspects: new Set() };
  if (node.kind === 'directory') yield* below(kind, accessor, node, path);
}

async function* below(
  kind: 'added' | 'removed',
  accessor: PxarAccessor,
  directory: DirectoryNode,
  path: Uint8Array,
): AsyncGenerator<Difference, void, undefined> {
  const map = await children(accessor, directory);
  for (const name of [...map.keys()].sort()) {
    yield* one(kind, accessor, map.get(name)!, Buffer.concat([path, Buffer.from(`/${name}`, 'latin1')]));
  }
}

function compareMetadata(a: ComparedNode, b: ComparedNode): Set<Aspect> {
  const aspects = new Set<Aspect>();
  const [x, y] = [a.meta, b.meta];
  if ((x.mode & permissionMask) !== (y.mode & permissionMask)) aspects.add('permissions');
  if (x.uid !== y.uid || x.gid !== y.gid) aspects.add('ownership');
  if (x.mtime.seconds !== y.mtime.seconds || x.mtime.nanos !== y.mtime.nanos) aspects.add('time');
  if (attributesOf(a) !== attributesOf(b)) aspects.add('attributes');
  return aspects;
}

/** Everything else of the metadata as one comparable text. */
function attributesOf(node: ComparedNode): string {
  const { flags, xattrs, acl, fcaps, projectId } = node.meta;
  return JSON.stringify([flags, xattrs, acl, fcaps, projectId], (_key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  });
}
