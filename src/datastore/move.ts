// Moving groups and namespaces to other namespaces of the same datastore (rest-api.md 7.3 `move-group`,
// `move-namespace`). No chunk is touched: directories of snapshots get another place.
//
// Each snapshot is moved by one rename under its locks, so that it is whole at one of the two places whatever happens; a
// move that was cut short is finished by the same call. Garbage collection could pass by an index that changes its place
// while it looks for them: `StoreWriters.beginMove` keeps the two apart.

import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { throwIfAborted } from '../base/abort.ts';
import { formatUtc } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import type { AuthId } from '../model/auth-id.ts';
import {
  type BackupGroup,
  type BackupSnapshot,
  formatGroup,
  formatNamespace,
  formatSnapshot,
  type Namespace,
  parseNamespace,
} from '../model/backup.ts';
import { manifestName } from '../model/names.ts';
import { syncDirectory } from '../os/atomic-file.ts';
import {
  groupExists,
  groupNames,
  groupNotes,
  groupSnapshots,
  readOwner,
  setGroupNotes,
  snapshotTimes,
} from './groups.ts';
import { createNamespace, listNamespaces, namespaceExists, removeNamespaceDirectories } from './namespaces.ts';
import { removeGroupDirectory } from './removal.ts';
import { claimGroup } from './snapshot-steps.ts';
import { asGranaryError, noEntry, type StoreContext, snapshotDirectory } from './store-context.ts';

export interface GroupMove {
  group: BackupGroup;
  from: Namespace;
  /** Has to exist. */
  to: Namespace;
  /** Whether a group of that name may be there already. */
  merge: boolean;
}

export interface NamespaceMove {
  from: Namespace;
  /** Is made when it does not exist; what it is in has to exist. */
  to: Namespace;
  /** Levels below `from` that are moved too. */
  maxDepth?: number | undefined;
  /** Whether namespaces that have become empty are removed. */
  deleteSource: boolean;
  mergeGroups: boolean;
}

export interface MoveOptions {
  log(line: string): void;
  warn(line: string): void;
  /** Told the group's owner once it cannot change any more; what it throws ends the move. */
  checkOwner?: (owner: AuthId) => void;
  signal?: AbortSignal | undefined;
}

const inNamespace = (ns: Namespace): string =>
  ns.length === 0 ? 'the root namespace' : `namespace '${formatNamespace(ns)}'`;

/**
 * Throws when a group cannot be moved: `not-found` words for a group or namespace that is missing, `already-exists` for
 * snapshots of the same time, `owner-mismatch` when the group to merge with is somebody else's. Takes no locks.
 */
export async function checkGroupMove(store: StoreContext, { group, from, to, merge }: GroupMove): Promise<void> {
  const name = formatGroup(group);
  if (formatNamespace(from) === formatNamespace(to)) {
    throw new GranaryError('bad-request', `group '${name}' is in ${inNamespace(to)} already`);
  }
  if (!(await groupExists(store, from, group))) throw noEntry(`group '${name}'`);
  if (!(await namespaceExists(store, to))) throw noEntry(inNamespace(to));
  if (!(await groupExists(store, to, group))) return;
  if (!merge) {
    const text = `group '${name}' exists in ${inNamespace(to)}, and groups are not to be merged`;
    throw new GranaryError('already-exists', text);
  }
  const there = new Set(await snapshotTimes(store, to, group));
  if (there.size === 0) return;
  refuseOtherOwner(group, await readOwner(store, from, group), await readOwner(store, to, group));
  const both = (await snapshotTimes(store, from, group)).filter((time) => there.has(time));
  if (both.length === 0) return;
  const times = `${formatUtc(both[0]!)}${both.length > 1 ? ` and ${both.length - 1} more` : ''}`;
  throw new GranaryError('already-exists', `group '${name}' has snapshots of ${times} in ${inNamespace(to)}, too`);
}

function refuseOtherOwner(group: BackupGroup, owner: AuthId, other: AuthId): void {
  if (owner === other) return;
  throw new GranaryError('owner-mismatch', `group '${formatGroup(group)}': owner check failed (${owner} != ${other})`);
}

/**
 * Moves a group with owner, notes and all its snapshots. Throws what `checkGroupMove` throws, and `locked` when the
 * group, one of its snapshots or the whole datastore is in use.
 */
export async function moveGroup(store: StoreContext, move: GroupMove, options: MoveOptions): Promise<void> {
  using _move = store.writers.beginMove();
  await moveGroupHere(store, move, options);
}

async function moveGroupHere(store: StoreContext, move: GroupMove, o: MoveOptions): Promise<void> {
  const { group, from, to } = move;
  await checkGroupMove(store, move);
  using fromLock = await store.locks.group(from, group);
  using toLock = await store.locks.group(to, group);
  // Whoever had the locks before may have changed everything.
  await checkGroupMove(store, move);
  const owner = await readOwner(store, from, group);
  o.checkOwner?.(owner);
  const snapshots = await groupSnapshots(store, from, group);
  await refuseBusy(store, from, snapshots);
  const place = await claimGroup(store, to, group, owner);
  try {
    // One that was left without snapshots has its owner all the same.
    refuseOtherOwner(group, owner, place.owner);
    const notes = await groupNotes(store, from, group);
    if (notes !== '' && (await groupNotes(store, to, group)) === '') await setGroupNotes(store, to, group, notes);
    for (const snapshot of snapshots) {
      throwIfAborted(o.signal);
      if (await moveSnapshot(store, from, to, snapshot)) o.log(`moved ${formatSnapshot(snapshot)}`);
    }
    if (!(await removeGroupDirectory(store, from, group, fromLock))) {
      o.warn(`group '${formatGroup(group)}' stays in ${inNamespace(from)}: its directory has files of unknown kind`);
    }
  } finally {
    const isUnused = place.claimed && snapshots.length > 0 && (await snapshotTimes(store, to, group)).length === 0;
    if (isUnused) await removeGroupDirectory(store, to, group, toLock);
  }
}

/** Before the first one is moved, so that a group in use stays together. */
async function refuseBusy(store: StoreContext, ns: Namespace, snapshots: readonly BackupSnapshot[]): Promise<void> {
  for (const snapshot of snapshots) (await store.locks.snapshot(ns, snapshot)).release();
}

/** False for one that was removed meanwhile. */
async function moveSnapshot(
  store: StoreContext,
  from: Namespace,
  to: Namespace,
  snapshot: BackupSnapshot,
): Promise<boolean> {
  const source = snapshotDirectory(store, from, snapshot);
  const target = snapshotDirectory(store, to, snapshot);
  using lock = await store.locks.snapshot(from, snapshot);
  using manifest = await store.locks.manifest(from, snapshot);
  if (!fs.existsSync(source)) return false;
  try {
    await copyInMirror(store, source, target);
    fs.renameSync(source, target);
    lock.remove();
    manifest.remove();
    if (store.syncLevel !== 'none') {
      await syncDirectory(dirname(target));
      await syncDirectory(dirname(source));
    }
    await store.mirror.removeTree(source, manifestName);
    return true;
  } catch (error) {
    throw asGranaryError(`moving "${source}" to "${target}" failed`, error);
  }
}

/** The second home has a snapshot at its new place, manifest last, before it is seen there. */
async function copyInMirror(store: StoreContext, source: string, target: string): Promise<void> {
  const names = fs.readdirSync(source).filter((name) => name !== manifestName && !name.includes('.tmp_'));
  if (fs.existsSync(`${source}/${manifestName}`)) names.push(manifestName);
  try {
    for (const name of names) await store.mirror.putFile(`${target}/${name}`, `${source}/${name}`);
  } catch (error) {
    await store.mirror.removeTree(target, manifestName).catch(() => {});
    throw error;
  }
}

/** The namespaces that a move is about, each with its new place, those above first. */
async function namespacesOf(
  store: StoreContext,
  { from, to, maxDepth }: NamespaceMove,
): Promise<[Namespace, Namespace][]> {
  const all = await listNamespaces(store, from, maxDepth);
  return all.map((ns) => [ns, parseNamespace(formatNamespace([...to, ...ns.slice(from.length)]))]);
}

/** Throws when a namespace cannot be moved, as a whole or for one of its groups. Takes no locks. */
export async function checkNamespaceMove(store: StoreContext, move: NamespaceMove): Promise<void> {
  const { from, to, mergeGroups: merge } = move;
  const refuse = (text: string): GranaryError => new GranaryError('bad-request', text);
  if (from.length === 0) throw refuse('the root namespace cannot be moved');
  if (!(await namespaceExists(store, from))) throw noEntry(inNamespace(from));
  if (from.every((part, level) => part === to[level])) {
    throw refuse(`${inNamespace(from)} cannot be moved into itself`);
  }
  const above = to.slice(0, -1);
  if (!(await namespaceExists(store, above))) throw noEntry(inNamespace(above));
  for (const [ns, place] of await namespacesOf(store, move)) {
    if (!(await namespaceExists(store, place))) continue;
    for (const group of await groupNames(store, ns)) await checkGroupMove(store, { group, from: ns, to: place, merge });
  }
}

/**
 * Moves a namespace: its groups and those of the namespaces below. Groups that are in use stay, and are an error when the
 * others are done. Throws what `checkNamespaceMove` throws, and `locked` while garbage is collected.
 */
export async function moveNamespace(store: StoreContext, move: NamespaceMove, o: MoveOptions): Promise<void> {
  using _move = store.writers.beginMove();
  await checkNamespaceMove(store, move);
  const places = await namespacesOf(store, move);
  let failed = 0;
  for (const [ns, place] of places) {
    if (place.length > 0) await createNamespace(store, place.slice(0, -1), place.at(-1)!);
    for (const group of await groupNames(store, ns)) {
      throwIfAborted(o.signal);
      try {
        await moveGroupHere(store, { group, from: ns, to: place, merge: move.mergeGroups }, o);
        o.log(`moved group '${formatGroup(group)}' from ${inNamespace(ns)} to ${inNamespace(place)}`);
      } catch (error) {
        throwIfAborted(o.signal);
        o.warn(`group '${formatGroup(group)}' of ${inNamespace(ns)} was not moved: ${messageOf(error)}`);
        failed++;
      }
    }
  }
  if (move.deleteSource) {
    for (const [ns] of places.toReversed()) {
      if (!(await removeNamespaceDirectories(store, ns))) o.log(`${inNamespace(ns)} stays: it is not empty`);
    }
  }
  if (failed > 0) throw new GranaryError('locked', `${failed} group${failed > 1 ? 's' : ''} could not be moved`);
}
