// How large a chunk is whose file is only a marker (s3/markers.ts): a marker is empty, so that it takes no room, and says it
// by its time of modification, in seconds since 1970, which nothing else needs. For the accounting, which measures files.

import type { Stats } from 'node:fs';
import { maxBlobSize } from '../model/names.ts';
import { setModificationTime } from '../os/times.ts';

/** Notes the length of the chunk, bytes, in its marker, which is open. */
export function noteSize(marker: number, size: number): void {
  setModificationTime(marker, BigInt(size), 0);
}

/** Bytes of a chunk, by its file or its marker; 0 when that does not say it. */
export function chunkSizeOf({ size, mtimeMs }: Stats): number {
  if (size > 0) return size;
  const noted = mtimeMs / 1000;
  return Number.isInteger(noted) && noted > 0 && noted <= maxBlobSize ? noted : 0;
}
