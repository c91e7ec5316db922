// Extended attributes as raw bytes. Paths are not followed if they name a symlink; an open file is
// addressed by its descriptor.

import { cString, lastErrno, native, systemError } from './libc.ts';

export type FileTarget = Uint8Array | number;

const llistxattr = native('intptr_t llistxattr(const void *path, void *list, size_t size)');
const flistxattr = native('intptr_t flistxattr(int fd, void *list, size_t size)');
const lgetxattr = native('intptr_t lgetxattr(const void *path, const void *name, void *value, size_t size)');
const fgetxattr = native('intptr_t fgetxattr(int fd, const void *name, void *value, size_t size)');
const lsetxattr = native(
  'int lsetxattr(const void *path, const void *name, const void *value, size_t size, int flags)',
);
const fsetxattr = native('int fsetxattr(int fd, const void *name, const void *value, size_t size, int flags)');
const lremovexattr = native('int lremovexattr(const void *path, const void *name)');
const fremovexattr = native('int fremovexattr(int fd, const void *name)');

const ENODATA = 61;
/** The kernel's XATTR_LIST_MAX and XATTR_SIZE_MAX. */
const scratch = Buffer.alloc(65536);
const none: Buffer[] = [];

/** Names in the order in which the kernel lists them. Throws E2BIG when they exceed the kernel's limit. */
export function listXattrs(target: FileTarget): Buffer[] {
  const length = Number(
    typeof target === 'number'
      ? flistxattr()(target, scratch, scratch.byteLength)
      : llistxattr()(cString(target, 0), scratch, scratch.byteLength),
  );
  if (length < 0) throw systemError(lastErrno(), 'listxattr', target);
  if (length === 0) return none.slice();
  const names: Buffer[] = [];
  for (let at = 0; at < length; ) {
    const end = scratch.indexOf(0, at);
    names.push(Buffer.from(scratch.subarray(at, end)));
    at = end + 1;
  }
  return names;
}

/** The value, or undefined when there is no such attribute. */
export function getXattr(target: FileTarget, name: Uint8Array): Buffer | undefined {
  const cName = cString(name, 1);
  const length = Number(
    typeof target === 'number'
      ? fgetxattr()(target, cName, scratch, scratch.byteLength)
      : lgetxattr()(cString(target, 0), cName, scratch, scratch.byteLength),
  );
  if (length >= 0) return Buffer.from(scratch.subarray(0, length));
  const errno = lastErrno();
  if (errno === ENODATA) return undefined;
  throw systemError(errno, `getxattr ${text(name)}`, target);
}

/** Sets or replaces the attribute. */
export function setXattr(target: FileTarget, name: Uint8Array, value: Uint8Array): void {
  const cName = cString(name, 1);
  const result =
    typeof target === 'number'
      ? fsetxattr()(target, cName, value, value.byteLength, 0)
      : lsetxattr()(cString(target, 0), cName, value, value.byteLength, 0);
  if (result !== 0) throw systemError(lastErrno(), `setxattr ${text(name)}`, target);
}

/** Removes the attribute; one that is not there is no error. */
export function removeXattr(target: FileTarget, name: Uint8Array): void {
  const cName = cString(name, 1);
  const result = typeof target === 'number' ? fremovexattr()(target, cName) : lremovexattr()(cString(target, 0), cName);
  if (result === 0) return;
  const errno = lastErrno();
  if (errno !== ENODATA) throw systemError(errno, `removexattr ${text(name)}`, target);
}

function text(name: Uint8Array): string {
  return Buffer.from(name).toString();
}
