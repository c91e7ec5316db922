// What on the target has vanished from the source; deciding only, removing is the direction's (sync.md 9).

import { type AuthId, ownerMatches } from '../model/auth-id.ts';
import { type BackupGroup, compareGroups, formatNamespace, type Namespace } from '../model/backup.ts';
import { type GroupFilter, groupIsWanted } from '../model/group-filter.ts';
import { isWithin } from './namespace-map.ts';

/** Times of the target's snapshots that are not on the source, oldest first. */
export function vanishedSnapshots(target: readonly number[], present: ReadonlySet<number>): number[] {
  return target.filter((time) => !present.has(time)).sort((a, b) => a - b);
}

/**
 * The target's groups that are not on the source and that the filters would have taken. Whose they are is asked apart.
 * Both are in the order of `compareGroups`: there may be very many of them.
 */
export function* vanishedGroups(
  target: Iterable<BackupGroup>,
  source: Iterable<BackupGroup>,
  filters: readonly GroupFilter[],
): Generator<BackupGroup, void, undefined> {
  const remaining = source[Symbol.iterator]();
  let next = remaining.next();
  for (const group of target) {
    while (!next.done && compareGroups(next.value, group) < 0) next = remaining.next();
    const there = !next.done && compareGroups(next.value, group) === 0;
    if (!there && groupIsWanted(filters, group)) yield group;
  }
}

/** Whether a run for `owner` may remove a group of `groupOwner`, undefined when nobody knows. */
export function mayRemoveGroup(groupOwner: AuthId | undefined, owner: AuthId): boolean {
  return groupOwner !== undefined && ownerMatches(groupOwner, owner);
}

/**
 * The target's namespaces below `anchor` that were not synced, children first. One that a synced namespace lies in is
 * not among them: it only was not to be seen on the source.
 */
export function vanishedNamespaces(
  target: readonly Namespace[],
  synced: readonly Namespace[],
  anchor: Namespace,
): Namespace[] {
  const needed = new Set<string>();
  for (const ns of synced) for (let i = 0; i <= ns.length; i++) needed.add(formatNamespace(ns.slice(0, i)));
  return target
    .filter((ns) => ns.length > anchor.length && isWithin(anchor, ns) && !needed.has(formatNamespace(ns)))
    .sort((a, b) => b.length - a.length);
}
