// Opens entries of a directory for reading without disturbing them: no access time, no blocking on fifos,
// no symlinks followed. What cannot be opened because the tree is alive is told apart from real errors.

import { closeSync, constants } from 'node:fs';
import { constants as system } from 'node:os';
import { isErrno } from '../../base/errors.ts';
import { type FileStat, openOrErrno, statOf } from '../../os/at.ts';
import { systemError } from '../../os/libc.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NOATIME, O_NONBLOCK, O_NOCTTY, S_IFMT, S_IFDIR, S_IFREG } = constants;

const { EPERM, EAGAIN } = system.errno;

const readFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

/** An entry that is left out of the archive with a warning; `reason` is its text. */
export interface LeftOut {
  reason: string;
}

export interface OpenEntry {
  fd: number;
  stat: FileStat;
}

/** Opens a regular file or directory. Errors that do not come with a changing or protected tree are thrown. */
export function openEntry(directory: number, name: Uint8Array, kind: 'file' | 'directory'): OpenEntry | LeftOut {
  let fd: number | undefined;
  try {
    fd = openQuietly(directory, name, kind === 'directory' ? readFlags | O_DIRECTORY : readFlags);
    const stat = statOf(fd);
    if ((stat.mode & S_IFMT) === (kind === 'directory' ? S_IFDIR : S_IFREG)) return { fd, stat };
    closeSync(fd);
    return { reason: leaveOutReasons.replaced };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    const reason = leaveOutReason(error);
    if (reason === undefined) throw error;
    return { reason };
  }
}

/** Why entries are left out. */
export const leaveOutReasons = {
  vanished: 'left out: it vanished while the directory was being read',
  denied: 'left out: permission denied',
  stale: 'left out: stale file handle',
  replaced: 'left out: it was replaced by something of another kind while it was being read',
} as const;

/** Why an entry with this error is left out; undefined when the error has to end the backup. */
export function leaveOutReason(error: unknown): string | undefined {
  if (isErrno(error, 'ENOENT')) return leaveOutReasons.vanished;
  if (isErrno(error, 'EACCES')) return leaveOutReasons.denied;
  if (isErrno(error, 'ESTALE')) return leaveOutReasons.stale;
  if (isErrno(error, 'ELOOP', 'ENOTDIR', 'ENXIO', 'ENODEV')) return leaveOutReasons.replaced;
  return undefined;
}

/** Opens without changing the access time where the kernel allows that (owner or privileged). */
export function openQuietly(directory: number, name: Uint8Array, flags: number): number {
  const fd = openQuietlyOrErrno(directory, name, flags);
  if (fd < 0) throw systemError(-fd, 'open', name);
  return fd;
}

/** `openQuietly` that returns the negated errno instead of throwing. */
export function openQuietlyOrErrno(directory: number, name: Uint8Array, flags: number): number {
  const fd = openOrErrno(directory, name, flags | O_NOATIME);
  if (fd === -EPERM) return openOrErrno(directory, name, flags);
  // Somebody holds a lease on the file: without O_NONBLOCK the kernel waits until it is given back.
  if (fd === -EAGAIN) return openOrErrno(directory, name, flags & ~O_NONBLOCK);
  return fd;
}
