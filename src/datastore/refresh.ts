// Builds the local part of a datastore anew from its bucket: namespaces, groups, snapshots, and a marker for each chunk
// (config-and-tasks.md 9). Nobody may use the datastore meanwhile.
//
// The files are fetched into a directory of their own, and take the place of the old ones when they are complete: what
// stops before leaves all as it was. What is cut short in between is put in its place by the next refresh.

import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { GranaryError, isErrno } from '../base/errors.ts';
import { mapOrdered } from '../base/streams.ts';
import type { ChunkStore } from '../chunk-store/contract.ts';
import { makeDirectorySync, storeOwner } from '../chunk-store/ownership.ts';
import { isSafeId } from '../model/names.ts';
import type { ObjectInfo, ObjectStore } from '../object-store/contract.ts';
import { replaceFile, syncDirectory, syncDirectorySync, syncFileSystem } from '../os/atomic-file.ts';
import { failpoint } from '../os/failpoint.ts';
import { contentKeys, namespaceMark } from './mirror.ts';

export interface RefreshOptions {
  objects: ObjectStore;
  /** What the keys of the datastore begin with. */
  prefix: string;
  base: string;
  chunks: ChunkStore;
  log: (line: string) => void;
  signal?: AbortSignal;
}

/** What is replaced as a whole. */
const trees = ['ns', 'ct', 'host', 'vm'] as const;
const fetchesAtOnce = 16;
/** `[ns/NAME/...]TYPE/ID[/TIME]/FILE`, or the mark of a namespace. */
const deepest = 2 * 7 + 4;

/** Says that what is in the local part is not all that the bucket has: it was never fetched. */
const neverFetched = (base: string): string => `${base}/.refresh-needed`;
/** What was fetched whole, and is being put in its place. */
const fetchedWhole = (base: string): string => `${base}/.refresh-complete`;

/** The local part is to be fetched before anybody uses it. */
export function requireRefresh(base: string): void {
  fs.writeFileSync(neverFetched(base), '');
  syncDirectorySync(base);
}

/** The bucket has nothing that could be fetched. */
export function requireNoRefresh(base: string): void {
  fs.rmSync(neverFetched(base), { force: true });
}

/** Whether there is less in the local part than in the bucket, so that nobody may go by it before it was refreshed. */
export function needsRefresh(base: string): boolean {
  // What cannot be looked at is no answer: it throws.
  const isThere = (path: string) => fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  return isThere(neverFetched(base)) || isThere(fetchedWhole(base));
}

/**
 * Fetches everything; nothing that counts has changed when it throws. Gives the step that puts it in the place of what
 * was there. When that throws or is cut short, `needsRefresh`, and the next refresh only takes that step again.
 */
export async function prepareRefresh(o: RefreshOptions): Promise<() => Promise<void>> {
  const { base, objects, log, signal } = o;
  if (fs.existsSync(fetchedWhole(base))) {
    log('A refresh that was cut short has fetched everything: it is put in its place.');
    return () => putInPlace(base);
  }
  const fetched = `${base}/.refresh`;
  fs.rmSync(fetched, { recursive: true, force: true });
  for (const path of [fetched, ...trees.map((tree) => `${fetched}/${tree}`)]) makeDirectorySync(path, 0o750);
  try {
    const keys = contentKeys(o.prefix);
    const found: ObjectInfo[] = [];
    for await (const info of objects.list(keys, signal ? { signal } : {})) found.push(info);
    log(`Found ${found.length} files of snapshots and groups in the bucket.`);
    let told = 0;
    let done = 0;
    const fetch = async ({ key }: ObjectInfo): Promise<void> => {
      await fetchFile(objects, key, `${fetched}/${checkedPath(key.slice(keys.length))}`, signal);
    };
    for await (const _ of mapOrdered(found, fetchesAtOnce, fetch, signal)) {
      const percent = Math.floor((++done * 10) / found.length) * 10;
      if (percent > told) log(`Fetched ${percent}% (${done} of ${found.length} files)`);
      told = Math.max(told, percent);
    }
    const chunks = await o.chunks.relearn?.(signal ? { signal } : {});
    log(`The bucket has ${chunks} chunks.`);
    await syncFileSystem(base);
  } catch (error) {
    fs.rmSync(fetched, { recursive: true, force: true });
    throw error;
  }
  return async () => {
    failpoint('refresh:fetched');
    fs.renameSync(fetched, fetchedWhole(base));
    await syncDirectory(base);
    failpoint('refresh:complete');
    await putInPlace(base);
  };
}

/** A tree that was fetched is there until it has its place, so that this can be done again wherever it was cut short. */
async function putInPlace(base: string): Promise<void> {
  const fetched = fetchedWhole(base);
  const old = `${base}/.refresh-old`;
  fs.rmSync(old, { recursive: true, force: true });
  makeDirectorySync(old, 0o750);
  for (const tree of trees) {
    if (!fs.existsSync(`${fetched}/${tree}`)) continue;
    if (fs.existsSync(`${base}/${tree}`)) fs.renameSync(`${base}/${tree}`, `${old}/${tree}`);
    failpoint('refresh:tree-away');
    fs.renameSync(`${fetched}/${tree}`, `${base}/${tree}`);
    failpoint('refresh:tree-in-place');
  }
  for (const tree of trees) removeIfEmpty(`${base}/${tree}`);
  fs.rmSync(neverFetched(base), { force: true });
  await syncFileSystem(base);
  fs.rmSync(fetched, { recursive: true, force: true });
  failpoint('refresh:in-place');
  fs.rmSync(old, { recursive: true, force: true });
}

function removeIfEmpty(directory: string): void {
  try {
    fs.rmdirSync(directory);
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'ENOENT')) throw error;
  }
}

/** A path below the datastore, in which nothing can lead elsewhere. */
function checkedPath(path: string): string {
  const parts = path.split('/');
  const name = parts.pop()!;
  const isFile = isSafeId(name) || name === '.protected' || name === namespaceMark;
  const isKnown = trees.some((tree) => tree === parts[0]);
  if (
    isFile &&
    isKnown &&
    parts.length <= deepest &&
    parts.every((part) => isSafeId(part) || /^[0-9TZ:-]+$/.test(part))
  ) {
    return path;
  }
  throw new GranaryError('io', `the bucket has an object of unknown kind: '${path}'`);
}

async function fetchFile(objects: ObjectStore, key: string, path: string, signal?: AbortSignal): Promise<void> {
  const stored = await objects.get(key, signal ? { signal } : {});
  // It may have been removed since it was listed, by hand.
  if (!stored) throw new GranaryError('io', `'${key}' vanished from ${objects.label} while it was fetched`);
  const missing: string[] = [];
  for (let directory = dirname(path); !fs.existsSync(directory); directory = dirname(directory))
    missing.unshift(directory);
  for (const directory of missing) makeDirectorySync(directory);
  if (path.endsWith(`/${namespaceMark}`)) return;
  const owner = storeOwner();
  await replaceFile(path, stored.bytes, { durable: false, ...(owner ? { owner } : {}) });
}

/** Whether the bucket holds a datastore: a finished snapshot, or anything else that one could miss. */
export async function hasContents(
  objects: ObjectStore,
  prefix: string,
  o: { signal?: AbortSignal } = {},
): Promise<boolean> {
  for await (const { key } of objects.list(`${prefix}/`, o)) {
    if (key.startsWith(contentKeys(prefix)) || key.startsWith(`${prefix}/.chunks/`)) return true;
  }
  return false;
}
