// Advisory locks: flock on lock files (groups, snapshots, configuration) and fcntl record locks (the
// datastore's `.lock`, which excludes other processes). formats.md 15.

import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '../base/errors.ts';
import { ownerIn } from './inherit-owner.ts';
import { lastError, native } from './libc.ts';

export type LockMode = 'shared' | 'exclusive';

/** A lock that is held until it is released; the kernel releases it when the process dies. */
export interface FileLock {
  readonly path: string;
  readonly mode: LockMode;
  release(): void;
  /** Unlinks the lock file while the lock is held, then releases it. */
  remove(): void;
  [Symbol.dispose](): void;
}

const flock = native('int flock(int fd, int operation)');
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/**
 * Locks the file (made with mode 0660 if missing) or directory at `path`. Returns undefined when
 * somebody else, in this process or another, still holds it after `waitMs` milliseconds. The lock is
 * only given if `path` still names the locked file afterwards, so lock files may be removed by holders.
 */
export async function lockFile(
  path: string,
  o: { mode: LockMode; waitMs?: number; signal?: AbortSignal },
): Promise<FileLock | undefined> {
  const deadline = performance.now() + (o.waitMs ?? 0);
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    const lock = tryLock(path, o.mode);
    if (lock) return lock;
    const left = deadline - performance.now();
    if (left <= 0) return undefined;
    await delay(Math.min(pause, left), undefined, { signal: o.signal });
  }
}

/** `lockFile` without waiting, for callers that must not yield. */
export function tryLock(path: string, mode: LockMode): FileLock | undefined {
  for (;;) {
    const fd = openLockFile(path);
    let held = false;
    try {
      held = flock()(fd, (mode === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0;
      if (!held) {
        const error = lastError('flock', path);
        if (isErrno(error, 'EAGAIN', 'EWOULDBLOCK')) return undefined;
        if (isErrno(error, 'EINTR')) continue;
        throw error;
      }
      // A holder may have removed the file between our open and our lock: then try with the new one.
      held = isSameFile(fd, path);
    } finally {
      if (!held) fs.closeSync(fd);
    }
    if (held) return new HeldLock(path, mode, fd);
  }
}

/**
 * Locks an open file for a few microseconds of work: once, exclusively, without waiting. False when somebody else holds
 * it. `unlockDescriptor` releases it; so does closing the descriptor.
 */
export function tryLockDescriptor(fd: number): boolean {
  return flock()(fd, LOCK_EX | LOCK_NB) === 0;
}

export function unlockDescriptor(fd: number): void {
  flock()(fd, LOCK_UN);
}

class HeldLock implements FileLock {
  readonly path: string;
  readonly mode: LockMode;
  #fd: number | undefined;

  constructor(path: string, mode: LockMode, fd: number) {
    this.path = path;
    this.mode = mode;
    this.#fd = fd;
  }

  release(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    fs.closeSync(fd);
  }

  remove(): void {
    if (this.#fd === undefined) return;
    try {
      fs.unlinkSync(this.path);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    } finally {
      this.release();
    }
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

function openLockFile(path: string): number {
  for (;;) {
    try {
      return fs.openSync(path, fs.constants.O_RDWR);
    } catch (error) {
      // Directories, and files that may only be read, can be locked too.
      if (isErrno(error, 'EISDIR', 'EACCES', 'EROFS')) return fs.openSync(path, fs.constants.O_RDONLY);
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    try {
      const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL, 0o660);
      fs.fchmodSync(fd, 0o660);
      // Root must not lock out the user whose directory it is.
      const owner = ownerIn(dirname(path));
      if (owner) fs.fchownSync(fd, owner.uid, owner.gid);
      return fd;
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
}

function isSameFile(fd: number, path: string): boolean {
  const locked = fs.fstatSync(fd, { bigint: true });
  const named = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  return named !== undefined && named.ino === locked.ino && named.dev === locked.dev;
}

const fcntl = native('int fcntl(int fd, int command, void *lock)');
const F_SETLK = 6;
const lockTypes = { read: 0, write: 1, unlock: 2 } as const;

/**
 * Sets, changes or drops this process's record lock over the whole file; false when another process
 * holds one that conflicts. Closing any descriptor of the file drops the lock of the whole process.
 */
export function recordLock(fd: number, mode: 'read' | 'write' | 'unlock'): boolean {
  // struct flock of 64-bit Linux: i16 type, i16 whence, i64 start, i64 length (0 = to the end), i32 pid.
  const lock = Buffer.alloc(32);
  lock.writeInt16LE(lockTypes[mode], 0);
  for (;;) {
    if (fcntl()(fd, F_SETLK, lock) === 0) return true;
    const error = lastError('fcntl', fd);
    if (isErrno(error, 'EAGAIN', 'EACCES')) return false;
    if (!isErrno(error, 'EINTR')) throw error;
  }
}
