// Device nodes, fifos and sockets as directory entries, and the kernel's packing of device numbers (pxar.md 3.4).

import { AT_FDCWD, cString, lastError, native } from './libc.ts';

const mknodat = native('int mknodat(int directory, const void *path, uint mode, uint64_t device)');

/** Makes a node; `mode` has type and permission bits (reduced by the umask). Major and minor are 0 for fifos and sockets. */
export function makeNode(path: Uint8Array, mode: number, major: number, minor: number): void {
  makeNodeAt(AT_FDCWD, path, mode, major, minor);
}

/** `makeNode` of `name` in the directory that is open as `directory`. */
export function makeNodeAt(directory: number, name: Uint8Array, mode: number, major: number, minor: number): void {
  if (mknodat()(directory, cString(name, 0), mode, packDevice(major, minor)) !== 0) throw lastError('mknod', name);
}

/** The 64-bit device number of the C library. */
export function packDevice(major: number, minor: number): bigint {
  const a = BigInt(major);
  const b = BigInt(minor);
  return ((a & 0xfffn) << 8n) | ((a & 0xfffff000n) << 32n) | (b & 0xffn) | ((b & 0xffffff00n) << 12n);
}

/** Major and minor of `st_rdev`. */
export function unpackDevice(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}
