// Writing a new file past the page cache: the largest single gain of server ingest. Where the file system,
// the memory's alignment or the size does not allow it, the same bytes are written through the cache.

import * as fs from 'node:fs';
import { isErrno } from '../base/errors.ts';

const block = 4096;
/** Below this a write through the page cache is cheaper than waiting for the device. */
const leastDirect = 64 * 1024;

export interface DirectWriteOptions {
  /** Permission bits, reduced by the umask. Default 0644. */
  mode?: number;
  /** Whether `path` must not exist. Default true; else an existing file is truncated. */
  exclusive?: boolean;
  /** fsync before closing. Default false. */
  durable?: boolean;
}

/**
 * Writes `bytes` to the file `path`. O_DIRECT is used when `bytes` starts at a multiple of 4096 in
 * page-aligned memory (shared memory of the pools); whole blocks are written, up to 4095 bytes behind
 * `bytes` included, and cut off again. A failed write removes the file. Returns how it was written.
 */
export function writeFileDirectSync(
  path: string,
  bytes: Uint8Array,
  o: DirectWriteOptions = {},
): 'direct' | 'buffered' {
  const { O_WRONLY, O_CREAT, O_EXCL, O_TRUNC, O_DIRECT } = fs.constants;
  const flags = O_WRONLY | O_CREAT | ((o.exclusive ?? true) ? O_EXCL : O_TRUNC);
  const mode = o.mode ?? 0o644;
  const length = bytes.byteLength;
  const padded = Math.ceil(length / block) * block;
  const fits = bytes.byteOffset % block === 0 && bytes.byteOffset + padded <= bytes.buffer.byteLength;
  let fd: number | undefined;
  let direct = fits && length >= leastDirect;
  if (direct) {
    try {
      fd = fs.openSync(path, flags | O_DIRECT, mode);
    } catch (error) {
      if (!isErrno(error, 'EINVAL', 'ENOTSUP')) throw error;
      direct = false;
      // Some file systems make the file before they refuse the flag.
      if (o.exclusive ?? true) fs.rmSync(path, { force: true });
    }
  }
  fd ??= fs.openSync(path, flags, mode);
  try {
    let written = 0;
    if (direct) {
      const blocks = new Uint8Array(bytes.buffer, bytes.byteOffset, padded);
      written = writeDirect(fd, blocks);
      if (written < length) {
        // Refused or cut short at an odd place: the rest goes through the cache.
        fs.closeSync(fd);
        fd = undefined;
        fd = fs.openSync(path, O_WRONLY);
        direct = false;
      }
    }
    while (written < length) written += fs.writeSync(fd, bytes, written, length - written, written);
    if (written > length) fs.ftruncateSync(fd, length);
    if (o.durable ?? false) fs.fsyncSync(fd);
  } catch (error) {
    fs.rmSync(path, { force: true });
    throw error;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
  return direct ? 'direct' : 'buffered';
}

/** Returns how many bytes went out; fewer than all when the device refuses the alignment. */
function writeDirect(fd: number, blocks: Uint8Array): number {
  let written = 0;
  while (written < blocks.byteLength) {
    let n: number;
    try {
      n = fs.writeSync(fd, blocks, written, blocks.byteLength - written, written);
    } catch (error) {
      if (isErrno(error, 'EINVAL')) return written;
      throw error;
    }
    written += n;
    if (n % block !== 0) return written - (written % block);
  }
  return written;
}
