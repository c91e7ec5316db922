// The synchronous file operations on one chunk, as they run in worker threads: insert, touch, look, set aside
// (formats.md 13.3, 14, 17). Each insert is a temporary file that gets the chunk's name only when it is complete.

import * as fs from 'node:fs';
import { GranaryError, isErrno } from '../../base/errors.ts';
import { blobInfo, encryptedHeaderSize } from '../../format/blob.ts';
import { maxBlobSize } from '../../model/names.ts';
import { renameExclusiveSync, syncDirectorySync, temporaryName } from '../../os/atomic-file.ts';
import { writeFileDirectSync } from '../../os/direct-write.ts';
import { failpoint } from '../../os/failpoint.ts';
import { touchAccessTimeSync } from '../../os/times.ts';
import type { ChunkCheck, ChunkExpectation, InsertResult } from '../contract.ts';
import { type BlobTraits, decideInsert, type ExistingChunk, type IncomingChunk } from '../insert-table.ts';
import { chunkPath, digestName, prefixDirectory, sweptSuffix } from '../layout.ts';
import { makeDirectorySync, storeOwner } from '../ownership.ts';
import { judgeChunk, judgeReadError } from '../verdict.ts';

/** What a worker has to know of the store; posted with each call. */
export interface StoreTarget {
  base: string;
  /** The datastore's name, for texts. */
  name: string;
  /** fsync each chunk and its directory before it is reported as stored. */
  fsyncEach: boolean;
}

const chunkMode = 0o644;
const badCopies = 10;

/** Puts an admitted chunk in its place, or touches the one that is there (formats.md 14.1). */
export function insertChunk(
  target: StoreTarget,
  digest: Uint8Array,
  blob: Uint8Array,
  incoming: IncomingChunk,
): InsertResult {
  const hex = digestName(digest);
  const path = chunkPath(target.base, hex);
  for (;;) {
    const existing = lookAt(path, hex, target.name);
    if (decideInsert(incoming, existing, hex, target.name) === 'keep' && existing) {
      if (!touchChunk(path)) continue; // It went away meanwhile: decide anew.
      return { duplicate: true, storedSize: existing.size };
    }
    writeChunk(target, hex, path, blob);
    return { duplicate: false, storedSize: blob.byteLength };
  }
}

function writeChunk(target: StoreTarget, hex: string, path: string, blob: Uint8Array): void {
  const temporary = temporaryName(path);
  failpoint('chunk:before-write');
  try {
    try {
      writeFileDirectSync(temporary, blob, { mode: chunkMode });
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      // A store copied by a tool that leaves out empty directories.
      makeDirectorySync(prefixDirectory(target.base, hex), 0o750);
      writeFileDirectSync(temporary, blob, { mode: chunkMode });
    }
    failpoint('chunk:after-write');
    fs.chmodSync(temporary, chunkMode);
    const owner = storeOwner();
    if (owner) fs.chownSync(temporary, owner.uid, owner.gid);
    if (target.fsyncEach) fsyncPath(temporary);
    failpoint('chunk:after-fsync');
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  failpoint('chunk:after-rename');
  if (target.fsyncEach) syncDirectorySync(prefixDirectory(target.base, hex));
  failpoint('chunk:after-dir-fsync');
}

function fsyncPath(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDONLY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function lookAt(path: string, hex: string, store: string): ExistingChunk | undefined {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return undefined;
  if (!stat.isFile())
    throw new GranaryError('io', `chunk '${hex}' on store '${store}' is not a regular file: '${path}'`);
  if (stat.size === 0) return { size: 0, traits: undefined };
  return { size: stat.size, traits: readTraits(path) };
}

function readTraits(path: string): BlobTraits | undefined {
  const header = new Uint8Array(encryptedHeaderSize);
  try {
    const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    try {
      const length = fs.readSync(fd, header, 0, header.byteLength, 0);
      const { encrypted, compressed } = blobInfo(header.subarray(0, length), '');
      return { encrypted, compressed };
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    // Gone, or not a blob: either way it is not the chunk that is wanted.
    if (isErrno(error, 'ENOENT') || (error instanceof GranaryError && error.code === 'blob-invalid')) return undefined;
    throw error;
  }
}

/** Sets the access time to now; false when there is no such file. */
export function touchChunk(path: string): boolean {
  try {
    touchAccessTimeSync(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Gives a chunk its name back that an interrupted sweep has renamed; true when there is a chunk of that name now. */
export function restoreSwept(path: string): boolean {
  try {
    if (renameExclusiveSync(`${path}${sweptSuffix}`, path)) return true;
    // There is another copy: the renamed one has served.
    fs.rmSync(`${path}${sweptSuffix}`, { force: true });
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Identifies one copy of a chunk: another one that takes its place differs in this. */
function copyOf(stat: fs.BigIntStats): string {
  return `${stat.ino}:${stat.mtimeNs}:${stat.size}`;
}

/** Reads a chunk into `room`, which is at least `maxBlobSize` bytes, and judges it; `contentRoom` as for `judgeChunk`. */
export function checkChunk(
  base: string,
  expected: ChunkExpectation,
  { room, contentRoom }: { room: Uint8Array; contentRoom: Uint8Array },
): ChunkCheck {
  let storedSize = 0;
  let copy: string | undefined;
  try {
    const fd = openChunkSync(chunkPath(base, digestName(expected.digest)));
    try {
      const stat = fs.fstatSync(fd, { bigint: true });
      if (!stat.isFile()) return { verdict: 'unreadable', storedSize: 0, error: 'chunk is not a regular file' };
      copy = copyOf(stat);
      const size = Number(stat.size);
      if (size > maxBlobSize) {
        return { verdict: 'corrupt', storedSize: 0, copy, error: `chunk file of ${size} bytes is too large` };
      }
      while (storedSize < size) {
        const n = fs.readSync(fd, room, storedSize, size - storedSize, storedSize);
        if (n === 0) break;
        storedSize += n;
      }
    } finally {
      fs.closeSync(fd);
    }
    return { ...judgeChunk(room.subarray(0, storedSize), expected, contentRoom), storedSize, copy };
  } catch (error) {
    return { ...judgeReadError(error), storedSize, copy };
  }
}

function openChunkSync(path: string): number {
  const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW;
  try {
    return fs.openSync(path, flags);
  } catch (error) {
    if (!isErrno(error, 'ENOENT') || !restoreSwept(path)) throw error;
    return fs.openSync(path, flags);
  }
}

/** Renames a chunk to the first free of `.0.bad` to `.9.bad`, or over the last one; see `ChunkStore.quarantine`. */
export function quarantineChunk(base: string, digest: Uint8Array, copy: string | undefined): string | undefined {
  const path = chunkPath(base, digestName(digest));
  const stat = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (!stat || (copy !== undefined && copyOf(stat) !== copy)) return undefined;
  let n = 0;
  while (n < badCopies - 1 && fs.lstatSync(`${path}.${n}.bad`, { throwIfNoEntry: false })) n++;
  const bad = `${path}.${n}.bad`;
  fs.renameSync(path, bad);
  failpoint('chunk:after-quarantine');
  return bad;
}
