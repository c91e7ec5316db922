// Every index file of a datastore, wherever it lies: what garbage collection has to read (formats.md 16.3).

import { isUtf8 } from 'node:buffer';
import * as fs from 'node:fs';
import { throwIfAborted } from '../base/abort.ts';
import { isErrno, withContext } from '../base/errors.ts';
import { archiveKind } from '../model/names.ts';

export interface FoundIndex {
  /** For texts. */
  path: string;
  /** What opens it: the path as bytes where it is no UTF-8. */
  file: string | Buffer;
  /** Bytes of the file. */
  size: number;
}

/**
 * All `*.fidx` and `*.didx` below `base`, so that those of a group come together, whatever bytes a directory above them
 * has for a name. Names that start with a dot and symbolic links are not followed. What vanishes meanwhile is passed
 * over; everything else that cannot be listed is an error, but for `lost+found` directly below the base. Throws `aborted`.
 */
export async function findIndexFiles(base: string, signal?: AbortSignal): Promise<FoundIndex[]> {
  const found: FoundIndex[] = [];
  const walk = async (directory: string | Buffer): Promise<void> => {
    let entries: fs.Dirent<Buffer>[];
    try {
      entries = await fs.promises.readdir(directory, { withFileTypes: true, encoding: 'buffer' });
    } catch (error) {
      if (directory !== base && isErrno(error, 'ENOENT', 'ENOTDIR')) return;
      if (directory === `${base}/lost+found` && isErrno(error, 'EACCES', 'EPERM')) return;
      throw withContext(`unable to list "${directory}"`, error);
    }
    for (const { name } of entries.sort((a, b) => Buffer.compare(a.name, b.name))) {
      throwIfAborted(signal);
      if (name[0] === dot) continue;
      const file = join(directory, name);
      const stat = await statIfPresent(file);
      if (stat?.isDirectory()) await walk(file);
      else if (stat?.isFile() && isIndexName(name)) found.push({ path: `${file}`, file, size: stat.size });
    }
  };
  await walk(base);
  return found;
}

const dot = 0x2e;

/** A name that is no UTF-8 is another one as text. */
function join(directory: string | Buffer, name: Buffer): string | Buffer {
  if (typeof directory === 'string' && isUtf8(name)) return `${directory}/${name}`;
  return Buffer.concat([Buffer.from(directory), Buffer.from('/'), name]);
}

/** File systems need not tell the type in a listing, so each is asked for. */
async function statIfPresent(file: string | Buffer): Promise<fs.Stats | undefined> {
  try {
    return await fs.promises.lstat(file);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw withContext(`unable to look at "${file}"`, error);
  }
}

function isIndexName(name: Buffer): boolean {
  const kind = archiveKind(name.toString('latin1'));
  return kind === 'fixed' || kind === 'dynamic';
}
