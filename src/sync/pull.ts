// A pull: namespaces, their groups, and what has vanished (sync.md 4 and 9).

import type { Clock } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { throwIfAborted } from '../base/streams.ts';
import type { Datastore } from '../datastore/datastore.ts';
import {
  type BackupGroup,
  datastoreAclPath,
  formatGroup,
  formatNamespace,
  type Namespace,
  rootNamespace,
} from '../model/backup.ts';
import { groupIsWanted } from '../model/group-filter.ts';
import type { ChunkCrypt } from './chunk-crypt.ts';
import { GroupNames } from './group-names.ts';
import type { PrivilegesOn } from './local-source.ts';
import { type NamespacePair, namespaceLabel, namespacePairs } from './namespace-map.ts';
import type { SyncParameters } from './parameters.ts';
import { pullGroup } from './pull-group.ts';
import { type SyncLog, type SyncProgress, syncGroups } from './run-groups.ts';
import { selectGroups } from './selection.ts';
import type { SyncSource } from './source.ts';
import type { SyncStatistics } from './statistics.ts';
import { mayRemoveGroup, vanishedGroups, vanishedNamespaces } from './vanished.ts';

export interface PullRun {
  readonly parameters: SyncParameters;
  readonly source: SyncSource;
  readonly target: Datastore;
  /** Whether source and target are one chunk store. */
  readonly sameChunks: boolean;
  readonly privileges: PrivilegesOn;
  /** With the keys that snapshots are decrypted with on their way. */
  readonly decryption?: ChunkCrypt | undefined;
  readonly statistics: SyncStatistics;
  readonly log: SyncLog;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/**
 * Pulls everything that can be pulled. Throws at the end when something could not, at once when the namespaces cannot
 * be listed or do not fit on the target, and `aborted`.
 */
export async function pull(run: PullRun): Promise<void> {
  const { parameters, target } = run;
  // Garbage collection must not take a chunk before the index that names it is there.
  using _chunks = target.holdChunks();
  const listed = await listNamespaces(run);
  const pairs = namespacePairs(listed.namespaces, parameters.remoteNs, parameters.ns);
  let failed = !listed.complete;
  const done: SyncProgress = { groups: 0, snapshots: 0 };
  for (const pair of pairs) {
    throwIfAborted(run.signal);
    failed = !(await pullNamespace(run, pair, done)) || failed;
  }
  if (parameters.removeVanished && listed.complete) {
    const synced = pairs.map((pair) => pair.target);
    failed = !(await removeVanishedNamespaces(run, synced)) || failed;
  }
  if (failed) throw new GranaryError('incomplete', 'sync failed with some errors.');
}

async function listNamespaces(run: PullRun): Promise<{ namespaces: Namespace[]; complete: boolean }> {
  const { remoteNs: anchor, maxDepth } = run.parameters;
  if (anchor.length === 0 && maxDepth === 0) return { namespaces: [rootNamespace], complete: true };
  try {
    return { namespaces: await run.source.listNamespaces(anchor, maxDepth), complete: true };
  } catch (error) {
    const unknownCall = error instanceof GranaryError && error.code === 'not-found';
    if (!unknownCall || anchor.length > 0 || maxDepth !== undefined) throw error;
    run.log.warn('Could not query remote for namespaces (404) -> temporarily switching to backwards-compat mode');
    return { namespaces: [rootNamespace], complete: false };
  }
}

/** False when something in it failed; what is told then is in the log. */
async function pullNamespace(run: PullRun, pair: NamespacePair, done: SyncProgress): Promise<boolean> {
  const { parameters, source, target, log } = run;
  log.log('----');
  log.log(
    `Syncing datastore '${parameters.remoteStore}', ${namespaceLabel(pair.source)} ` +
      `into datastore '${parameters.store}', ${namespaceLabel(pair.target)}`,
  );
  let wanted: GroupNames;
  try {
    await prepareNamespace(run, pair.target);
    const selected = await selectGroups(source.listGroups(pair.source), parameters.groupFilter);
    wanted = selected.wanted;
    log.log(`Found ${wanted.length} groups to sync (out of ${selected.total} total)`);
  } catch (error) {
    rethrowAbort(run, error);
    log.warn(`Sync of ${namespaceLabel(pair.source)} failed - ${messageOf(error)}`);
    return false;
  }
  const options = { log, threads: parameters.workerThreads, clock: run.clock, signal: run.signal };
  let failed = !(await syncGroups(wanted, options, done, (group, part) => pullGroup(run, pair, group, part)));
  if (parameters.removeVanished) {
    try {
      const there = await GroupNames.from(target.eachGroup(pair.target));
      await removeVanishedGroups(run, pair.target, vanishedGroups(there, wanted, parameters.groupFilter));
    } catch (error) {
      rethrowAbort(run, error);
      log.warn(`Removing vanished groups of ${namespaceLabel(pair.target)} failed - ${messageOf(error)}`);
      failed = true;
    }
  }
  log.log(
    `Finished syncing namespace ${formatNamespace(pair.source)}, ` +
      `current progress: ${done.groups} groups, ${done.snapshots} snapshots`,
  );
  return !failed;
}

/** Checks what the owner may do there, and makes the namespace if it is missing. Its parents came before. */
async function prepareNamespace({ parameters, target, privileges, log }: PullRun, ns: Namespace): Promise<void> {
  const need = (privilege: 'Datastore.Backup' | 'Datastore.Modify', path: string): void => {
    if (privileges(parameters.owner, path).has(privilege)) return;
    throw new GranaryError('permission-denied', `missing permissions '${privilege}' on '${path}'`);
  };
  need('Datastore.Backup', datastoreAclPath(parameters.store, ns));
  const name = ns.at(-1);
  if (name === undefined || (await target.namespaceExists(ns))) return;
  const parent = ns.slice(0, -1);
  need('Datastore.Modify', datastoreAclPath(parameters.store, parent));
  await target.createNamespace(parent, name);
  log.log(`Created namespace ${formatNamespace(ns)}`);
}

/** Whether groups of somebody else are left. */
async function removeVanishedGroups(run: PullRun, ns: Namespace, groups: Iterable<BackupGroup>): Promise<boolean> {
  let foreign = false;
  for (const group of groups) {
    throwIfAborted(run.signal);
    foreign = (await removeGroup(run, ns, group)) === 'foreign' || foreign;
  }
  return foreign;
}

async function removeGroup(
  { parameters, target, statistics, log }: PullRun,
  ns: Namespace,
  group: BackupGroup,
): Promise<'removed' | 'protected' | 'foreign'> {
  let owner: string | undefined;
  try {
    owner = await target.readOwner(ns, group);
  } catch (error) {
    if (!(error instanceof GranaryError)) throw error;
  }
  if (!mayRemoveGroup(owner, parameters.owner)) return 'foreign';
  log.log(`Delete vanished group '${formatGroup(group)}'`);
  const removed = await target.removeGroup(ns, group);
  statistics.removed.snapshots += removed.removedSnapshots;
  if (removed.protectedSnapshots > 0) {
    log.log(`Kept some protected snapshots of group '${formatGroup(group)}'`);
    return 'protected';
  }
  statistics.removed.groups++;
  return 'removed';
}

/** Only groups that the run could have made are removed, and only namespaces in which nothing else is. */
async function removeVanishedNamespaces(run: PullRun, synced: readonly Namespace[]): Promise<boolean> {
  const { parameters, target, privileges, statistics, log } = run;
  const local = await target.listNamespaces(parameters.ns, parameters.maxDepth);
  let failed = false;
  for (const ns of vanishedNamespaces(local, synced, parameters.ns)) {
    throwIfAborted(run.signal);
    const name = formatNamespace(ns);
    const parentPath = datastoreAclPath(parameters.store, ns.slice(0, -1));
    if (!privileges(parameters.owner, parentPath).has('Datastore.Modify')) continue;
    try {
      const groups = await target.groupNames(ns);
      const wanted = groups.filter((group) => groupIsWanted(parameters.groupFilter, group));
      const before = statistics.removed.groups;
      const foreign = (await removeVanishedGroups(run, ns, wanted)) || wanted.length < groups.length;
      if (statistics.removed.groups - before < groups.length) {
        const rest = foreign ? 'groups of others remain' : 'protected snapshots remain';
        log.log(`Did not remove namespace ${name} - ${rest}`);
        continue;
      }
      if ((await target.listNamespaces(ns)).length > 1) {
        log.log(`Did not remove namespace ${name} - namespaces in it remain`);
        continue;
      }
      await target.removeNamespace(ns);
      log.log(`Removed namespace ${name}`);
      statistics.removed.namespaces++;
    } catch (error) {
      rethrowAbort(run, error);
      log.warn(`Failed to remove namespace ${name} - ${messageOf(error)}`);
      failed = true;
    }
  }
  return !failed;
}

function rethrowAbort(run: PullRun, error: unknown): void {
  if (run.signal.aborted) throw error;
}
