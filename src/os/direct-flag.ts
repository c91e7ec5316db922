// Direct I/O, past the page cache: for which files it pays, and how an open file gets it.

import { constants, openSync } from 'node:fs';
import { fileSystemMagic } from './statfs.ts';

/** ext4 and XFS; others compress or copy on write, which direct I/O gets in the way of. */
const goodFileSystems = new Set([0xef53, 0x58465342]);

/** Opens an open regular file a second time, for direct writes; undefined where that does not pay or is refused. */
export function reopenDirect(fd: number): number | undefined {
  if (!goodFileSystems.has(fileSystemMagic(fd))) return undefined;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_DIRECT);
  } catch {
    // The file is still open in the ordinary way.
    return undefined;
  }
}

/** What offsets, lengths and memory of direct I/O are multiples of. */
export const directAlignment = 4096;
