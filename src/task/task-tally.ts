// What became of all tasks so far, counted as they end: failures of each kind, and for what runs again and again (the
// backups of a group, a job) how often in a row it has failed and when it last went well. Kept in a file that all
// processes of a server share, so that a count never falls and no archive is read twice.

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isErrno } from '../base/errors.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { lockFile } from '../os/file-lock.ts';
import { giveToOwnerOf, ownerIn } from '../os/inherit-owner.ts';
import type { ArchivePosition, ListedTask, TaskLists } from './task-lists.ts';
import { readTaskStart } from './task-log-reader.ts';
import { statusClass, type TaskStatus } from './task-status.ts';

/** Times are epoch seconds. */
export interface TaskRun {
  start: number;
  end: number;
}

/** What runs again and again: the backups of one group, a job. */
export interface TaskCourse {
  /** Worker type. */
  type: string;
  /** Worker id; of a backup `STORE:` and the path of its group with its namespace, `ns/a/host/b`. */
  id: string;
  last: TaskRun & { status: TaskStatus };
  /** The last run that ended OK or with warnings. */
  success?: TaskRun;
  /** Failures since the last success, or since the first run that is known. */
  failures: number;
  /** Start of the first of these failures. */
  failingSince?: number;
}

export interface TaskTally {
  /** Tasks that failed or whose process died, by worker type, since this server counts. Never falls. */
  failures: Readonly<Record<string, number>>;
  courses: readonly TaskCourse[];
}

interface Stored {
  version: 1;
  position?: ArchivePosition;
  failures: Record<string, number>;
  courses: Record<string, TaskCourse>;
}

/** The kinds of tasks that have a course. */
const coursed: readonly string[] = ['backup', 'garbage_collection', 'prunejob', 'syncjob', 'verificationjob'];
/** What has not run for so long is forgotten: 60 days. */
const forgetAfterSeconds = 60 * 86_400;
/** Of the tasks that ended before this was first asked, so many are told apart by namespace, which takes their logs. */
const firstLogs = 2000;
const lockWaitMs = 10_000;

export class TaskTallies {
  readonly #path: string;
  readonly #lists: TaskLists;
  #reading: Promise<TaskTally> | undefined;

  /** `state` is the directory for what survives a restart. */
  constructor(state: string, lists: TaskLists) {
    this.#path = join(state, 'task-tally.json');
    this.#lists = lists;
  }

  /** The tally with every task that is archived by now. Calls at the same time share one reading. */
  current(): Promise<TaskTally> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<TaskTally> {
    const stored = await this.#load();
    const { tasks } = await this.#lists.endedAfter(stored.position);
    if (tasks.length === 0) return tallyOf(stored);
    using _lock = await lockFile(join(dirname(this.#path), '.task-tally.lck'), {
      mode: 'exclusive',
      waitMs: lockWaitMs,
    });
    // Whoever cannot write tells what is known, and another process goes on.
    if (_lock === undefined) return tallyOf(stored);
    giveToOwnerOf(dirname(this.#path), join(dirname(this.#path), '.task-tally.lck'));
    const fresh = await this.#load();
    const first = fresh.position === undefined;
    const ended = await this.#lists.endedAfter(fresh.position);
    let logs = first ? ended.tasks.filter((task) => task.parsed.workerType === 'backup').length - firstLogs : 0;
    for (const task of ended.tasks) {
      // Older backups tell nothing of how a group fares now.
      if (task.parsed.workerType === 'backup' && logs-- > 0) countFailure(fresh, task);
      else await this.#add(fresh, task);
    }
    if (ended.position !== undefined) fresh.position = ended.position;
    forgetOld(fresh);
    const owner = ownerIn(dirname(this.#path));
    await replaceFile(this.#path, JSON.stringify(fresh), { mode: 0o644, durable: false, ...(owner ? { owner } : {}) });
    return tallyOf(fresh);
  }

  async #add(stored: Stored, task: ListedTask): Promise<void> {
    const { parsed, end } = task;
    if (end === undefined) return;
    const failed = countFailure(stored, task);
    if (!coursed.includes(parsed.workerType)) return;
    const id = parsed.workerType === 'backup' ? await this.#groupOf(task) : parsed.workerId;
    const key = `${parsed.workerType} ${id}`;
    const run = { start: parsed.startTime, end: end.endTime };
    const before = stored.courses[key];
    const failures = failed ? (before?.failures ?? 0) + 1 : 0;
    const success = failed ? before?.success : run;
    stored.courses[key] = {
      type: parsed.workerType,
      id,
      last: { ...run, status: end.status },
      ...(success === undefined ? {} : { success }),
      failures,
      ...(failures === 0 ? {} : { failingSince: before?.failingSince ?? run.start }),
    };
  }

  /** Task ids do not name the namespace of a backup; the first line of its log does. */
  async #groupOf({ upid, parsed }: ListedTask): Promise<string> {
    const line = await readTaskStart(this.#lists.logPath(upid, parsed)).catch(() => '');
    const path = /: "((?:ns\/[^/"]+\/)+)(?:ct|host|vm)\/[^/"]+\/[^/"]+"$/.exec(line)?.[1];
    if (path === undefined) return parsed.workerId;
    const colon = parsed.workerId.indexOf(':') + 1;
    return `${parsed.workerId.slice(0, colon)}${path}${parsed.workerId.slice(colon)}`;
  }

  /** A file that is damaged is begun anew, from what the archives have. */
  async #load(): Promise<Stored> {
    const nothing: Stored = { version: 1, failures: {}, courses: {} };
    try {
      const value = JSON.parse(await readFile(this.#path, 'utf8')) as Stored;
      return value.version === 1 && typeof value.courses === 'object' ? value : nothing;
    } catch (error) {
      if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return nothing;
      throw error;
    }
  }
}

function countFailure(stored: Stored, { parsed, end }: ListedTask): boolean {
  const kind = statusClass(end?.status ?? 'unknown');
  const failed = kind === 'error' || kind === 'unknown';
  if (failed) stored.failures[parsed.workerType] = (stored.failures[parsed.workerType] ?? 0) + 1;
  return failed;
}

function forgetOld(stored: Stored): void {
  const newest = Math.max(...Object.values(stored.courses).map((course) => course.last.end), 0);
  for (const [key, course] of Object.entries(stored.courses)) {
    if (course.last.end < newest - forgetAfterSeconds) delete stored.courses[key];
  }
}

function tallyOf(stored: Stored): TaskTally {
  return { failures: stored.failures, courses: Object.values(stored.courses) };
}
