// Inode flags (chattr), project ids and FAT attributes of open files, through ioctl (pxar.md 3.9, 10.3).
// All three are optional features of file systems: reading answers undefined where they are not supported.

import { isErrno } from '../base/errors.ts';
import { lastError, native } from './libc.ts';

const ioctl = native('int ioctl(int fd, ulong request, void *argument)');
const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
const FAT_IOCTL_GET_ATTRIBUTES = 0x80047210;
const FAT_IOCTL_SET_ATTRIBUTES = 0x40047211;
/** Offset of the project id in the 28 bytes of `struct fsxattr`. */
const projectIdOffset = 12;

const argument = Buffer.alloc(32);

/** The kernel's FS_*_FL bits. */
export function getInodeFlags(fd: number): number | undefined {
  return read(fd, FS_IOC_GETFLAGS, 'FS_IOC_GETFLAGS') ? argument.readUInt32LE(0) : undefined;
}

export function setInodeFlags(fd: number, flags: number): void {
  argument.fill(0);
  argument.writeUInt32LE(flags >>> 0, 0);
  write(fd, FS_IOC_SETFLAGS, 'FS_IOC_SETFLAGS');
}

/** The quota project id; 0 is "none". */
export function getProjectId(fd: number): number | undefined {
  return read(fd, FS_IOC_FSGETXATTR, 'FS_IOC_FSGETXATTR') ? argument.readUInt32LE(projectIdOffset) : undefined;
}

export function setProjectId(fd: number, id: number): void {
  // The other members are written back as they were read.
  argument.fill(0);
  if (ioctl()(fd, FS_IOC_FSGETXATTR, argument) !== 0) throw lastError('ioctl FS_IOC_FSGETXATTR', fd);
  argument.writeUInt32LE(id >>> 0, projectIdOffset);
  write(fd, FS_IOC_FSSETXATTR, 'FS_IOC_FSSETXATTR');
}

/** FAT attribute bits, on MSDOS and some FUSE file systems. */
export function getFatAttributes(fd: number): number | undefined {
  return read(fd, FAT_IOCTL_GET_ATTRIBUTES, 'FAT_IOCTL_GET_ATTRIBUTES') ? argument.readUInt32LE(0) : undefined;
}

export function setFatAttributes(fd: number, attributes: number): void {
  argument.fill(0);
  argument.writeUInt32LE(attributes >>> 0, 0);
  write(fd, FAT_IOCTL_SET_ATTRIBUTES, 'FAT_IOCTL_SET_ATTRIBUTES');
}

function read(fd: number, request: number, name: string): boolean {
  argument.fill(0);
  if (ioctl()(fd, request, argument) === 0) return true;
  const error = lastError(`ioctl ${name}`, fd);
  if (isErrno(error, 'ENOTTY', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL')) return false;
  throw error;
}

function write(fd: number, request: number, name: string): void {
  if (ioctl()(fd, request, argument) !== 0) throw lastError(`ioctl ${name}`, fd);
}
