// Switching an open file between the page cache and direct I/O.

import { constants } from 'node:fs';
import { lastErrno, native, systemError } from './libc.ts';

const fcntl = native('int fcntl(int fd, int command, long flags)');
const F_GETFL = 3;
const F_SETFL = 4;
const EINVAL = 22;

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
