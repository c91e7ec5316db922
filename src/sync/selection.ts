// Which groups and snapshots a run takes, without touching either side (sync.md 4, 6 and 8).

import { formatUtc } from '../base/clock.ts';
import { parseVerifyState } from '../datastore/snapshots.ts';
import type { Manifest } from '../format/manifest.ts';
import type { BackupGroup } from '../model/backup.ts';
import { type GroupFilter, groupIsWanted } from '../model/group-filter.ts';
import { manifestName } from '../model/names.ts';
import { GroupNames } from './group-names.ts';
import { isEncryptedSnapshot, type SourceSnapshot } from './source.ts';

export interface GroupSelection {
  wanted: GroupNames;
  /** How many there were to choose from. */
  total: number;
}

export async function selectGroups(
  groups: AsyncIterable<BackupGroup> | Iterable<BackupGroup>,
  filters: readonly GroupFilter[],
): Promise<GroupSelection> {
  const wanted = new GroupNames();
  let total = 0;
  for await (const group of groups) {
    total++;
    if (groupIsWanted(filters, group)) wanted.add(group);
  }
  return { wanted, total };
}

/** The filters on what a source says of its snapshots; the manifest has to say the same later. */
export interface StateFilter {
  verifiedOnly: boolean;
  encryptedOnly: boolean;
}

export function passesStateFilter(snapshot: SourceSnapshot, filter: StateFilter): boolean {
  if (filter.verifiedOnly && !snapshot.verified) return false;
  return !filter.encryptedOnly || snapshot.encrypted;
}

/** What keeps the filters from taking a snapshot, as its own manifest says: it is not ...; undefined when nothing does. */
export function excludedBy(manifest: Manifest, filter: StateFilter): string | undefined {
  if (filter.verifiedOnly && parseVerifyState(manifest.unprotected['verify_state'])?.state !== 'ok') {
    return 'not verified';
  }
  const modes: [string, string][] = manifest.files.map((file) => [file.filename, file['crypt-mode']]);
  modes.push([manifestName, manifest.signature === null ? 'none' : 'sign-only']);
  return filter.encryptedOnly && !isEncryptedSnapshot(modes) ? 'not encrypted' : undefined;
}

/** What a listing of one group is for a run. */
export interface SourceSet {
  /** Finished snapshots that the filters take, oldest first. */
  candidates: SourceSnapshot[];
  /** Times of what counts as being on the source: nothing of that is vanished. */
  present: Set<number>;
}

/**
 * Snapshots that the filters leave out count as not being on the source. Those that are not finished are no
 * candidates, but they are there: a copy of one whose manifest the source cannot read must not be removed.
 */
export function sourceSet(listed: readonly SourceSnapshot[], filter: StateFilter): SourceSet {
  const candidates = listed
    .filter((snapshot) => snapshot.finished && passesStateFilter(snapshot, filter))
    .sort((a, b) => a.time - b.time);
  const present = new Set(candidates.map(({ time }) => time));
  for (const { time, finished } of listed) if (!finished) present.add(time);
  return { candidates, present };
}

export interface SnapshotRules {
  /** Time of the newest snapshot of the target; undefined when it has none. */
  last: number | undefined;
  /** Whether the snapshot at `last` is looked at again. A pull does so: notes and logs may have come later. */
  recheckLast: boolean;
  transferLast: number | undefined;
  /** Whether the target's copy of that time is there and has to be replaced. */
  isCorrupt?: (time: number) => boolean;
}

export interface SnapshotSelection {
  /** What is to be done, oldest first. */
  kept: { snapshot: SourceSnapshot; corrupt: boolean }[];
  /** Times of those that are older than `last`. */
  alreadySynced: number[];
  /** Times of those that `transferLast` leaves out. */
  beyondTransferLast: number[];
}

/** `candidates` are ordered by time. */
export function selectSnapshots(candidates: readonly SourceSnapshot[], rules: SnapshotRules): SnapshotSelection {
  const { last = Number.NEGATIVE_INFINITY, recheckLast, transferLast, isCorrupt = () => false } = rules;
  const cutoff = transferLast === undefined ? 0 : Math.max(0, candidates.length - transferLast);
  const selection: SnapshotSelection = { kept: [], alreadySynced: [], beyondTransferLast: [] };
  for (const [i, snapshot] of candidates.entries()) {
    const { time } = snapshot;
    const corrupt = isCorrupt(time);
    const isLast = recheckLast && time === last;
    if (corrupt || isLast) selection.kept.push({ snapshot, corrupt });
    else if (time <= last) selection.alreadySynced.push(time);
    else if (i < cutoff) selection.beyondTransferLast.push(time);
    else selection.kept.push({ snapshot, corrupt });
  }
  return selection;
}

/** The lines about what was left out. */
export function skippedLines(selection: SnapshotSelection): string[] {
  const line = (times: readonly number[], why: string): string[] => {
    const [first, last] = [times[0], times.at(-1)];
    if (first === undefined || last === undefined) return [];
    const span = times.length === 1 ? formatUtc(first) : `${formatUtc(first)} .. ${formatUtc(last)}`;
    return [`skipped: ${times.length} snapshot(s) (${span}) - ${why}`];
  };
  return [
    ...line(selection.alreadySynced, 'older than the newest snapshot present on sync target'),
    ...line(selection.beyondTransferLast, 'due to transfer-last'),
  ];
}
