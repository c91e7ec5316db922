// Retention: which snapshots of a group stay, as a pure function of times and counts, and the removal of the others
// (formats.md 18, config-and-tasks.md 10). Buckets are local time of the server.

import { messageOf } from '../base/errors.ts';
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
import type { Datastore } from './datastore.ts';

export const keepRules = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type KeepRule = (typeof keepRules)[number];

/** How many to keep by each rule, each at least 1. */
export type KeepOptions = Partial<Record<KeepRule, number>>;

export type PruneMark = 'keep' | 'keep-partial' | 'protected' | 'remove';

/** What decides about a snapshot. */
export interface PruneCandidate {
  /** Epoch seconds. */
  time: number;
  finished: boolean;
  protected: boolean;
}

export interface Pruned<T> {
  snapshot: T;
  mark: PruneMark;
}

/** Whether any rule is given; without one nothing is ever removed. */
export function hasKeepOptions(keep: KeepOptions): boolean {
  return keepRules.some((rule) => keep[rule] !== undefined);
}

/** The keep options of a job, a datastore or a request (`keep-last` and so on). */
export function keepOptionsOf(options: Readonly<Record<string, unknown>>): KeepOptions {
  const keep: KeepOptions = {};
  for (const rule of keepRules) {
    const count = options[`keep-${rule}`];
    if (typeof count === 'number') keep[rule] = count;
  }
  return keep;
}

/** `--keep-last 1 --keep-daily 7` */
export function formatKeepOptions(keep: KeepOptions): string {
  return keepRules.flatMap((rule) => (keep[rule] === undefined ? [] : [`--keep-${rule} ${keep[rule]}`])).join(' ');
}

/** Marks all snapshots of one group, given in any order; the answer is oldest first. */
export function selectSnapshots<T extends PruneCandidate>(snapshots: readonly T[], keep: KeepOptions): Pruned<T>[] {
  const newestFirst = snapshots.toSorted((a, b) => b.time - a.time);
  const marks = new Map<T, PruneMark>();
  if (hasKeepOptions(keep)) {
    markUnfinished(newestFirst, marks);
    for (const rule of keepRules) {
      const count = keep[rule];
      if (count !== undefined) applyRule(newestFirst, marks, bucketOf[rule], count);
    }
  } else {
    for (const snapshot of newestFirst) marks.set(snapshot, 'keep');
  }
  return newestFirst
    .map((snapshot): Pruned<T> => {
      return { snapshot, mark: snapshot.protected ? 'protected' : (marks.get(snapshot) ?? 'remove') };
    })
    .reverse();
}

/** The newest snapshot may still be in the making; older unfinished ones never will be finished. */
function markUnfinished<T extends PruneCandidate>(newestFirst: readonly T[], marks: Map<T, PruneMark>): void {
  newestFirst.forEach((snapshot, i) => {
    if (!snapshot.finished) marks.set(snapshot, i === 0 ? 'keep-partial' : 'remove');
  });
}

function applyRule<T extends PruneCandidate>(
  newestFirst: readonly T[],
  marks: Map<T, PruneMark>,
  bucket: (time: number) => string,
  count: number,
): void {
  const represented = new Set<string>();
  for (const [snapshot, mark] of marks) if (mark === 'keep') represented.add(bucket(snapshot.time));
  const used = new Set<string>();
  for (const snapshot of newestFirst) {
    if (marks.has(snapshot)) continue;
    if (snapshot.protected) {
      marks.set(snapshot, 'protected');
      continue;
    }
    const key = bucket(snapshot.time);
    if (represented.has(key)) continue;
    if (used.has(key)) {
      marks.set(snapshot, 'remove');
      continue;
    }
    if (used.size >= count) return;
    used.add(key);
    marks.set(snapshot, 'keep');
  }
}

const localDay = (d: Date): string => `${d.getFullYear()}/${d.getMonth()}/${d.getDate()}`;

const bucketOf: Record<KeepRule, (time: number) => string> = {
  last: (time) => String(time),
  hourly: (time) => local(time, (d) => `${localDay(d)}/${d.getHours()}`),
  daily: (time) => local(time, localDay),
  weekly: (time) => local(time, isoWeek),
  monthly: (time) => local(time, (d) => `${d.getFullYear()}/${d.getMonth()}`),
  yearly: (time) => local(time, (d) => String(d.getFullYear())),
};

function local(time: number, format: (date: Date) => string): string {
  return format(new Date(time * 1000));
}

/** Week-based year and week of the local date: the week, Monday to Sunday, belongs to the year of its Thursday. */
function isoWeek(date: Date): string {
  const dayMs = 86_400_000;
  const day = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  const weekday = (new Date(day).getUTCDay() + 6) % 7;
  const thursday = day + (3 - weekday) * dayMs;
  const year = new Date(thursday).getUTCFullYear();
  return `${year}/${Math.floor((thursday - Date.UTC(year, 0, 1)) / (7 * dayMs)) + 1}`;
}

export interface PruneGroupOptions {
  keep: KeepOptions;
  /** Decides only. */
  dryRun?: boolean;
  /** Told each decision before it is carried out, oldest snapshot first. */
  onDecision?: (snapshot: BackupSnapshot, mark: PruneMark) => void;
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
  const decisions = selectSnapshots(await store.listGroupSnapshots(ns, group), options.keep);
  for (const { snapshot, mark } of decisions) {
    throwIfAborted(options.signal);
    options.onDecision?.(snapshot, mark);
    if (mark !== 'remove' || options.dryRun) continue;
    try {
      await store.removeSnapshot(ns, snapshot);
    } catch (error) {
      options.onFailure?.(snapshot, error);
    }
  }
  return decisions;
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
  for (const inner of await store.listNamespaces(ns, maxDepth)) {
    for (const group of await store.listGroups(inner)) {
      throwIfAborted(options.signal);
      if (options.accept && !options.accept(inner, group, group.owner)) continue;
      log(`Pruning group ${formatNamespace(inner)}:"${formatGroup(group)}"`);
      await pruneGroup(store, inner, group, {
        keep,
        dryRun,
        signal: options.signal,
        onDecision: (snapshot, mark) => log(`${dryRun ? 'would ' : ''}${mark} ${formatSnapshot(snapshot)}`),
        onFailure: (snapshot, error) => warn(`failed to remove ${formatSnapshot(snapshot)}: ${messageOf(error)}`),
      });
    }
  }
}

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
