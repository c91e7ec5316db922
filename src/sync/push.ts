// A push: namespaces, their groups, and what has vanished (sync.md 6 and 9).

import type { Clock } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import type { SharedArena } from '../base/shared-arena.ts';
import { throwIfAborted } from '../base/streams.ts';
import type { CryptConfig } from '../crypto/crypt-config.ts';
import { formatGroup, formatNamespace, type Namespace, remoteAclPath } from '../model/backup.ts';
import type { Privilege } from '../model/privileges.ts';
import { ChunkCrypt } from './chunk-crypt.ts';
import { GroupNames } from './group-names.ts';
import type { LocalSource, PrivilegesOn } from './local-source.ts';
import { type NamespacePair, namespaceLabel, namespacePairs } from './namespace-map.ts';
import type { SyncParameters } from './parameters.ts';
import { pushGroup } from './push-group.ts';
import type { PushTarget } from './push-target.ts';
import { removeVanishedGroups, removeVanishedNamespaces } from './push-vanished.ts';
import { type SyncLog, type SyncProgress, syncGroups } from './run-groups.ts';
import { selectGroups } from './selection.ts';
import type { SyncStatistics } from './statistics.ts';
import { vanishedGroups } from './vanished.ts';

export interface PushRun {
  readonly parameters: SyncParameters;
  readonly source: LocalSource;
  readonly target: PushTarget;
  readonly privileges: PrivilegesOn;
  readonly statistics: SyncStatistics;
  /** What plain snapshots are encrypted with on their way. */
  readonly crypt?: CryptConfig | undefined;
  /** For the chunks that are under way. */
  readonly memory: SharedArena;
  readonly log: SyncLog;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** A run with what it needs to encrypt. */
export interface PushWork extends PushRun {
  readonly chunkCrypt: ChunkCrypt | undefined;
}

/**
 * Pushes everything that can be pushed. Throws at the end when something could not, at once when the namespaces cannot
 * be listed or do not fit on the target, and `aborted`.
 */
export async function push(run: PushRun): Promise<void> {
  const { parameters, source, target, crypt, memory } = run;
  await using chunkCrypt = crypt && new ChunkCrypt({ keys: [crypt], memory });
  const work: PushWork = { ...run, chunkCrypt };
  const namespaces = await source.listNamespaces(parameters.ns, parameters.maxDepth);
  const pairs = namespacePairs(namespaces, parameters.ns, parameters.remoteNs);
  const there = new Set((await target.listNamespaces()).map(formatNamespace));
  let failed = false;
  const done: SyncProgress = { groups: 0, snapshots: 0 };
  for (const pair of pairs) {
    throwIfAborted(run.signal);
    failed = !(await pushNamespace(work, pair, there, done)) || failed;
  }
  if (parameters.removeVanished) {
    const synced = pairs.map((pair) => pair.target);
    failed = !(await removeVanishedNamespaces(run, synced)) || failed;
  }
  if (failed) throw new GranaryError('incomplete', 'Sync failed with some errors!');
}

/** False when something in it failed; what is told then is in the log. */
async function pushNamespace(
  run: PushWork,
  pair: NamespacePair,
  there: Set<string>,
  done: SyncProgress,
): Promise<boolean> {
  const { parameters, source, target, log } = run;
  log.log('----');
  log.log(
    `Syncing datastore '${parameters.store}', ${namespaceLabel(pair.source)} ` +
      `into datastore '${parameters.remoteStore}', ${namespaceLabel(pair.target)}`,
  );
  let selected: Awaited<ReturnType<typeof selectGroups>>;
  let existing: TargetGroups;
  try {
    checkPrivilege(run, pair.target, 'Remote.DatastoreBackup');
    if (parameters.removeVanished) checkPrivilege(run, pair.target, 'Remote.DatastorePrune');
    await createNamespace(run, pair.target, there);
    existing = await targetGroups(target, pair.target);
    selected = await selectGroups(source.listGroups(pair.source), parameters.groupFilter);
  } catch (error) {
    rethrowAbort(run, error);
    log.warn(`Sync of ${namespaceLabel(pair.source)} failed - ${messageOf(error)}`);
    return false;
  }
  const { wanted, total } = selected;
  log.log(`Found ${wanted.length} groups to sync (out of ${total} total)`);
  const pushed = new GroupNames();
  for (const group of wanted) {
    if (!existing.notOwned.has(group)) {
      pushed.add(group);
      continue;
    }
    const who = `not owned by remote user '${target.authId}' on target`;
    log.warn(`Group '${formatGroup(group)}' ${who}, skipping upload`);
  }
  const options = { log, threads: parameters.workerThreads, clock: run.clock, signal: run.signal };
  let failed = !(await syncGroups(pushed, options, done, (group, part) => pushGroup(run, pair, group, part)));
  if (parameters.removeVanished) {
    const vanished = vanishedGroups(existing.owned, wanted, parameters.groupFilter);
    failed = !(await removeVanishedGroups(run, pair, vanished)) || failed;
  }
  log.log(
    `Finished syncing namespace ${formatNamespace(pair.source)}, ` +
      `current progress: ${done.groups} groups, ${done.snapshots} snapshots`,
  );
  return !failed;
}

interface TargetGroups {
  owned: GroupNames;
  notOwned: GroupNames;
}

async function targetGroups(target: PushTarget, ns: Namespace): Promise<TargetGroups> {
  const groups: TargetGroups = { owned: new GroupNames(), notOwned: new GroupNames() };
  for await (const group of target.listGroups(ns)) {
    (group.owner === target.authId ? groups.owned : groups.notOwned).add(group);
  }
  return groups;
}

/** Makes what is missing of the namespace and those that it lies in. */
async function createNamespace(run: PushRun, ns: Namespace, there: Set<string>): Promise<void> {
  for (let depth = 1; depth <= ns.length; depth++) {
    const name = formatNamespace(ns.slice(0, depth));
    if (there.has(name)) continue;
    const parent = ns.slice(0, depth - 1);
    checkPrivilege(run, parent, 'Remote.DatastoreModify');
    await run.target.createNamespace(parent, ns[depth - 1]!);
    there.add(name);
    run.log.log(`Created namespace ${name}`);
  }
}

/** Throws `permission-denied` unless the owner of the run has the privilege on the target's namespace. */
export function checkPrivilege({ parameters, privileges }: PushRun, ns: Namespace, privilege: Privilege): void {
  const path = remoteAclPath(String(parameters.remote), parameters.remoteStore, ns);
  if (privileges(parameters.owner, path).has(privilege)) return;
  throw new GranaryError('permission-denied', `missing permissions '${privilege}' on '${path}'`);
}

function rethrowAbort(run: PushRun, error: unknown): void {
  if (run.signal.aborted) throw error;
}
