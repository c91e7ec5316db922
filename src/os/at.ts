// File operations on a name in an open directory. A tree walked or made this way cannot be left through a
// symlink that somebody puts in the place of a directory, and long paths cost nothing (pxar.md 10, 12).

import { chmodSync, closeSync, constants as fs } from 'node:fs';
import { constants } from 'node:os';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  cString,
  lastErrno,
  lastError,
  native,
  systemError,
} from './libc.ts';
import { packDevice } from './special-files.ts';

/** The working directory in place of an open directory. */
export const workingDirectory = AT_FDCWD;

/** Opens an object without reading or writing rights: a handle for the calls of this file. */
export const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const { EEXIST, EINTR, ELOOP, ENOENT } = constants.errno;

const openat = native('int openat(int directory, const void *path, int flags, uint mode)');
const statx = native('int statx(int directory, const void *path, int flags, uint mask, void *result)');
const getdents64 = native('intptr_t getdents64(int fd, void *buffer, size_t size)');
const readlinkat = native('intptr_t readlinkat(int directory, const void *path, void *buffer, size_t size)');
const mkdirat = native('int mkdirat(int directory, const void *path, uint mode)');
const unlinkat = native('int unlinkat(int directory, const void *path, int flags)');
const linkat = native('int linkat(int from, const void *path, int to, const void *name, int flags)');
const symlinkat = native('int symlinkat(const void *target, int directory, const void *path)');
const fchownat = native('int fchownat(int directory, const void *path, uint uid, uint gid, int flags)');

/** What `statAt` tells; the fields of `fs.Stats`, times exact. */
export interface FileStat {
  mode: number;
  links: number;
  uid: number;
  gid: number;
  inode: bigint;
  size: number;
  /** Seconds rounded down, nanoseconds added. */
  mtime: { seconds: bigint; nanos: number };
  /** As `fs.Stats.dev`. */
  device: number;
  /** Of a device node. */
  major: number;
  minor: number;
}

/** Opens `name` (relative, may have several components) and returns a descriptor. `flags` as for `fs.openSync`. */
export function openAt(directory: number, name: Uint8Array, flags: number, mode = 0): number {
  const fd = openOrErrno(directory, name, flags, mode);
  if (fd < 0) throw systemError(-fd, 'open', name);
  return fd;
}

/** `openAt` for where failure is common: returns the negated errno instead of throwing, which costs far more. */
export function openOrErrno(directory: number, name: Uint8Array, flags: number, mode = 0): number {
  for (;;) {
    const fd = openat()(directory, cString(name, 0), flags | O_CLOEXEC, mode) as number;
    if (fd >= 0) return fd;
    const errno = lastErrno();
    if (errno !== EINTR) return -errno;
  }
}

const statBuffer = Buffer.alloc(256);
const statView = new DataView(statBuffer.buffer, statBuffer.byteOffset, 256);
const basicStats = 0x7ff;
const noAutomount = 0x800;
const emptyPath = Buffer.alloc(1);

/** The attributes of `name` itself, symlinks not followed; undefined if there is no such entry. */
export function statAt(directory: number, name: Uint8Array): FileStat | undefined {
  const flags = AT_SYMLINK_NOFOLLOW | noAutomount;
  if (statx()(directory, cString(name, 0), flags, basicStats, statBuffer) === 0) return readStat();
  const errno = lastErrno();
  if (errno === ENOENT) return undefined;
  throw systemError(errno, 'stat', name);
}

/** The attributes of an open file. */
export function statOf(fd: number): FileStat {
  if (statx()(fd, emptyPath, AT_EMPTY_PATH, basicStats, statBuffer) === 0) return readStat();
  throw lastError('fstat', fd);
}

/** The present size of an open file. */
export function sizeOf(fd: number): number {
  if (statx()(fd, emptyPath, AT_EMPTY_PATH, 0x200, statBuffer) === 0) return readSize();
  throw lastError('fstat', fd);
}

function readSize(): number {
  return statView.getUint32(44, true) * 2 ** 32 + statView.getUint32(40, true);
}

/** Decodes `struct statx`, whose layout is the same on every architecture. */
function readStat(): FileStat {
  return {
    mode: statView.getUint16(28, true),
    links: statView.getUint32(16, true),
    uid: statView.getUint32(20, true),
    gid: statView.getUint32(24, true),
    inode: statView.getBigUint64(32, true),
    size: readSize(),
    mtime: { seconds: statView.getBigInt64(112, true), nanos: statView.getUint32(120, true) },
    device: Number(packDevice(statView.getUint32(136, true), statView.getUint32(140, true))),
    major: statView.getUint32(128, true),
    minor: statView.getUint32(132, true),
  };
}

export type EntryKind = 'directory' | 'file' | 'other' | 'unknown';

export interface DirectoryEntry {
  name: Buffer;
  /** `unknown` on file systems that do not tell. */
  kind: EntryKind;
}

const directoryBuffer = Buffer.alloc(64 * 1024);

/** All entries of an open directory except `.` and `..`, in the order of the file system. Reads on from the descriptor's position. */
export function readDirectory(fd: number): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  for (;;) {
    const length = Number(getdents64()(fd, directoryBuffer, directoryBuffer.byteLength));
    if (length === 0) return entries;
    if (length < 0) {
      const errno = lastErrno();
      if (errno === EINTR) continue;
      throw systemError(errno, 'readdir', fd);
    }
    // struct dirent64: u64 inode, i64 offset, u16 record length, u8 type, name, NUL.
    for (let at = 0; at < length; at += directoryBuffer.readUInt16LE(at + 16)) {
      const start = at + 19;
      const end = directoryBuffer.indexOf(0, start);
      if (
        directoryBuffer[start] === 0x2e &&
        (end - start === 1 || (end - start === 2 && directoryBuffer[start + 1] === 0x2e))
      ) {
        continue;
      }
      entries.push({
        name: Buffer.from(directoryBuffer.subarray(start, end)),
        kind: kindOf(directoryBuffer[at + 18]!),
      });
    }
  }
}

function kindOf(type: number): EntryKind {
  if (type === 8) return 'file';
  if (type === 4) return 'directory';
  return type === 0 ? 'unknown' : 'other';
}

const linkBuffer = Buffer.alloc(8192);

/** The target of the symlink `name`. */
export function readLinkAt(directory: number, name: Uint8Array): Buffer {
  const length = Number(readlinkat()(directory, cString(name, 0), linkBuffer, linkBuffer.byteLength));
  if (length < 0) throw lastError('readlink', name);
  return Buffer.from(linkBuffer.subarray(0, length));
}

/** Makes a directory; false when something of that name exists. */
export function makeDirectoryAt(directory: number, name: Uint8Array, mode: number): boolean {
  if (mkdirat()(directory, cString(name, 0), mode) === 0) return true;
  const errno = lastErrno();
  if (errno === EEXIST) return false;
  throw systemError(errno, 'mkdir', name);
}

/** Removes a name that is no directory. */
export function unlinkAt(directory: number, name: Uint8Array): void {
  if (unlinkat()(directory, cString(name, 0), 0) !== 0) throw lastError('unlink', name);
}

/** Removes an empty directory. */
export function removeDirectoryAt(directory: number, name: Uint8Array): void {
  const AT_REMOVEDIR = 0x200;
  if (unlinkat()(directory, cString(name, 0), AT_REMOVEDIR) !== 0) throw lastError('rmdir', name);
}

/** Makes `newName` another name of `name`; a symlink is not followed. */
export function linkAt(directory: number, name: Uint8Array, newDirectory: number, newName: Uint8Array): void {
  if (linkat()(directory, cString(name, 0), newDirectory, cString(newName, 1), 0) !== 0) {
    throw lastError('link', newName);
  }
}

export function symlinkAt(target: Uint8Array, directory: number, name: Uint8Array): void {
  if (symlinkat()(cString(target, 1), directory, cString(name, 0)) !== 0) {
    throw lastError('symlink', name);
  }
}

/** Sets the permission bits of `name`; a symlink, which has none, is refused with ELOOP. */
export function chmodAt(directory: number, name: Uint8Array, mode: number): void {
  // The call that changes a name without following it is younger than the kernels in use; the
  // descriptor's path in /proc leads to the object itself.
  const fd = openAt(directory, name, O_PATH | fs.O_NOFOLLOW);
  try {
    if ((statOf(fd).mode & fs.S_IFMT) === fs.S_IFLNK) throw systemError(ELOOP, 'chmod', name);
    chmodSync(`/proc/self/fd/${fd}`, mode);
  } finally {
    closeSync(fd);
  }
}

/** Sets the owner of `name` itself, symlinks not followed. */
export function chownAt(directory: number, name: Uint8Array, uid: number, gid: number): void {
  if (fchownat()(directory, cString(name, 0), uid, gid, AT_SYMLINK_NOFOLLOW) !== 0) {
    throw lastError('chown', name);
  }
}
