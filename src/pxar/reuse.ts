// Decides which chunks of the previous payload stream a new split archive takes over (pxar.md 13.1 to 13.4).
// A pure planner: the archiver feeds it entries in walk order and carries out the actions that it yields.

import { bytesEqual } from '../base/bytes.ts';
import { headerSize } from './items.ts';
import type { PxarAclDefault, PxarAclEntry, PxarMetadata } from './types.ts';

/** What the planner needs of the previous payload archive's dynamic index. */
export interface PayloadIndex {
  readonly size: number;
  startOf(i: number): number;
  endOf(i: number): number;
  find(offset: number): number;
  digestAt(i: number): Uint8Array;
}

export interface ReusedChunk {
  readonly digest: Uint8Array;
  readonly size: number;
}

/**
 * - `encode`: read and write the entry as usual.
 * - `reference`: write it with a PAYLOAD_REF to this offset.
 * - `inject`: take these chunks over at the payload position `boundary`, then count `size` bytes as written.
 */
export type ReuseAction<E> =
  | { readonly kind: 'encode'; readonly entry: E }
  | { readonly kind: 'reference'; readonly entry: E; readonly payloadOffset: number }
  | {
      readonly kind: 'inject';
      readonly boundary: number;
      readonly chunks: readonly ReusedChunk[];
      readonly size: number;
    };

export interface ReuseOptions {
  /** The previous payload archive's. */
  index: PayloadIndex;
  /** The encoder's payload position; asked for while actions are carried out. */
  position: () => number;
  /** Entries that may be pending, each of which holds an open file. Default 512. */
  limit?: number;
}

interface Pending<E> {
  readonly entry: E;
  /** Distance of the file's PAYLOAD header from the range's start; undefined for what has no payload. */
  readonly offset: number | undefined;
}

interface KeptChunk {
  readonly at: number;
  /** Bytes of it that nothing refers to. */
  readonly padding: number;
}

const maxPaddingShare = 0.1;
const chunksPerInjection = 128;

/**
 * The generators have to be run to their end, each action carried out before the next is asked for.
 * `E` is whatever the archiver needs to write the entry later.
 */
export class ReusePlanner<E> {
  readonly #index: PayloadIndex;
  readonly #position: () => number;
  readonly #limit: number;
  #pending: Pending<E>[] = [];
  #held = 0;
  /** The contiguous range of the previous payload that the pending files cover; -1 before the first. */
  #rangeStart = -1;
  #rangeEnd = -1;
  #kept: KeptChunk | undefined = undefined;
  #lastOffset = -1;

  constructor(options: ReuseOptions) {
    this.#index = options.index;
    this.#position = options.position;
    this.#limit = Math.max(1, options.limit ?? 512);
  }

  /** A regular file; `previousOffset` is its PAYLOAD_REF if its metadata and size are unchanged. */
  *file(entry: E, size: number, previousOffset?: number): Generator<ReuseAction<E>, void, undefined> {
    yield* this.#makeRoom();
    if (previousOffset === undefined || !this.#accepts(previousOffset, size)) {
      yield* this.#flush(false);
      yield { kind: 'encode', entry };
      return;
    }
    if (this.#rangeStart >= 0 && previousOffset !== this.#rangeEnd) yield* this.#flush(true);
    if (this.#rangeStart < 0 || previousOffset !== this.#rangeEnd) this.#rangeStart = previousOffset;
    this.#rangeEnd = previousOffset + headerSize + size;
    this.#lastOffset = previousOffset;
    this.#append(entry, previousOffset - this.#rangeStart);
  }

  /** A further name of a file that came earlier in this run. */
  *hardLink(entry: E): Generator<ReuseAction<E>, void, undefined> {
    yield* this.#makeRoom();
    this.#append(entry, undefined);
  }

  /** A directory, or anything else without content. */
  *other(entry: E): Generator<ReuseAction<E>, void, undefined> {
    yield* this.#makeRoom();
    if (this.#pending.length > 0) {
      this.#append(entry, undefined);
      return;
    }
    yield* this.#injectKept();
    yield { kind: 'encode', entry };
  }

  /** The end of a directory, which has to keep its place among the pending entries. */
  *endDirectory(entry: E): Generator<ReuseAction<E>, void, undefined> {
    if (this.#pending.length > 0) this.#pending.push({ entry, offset: undefined });
    else yield { kind: 'encode', entry };
  }

  /** The end of the archive. */
  *finish(): Generator<ReuseAction<E>, void, undefined> {
    yield* this.#flush(false);
  }

  /** Offsets have to increase strictly, and the range has to lie in front of the previous tail marker. */
  #accepts(offset: number, size: number): boolean {
    return offset > this.#lastOffset && offset >= headerSize && offset + headerSize + size < this.#index.size;
  }

  #append(entry: E, offset: number | undefined): void {
    this.#pending.push({ entry, offset });
    this.#held++;
  }

  *#makeRoom(): Generator<ReuseAction<E>, void, undefined> {
    if (this.#held >= this.#limit) yield* this.#flush(true);
  }

  *#flush(keep: boolean): Generator<ReuseAction<E>, void, undefined> {
    const pending = this.#pending;
    const start = this.#rangeStart;
    const end = this.#rangeEnd;
    this.#pending = [];
    this.#held = 0;
    // Empty at its end, so that a file that continues there is still recognised.
    this.#rangeStart = end;
    if (start === end) {
      yield* this.#encodeAll(pending);
      return;
    }
    const index = this.#index;
    const first = index.find(start);
    const last = index.find(end);
    const before = start - index.startOf(first);
    const behind = index.endOf(last) - end;
    const kept = this.#kept;
    let padding = before + behind;
    const total = end - start + padding;
    if (kept?.at === first) padding -= index.endOf(first) - index.startOf(first) - kept.padding;
    if (padding / total > maxPaddingShare) {
      yield* this.#encodeAll(pending);
      return;
    }
    if (kept?.at !== first) yield* this.#injectKept();
    this.#kept = undefined;
    const base = this.#position() + before;
    for (const { entry, offset } of pending) {
      if (offset === undefined) yield { kind: 'encode', entry };
      else yield { kind: 'reference', entry, payloadOffset: base + offset };
    }
    if (keep) this.#kept = { at: last, padding: behind + (first === last ? before : 0) };
    yield* this.#inject(first, keep ? last : last + 1);
  }

  *#encodeAll(pending: readonly Pending<E>[]): Generator<ReuseAction<E>, void, undefined> {
    yield* this.#injectKept();
    for (const { entry } of pending) yield { kind: 'encode', entry };
  }

  *#injectKept(): Generator<ReuseAction<E>, void, undefined> {
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept !== undefined) yield* this.#inject(kept.at, kept.at + 1);
  }

  /** The chunks from `first` up to, not including, `end`. */
  *#inject(first: number, end: number): Generator<ReuseAction<E>, void, undefined> {
    for (let at = first; at < end; ) {
      const chunks: ReusedChunk[] = [];
      let size = 0;
      for (; at < end && chunks.length < chunksPerInjection; at++) {
        const chunk = { digest: this.#index.digestAt(at), size: this.#index.endOf(at) - this.#index.startOf(at) };
        chunks.push(chunk);
        size += chunk.size;
      }
      yield { kind: 'inject', boundary: this.#position(), chunks, size };
    }
  }
}

/**
 * Whether a file's metadata says that its content is still the previous one: everything equal, of the extended
 * attributes only the names. The sizes are the caller's to compare.
 */
export function sameForReuse(previous: PxarMetadata, current: PxarMetadata): boolean {
  return (
    previous.mode === current.mode &&
    previous.flags === current.flags &&
    previous.uid === current.uid &&
    previous.gid === current.gid &&
    previous.mtime.seconds === current.mtime.seconds &&
    previous.mtime.nanos === current.mtime.nanos &&
    (previous.projectId ?? 0n) === (current.projectId ?? 0n) &&
    sameBytes(previous.fcaps, current.fcaps) &&
    sameAcl(previous, current) &&
    previous.xattrs.length === current.xattrs.length &&
    previous.xattrs.every((xattr, i) => bytesEqual(xattr.name, current.xattrs[i]!.name))
  );
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : bytesEqual(a, b);
}

function sameAcl({ acl: a }: PxarMetadata, { acl: b }: PxarMetadata): boolean {
  if (a === b) return true;
  return (
    a.groupObject === b.groupObject &&
    sameDefault(a.default, b.default) &&
    sameEntries(a.users, b.users) &&
    sameEntries(a.groups, b.groups) &&
    sameEntries(a.defaultUsers, b.defaultUsers) &&
    sameEntries(a.defaultGroups, b.defaultGroups)
  );
}

function sameDefault(a: PxarAclDefault | undefined, b: PxarAclDefault | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.userObject === b.userObject && a.groupObject === b.groupObject && a.other === b.other && a.mask === b.mask;
}

function sameEntries(a: readonly PxarAclEntry[], b: readonly PxarAclEntry[]): boolean {
  return a.length === b.length && a.every((e, i) => e.id === b[i]!.id && e.permissions === b[i]!.permissions);
}
