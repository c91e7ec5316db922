// Removes groups and namespaces of the target that have vanished from the source (sync.md 9). What is still on the
// source is not removed, though the run cannot see it or does not go so deep.

import { messageOf } from '../base/errors.ts';
import { throwIfAborted } from '../base/streams.ts';
import { type BackupGroup, formatGroup, formatNamespace, type Namespace } from '../model/backup.ts';
import { groupIsWanted } from '../model/group-filter.ts';
import { GroupNames } from './group-names.ts';
import { mapNamespace, type NamespacePair } from './namespace-map.ts';
import { checkPrivilege, type PushRun } from './push.ts';
import { vanishedNamespaces } from './vanished.ts';

/** False when one could not be removed. */
export async function removeVanishedGroups(
  run: PushRun,
  ns: NamespacePair,
  groups: Iterable<BackupGroup>,
): Promise<boolean> {
  let failed = false;
  for (const group of groups) {
    throwIfAborted(run.signal);
    if (await run.source.datastore.groupExists(ns.source, group)) continue;
    await run.source.datastore.requirePresent();
    failed = !(await removeGroup(run, ns.target, group)) || failed;
  }
  return !failed;
}

async function removeGroup(
  { target, statistics, log, signal }: PushRun,
  ns: Namespace,
  group: BackupGroup,
): Promise<boolean> {
  const name = formatGroup(group);
  try {
    const removed = await target.removeGroup(ns, group);
    statistics.removed.snapshots += removed?.snapshots ?? 0;
    if (removed && removed.protectedSnapshots > 0) {
      log.log(`Kept some protected snapshots of group '${name}' on remote`);
      return true;
    }
    log.log(`Removed vanished group '${name}' from remote`);
    statistics.removed.groups += removed?.groups ?? 1;
    return true;
  } catch (error) {
    if (signal.aborted) throw error;
    log.warn(`Failed to remove vanished group '${name}' from remote: ${messageOf(error)}`);
    return false;
  }
}

/** `synced` are namespaces of the target. False when one could not be removed. */
export async function removeVanishedNamespaces(run: PushRun, synced: readonly Namespace[]): Promise<boolean> {
  const { parameters, source, target, log } = run;
  let failed = false;
  let there: Namespace[];
  try {
    there = await target.listNamespaces();
  } catch (error) {
    if (run.signal.aborted) throw error;
    log.warn(`Removing vanished namespaces failed - ${messageOf(error)}`);
    return false;
  }
  for (const ns of vanishedNamespaces(there, synced, parameters.remoteNs)) {
    throwIfAborted(run.signal);
    if (await source.datastore.namespaceExists(mapNamespace(ns, parameters.remoteNs, parameters.ns))) continue;
    await source.datastore.requirePresent();
    failed = !(await removeNamespace(run, ns)) || failed;
  }
  return !failed;
}

async function removeNamespace(run: PushRun, ns: Namespace): Promise<boolean> {
  const { parameters, target, statistics, log } = run;
  const name = formatNamespace(ns);
  try {
    checkPrivilege(run, ns.slice(0, -1), 'Remote.DatastoreModify');
    checkPrivilege(run, ns, 'Remote.DatastorePrune');
    // Removing a namespace takes all groups with it, also those that no push has made.
    const own = new GroupNames();
    let others = false;
    for await (const group of target.listGroups(ns)) {
      if (group.owner === target.authId && groupIsWanted(parameters.groupFilter, group)) own.add(group);
      else others = true;
    }
    if (others) {
      let removed = true;
      for (const group of own) removed = (await removeGroup(run, ns, group)) && removed;
      log.log(`Did not remove namespace ${name} from remote - groups of others remain`);
      return removed;
    }
    const removed = await target.removeNamespace(ns);
    statistics.removed.groups += removed?.groups ?? 0;
    statistics.removed.snapshots += removed?.snapshots ?? 0;
    if (removed && removed.protectedSnapshots > 0) {
      log.log(`Did not remove namespace ${name} from remote - protected snapshots remain`);
      return true;
    }
    statistics.removed.namespaces++;
    log.log(`Successfully removed vanished namespace ${name} from remote`);
    return true;
  } catch (error) {
    if (run.signal.aborted) throw error;
    log.warn(`Failed to remove vanished namespace ${name} from remote: ${messageOf(error)}`);
    return false;
  }
}
