// Builds the local part of a datastore anew from its bucket: namespaces, groups, snapshots, and a marker for each chunk
// (config-and-tasks.md 9). Nobody may use the datastore meanwhile.
//
// The files are fetched into a directory of their own, and take the place of the old ones when they are complete: what
// stops before leaves all as it was. A stop in between is repaired by the next refresh.

import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { GranaryError } from '../base/errors.ts';
import { mapOrdered } from '../base/streams.ts';
import type { ChunkStore } from '../chunk-store/contract.ts';
import { makeDirectorySync, storeOwner } from '../chunk-store/ownership.ts';
import { isSafeId } from '../model/names.ts';
import type { ObjectInfo, ObjectStore } from '../object-store/contract.ts';
import { replaceFile, syncFileSystem } from '../os/atomic-file.ts';
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

/**
 * Fetches everything; nothing that counts has changed when it throws. Gives the step that puts it in the place of what
 * was there, which has to be repeated, fetching and all, when it throws or is cut short.
 */
export async function prepareRefresh(o: RefreshOptions): Promise<() => Promise<void>> {
  const { base, objects, log, signal } = o;
  const fetched = `${base}/.refresh`;
  fs.rmSync(fetched, { recursive: true, force: true });
  makeDirectorySync(fetched, 0o750);
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
  return () => swap(base, fetched);
}

async function swap(base: string, fetched: string): Promise<void> {
  const old = `${base}/.refresh-old`;
  fs.rmSync(old, { recursive: true, force: true });
  makeDirectorySync(old, 0o750);
  for (const tree of trees) {
    if (fs.existsSync(`${base}/${tree}`)) fs.renameSync(`${base}/${tree}`, `${old}/${tree}`);
    if (fs.existsSync(`${fetched}/${tree}`)) fs.renameSync(`${fetched}/${tree}`, `${base}/${tree}`);
  }
  await syncFileSystem(base);
  fs.rmSync(old, { recursive: true, force: true });
  fs.rmSync(fetched, { recursive: true, force: true });
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
