// Direct I/O, past the page cache: for which files it pays, and how an open file gets it.

import { constants, openSync } from 'node:fs';
import { lastErrno, native, systemError } from './libc.ts';
import { fileSystemMagic } from './statfs.ts';

const fcntl = native('int fcntl(int fd, int command, long flags)');
const F_GETFL = 3;
const F_SETFL = 4;
const EINVAL = 22;

/** ext4 and XFS; others compress or copy on write, which direct I/O gets in the way of. */
const goodFileSystems = new Set([0xef53, 0x58465342]);

/** Whether the file system of an open file is known to do direct I/O well. */
export function suitsDirect(fd: number): boolean {
  return goodFileSystems.has(fileSystemMagic(fd));
}

/** Opens an open regular file a second time, for direct writes; undefined where that does not pay or is refused. */
export function reopenDirect(fd: number): number | undefined {
  if (!suitsDirect(fd)) return undefined;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_DIRECT);
  } catch {
    // The file is still open in the ordinary way.
    return undefined;
  }
}

/** What offsets, lengths and memory of direct I/O are multiples of. */
export const directAlignment = 4096;

/** Turns direct I/O on or off; false where the file system does not have it. */
export function setDirect(fd: number, on: boolean): boolean {
  const flags = fcntl()(fd, F_GETFL, 0) as number;
  if (flags < 0) throw systemError(lastErrno(), 'fcntl F_GETFL', fd);
  const { O_DIRECT } = constants;
  if (fcntl()(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) === 0) return true;
  const errno = lastErrno();
  if (on && errno === EINVAL) return false;
  throw systemError(errno, 'fcntl F_SETFL', fd);
}
