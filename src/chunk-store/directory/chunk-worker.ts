// What the worker threads of a directory store run. Chunks come as places in the shared memory that `setup`
// is given, lists of digests as one flat array of 32 bytes each.

import * as fs from 'node:fs';
import { type StopWord, throwIfStopped } from '../../base/stop-flag.ts';
import { maxBlobSize, maxChunkSize } from '../../model/names.ts';
import type { ChunkCheck, ChunkExpectation, ChunkKind, InsertResult, SweepCounts } from '../contract.ts';
import type { IncomingChunk } from '../insert-table.ts';
import { KeptChunks } from '../kept-chunks.ts';
import { chunkPath, digestName } from '../layout.ts';
import { noCounts } from '../sweep-counts.ts';
import { admitChunk, describeChunk, judgeChunk } from '../verdict.ts';
import { checkChunk, insertChunk, type StoreTarget, touchChunk } from './chunk-files.ts';
import { markChunks, sweepPrefix } from './chunk-sweep.ts';

/** What one thread keeps between calls. */
interface Context {
  /** The memory of the slots. */
  memory: SharedArrayBuffer;
  /** Where `check` reads chunks to, made at the first need. */
  room?: Uint8Array;
  /** Where chunks are decompressed to. */
  contentRoom?: Uint8Array;
}

export function setup(memory: SharedArrayBuffer): Context {
  return { memory };
}

/** Its pages cost nothing before there is a chunk that reaches them. */
function contentRoom(context: Context): Uint8Array {
  context.contentRoom ??= new Uint8Array(maxChunkSize);
  return context.contentRoom;
}

/** Checks the chunk at `offset` of the shared memory, and inserts it. */
export function receive(
  context: Context,
  target: StoreTarget,
  digest: Uint8Array,
  size: number,
  offset: number,
  length: number,
  copyOf?: ChunkKind,
): InsertResult {
  const blob = new Uint8Array(context.memory, offset, length);
  return insertChunk(
    target,
    digest,
    blob,
    admitChunk(blob, { digest, size }, { copyOf, contentRoom: contentRoom(context) }),
  );
}

/** Inserts the chunk at `offset` of the shared memory, whose content somebody vouches for. */
export function insert(
  context: Context,
  target: StoreTarget,
  digest: Uint8Array,
  offset: number,
  length: number,
): InsertResult {
  const blob = new Uint8Array(context.memory, offset, length);
  return insertChunk(target, digest, blob, describeChunk(blob, `chunk ${digestName(digest)}`));
}

/** As `receive`, but only checks it: for stores that are elsewhere. */
export function admit(
  context: Context,
  digest: Uint8Array,
  size: number,
  offset: number,
  length: number,
  copyOf?: ChunkKind,
): IncomingChunk {
  const blob = new Uint8Array(context.memory, offset, length);
  return admitChunk(blob, { digest, size }, { copyOf, contentRoom: contentRoom(context) });
}

/** As `insert`, but only looks at it. */
export function describe(context: Context, digest: Uint8Array, offset: number, length: number): IncomingChunk {
  return describeChunk(new Uint8Array(context.memory, offset, length), `chunk ${digestName(digest)}`);
}

/** Judges a stored chunk that was read already. */
export function judge(
  context: Context,
  blob: Uint8Array,
  expected: ChunkExpectation,
): Pick<ChunkCheck, 'verdict' | 'error'> {
  return judgeChunk(blob, expected, contentRoom(context));
}

/** Touches chunks; gives the positions of those that are not there. */
export function touchMany(_context: Context, base: string, digests: Uint8Array): Uint32Array<ArrayBuffer> {
  const missing: number[] = [];
  for (let i = 0; i * 32 < digests.byteLength; i++) {
    const digest = digests.subarray(i * 32, i * 32 + 32);
    if (!touchChunk(chunkPath(base, digestName(digest)))) missing.push(i);
  }
  return Uint32Array.from(missing);
}

/** `sizes` are content lengths; `encrypted` has 1 for chunks that have to be encrypted. */
export function check(
  context: Context,
  base: string,
  digests: Uint8Array,
  sizes: Float64Array,
  encrypted: Uint8Array,
  stop: StopWord,
): ChunkCheck[] {
  context.room ??= new Uint8Array(maxBlobSize);
  const room = context.room;
  return Array.from(sizes, (size, i) => {
    throwIfStopped(stop);
    const digest = digests.subarray(i * 32, i * 32 + 32);
    return checkChunk(
      base,
      { digest, size, encrypted: encrypted[i] === 1 },
      { room, contentRoom: contentRoom(context) },
    );
  });
}

/** The inode number of each chunk's file, infinity for one that is not there. */
export function inodes(
  _context: Context,
  base: string,
  digests: Uint8Array,
  stop: StopWord,
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(digests.byteLength / 32);
  for (let i = 0; i < result.length; i++) {
    throwIfStopped(stop);
    const path = chunkPath(base, digestName(digests.subarray(i * 32, i * 32 + 32)));
    result[i] = fs.lstatSync(path, { throwIfNoEntry: false })?.ino ?? Number.POSITIVE_INFINITY;
  }
  return result;
}

/** Marks the chunks `from` to `to` of a shared list; gives the positions of those that are not there. */
export function mark(
  _context: Context,
  base: string,
  list: SharedArrayBuffer,
  from: number,
  to: number,
  stop: StopWord,
): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(markChunks(base, new Uint8Array(list), { from, to, stop }));
}

/** What a sweep of some directories found, with the chunks that stay if they are wanted. */
export interface SweepPart {
  counts: SweepCounts;
  kept?: Uint32Array;
}

/** Sweeps directories of digests. */
export function sweep(
  _context: Context,
  base: string,
  prefixes: readonly string[],
  minAtime: number,
  oldestWriter: number,
  tellKept: boolean,
  stop: StopWord,
): SweepPart {
  const counts = noCounts();
  const kept = tellKept ? new KeptChunks() : undefined;
  for (const prefix of prefixes) sweepPrefix(base, prefix, { minAtime, oldestWriter, stop }, counts, kept);
  return { counts, ...(kept ? { kept: kept.records() } : {}) };
}
