// How far a run over groups of snapshots has come, as verification and synchronisation tell it (sync.md 12).

export interface GroupProgress {
  /** Groups that are through. */
  doneGroups: number;
  groups: number;
  /** Of the group at hand. */
  doneSnapshots: number;
  snapshots: number;
}

/** `37.50% (1/4 groups, 1/2 snapshots in group #2)` and its shorter forms. */
export function progressText({ doneGroups, groups, doneSnapshots, snapshots }: GroupProgress): string {
  const part = snapshots === 0 ? 0 : doneSnapshots / snapshots;
  const percent = groups === 0 ? 100 : (100 * (doneGroups + part)) / groups;
  return `${percent.toFixed(2)}% (${counts()})`;

  function counts(): string {
    if (snapshots === 0) return `${doneGroups}/${groups} groups`;
    if (groups === 1) return `${doneSnapshots}/${snapshots} snapshots`;
    if (doneSnapshots === snapshots) return `${doneGroups + 1}/${groups} groups`;
    return `${doneGroups}/${groups} groups, ${doneSnapshots}/${snapshots} snapshots in group #${doneGroups + 1}`;
  }
}
