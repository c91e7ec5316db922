// Sends the new snapshots of one group, oldest first, and removes what has vanished (sync.md 6, step 6, and 9).

import { GranaryError, messageOf, withContext } from '../base/errors.ts';
import { throwIfAborted } from '../base/streams.ts';
import { type BackupGroup, type BackupSnapshot, formatGroup, formatSnapshot } from '../model/backup.ts';
import { DigestPairs } from './digest-pairs.ts';
import { GroupProgress } from './group-progress.ts';
import type { NamespacePair } from './namespace-map.ts';
import { checkPrivilege, type PushRun, type PushWork } from './push.ts';
import type { GroupEncryption } from './push-encrypted.ts';
import { pushSnapshot } from './push-snapshot.ts';
import type { TargetSnapshot } from './push-target.ts';
import type { GroupRun } from './run-groups.ts';
import { selectSnapshots, skippedLines, sourceSet } from './selection.ts';
import { vanishedSnapshots } from './vanished.ts';

/** The number of snapshots that were looked at. Throws at the first that fails: then everything in the group stays. */
export async function pushGroup(run: PushWork, ns: NamespacePair, group: BackupGroup, part: GroupRun): Promise<number> {
  const { parameters, source, target } = run;
  const { candidates, present } = sourceSet(await source.listSnapshots(ns.source, group), parameters);
  const existing = await target.listSnapshots(ns.target, group);
  const finished = existing.filter((one) => one.finished);
  const begun = new Map(existing.filter((one) => !one.finished).map((one) => [one.time, one]));
  const selection = selectSnapshots(candidates, {
    last: finished.reduce<number | undefined>((last, { time }) => Math.max(last ?? time, time), undefined),
    recheckLast: false,
    transferLast: parameters.transferLast,
  });
  for (const line of skippedLines(selection)) part.log.log(line);
  const { kept } = selection;
  if (kept.length === 0) part.progress(0, 0);
  const progress = new GroupProgress({
    group: formatGroup(group),
    sizes: kept.map(({ snapshot }) => snapshot.size),
    log: part.log,
    clock: run.clock,
  });
  const encryption: GroupEncryption | undefined = run.crypt &&
    run.chunkCrypt && { crypt: run.crypt, chunkCrypt: run.chunkCrypt, names: new DigestPairs(), learnt: false };
  let hasBase = finished.length > 0;
  for (const [i, { snapshot: listed }] of kept.entries()) {
    throwIfAborted(run.signal);
    const snapshot = { ...group, time: listed.time };
    const before = begun.get(listed.time);
    if (before) await removeBegun(run, ns, snapshot, before, part);
    const pushed = await pushSnapshot(run, { ns, snapshot, hasBase, encryption, progress, log: part.log });
    hasBase ||= pushed;
    progress.snapshotDone();
    part.progress(i + 1, kept.length);
  }
  if (parameters.removeVanished) await removeVanished(run, ns, group, part, existing, present);
  return kept.length;
}

/**
 * Makes way for a snapshot that the target has begun to take and never finished, as after a fall of its server: nobody
 * could take it up again, and it would stand for ever in the place of the whole one. The target refuses to remove it
 * while it is being written.
 */
async function removeBegun(
  run: PushRun,
  ns: NamespacePair,
  snapshot: BackupSnapshot,
  { protected: isProtected }: TargetSnapshot,
  { log }: GroupRun,
): Promise<void> {
  const name = formatSnapshot(snapshot);
  const context = `snapshot ${name} was begun on the target and never finished`;
  if (isProtected) throw new GranaryError('protected', `${context}, and is protected`);
  try {
    checkPrivilege(run, ns.target, 'Remote.DatastorePrune');
    await run.target.removeSnapshot(ns.target, snapshot);
  } catch (error) {
    throw withContext(context, error);
  }
  log.log(`Removed unfinished snapshot ${name} from remote`);
}

async function removeVanished(
  run: PushRun,
  ns: NamespacePair,
  group: BackupGroup,
  { log }: GroupRun,
  existing: readonly TargetSnapshot[],
  present: ReadonlySet<number>,
): Promise<void> {
  const vanished = new Set(
    vanishedSnapshots(
      existing.map(({ time }) => time),
      present,
    ),
  );
  for (const { time, protected: isProtected } of existing.filter((one) => vanished.has(one.time))) {
    throwIfAborted(run.signal);
    const snapshot = { ...group, time };
    const name = formatSnapshot(snapshot);
    if (isProtected) {
      log.log(`Kept protected snapshot ${name} on remote`);
      continue;
    }
    try {
      await run.target.removeSnapshot(ns.target, snapshot);
      log.log(`Removed vanished snapshot ${name} from remote`);
      run.statistics.removed.snapshots++;
    } catch (error) {
      if (run.signal.aborted) throw error;
      log.warn(`Failed to remove vanished snapshot ${name} from remote: ${messageOf(error)}`);
    }
  }
}
