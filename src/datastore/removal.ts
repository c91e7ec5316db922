// Removing snapshots, groups and namespaces (formats.md 19). The manifest goes first, so that a removal that is cut
// short leaves an unfinished snapshot, never a finished one with files missing. Chunks are garbage collection's.

import * as fs from 'node:fs';
import { GranaryError, isErrno, withContext } from '../base/errors.ts';
import { storeOwner } from '../chunk-store/ownership.ts';
import {
  type BackupGroup,
  type BackupSnapshot,
  formatGroup,
  formatNamespace,
  type Namespace,
} from '../model/backup.ts';
import { manifestName } from '../model/names.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { failpoint } from '../os/failpoint.ts';
import type { FileLock } from '../os/file-lock.ts';
import { groupExists, groupNames, groupSnapshots, snapshotTimes } from './groups.ts';
import { listNamespaces, namespaceExists, removeNamespaceDirectories } from './namespaces.ts';
import { isProtected, snapshotExists } from './snapshots.ts';
import {
  asGranaryError,
  groupDirectory,
  ifExists,
  noEntry,
  type StoreContext,
  snapshotDirectory,
} from './store-context.ts';

export interface GroupRemoval {
  removedSnapshots: number;
  /** Snapshots that stay; then the group stays too. */
  protectedSnapshots: number;
}

export interface NamespaceRemoval extends GroupRemoval {
  removedGroups: number;
}

/** Removes a snapshot, and its group with the last one. Throws when it is protected, in use, or not there. */
export async function removeSnapshot(store: StoreContext, ns: Namespace, snapshot: BackupSnapshot): Promise<void> {
  await removeLocked(store, ns, snapshot);
  if ((await snapshotTimes(store, ns, snapshot)).length > 0) return;
  let lock: FileLock;
  try {
    lock = await store.locks.group(ns, snapshot);
  } catch (error) {
    // Somebody works on the group, a new backup for example: it stays.
    if (error instanceof GranaryError && error.code === 'locked') return;
    throw error;
  }
  try {
    await removeGroupDirectory(store, ns, snapshot, lock);
  } finally {
    lock.release();
  }
}

async function removeLocked(store: StoreContext, ns: Namespace, snapshot: BackupSnapshot): Promise<void> {
  const directory = snapshotDirectory(store, ns, snapshot);
  const context = `while destroying snapshot "${directory}"`;
  if (!(await snapshotExists(store, ns, snapshot))) {
    throw withContext(context, noEntry(`unable to open snapshot directory "${directory}" for locking`));
  }
  let lock: FileLock;
  try {
    lock = await store.locks.snapshot(ns, snapshot);
  } catch (error) {
    throw withContext(context, error);
  }
  try {
    if (isProtected(store, ns, snapshot)) throw new GranaryError('protected', 'cannot remove protected snapshot');
    const manifest = await store.locks.manifest(ns, snapshot);
    try {
      await removeSnapshotDirectory(store, ns, snapshot);
    } finally {
      manifest.remove();
    }
  } finally {
    if (await snapshotExists(store, ns, snapshot)) lock.release();
    else lock.remove();
  }
}

/** Deletes a snapshot's directory, manifest first. The caller holds the snapshot's exclusive lock. */
export async function removeSnapshotDirectory(
  store: StoreContext,
  ns: Namespace,
  snapshot: BackupSnapshot,
): Promise<void> {
  const directory = snapshotDirectory(store, ns, snapshot);
  const manifest = `${directory}/${manifestName}`;
  try {
    const content = await ifExists(fs.promises.readFile(manifest));
    fs.rmSync(manifest, { force: true });
    failpoint('removal:after-manifest');
    try {
      await store.mirror.removeTree(directory, manifestName);
    } catch (error) {
      // Finished again only if it is so in its second home; that may have lost the manifest, or not be there to ask.
      if (content && (await store.mirror.has(manifest).catch(() => false))) {
        await replaceFile(manifest, content, { mode: 0o644, owner: storeOwner() });
      }
      throw error;
    }
    await fs.promises.rm(directory, { recursive: true, force: true, maxRetries: 3 });
    failpoint('removal:after-directory');
  } catch (error) {
    throw asGranaryError(`removing snapshot "${directory}" failed`, error);
  }
}

/**
 * Deletes the directory of a group that has no snapshot left, and its lock file; true if it did. Leaves it alone when
 * there is anything in it besides owner and notes. Without `lock`, the group's lock, nothing is done.
 */
export async function removeGroupDirectory(
  store: StoreContext,
  ns: Namespace,
  group: BackupGroup,
  lock: FileLock | undefined,
): Promise<boolean> {
  if (!lock) return false;
  const directory = groupDirectory(store, ns, group);
  try {
    const names = fs.readdirSync(directory);
    if (!names.every((name) => groupFile.test(name))) return false;
    await store.mirror.remove(`${directory}/notes`, `${directory}/owner`);
    // The owner last: a group without snapshots and without owner is nobody's, one with an owner is not.
    for (const name of names.sort().reverse()) fs.rmSync(`${directory}/${name}`, { force: true });
    fs.rmdirSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw asGranaryError(`removing group "${directory}" failed`, error);
  }
  lock.remove();
  return true;
}

/** What a group without snapshots may hold. */
const groupFile = /^(owner|notes)(\.tmp_[A-Za-z0-9]{6})?$/;

/** Names of what else is in a group's directory. */
function others(directory: string): string {
  const names = fs.existsSync(directory) ? fs.readdirSync(directory) : [];
  return names.filter((name) => !groupFile.test(name)).join(', ');
}

/** Removes all snapshots of a group that are not protected, and the group itself if none stays. */
export async function removeGroup(store: StoreContext, ns: Namespace, group: BackupGroup): Promise<GroupRemoval> {
  const directory = groupDirectory(store, ns, group);
  const mustExist = async (): Promise<void> => {
    if (await groupExists(store, ns, group)) return;
    throw noEntry(`unable to open backup group directory "${directory}" for locking`);
  };
  await mustExist();
  const lock = await store.locks.group(ns, group);
  const removal: GroupRemoval = { removedSnapshots: 0, protectedSnapshots: 0 };
  try {
    // Whoever had the lock before may have removed it.
    await mustExist();
    for (const snapshot of await groupSnapshots(store, ns, group)) {
      if (isProtected(store, ns, snapshot)) {
        removal.protectedSnapshots++;
        continue;
      }
      await removeLocked(store, ns, snapshot);
      removal.removedSnapshots++;
    }
    if (removal.protectedSnapshots === 0 && !(await removeGroupDirectory(store, ns, group, lock))) {
      throw new GranaryError(
        'io',
        `group '${formatGroup(group)}' is not empty: "${directory}" has files of unknown kind: ${others(directory)}`,
      );
    }
  } finally {
    lock.release();
  }
  return removal;
}

/**
 * Removes a namespace and those below it. Without `deleteGroups` only what has no groups goes, and a group that is
 * left is an error; protected snapshots are not: they and their namespaces stay, and the answer says so.
 */
export async function removeNamespace(
  store: StoreContext,
  ns: Namespace,
  options: { deleteGroups?: boolean } = {},
): Promise<NamespaceRemoval> {
  if (ns.length === 0) throw new GranaryError('bad-request', 'Cannot create/delete root namespace!');
  const removal: NamespaceRemoval = { removedGroups: 0, removedSnapshots: 0, protectedSnapshots: 0 };
  if (!(await namespaceExists(store, ns))) return removal;
  let complete = true;
  // The deepest first.
  for (const inner of (await listNamespaces(store, ns)).reverse()) {
    if (options.deleteGroups) await removeGroupsOf(store, inner, removal);
    complete = (await removeNamespaceDirectories(store, inner)) && complete;
  }
  if (complete || removal.protectedSnapshots > 0) return removal;
  throw new GranaryError(
    'bad-request',
    options.deleteGroups
      ? `namespace '${formatNamespace(ns)}' was only partially deleted: something is left in it`
      : 'only partially deleted due to existing groups but `delete-groups` not true ',
  );
}

async function removeGroupsOf(store: StoreContext, ns: Namespace, removal: NamespaceRemoval): Promise<void> {
  for (const group of await groupNames(store, ns)) {
    const { removedSnapshots, protectedSnapshots } = await removeGroup(store, ns, group);
    removal.removedSnapshots += removedSnapshots;
    removal.protectedSnapshots += protectedSnapshots;
    if (protectedSnapshots === 0) removal.removedGroups++;
  }
}
