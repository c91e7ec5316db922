// Pruning: removes the snapshots of groups that retention does not keep, or tells what it would remove and why
// (formats.md 18, config-and-tasks.md 10).

import { messageOf } from '../base/errors.ts';
import { formatBytes } from '../base/human.ts';
import { throwIfAborted } from '../base/streams.ts';
import type { AuthId } from '../model/auth-id.ts';
import {
  type BackupGroup,
  type BackupSnapshot,
  formatGroup,
  formatNamespace,
  formatSnapshot,
  type Namespace,
} from '../model/backup.ts';
import type { Asking, StoredSnapshot } from './accounting.ts';
import type { Datastore } from './datastore.ts';
import {
  formatKeepOptions,
  hasKeepOptions,
  type KeepOptions,
  type PruneCandidate,
  type Pruned,
  selectSnapshots,
} from './retention.ts';

export interface PruneGroupOptions {
  keep: KeepOptions;
  /** Decides only. */
  dryRun?: boolean;
  /** Told each decision before it is carried out, oldest snapshot first. */
  onDecision?: (decision: Pruned<BackupSnapshot>) => void;
  /** Told when a snapshot could not be removed; the others still are. */
  onFailure?: (snapshot: BackupSnapshot, error: unknown) => void;
  signal?: AbortSignal;
}

/** Prunes one group; the decisions, oldest first, whether or not a removal failed. */
export async function pruneGroup(
  store: Datastore,
  ns: Namespace,
  group: BackupGroup,
  options: PruneGroupOptions,
): Promise<Pruned<BackupSnapshot & PruneCandidate>[]> {
  const decisions = selectSnapshots(await store.pruneCandidates(ns, group), options.keep);
  for (const decision of decisions) {
    const { snapshot, mark } = decision;
    throwIfAborted(options.signal);
    options.onDecision?.(decision);
    if (mark !== 'remove' || options.dryRun) continue;
    try {
      await store.removeSnapshot(ns, snapshot);
    } catch (error) {
      options.onFailure?.(snapshot, error);
    }
  }
  return decisions;
}

export interface SimulationOptions {
  ns: Namespace;
  /** Only this one, of `ns` itself. */
  group?: BackupGroup;
  /** Levels below `ns`; all by default. */
  maxDepth?: number;
  keep: KeepOptions;
  /** Which groups to look at. `owner` is undefined when it cannot be read. */
  accept: (ns: Namespace, group: BackupGroup, owner: AuthId | undefined) => boolean;
  /** How long to wait to know what would be freed. */
  asking: Asking;
  signal?: AbortSignal;
}

export interface SimulatedGroup {
  ns: Namespace;
  group: BackupGroup;
  /** Oldest first. What removals free counts those before it as gone, in this group and in those before it. */
  decisions: Pruned<BackupSnapshot & PruneCandidate>[];
}

/** Decides about a group, or about all of namespaces, and tells what that would free. Nothing is changed. */
export async function simulatePrune(store: Datastore, options: SimulationOptions): Promise<SimulatedGroup[]> {
  const { ns, group, maxDepth, keep, accept, asking, signal } = options;
  const simulated: SimulatedGroup[] = [];
  const decide = async (inner: Namespace, one: BackupGroup): Promise<void> => {
    throwIfAborted(signal);
    const decisions = selectSnapshots(await store.pruneCandidates(inner, one), keep);
    if (decisions.length > 0) simulated.push({ ns: inner, group: { type: one.type, id: one.id }, decisions });
  };
  if (group !== undefined) await decide(ns, group);
  else {
    for (const inner of await store.listNamespaces(ns, maxDepth)) {
      for (const one of await store.groupNames(inner)) {
        const owner = await store.readOwner(inner, one).catch(() => undefined);
        if (accept(inner, one, owner)) await decide(inner, one);
      }
    }
  }
  await addFreed(
    store,
    simulated.flatMap(({ ns: inner, decisions }) => decisions.map((decision) => ({ ns: inner, decision }))),
    asking,
  );
  return simulated;
}

/** Adds to the decisions of a dry run about a group what each removal would free, unless that cannot be known in time. */
export async function addFreedBytes(
  store: Datastore,
  ns: Namespace,
  decisions: readonly Pruned<BackupSnapshot>[],
  asking: Asking,
): Promise<void> {
  await addFreed(
    store,
    decisions.map((decision) => ({ ns, decision })),
    asking,
  );
}

async function addFreed(
  store: Datastore,
  decided: readonly { ns: Namespace; decision: Pruned<BackupSnapshot> }[],
  asking: Asking,
): Promise<void> {
  const removed = decided.filter(({ decision }) => decision.mark === 'remove');
  if (removed.length === 0) return;
  const freed = await store.accounting.freedBy(
    removed.map(({ ns, decision }) => ({ ns, snapshot: decision.snapshot })),
    asking,
  );
  for (const [i, bytes] of freed?.entries() ?? []) removed[i]!.decision.freedBytes = bytes;
}

export interface PruneDatastoreOptions {
  ns: Namespace;
  /** Levels below `ns`; all by default. */
  maxDepth?: number;
  keep: KeepOptions;
  dryRun?: boolean;
  /** Which groups to prune; all by default. `owner` is undefined when it cannot be read. */
  accept?: (ns: Namespace, group: BackupGroup, owner: AuthId | undefined) => boolean;
  log: (line: string) => void;
  warn: (line: string) => void;
  signal?: AbortSignal;
}

/** Prunes all groups of namespaces, with the log of a prune job. A removal that fails is a warning. */
export async function pruneDatastore(store: Datastore, options: PruneDatastoreOptions): Promise<void> {
  const { ns, maxDepth, keep, log, warn } = options;
  const dryRun = options.dryRun ?? false;
  log(`Starting datastore prune on datastore '${store.name}', ${namespaceText(ns)}, ${depthText(maxDepth)}`);
  if (dryRun) log('(dry test run)');
  log(
    hasKeepOptions(keep) ? `retention options: ${jobOptionsText(options)}` : 'No prune selection - keeping all files.',
  );
  const removed: StoredSnapshot[] = [];
  for (const inner of await store.listNamespaces(ns, maxDepth)) {
    for (const group of await store.listGroups(inner)) {
      throwIfAborted(options.signal);
      if (options.accept && !options.accept(inner, group, group.owner)) continue;
      log(`Pruning group ${formatNamespace(inner)}:"${formatGroup(group)}"`);
      await pruneGroup(store, inner, group, {
        keep,
        dryRun,
        signal: options.signal,
        onDecision: ({ snapshot, mark, reason }) => {
          if (mark === 'remove') removed.push({ ns: inner, snapshot });
          const name = formatSnapshot(snapshot);
          log(dryRun ? `would ${mark} ${name}: ${reason}` : `${mark} ${name}`);
        },
        onFailure: (snapshot, error) => warn(`failed to remove ${formatSnapshot(snapshot)}: ${messageOf(error)}`),
      });
    }
  }
  if (dryRun && removed.length > 0) log(await freedText(store, removed));
}

/** How long a dry run waits to know what it would free, milliseconds. */
const freedWaitMs = 60_000;

async function freedText(store: Datastore, removed: readonly StoredSnapshot[]): Promise<string> {
  const freed = await store.accounting.freedBy(removed, { waitMs: freedWaitMs });
  const bytes = freed && `${formatBytes(sum(freed))} after the next garbage collection`;
  return `would free ${bytes ?? 'an amount that is not known'} (snapshots removed: ${removed.length})`;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** `root namespace` or `namespace 'a/b'`, as log lines say it. */
export function namespaceText(ns: Namespace): string {
  return ns.length === 0 ? 'root namespace' : `namespace '${formatNamespace(ns)}'`;
}

function depthText(maxDepth: number | undefined): string {
  if (maxDepth === undefined) return 'down to full depth';
  return maxDepth === 0 ? 'non-recursive' : `down to depth ${maxDepth}`;
}

function jobOptionsText({ ns, maxDepth, keep }: PruneDatastoreOptions): string {
  const parts = [formatKeepOptions(keep)];
  if (maxDepth !== undefined) parts.unshift(`--max-depth ${maxDepth}`);
  if (ns.length > 0) parts.unshift(`--ns ${formatNamespace(ns)}`);
  return parts.join(' ');
}
