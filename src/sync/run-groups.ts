// Runs the groups of a namespace, one after the other or several at once, each with its part of the log (sync.md 11).

import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { mapOrdered } from '../base/streams.ts';
import { timeLeft } from '../base/time-left.ts';
import { type BackupGroup, formatGroup } from '../model/backup.ts';
import { progressText } from '../model/progress-text.ts';

/** Where lines go: a worker task, or a group's part of its log. */
export interface SyncLog {
  log(line: string): void;
  /** A line that counts as a warning. */
  warn(line: string): void;
}

/** What the work on a group is given. */
export interface GroupRun {
  readonly log: SyncLog;
  /** Tells that `done` of `total` snapshots are through. */
  progress(done: number, total: number): void;
}

export interface RunOptions {
  log: SyncLog;
  /** Groups at once. */
  threads: number;
  clock: Clock;
  signal?: AbortSignal;
}

/** So many groups, in the order in which they are done. */
export type GroupSet = Iterable<BackupGroup> & { readonly length: number };

/** How long lines of a group are held back, so that they stay together. */
const heldMs = 1000;

/** Runs `work` for each group; an error that it throws ends the run once the groups under way are through. */
export async function runGroups(
  groups: GroupSet,
  options: RunOptions,
  work: (group: BackupGroup, run: GroupRun) => Promise<void>,
): Promise<void> {
  let doneGroups = 0;
  const left = timeLeft(() => options.clock.now());
  const share = (done: number, total: number): number =>
    (doneGroups + (total === 0 ? 0 : done / total)) / groups.length;
  const runOne = async (group: BackupGroup): Promise<void> => {
    if (options.threads === 1) {
      const progress = (doneSnapshots: number, snapshots: number): void =>
        options.log.log(
          `percentage done: ${progressText({ doneGroups, groups: groups.length, doneSnapshots, snapshots })}` +
            left(share(doneSnapshots, snapshots)),
        );
      await work(group, { log: options.log, progress });
      doneGroups++;
      return;
    }
    const name = formatGroup(group);
    const log = new PrefixedLog(options.log, `[${name}]: `, options.clock);
    const progress = (done: number, total: number): void =>
      log.log(
        `snapshot ${done}/${total} within ${name} is done, ${doneGroups}/${groups.length} groups done` +
          left(share(done, total)),
      );
    try {
      await work(group, { log, progress });
      doneGroups++;
    } finally {
      log.flush();
    }
  };
  for await (const _ of mapOrdered(groups, options.threads, runOne, options.signal));
}

/** How far a run has come over all namespaces. */
export interface SyncProgress {
  groups: number;
  snapshots: number;
}

/**
 * Runs `work`, which gives the number of snapshots that it looked at, for each group and counts them in `done`. A group
 * that fails is a warning and ends nothing; false then. Throws when the run is aborted.
 */
export async function syncGroups(
  groups: GroupSet,
  options: RunOptions,
  done: SyncProgress,
  work: (group: BackupGroup, run: GroupRun) => Promise<number>,
): Promise<boolean> {
  let failed = false;
  await runGroups(groups, options, async (group, part) => {
    try {
      done.snapshots += await work(group, part);
      done.groups++;
    } catch (error) {
      if (options.signal?.aborted) throw error;
      part.log.warn(`sync group ${formatGroup(group)} failed - ${messageOf(error)}`);
      failed = true;
    }
  });
  return !failed;
}

/** Keeps the lines of a group together, with its name in front of each. */
class PrefixedLog implements SyncLog {
  readonly #to: SyncLog;
  readonly #prefix: string;
  readonly #clock: Clock;
  #held: { line: string; warning: boolean }[] = [];
  #since = 0;

  constructor(to: SyncLog, prefix: string, clock: Clock) {
    this.#to = to;
    this.#prefix = prefix;
    this.#clock = clock;
  }

  log(line: string): void {
    this.#add(line, false);
  }

  warn(line: string): void {
    this.#add(line, true);
  }

  flush(): void {
    for (const { line, warning } of this.#held) {
      if (warning) this.#to.warn(line);
      else this.#to.log(line);
    }
    this.#held = [];
  }

  #add(line: string, warning: boolean): void {
    const now = this.#clock.now();
    if (this.#held.length === 0) this.#since = now;
    this.#held.push({ line: this.#prefix + line, warning });
    if (now - this.#since >= heldMs) this.flush();
  }
}
