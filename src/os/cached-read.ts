// Reading what the page cache has, without waiting for the disk: on the calling thread, which then finds it in its
// processor's cache.

import { constants } from 'node:os';
import { addressOf, lastErrno, native, systemError } from './libc.ts';

const preadv2 = native('intptr_t preadv2(int fd, const void *pieces, int count, int64_t offset, int flags)');

const RWF_NOWAIT = 0x8;
const { EAGAIN, EINTR, EINVAL, ENOSYS, EOPNOTSUPP } = constants.errno;
/** Not in memory; not on this file system or kernel. */
const notNow = new Set([EAGAIN, EINTR, EINVAL, ENOSYS, EOPNOTSUPP]);

/** One struct iovec; the call is synchronous. */
const piece = new BigUint64Array(2);
const pieceBytes = new Uint8Array(piece.buffer);

/**
 * Reads from `position` of an open file into `target` as much as is in memory, and returns how many bytes; 0 as well at
 * the end of the file and where the kernel cannot tell. Throws a system error.
 */
export function readCached(fd: number, target: Uint8Array, position: number): number {
  piece[0] = addressOf(target);
  piece[1] = BigInt(target.byteLength);
  const length = Number(preadv2()(fd, pieceBytes, 1, position, RWF_NOWAIT));
  if (length >= 0) return length;
  const errno = lastErrno();
  if (notNow.has(errno)) return 0;
  throw systemError(errno, 'read', fd);
}
