// Marking and sweeping chunk files, as it runs in worker threads (formats.md 16.3, 16.4).
//
// Writers of other processes touch chunks while a sweep runs, and no lock is shared with them. So a chunk is renamed
// before it is looked at for the last time: a touch is then either seen, or has failed, and its writer inserts the chunk
// anew. A chunk that was used gets its name back. Whatever finds a chunk missing looks for what a crash left in between.

import * as fs from 'node:fs';
import { fromHex } from '../../base/bytes.ts';
import { isErrno } from '../../base/errors.ts';
import { type StopWord, throwIfStopped } from '../../base/stop-flag.ts';
import { DirectoryScan } from '../../os/directory-scan.ts';
import { failpoint } from '../../os/failpoint.ts';
import { touchAccessTimeAt } from '../../os/times.ts';
import type { SweepCounts } from '../contract.ts';
import type { KeptChunks } from '../kept-chunks.ts';
import {
  chunkPath,
  chunksDirectory,
  digestName,
  isBadName,
  isChunkName,
  isTemporaryName,
  sweptSuffix,
} from '../layout.ts';
import { restoreSwept, touchChunk } from './chunk-files.ts';

const badCopies = 10;
const digestNameLength = 64;

/** A part of a list, and when to stop before its end. */
interface Part {
  from: number;
  to: number;
  stop: StopWord;
}

/**
 * Marks a part of a list of digests, 65,536 at most, as used; gives the positions of those that are not there, whose copies that were set
 * aside are marked instead. Throws `aborted`.
 */
export function markChunks(base: string, digests: Uint8Array, { from, to, stop }: Part): number[] {
  const missing: number[] = [];
  const directory = fs.openSync(chunksDirectory(base), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    const order = byDirectory(digests, from, to);
    for (let n = 0; n < order.length; n++) {
      throwIfStopped(stop);
      const i = from + (order[n]! & 0xffff);
      writeName(digests, i * 32);
      if (touchAccessTimeAt(directory, name)) continue;
      if (!markElsewhere(chunkPath(base, digestName(digests.slice(i * 32, i * 32 + 32))))) missing.push(i);
    }
  } finally {
    fs.closeSync(directory);
  }
  return missing;
}

/** In the order of the directories, for each digest its directory and in the low 16 bits its distance from `from`. */
function byDirectory(digests: Uint8Array, from: number, to: number): Uint32Array {
  const order = new Uint32Array(to - from);
  for (let n = 0, at = from * 32; n < order.length; n++, at += 32) {
    order[n] = (digests[at]! << 24) | (digests[at + 1]! << 16) | n;
  }
  return order.sort();
}

/** What is to be marked of a chunk that was not there a moment ago; true when it is there after all. */
function markElsewhere(path: string): boolean {
  if (touchChunk(path) || (restoreSwept(path) && touchChunk(path))) return true;
  for (let n = 0; n < badCopies; n++) touchChunk(`${path}.${n}.bad`);
  return false;
}

/** `<4 digits>/<64 digits>` and the zero byte, of one chunk after the other; the 64 digits begin at a multiple of two. */
const room = Buffer.alloc(3 + 4 + 1 + 64 + 1);
const name = room.subarray(3);
name[4] = '/'.charCodeAt(0);
const pairs = new Uint16Array(room.buffer, room.byteOffset + 8, 32);
const digits = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
/** The two digits of each byte, as they lie in memory. */
const pairOf = Uint16Array.from({ length: 256 }, (_, byte) => digits[byte >> 4]! | (digits[byte & 15]! << 8));

/** Puts the digest at `at` into `name`: a string for each of millions costs more than the system call. */
function writeName(digests: Uint8Array, at: number): void {
  for (let i = 0; i < 32; i++) pairs[i] = pairOf[digests[at + i]!]!;
  for (let i = 0; i < 4; i++) name[i] = name[5 + i]!;
}

/** Sweeps one directory of digests; chunks that stay are added to `kept`. Throws `aborted`. */
export function sweepPrefix(base: string, prefix: string, times: Sweep, counts: SweepCounts, kept?: KeptChunks): void {
  const directory = `${base}/.chunks/${prefix}`;
  for (const name of keepUsed(directory, times, counts, kept)) {
    throwIfStopped(times.stop);
    const path = `${directory}/${name}`;
    if (isChunkName(name)) sweepChunk(path, times, counts, kept);
    else if (isBadName(name)) sweepBad(path, times, counts);
    else if (isTemporaryName(name)) sweepTemporary(path, times, counts);
    else if (name.endsWith(sweptSuffix) && isChunkName(name.slice(0, -sweptSuffix.length))) {
      const original = path.slice(0, -sweptSuffix.length);
      // A copy of that name is in the listing, too.
      if (fs.existsSync(original)) fs.rmSync(path, { force: true });
      else if (restoreSwept(original)) sweepChunk(original, times, counts, kept);
    }
  }
}

/**
 * Counts the chunks that were used lately, which are nearly all in most datastores, and gives the names of everything
 * else. Nothing changes in the directory while it is read.
 */
function keepUsed(directory: string, times: Sweep, counts: SweepCounts, kept: KeptChunks | undefined): string[] {
  const others: string[] = [];
  using scan = DirectoryScan.open(directory);
  while (scan?.next()) {
    throwIfStopped(times.stop);
    const isUsed = readDigest(scan) && scan.isFile() && scan.accessed >= times.minAtime;
    if (isUsed) keep(scan.accessed, scan.size, times, counts, kept);
    else others.push(scan.name);
  }
  return others;
}

const digest = new Uint8Array(32);
/** The value of each hexadecimal digit, by its character; above 15 for other characters. */
const values = new Uint8Array(256).fill(0xff);
for (let value = 0; value < 16; value++) values[digits[value]!] = value;

/** Whether the entry has the name of a chunk, whose digest is in `digest` then. */
function readDigest(scan: DirectoryScan): boolean {
  if (scan.nameLength !== 64) return false;
  let all = 0;
  for (let i = 0; i < 32; i++) {
    const high = values[scan.nameByte(2 * i)]!;
    const low = values[scan.nameByte(2 * i + 1)]!;
    all |= high | low;
    digest[i] = (high << 4) | low;
  }
  return all < 16;
}

/** Epoch seconds: what was last used before `minAtime` goes; `oldestWriter` began to run then. */
interface Times {
  minAtime: number;
  oldestWriter: number;
}

interface Sweep extends Times {
  /** Set when it is to stop. */
  stop: StopWord;
}

function sweepChunk(path: string, times: Times, counts: SweepCounts, kept: KeptChunks | undefined): void {
  let stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) return;
  if (accessTime(stat) < times.minAtime) {
    const used = removeUnlessUsed(path, times.minAtime);
    if (used === undefined) {
      counts['removed-chunks']++;
      counts['removed-bytes'] += stat.size;
      return;
    }
    stat = used;
  }
  digest.set(fromHex(path.slice(-digestNameLength), 32));
  keep(accessTime(stat), stat.size, times, counts, kept);
}

/** Counts the chunk whose digest is in `digest` as one that stays. */
function keep(accessed: number, size: number, times: Times, counts: SweepCounts, kept: KeptChunks | undefined): void {
  kept?.add(digest, size);
  if (accessed < times.oldestWriter) {
    counts['pending-chunks']++;
    counts['pending-bytes'] += size;
  } else {
    counts['disk-chunks']++;
    counts['disk-bytes'] += size;
  }
}

function sweepBad(path: string, times: Times, counts: SweepCounts): void {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) return;
  if (accessTime(stat) < times.minAtime) {
    fs.rmSync(path, { force: true });
    counts['removed-bad']++;
    counts['removed-bytes'] += stat.size;
    return;
  }
  counts['still-bad']++;
  counts[accessTime(stat) < times.oldestWriter ? 'pending-bytes' : 'disk-bytes'] += stat.size;
}

/** What a process was writing that was killed. Nobody writes one chunk for a day: whoever still does has begun later. */
function sweepTemporary(path: string, times: Times, counts: SweepCounts): void {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile() || Math.floor(stat.mtimeMs / 1000) >= times.minAtime) return;
  fs.rmSync(path, { force: true });
  counts['removed-bytes'] += stat.size;
}

/** Removes a chunk and gives undefined, or, when it was used since it was looked at, leaves it and gives its facts. */
function removeUnlessUsed(path: string, minAtime: number): fs.Stats | undefined {
  const swept = `${path}${sweptSuffix}`;
  try {
    fs.renameSync(path, swept);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  failpoint('sweep:after-rename');
  const stat = fs.lstatSync(swept, { throwIfNoEntry: false });
  // Somebody who missed it has taken it back.
  if (!stat) return fs.lstatSync(path, { throwIfNoEntry: false });
  if (accessTime(stat) >= minAtime) {
    restoreSwept(path);
    return stat;
  }
  fs.unlinkSync(swept);
  failpoint('sweep:after-unlink');
  return undefined;
}

/** Whole seconds. */
const accessTime = (stat: fs.Stats): number => Math.floor(stat.atimeMs / 1000);
