// Backup groups: which there are, whom they belong to, and their notes (formats.md 13.1, 13.2).

import * as fs from 'node:fs';
import { formatUtc, parseUtc } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import { mapOrdered } from '../base/streams.ts';
import { type AuthId, parseAuthId } from '../model/auth-id.ts';
import { type BackupGroup, type BackupSnapshot, compareGroups, formatGroup, type Namespace } from '../model/backup.ts';
import { archiveKind, type BackupType, backupTypes, isSafeId } from '../model/names.ts';
import { eachDirectory, listDirectories, namespaceExists } from './namespaces.ts';
import {
  asGranaryError,
  groupDirectory,
  ifExists,
  namespaceDirectory,
  noEntry,
  type StoreContext,
  storeFile,
} from './store-context.ts';

/** A group with at least one snapshot, finished or not. */
export interface GroupInfo extends BackupGroup {
  /** Absent when the owner file is missing or unreadable. */
  owner?: AuthId;
  /** Time of the newest snapshot, finished or not. */
  lastBackup: number;
  backupCount: number;
  /** Stored files of the newest snapshot, sorted; none while it is being written. */
  files: string[];
  /** First line of the group's notes. */
  comment?: string;
}

const parallelReads = 16;

/** All groups of a namespace that have snapshots, in the order of `compareGroups`. */
export async function listGroups(store: StoreContext, ns: Namespace): Promise<GroupInfo[]> {
  const groups = await groupNames(store, ns);
  const infos: GroupInfo[] = [];
  for await (const info of mapOrdered(groups, parallelReads, (group) => describeGroup(store, ns, group))) {
    if (info) infos.push(info);
  }
  return infos;
}

/** The groups that have a directory in a namespace, empty ones too, in order. A missing namespace is an error. */
export async function groupNames(store: StoreContext, ns: Namespace): Promise<BackupGroup[]> {
  if (!(await namespaceExists(store, ns))) throw noEntry();
  const groups: BackupGroup[] = [];
  for (const type of backupTypes) groups.push(...(await groupsOfType(store, ns, type)));
  return groups.sort(compareGroups);
}

/** What `groupNames` gives, in no order and one by one. */
export async function* eachGroup(store: StoreContext, ns: Namespace): AsyncGenerator<BackupGroup> {
  if (!(await namespaceExists(store, ns))) throw noEntry();
  for (const type of backupTypes) {
    for await (const id of eachDirectory(`${namespaceDirectory(store, ns)}/${type}`, isSafeId)) yield { type, id };
  }
}

async function groupsOfType(store: StoreContext, ns: Namespace, type: BackupType): Promise<BackupGroup[]> {
  const ids = await listDirectories(`${namespaceDirectory(store, ns)}/${type}`, isSafeId);
  return ids.map((id) => ({ type, id }));
}

/** Times of all snapshots of a group, finished or not, ascending. */
export async function snapshotTimes(store: StoreContext, ns: Namespace, group: BackupGroup): Promise<number[]> {
  const isTime = (name: string): boolean => (parseUtc(name) ?? 0) >= 1;
  const names = await listDirectories(groupDirectory(store, ns, group), isTime);
  return names.map((name) => parseUtc(name)!).sort((a, b) => a - b);
}

/** Stored files of a snapshot as its directory has them, sorted; what has another extension is none (formats.md 13.5). */
export async function storedFileNames(directory: string): Promise<string[]> {
  try {
    const names = (await ifExists(fs.promises.readdir(directory))) ?? [];
    return names.filter((name) => isSafeId(name) && archiveKind(name) !== undefined).sort();
  } catch (error) {
    throw asGranaryError(`listing "${directory}" failed`, error);
  }
}

async function describeGroup(store: StoreContext, ns: Namespace, group: BackupGroup): Promise<GroupInfo | undefined> {
  const times = await snapshotTimes(store, ns, group);
  const lastBackup = times.at(-1);
  if (lastBackup === undefined) return undefined;
  const directory = groupDirectory(store, ns, group);
  const files = await storedFileNames(`${directory}/${formatUtc(lastBackup)}`);
  const info: GroupInfo = { ...group, lastBackup, backupCount: times.length, files };
  const owner = await ownerIfReadable(store, ns, group);
  if (owner !== undefined) info.owner = owner;
  const comment = firstLine(await groupNotes(store, ns, group));
  if (comment !== '') info.comment = comment;
  return info;
}

/** Whom a group belongs to. `not-found` when the group has no owner file or does not exist. */
export async function readOwner(store: StoreContext, ns: Namespace, group: BackupGroup): Promise<AuthId> {
  const path = `${groupDirectory(store, ns, group)}/owner`;
  let text: string | undefined;
  try {
    text = await ifExists(fs.promises.readFile(path, 'utf8'));
  } catch (error) {
    throw asGranaryError(`unable to load owner of group '${formatGroup(group)}'`, error);
  }
  if (text === undefined) {
    throw new GranaryError('not-found', `unable to load owner of group '${formatGroup(group)}': no file "${path}"`);
  }
  const owner = firstLine(text).trimEnd();
  if (!parseAuthId(owner)) {
    throw new GranaryError('config-invalid', `owner file "${path}" does not hold an authentication id`);
  }
  return owner;
}

/** For listings, where a damaged group must not hide the others. */
export async function ownerIfReadable(
  store: StoreContext,
  ns: Namespace,
  group: BackupGroup,
): Promise<AuthId | undefined> {
  try {
    return await readOwner(store, ns, group);
  } catch (error) {
    if (error instanceof GranaryError) return undefined;
    throw error;
  }
}

/**
 * Gives a group to somebody else, under the group lock. With `from`, who owned it when it was decided that it may be
 * given away: throws `owner-mismatch` when that is not so any more.
 */
export async function changeOwner(
  store: StoreContext,
  ns: Namespace,
  group: BackupGroup,
  owner: AuthId,
  from?: AuthId,
): Promise<void> {
  if (!parseAuthId(owner)) throw new GranaryError('bad-request', `'${owner}' is not an authentication id`);
  await requireGroup(store, ns, group);
  using _lock = await store.locks.group(ns, group);
  await requireGroup(store, ns, group);
  if (from !== undefined && (await readOwner(store, ns, group)) !== from) {
    throw new GranaryError('owner-mismatch', `${from} does not own this group anymore`);
  }
  await writeGroupFile(store, ns, group, 'owner', `${owner}\n`);
}

export async function groupExists(store: StoreContext, ns: Namespace, group: BackupGroup): Promise<boolean> {
  return (await ifExists(fs.promises.lstat(groupDirectory(store, ns, group))))?.isDirectory() ?? false;
}

async function requireGroup(store: StoreContext, ns: Namespace, group: BackupGroup): Promise<void> {
  if (!(await groupExists(store, ns, group))) throw noEntry(`group '${formatGroup(group)}'`);
}

/** The notes of a group; empty when it has none. */
export async function groupNotes(store: StoreContext, ns: Namespace, group: BackupGroup): Promise<string> {
  const path = `${groupDirectory(store, ns, group)}/notes`;
  try {
    return (await ifExists(fs.promises.readFile(path, 'utf8'))) ?? '';
  } catch (error) {
    throw asGranaryError(`unable to read notes "${path}"`, error);
  }
}

/** Sets the notes of a group; the empty text removes them. */
export async function setGroupNotes(
  store: StoreContext,
  ns: Namespace,
  group: BackupGroup,
  notes: string,
): Promise<void> {
  await requireGroup(store, ns, group);
  if (notes !== '') return writeGroupFile(store, ns, group, 'notes', notes);
  const path = `${groupDirectory(store, ns, group)}/notes`;
  await store.mirror.remove(path);
  fs.rmSync(path, { force: true });
}

export async function writeGroupFile(
  store: StoreContext,
  ns: Namespace,
  group: BackupGroup,
  name: 'owner' | 'notes',
  text: string,
): Promise<void> {
  const path = `${groupDirectory(store, ns, group)}/${name}`;
  try {
    await storeFile(store, path, text, store.syncLevel !== 'none');
  } catch (error) {
    throw asGranaryError(`unable to write "${path}"`, error);
  }
}

export function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}

/** All snapshots of a group, oldest first. */
export async function groupSnapshots(
  store: StoreContext,
  ns: Namespace,
  group: BackupGroup,
): Promise<BackupSnapshot[]> {
  const { type, id } = group;
  return (await snapshotTimes(store, ns, group)).map((time) => ({ type, id, time }));
}
