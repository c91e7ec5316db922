// Every index file of a datastore, wherever it lies: what garbage collection has to read (formats.md 16.3).

import * as fs from 'node:fs';
import { throwIfAborted } from '../base/abort.ts';
import { isErrno, withContext } from '../base/errors.ts';
import { archiveKind } from '../model/names.ts';

export interface FoundIndex {
  path: string;
  /** Bytes of the file. */
  size: number;
}

/**
 * All `*.fidx` and `*.didx` below `base`, so that those of a group come together. Names that start with a dot
 * and symbolic links are not followed. What vanishes meanwhile is passed over; everything else that cannot be listed is
 * an error, but for `lost+found` directly below the base. Throws `aborted`.
 */
export async function findIndexFiles(base: string, signal?: AbortSignal): Promise<FoundIndex[]> {
  const found: FoundIndex[] = [];
  const walk = async (directory: string): Promise<void> => {
    let entries: fs.Dirent[];
    try {
      entries = await fs.promises.readdir(directory, { withFileTypes: true });
    } catch (error) {
      if (directory !== base && isErrno(error, 'ENOENT', 'ENOTDIR')) return;
      if (directory === `${base}/lost+found` && isErrno(error, 'EACCES', 'EPERM')) return;
      throw withContext(`unable to list "${directory}"`, error);
    }
    for (const { name } of entries.sort(byName)) {
      throwIfAborted(signal);
      if (name.startsWith('.')) continue;
      const path = `${directory}/${name}`;
      const stat = await statIfPresent(path);
      if (stat?.isDirectory()) await walk(path);
      else if (stat?.isFile() && isIndexName(name)) found.push({ path, size: stat.size });
    }
  };
  await walk(base);
  return found;
}

/** File systems need not tell the type in a listing, so each is asked for. */
async function statIfPresent(path: string): Promise<fs.Stats | undefined> {
  try {
    return await fs.promises.lstat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw withContext(`unable to look at "${path}"`, error);
  }
}

function isIndexName(name: string): boolean {
  const kind = archiveKind(name);
  return kind === 'fixed' || kind === 'dynamic';
}

function byName(a: fs.Dirent, b: fs.Dirent): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
