// What the files of this room share about one open datastore, and the paths below it (formats.md 13.1).

import type { Clock } from '../base/clock.ts';
import { GranaryError, isErrno, withContext } from '../base/errors.ts';
import type { ChunkStore } from '../chunk-store/contract.ts';
import { storeOwner } from '../chunk-store/ownership.ts';
import {
  type BackupGroup,
  type BackupSnapshot,
  groupPath,
  type Namespace,
  namespacePath,
  snapshotPath,
} from '../model/backup.ts';
import { isSafeId } from '../model/names.ts';
import { replaceFile } from '../os/atomic-file.ts';
import type { Accounting } from './accounting.ts';
import type { ListedSnapshots } from './listed-snapshots.ts';
import type { DatastoreLocks } from './locks.ts';
import type { Mirror } from './mirror.ts';
import type { StoreWriters } from './writers.ts';

export interface StoreContext {
  /** The datastore's name. */
  readonly name: string;
  /** Absolute, without a slash at the end. */
  readonly base: string;
  readonly chunks: ChunkStore;
  /** Told of each file of namespaces, groups and snapshots before it changes. */
  readonly mirror: Mirror;
  readonly locks: DatastoreLocks;
  readonly writers: StoreWriters;
  readonly accounting: Accounting;
  readonly listed: ListedSnapshots;
  readonly clock: Clock;
  /** When what is written has to be durable (formats.md 13.4). */
  readonly syncLevel: 'none' | 'file' | 'filesystem';
}

export function namespaceDirectory(store: StoreContext, ns: Namespace): string {
  return ns.length === 0 ? store.base : `${store.base}/${namespacePath(ns)}`;
}

export function groupDirectory(store: StoreContext, ns: Namespace, group: BackupGroup): string {
  return `${store.base}/${groupPath(ns, group)}`;
}

export function snapshotDirectory(store: StoreContext, ns: Namespace, snapshot: BackupSnapshot): string {
  return `${store.base}/${snapshotPath(ns, snapshot)}`;
}

/** The path of a stored file of a snapshot. The name must be a plain one: never a path, never hidden. */
export function snapshotFilePath(store: StoreContext, ns: Namespace, snapshot: BackupSnapshot, name: string): string {
  if (!isSafeId(name)) throw new GranaryError('bad-request', `'${name}' is not a plain file name`);
  return `${snapshotDirectory(store, ns, snapshot)}/${name}`;
}

/** Makes or replaces a file of the datastore, in its second home first. */
export async function storeFile(
  store: StoreContext,
  path: string,
  content: Uint8Array | string,
  durable: boolean,
): Promise<void> {
  await store.mirror.put(path, content);
  await replaceFile(path, content, { mode: 0o644, durable, owner: storeOwner() });
}

/** The refusal for something in the datastore that does not exist; clients look for the first word. */
export function noEntry(context?: string): GranaryError {
  const text = 'ENOENT: No such file or directory';
  return new GranaryError('bad-request', context === undefined ? text : `${context} - ${text}`);
}

/** `error` as a GranaryError; a system error gets `context` in front. */
export function asGranaryError(context: string, error: unknown): GranaryError {
  return error instanceof GranaryError ? error : withContext(context, error);
}

/** The value of `action`, or undefined when what it is about does not exist. */
export async function ifExists<T>(action: Promise<T>): Promise<T | undefined> {
  try {
    return await action;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
