// Which kind of file system something lies on: its magic number decides what is archived (pxar.md 10.3, 10.4).

import { statfsSync } from 'node:fs';
import { asBuffer } from '../base/bytes.ts';
import { lastError, native } from './libc.ts';

const fstatfs = native('int fstatfs(int fd, void *result)');
/** `struct statfs` of 64-bit Linux has 120 bytes and begins with the magic as a 64-bit word. */
const result = Buffer.alloc(128);

/** `f_type` of the file system of a path (symlinks are followed) or an open file. */
export function fileSystemMagic(target: Uint8Array | number): number {
  if (typeof target !== 'number') return statfsSync(asBuffer(target)).type >>> 0;
  if (fstatfs()(target, result) !== 0) throw lastError('fstatfs', target);
  return result.readUInt32LE(0);
}
