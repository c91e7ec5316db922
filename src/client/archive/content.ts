// Reads a file's content straight into the archive's memory. The length was promised when the file's header
// was written, so a file that changes while it is read is cut or filled up (pxar.md 10.1).

import { readSync } from 'node:fs';
import type { ByteSink } from '../../base/io.ts';
import { sizeOf } from '../../os/at.ts';
import type { Pacer } from './pacer.ts';

/** Longest single read: short enough for the event loop, long enough to cost nothing. */
const maxRead = 4 * 1024 * 1024;

export type SizeChange = 'unchanged' | 'grown' | 'shrunk';

/** Puts exactly `size` bytes of the open file into `sink`, and tells whether the file still had that size. */
export async function copyContent(fd: number, size: number, sink: ByteSink, pacer: Pacer): Promise<SizeChange> {
  let left = size;
  let shrunk = false;
  while (left > 0) {
    const asked = sink.reserve(Math.min(left, maxRead));
    const room = asked instanceof Promise ? await asked : asked;
    const length = Math.min(room.byteLength, left);
    let got = shrunk ? 0 : readSync(fd, room, 0, length, null);
    if (got === 0) {
      shrunk = true;
      room.fill(0, 0, length);
      got = length;
    }
    sink.commit(got);
    left -= got;
    const pause = pacer.pause();
    if (pause) await pause;
  }
  if (shrunk) return 'shrunk';
  return sizeOf(fd) > size ? 'grown' : 'unchanged';
}
