// Where tests put whole datastores: 65536 directories are made and removed in a moment in memory, in half a minute on a
// busy disk.

import { accessSync, constants, mkdtempSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const memory = '/dev/shm';
const tmpfsMagic = 0x01021994;
const enoughBytes = 512 * 1024 * 1024;
const enoughFiles = 500_000;

/** A new folder for large but short-lived data; the caller removes it. TMPDIR decides when it is set. */
export function scratchFolder(prefix: string): string {
  return mkdtempSync(join(process.env['TMPDIR'] === undefined && hasRoomInMemory() ? memory : tmpdir(), prefix));
}

function hasRoomInMemory(): boolean {
  try {
    accessSync(memory, constants.W_OK | constants.X_OK);
    const { type, bavail, bsize, ffree } = statfsSync(memory);
    return type === tmpfsMagic && bavail * bsize >= enoughBytes && ffree >= enoughFiles;
  } catch {
    return false;
  }
}
