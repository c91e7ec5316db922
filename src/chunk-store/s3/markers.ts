// Marker files: an empty file `.chunks/XXXX/DIGEST` says that the bucket has that chunk, and its access time when it was
// last used, which is what garbage collection goes by. It is made after the object, and taken away before it.

import * as fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '../../base/errors.ts';
import { touchAccessTimeSync } from '../../os/times.ts';
import { chunkPath, chunksDirectory, isPrefixName, prefixDirectory } from '../layout.ts';
import { noteSize } from '../marker-size.ts';
import { makeDirectorySync, storeOwner } from '../ownership.ts';

/** What a marker is called while a sweep removes its object; a crash may leave it: see `mayStillGo`. */
const removingSuffix = '.removing';

/** Makes the marker of a digest whose chunk has `size` bytes, or of a copy that was set aside, or touches the one there is. */
export function setMarker(base: string, name: string, size?: number): void {
  const path = chunkPath(base, name);
  for (let attempt = 0; ; attempt++) {
    try {
      touchAccessTimeSync(path);
      if (size !== undefined) withFile(path, 'r', (fd) => noteSize(fd, size));
      return;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    try {
      withFile(path, 'wx', (fd) => {
        const owner = storeOwner();
        if (owner) fs.fchownSync(fd, owner.uid, owner.gid);
        if (size !== undefined) noteSize(fd, size);
      });
      return;
    } catch (error) {
      if (isErrno(error, 'ENOENT') && attempt === 0) makeDirectorySync(prefixDirectory(base, name), 0o750);
      else if (!isErrno(error, 'EEXIST') || attempt > 2) throw error;
    }
  }
}

function withFile(path: string, flags: string, action: (fd: number) => void): void {
  const fd = fs.openSync(path, flags, 0o644);
  try {
    action(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Epoch seconds of the last use; undefined without a marker. */
export function markerTime(base: string, name: string): number | undefined {
  const stat = fs.lstatSync(chunkPath(base, name), { throwIfNoEntry: false });
  return stat && Math.floor(stat.atimeMs / 1000);
}

export function removeMarker(base: string, name: string): void {
  fs.rmSync(chunkPath(base, name), { force: true });
}

/** Gives a marker another name; does nothing when there is none. */
export function renameMarker(base: string, from: string, to: string): void {
  try {
    fs.renameSync(chunkPath(base, from), chunkPath(base, to));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/**
 * Takes away markers of before `minAtime`, so that whoever touches one from now on finds it missing. Those that were used
 * at the last moment, or have gone, are left as they are. Gives the names that were taken away.
 */
export function takeMarkers(base: string, names: readonly string[], minAtime: number): string[] {
  return names.filter((name) => {
    renameMarker(base, name, `${name}${removingSuffix}`);
    const time = markerTime(base, `${name}${removingSuffix}`);
    if (time === undefined) return false;
    if (time < minAtime) return true;
    renameMarker(base, `${name}${removingSuffix}`, name);
    return false;
  });
}

/** Forgets markers that were taken away, once their objects are gone. */
export function forgetTaken(base: string, names: readonly string[]): void {
  for (const name of names) removeMarker(base, `${name}${removingSuffix}`);
}

/**
 * Whether a sweep has taken the marker of `name` away, died or failed, and its request may still be carried out: the
 * object that is there now may go in `lateMs`. Only under the lock of its prefix, which a living sweep would have.
 */
export function mayStillGo(base: string, name: string, lateMs: number): boolean {
  return lateFor(base, name, lateMs) > 0;
}

/** Settles when that is not so any more. */
export async function untilSettled(base: string, name: string, lateMs: number): Promise<void> {
  const rest = lateFor(base, name, lateMs);
  if (rest === 0) return;
  await delay(rest);
  removeMarker(base, `${name}${removingSuffix}`);
}

/** Milliseconds. The change time of a file is when it was given its name. */
function lateFor(base: string, name: string, lateMs: number): number {
  const stat = fs.lstatSync(`${chunkPath(base, name)}${removingSuffix}`, { throwIfNoEntry: false });
  return stat ? Math.max(0, Math.min(lateMs, stat.ctimeMs + lateMs - Date.now())) : 0;
}

/** The directories of digests that there are, ascending: `0000` to `ffff`. */
export function markerPrefixes(base: string): string[] {
  return fs.readdirSync(chunksDirectory(base)).filter(isPrefixName).sort();
}

/** Everything in one of them, ascending; what a crash has left is removed when it has no meaning any more. */
export function markersOf(base: string, prefix: string, lateMs: number): string[] {
  let names: string[];
  try {
    names = fs.readdirSync(`${chunksDirectory(base)}/${prefix}`);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  for (const name of names) {
    if (!name.endsWith(removingSuffix)) continue;
    if (!mayStillGo(base, name.slice(0, -removingSuffix.length), lateMs)) removeMarker(base, name);
  }
  return names.filter((name) => !name.endsWith(removingSuffix)).sort();
}
