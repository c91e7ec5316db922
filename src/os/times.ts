// Setting one time stamp and leaving the other alone, in nanoseconds: garbage collection lives on the
// access time (formats.md 14.1, "touch"), restored files need exact modification times (pxar.md 12).

import { constants } from 'node:os';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, cString, lastErrno, lastError, native, systemError } from './libc.ts';

const utimensat = native('int utimensat(int fd, const void *path, const void *times, int flags)');
const futimens = native('int futimens(int fd, const void *times)');
const UTIME_NOW = 0x3fffffffn;
const UTIME_OMIT = 0x3ffffffen;

/** Two `struct timespec`: access time, modification time, each i64 seconds and i64 nanoseconds. */
const touch = Buffer.alloc(32);
touch.writeBigInt64LE(UTIME_NOW, 8);
touch.writeBigInt64LE(UTIME_OMIT, 24);

/** Sets the access time to now; the modification time stays as it is. Does not follow a symlink. */
export function touchAccessTimeSync(path: string | Uint8Array): void {
  if (utimensat()(AT_FDCWD, cString(path, 0), touch, AT_SYMLINK_NOFOLLOW) !== 0) throw lastError('utimensat', path);
}

/**
 * `touchAccessTimeSync` for very many files: `path` is relative to the open `directory` and ends with a zero byte, which
 * is not looked for. False when there is no such file.
 */
export function touchAccessTimeAt(directory: number, path: Uint8Array): boolean {
  if (utimensat()(directory, path, touch, AT_SYMLINK_NOFOLLOW) === 0) return true;
  const errno = lastErrno();
  if (errno === constants.errno.ENOENT) return false;
  throw systemError(errno, 'utimensat', path.subarray(0, path.indexOf(0)));
}

const modification = Buffer.alloc(32);
modification.writeBigInt64LE(UTIME_OMIT, 8);

/**
 * Sets the modification time; the access time stays as it is. `target` is an open file's descriptor,
 * or a path whose last component is not followed if it is a symlink.
 */
export function setModificationTime(target: Uint8Array | number, seconds: bigint, nanos: number): void {
  if (typeof target === 'number') {
    fillModification(seconds, nanos);
    if (futimens()(target, modification) !== 0) throw lastError('futimens', target);
  } else setModificationTimeAt(AT_FDCWD, target, seconds, nanos);
}

/** `setModificationTime` of `name` in the directory that is open as `directory`. */
export function setModificationTimeAt(directory: number, name: Uint8Array, seconds: bigint, nanos: number): void {
  fillModification(seconds, nanos);
  if (utimensat()(directory, cString(name, 0), modification, AT_SYMLINK_NOFOLLOW) !== 0) {
    throw lastError('utimensat', name);
  }
}

function fillModification(seconds: bigint, nanos: number): void {
  modification.writeBigInt64LE(seconds, 16);
  modification.writeBigInt64LE(BigInt(nanos), 24);
}

/** Times of change count in steps of up to this long, milliseconds. */
const stepMs = 2000;

/** Whether what changed at a time, epoch milliseconds, would show another time if it changed once more now. */
export function hasSettled(changedMs: number, nowMs = Date.now()): boolean {
  return Math.abs(nowMs - changedMs) >= stepMs;
}
