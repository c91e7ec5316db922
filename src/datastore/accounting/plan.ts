// What has changed in a datastore since the last account of it: which snapshots stay, which are gone, which have to be
// read, and the ordinals that they get. Those that stay keep their order and come first in their group, so that a run
// of snapshots stays a run.

import type { AccountingState, GroupBytes } from './state.ts';
import type { Survey, SurveyedGroup, SurveyedSnapshot } from './survey.ts';
import type { Places } from './tally.ts';

/** No ordinal. */
export const gone = 0xffffffff;

export interface PlannedGroup {
  group: SurveyedGroup;
  /** In the order of their new ordinals. */
  snapshots: { surveyed: SurveyedSnapshot; isNew: boolean }[];
}

export interface Plan {
  groups: PlannedGroup[];
  namespaces: string[];
  places: Places;
  /** For each old ordinal the new one of the next snapshot of its group that stays, itself or younger; or `gone`. */
  nextKept: Uint32Array;
  /** Likewise of the one before, itself or older. */
  lastKept: Uint32Array;
  /** Whether no snapshot came or went. */
  unchanged: boolean;
}

const keyOf = ({ ns, type, id }: SurveyedGroup | GroupBytes): string => `${ns}:${type}/${id}`;

export function planUpdate(survey: Survey, state: AccountingState | undefined): Plan {
  const old = new Map(state?.groups.map((group) => [keyOf(group), group]));
  const groups = survey.groups.map((group) => planGroup(group, old.get(keyOf(group))));
  // For each group the new ordinals of those that stay, by time.
  const ordinals = new Map<string, Map<number, number>>();
  const groupOf: number[] = [];
  let keptCount = 0;
  for (const [position, { group, snapshots }] of groups.entries()) {
    const kept = new Map<number, number>();
    for (const { surveyed, isNew } of snapshots) {
      if (!isNew) kept.set(surveyed.time, groupOf.length);
      groupOf.push(position);
    }
    keptCount += kept.size;
    ordinals.set(keyOf(group), kept);
  }
  const { nextKept, lastKept } = mapOrdinals(state?.groups ?? [], (group, time) =>
    ordinals.get(keyOf(group))?.get(time),
  );
  const position = new Map(survey.namespaces.map((ns, i) => [ns, i]));
  const parent = (ns: string): string => ns.slice(0, Math.max(0, ns.lastIndexOf('/')));
  return {
    groups,
    namespaces: survey.namespaces,
    places: {
      groupOf: Uint32Array.from(groupOf),
      namespaceOf: Uint32Array.from(groups, ({ group }) => position.get(group.ns)!),
      parentOf: Uint32Array.from(survey.namespaces, (ns) => position.get(parent(ns))!),
    },
    nextKept,
    lastKept,
    unchanged: groupOf.length === keptCount && nextKept.length === keptCount,
  };
}

function planGroup(group: SurveyedGroup, old: GroupBytes | undefined): PlannedGroup {
  const byTime = new Map(group.snapshots.map((surveyed) => [surveyed.time, surveyed]));
  const snapshots: PlannedGroup['snapshots'] = [];
  for (const { time, stamp, problem } of old?.snapshots ?? []) {
    const surveyed = byTime.get(time);
    if (surveyed?.stamp !== stamp || problem !== undefined) continue;
    snapshots.push({ surveyed, isNew: false });
    byTime.delete(time);
  }
  for (const surveyed of byTime.values()) snapshots.push({ surveyed, isNew: true });
  return { group, snapshots };
}

/** `newOrdinal` is undefined for a snapshot that does not stay. */
function mapOrdinals(
  groups: readonly GroupBytes[],
  newOrdinal: (group: GroupBytes, time: number) => number | undefined,
): Pick<Plan, 'nextKept' | 'lastKept'> {
  const count = groups.reduce((sum, { snapshots }) => sum + snapshots.length, 0);
  const nextKept = new Uint32Array(count).fill(gone);
  const lastKept = new Uint32Array(count).fill(gone);
  let start = 0;
  for (const group of groups) {
    const ordinals = group.snapshots.map(({ time }) => newOrdinal(group, time) ?? gone);
    let kept = gone;
    for (const [i, ordinal] of ordinals.entries()) {
      if (ordinal !== gone) kept = ordinal;
      lastKept[start + i] = kept;
    }
    kept = gone;
    for (let i = ordinals.length - 1; i >= 0; i--) {
      if (ordinals[i] !== gone) kept = ordinals[i]!;
      nextKept[start + i] = kept;
    }
    start += ordinals.length;
  }
  return { nextKept, lastKept };
}
