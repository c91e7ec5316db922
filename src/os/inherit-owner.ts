// A server has privileged and unprivileged processes that share files. Whoever owns a directory has to be able to use
// what root makes in it: this says to whom such a file should be given, and appends to logs that way.

import * as fs from 'node:fs';
import { dirname } from 'node:path';

export interface FileOwner {
  uid: number;
  gid: number;
}

/** Whom a new file in `directory` should belong to; undefined to leave it to this process's own user. */
export function ownerIn(directory: string): FileOwner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const stat = fs.statSync(directory, { throwIfNoEntry: false });
  return stat === undefined || stat.uid === 0 ? undefined : { uid: stat.uid, gid: stat.gid };
}

/** Gives files and directories that root has just made to the owner of `directory`. */
export function giveToOwnerOf(directory: string, ...paths: string[]): void {
  const owner = ownerIn(directory);
  if (owner === undefined) return;
  for (const path of paths) fs.chownSync(path, owner.uid, owner.gid);
}

/**
 * Appends to a log file in one write, so that the lines of several processes do not mix. Makes the file (mode 0640)
 * and the directory it is in (mode 0755) where they are missing. Opened anew each time: a rotated file is let go of.
 */
export async function appendToLog(file: string, text: string): Promise<void> {
  let handle: fs.promises.FileHandle;
  try {
    handle = await fs.promises.open(file, 'a', 0o640);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const directory = dirname(file);
    if (await fs.promises.mkdir(directory, { recursive: true, mode: 0o755 })) {
      giveToOwnerOf(dirname(directory), directory);
    }
    handle = await fs.promises.open(file, 'a', 0o640);
  }
  try {
    const owner = ownerIn(dirname(file));
    if (owner !== undefined && (await handle.stat()).uid !== owner.uid) await handle.chown(owner.uid, owner.gid);
    await handle.appendFile(text);
  } finally {
    await handle.close();
  }
}
