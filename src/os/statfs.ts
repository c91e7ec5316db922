// Which kind of file system something lies on: its magic number decides what is archived (pxar.md 10.3, 10.4).

import { statfsSync } from 'node:fs';
import { asBuffer } from '../base/bytes.ts';

/** `f_type` of the file system of a path (symlinks are followed) or an open file. */
export function fileSystemMagic(target: Uint8Array | number): number {
  return statfsSync(typeof target === 'number' ? `/proc/self/fd/${target}` : asBuffer(target)).type >>> 0;
}
