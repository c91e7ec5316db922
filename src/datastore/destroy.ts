// Removing all data of a datastore for good (config-and-tasks.md 9). Whoever calls this has made sure that nobody uses
// the datastore any more.

import * as fs from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { mapOrdered } from '../base/streams.ts';
import { chunksDirectory, hasChunks } from '../chunk-store/layout.ts';
import { requireChunkTree } from './create.ts';
import { importRecords } from './import-record.ts';

/** What a datastore consists of, chunks late: what is left of a removal that failed is still known as a datastore. */
const contents = ['ns', 'ct', 'vm', 'host', '.gc-status', '.accounting', '.cache', '.in-use', importRecords] as const;
const directoriesAtOnce = 8;
const emptyInARow = 32;

/** Throws `bad-request` unless `base` holds a datastore whose data can be removed. Changes nothing. */
export function checkDestroyable(base: string): void {
  const refuse = (text: string) => new GranaryError('bad-request', `cannot delete the data of '${base}': ${text}`);
  if (!fs.existsSync(base)) throw refuse('there is no such directory');
  if (!hasChunks(base)) throw refuse("it holds no datastore: there is no '.chunks'");
  if (fs.lstatSync(chunksDirectory(base)).isSymbolicLink()) throw refuse("'.chunks' is a symbolic link");
  requireChunkTree(base);
}

/**
 * Removes snapshots, groups, namespaces and chunks, and the directory itself if nothing else is in it. Symbolic links
 * are removed, not followed. Goes on after a failure; the result names what could not be removed.
 */
export async function destroyDatastore(
  base: string,
  o: { log: (text: string) => void; signal?: AbortSignal },
): Promise<string[]> {
  checkDestroyable(base);
  const problems: string[] = [];
  const remove = async (path: string): Promise<void> => {
    o.signal?.throwIfAborted();
    await rm(path, { recursive: true, force: true }).catch((error: unknown) => {
      problems.push(messageOf(error));
    });
  };
  for (const name of contents) {
    if (!fs.existsSync(`${base}/${name}`)) continue;
    o.log(`Deleting '${base}/${name}'`);
    await remove(`${base}/${name}`);
  }
  await removeChunks(chunksDirectory(base), remove, o.log);
  if (problems.length > 0) return problems;
  await remove(`${base}/.lock`);
  await removeBase(base, o.log).catch((error: unknown) => problems.push(messageOf(error)));
  return problems;
}

/** Most directories of a small datastore are empty: those go without a round through the thread pool. */
async function removeChunks(
  chunks: string,
  remove: (path: string) => Promise<void>,
  log: (text: string) => void,
): Promise<void> {
  const prefixes = await readdir(chunks);
  let done = 0;
  let percent = 0;
  const removeOne = async (prefix: string, index: number): Promise<void> => {
    const path = `${chunks}/${prefix}`;
    if (index % emptyInARow === 0) await yieldToOthers();
    if (!removeEmpty(path)) await remove(path);
  };
  for await (const _ of mapOrdered(prefixes, directoriesAtOnce, removeOne)) {
    const now = Math.floor((++done * 100) / prefixes.length);
    if (now >= percent + 10) {
      percent = now - (now % 10);
      log(`Deleting chunks: ${percent}%`);
    }
  }
  await remove(chunks);
}

function removeEmpty(path: string): boolean {
  try {
    fs.rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A directory with something else in it, or one that a file system is mounted on, stays. */
async function removeBase(base: string, log: (text: string) => void): Promise<void> {
  const [left] = (await readdir(base)).filter((name) => name !== 'lost+found');
  if (left !== undefined) {
    log(`'${base}' stays: it has an entry '${left}' that is not the datastore's`);
    return;
  }
  try {
    await rmdir(base);
  } catch (error) {
    // A sealed mount point may not even be tried.
    if (!isErrno(error, 'EBUSY', 'ENOTEMPTY', 'EPERM')) throw error;
    log(`'${base}' stays: it is the root of a file system`);
  }
}
