// Takes over one group: its new snapshots, oldest first, and removes what has vanished (sync.md 4, steps 3d to 4, and 9).

import { formatUtc } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { throwIfAborted } from '../base/streams.ts';
import type { Datastore } from '../datastore/datastore.ts';
import { parseVerifyState } from '../datastore/snapshots.ts';
import { type BackupGroup, formatGroup, formatSnapshot, type Namespace } from '../model/backup.ts';
import { GroupProgress } from './group-progress.ts';
import type { NamespacePair } from './namespace-map.ts';
import type { PullRun } from './pull.ts';
import { ChunkPuller } from './pull-chunks.ts';
import { GroupDecryption } from './pull-decrypted.ts';
import { pullSnapshot } from './pull-snapshot.ts';
import type { GroupRun } from './run-groups.ts';
import { selectSnapshots, skippedLines, sourceSet } from './selection.ts';
import { vanishedSnapshots } from './vanished.ts';

/** The number of snapshots that were looked at. Throws at the first that fails: then everything in the group stays. */
export async function pullGroup(run: PullRun, ns: NamespacePair, group: BackupGroup, part: GroupRun): Promise<number> {
  const { parameters, source, target, decryption: keys } = run;
  await using local = await target.beginImport(ns.target, group, parameters.owner);
  const { candidates, present } = sourceSet(await source.listSnapshots(ns.source, group), parameters);
  const times = await local.times();
  const corrupt = parameters.resyncCorrupt ? await corruptTimes(target, ns.target, group, times) : new Set<number>();
  const selection = selectSnapshots(candidates, {
    last: (await local.newestFinished())?.time,
    recheckLast: true,
    transferLast: parameters.transferLast,
    isCorrupt: (time) => corrupt.has(time),
  });
  for (const line of skippedLines(selection)) part.log.log(line);
  const { kept } = selection;
  if (kept.length === 0) part.progress(0, 0);
  await using record = local.record();
  const pull = {
    source,
    ns: ns.source,
    group: local,
    chunks: new ChunkPuller(target.chunks, run.signal),
    decryption: keys && { keys, group: new GroupDecryption(target.chunks, keys, { ...run, record }) },
    sameChunks: run.sameChunks,
    filter: parameters,
    statistics: run.statistics,
    progress: new GroupProgress({
      group: formatGroup(group),
      sizes: kept.map(({ snapshot }) => snapshot.size),
      log: part.log,
      clock: run.clock,
    }),
    log: part.log,
    clock: run.clock,
  };
  for (const [i, { snapshot, corrupt: isCorrupt }] of kept.entries()) {
    throwIfAborted(run.signal);
    const wish = { corrupt: isCorrupt, followed: i + 1 < kept.length };
    await pullSnapshot(pull, { ...group, time: snapshot.time }, wish);
    pull.progress.snapshotDone();
    part.progress(i + 1, kept.length);
  }
  if (keys) await record.remove();
  if (parameters.removeVanished) await removeVanished(run, ns.target, group, part, vanishedSnapshots(times, present));
  return kept.length;
}

/** Snapshots whose verification failed, or whose manifest cannot be read. */
async function corruptTimes(
  target: Datastore,
  ns: Namespace,
  group: BackupGroup,
  times: readonly number[],
): Promise<Set<number>> {
  const corrupt = new Set<number>();
  for (const time of times) {
    const snapshot = { ...group, time };
    try {
      const { unprotected } = await target.readManifest(ns, snapshot);
      if (parseVerifyState(unprotected['verify_state'])?.state === 'failed') corrupt.add(time);
    } catch (error) {
      // One that was never finished is not corrupt; what the system will not read says nothing about the content.
      const damaged =
        error instanceof GranaryError && (error.code === 'blob-invalid' || error.code === 'manifest-invalid');
      if (damaged) corrupt.add(time);
    }
  }
  return corrupt;
}

async function removeVanished(
  run: PullRun,
  ns: Namespace,
  group: BackupGroup,
  { log }: GroupRun,
  times: readonly number[],
): Promise<void> {
  for (const time of times) {
    const snapshot = { ...group, time };
    const name = formatSnapshot(snapshot);
    if (await run.target.isProtected(ns, snapshot)) {
      log.log(`don't delete vanished snapshot ${name} (protected)`);
      continue;
    }
    try {
      await run.target.removeSnapshot(ns, snapshot);
      log.log(`delete vanished snapshot ${name}`);
      run.statistics.removed.snapshots++;
    } catch (error) {
      throw new GranaryError('incomplete', `removing vanished snapshot ${formatUtc(time)}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}
