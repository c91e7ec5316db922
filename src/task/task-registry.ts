// All tasks of a server, whichever of its processes runs them: starting, following, listing, stopping
// (config-and-tasks.md 6, rest-api.md 7.6).

import * as fs from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, epochSeconds } from '../base/clock.ts';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import { type AuthId, parseAuthId, userOf } from '../model/auth-id.ts';
import { formatUpid, parseUpid, type Upid } from '../model/upid.ts';
import { isProcessRunning, processStartTicks } from '../os/process.ts';
import { ControlServer, sendControl } from './control-socket.ts';
import { matchesFilter, type TaskFilter, type TaskListItem, taskListItem } from './task-filter.ts';
import { type Owner, TaskLists } from './task-lists.ts';
import { type LogPage, readTaskEnd, TaskLogReader } from './task-log-reader.ts';
import { TaskLogWriter } from './task-log-writer.ts';
import { errorStatus, formatStatusLine, type TaskStatus } from './task-status.ts';
import { TaskTallies, type TaskTally } from './task-tally.ts';
import { WorkerTask } from './worker-task.ts';

export type { TaskFilter, TaskListItem } from './task-filter.ts';
export { WorkerTask } from './worker-task.ts';

export interface TaskStart {
  /** Worker type, config-and-tasks.md 7. */
  type: string;
  /** Worker id, unescaped; absent or empty = none. */
  id?: string;
  authId: AuthId;
  /** From where it was asked for. */
  peer?: string;
}

export interface TaskRegistryOptions {
  /** Told of each task of this process once it is archived; `task.done` resolves when this does. */
  onEnd?(start: TaskStart, upid: string, status: TaskStatus): Promise<void>;
}

export interface TaskInfo {
  upid: string;
  parsed: Upid;
  running: boolean;
  /** Absent while it runs. */
  status?: TaskStatus;
  endTime?: number;
}

/** The answer of `GET tasks/{upid}/status`. */
export interface TaskStatusAnswer {
  upid: string;
  node: string;
  pid: number;
  pstart: number;
  starttime: number;
  type: string;
  id: string | null;
  user: string;
  tokenid?: string;
  status: 'running' | 'stopped';
  exitstatus?: TaskStatus;
  endtime?: number;
}

/** Tasks that run in this process, of every registry in it. */
const running = new Map<string, WorkerTask>();
/** Counts the tasks of this process: with pid and start time it makes their ids unique. */
let nextTaskId = 0;
const maxFileName = 255;

export class TaskRegistry {
  readonly #directories: Directories;
  readonly #clock: Clock;
  readonly #node: string;
  readonly #logger: Logger;
  readonly #owner: Owner;
  readonly #pstart: number;
  readonly #lists: TaskLists;
  readonly #tallies: TaskTallies;
  readonly #reader = new TaskLogReader();
  readonly #own = new Set<WorkerTask>();
  readonly #onEnd: TaskRegistryOptions['onEnd'];
  #control: Promise<ControlServer> | undefined;
  #stopping = false;

  private constructor(
    directories: Directories,
    clock: Clock,
    node: string,
    logger: Logger,
    onEnd: TaskRegistryOptions['onEnd'],
  ) {
    this.#directories = directories;
    this.#onEnd = onEnd;
    this.#clock = clock;
    this.#node = node;
    this.#logger = logger;
    const pstart = processStartTicks(process.pid);
    if (pstart === undefined) throw new GranaryError('internal', 'start time of this process is not known');
    this.#pstart = pstart;
    this.#owner = process.getuid?.() === 0 ? fs.statSync(directories.log, { throwIfNoEntry: false }) : undefined;
    this.#lists = new TaskLists(join(directories.log, 'tasks'), this.#owner, (upid, parsed) =>
      this.#isHere(parsed) ? running.has(upid) : isProcessRunning(parsed.pid, parsed.pstart),
    );
    this.#tallies = new TaskTallies(directories.state, this.#lists);
  }

  /** `node` is the short host name, part of every task id. */
  static async open(
    directories: Directories,
    clock: Clock,
    node: string,
    logger: Logger = silentLogger,
    o: TaskRegistryOptions = {},
  ): Promise<TaskRegistry> {
    return new TaskRegistry(directories, clock, node, logger, o.onEnd);
  }

  /**
   * Starts `work` in the background. When this resolves, every process of the server lists the task and can read its
   * log. The task ends with `work`: OK, with warnings, or with the error that it threw.
   */
  async start(o: TaskStart, work: (task: WorkerTask) => Promise<void>): Promise<WorkerTask> {
    if (this.#stopping) throw new GranaryError('aborted', 'the server is shutting down');
    await this.#listen();
    const upid = this.#newUpid(o);
    const parsed = parseUpid(upid);
    if (!parsed) throw new GranaryError('internal', `cannot make a task id of type '${o.type}' for '${o.authId}'`);
    await this.#lists.makeLogDirectory(parsed);
    const path = this.#lists.logPath(upid, parsed);
    const log = new TaskLogWriter(path, this.#clock, (error) =>
      this.#logger('error', 'task-log-failed', { upid, error: messageOf(error) }),
    );
    const done = Promise.withResolvers<TaskStatus>();
    const task = new WorkerTask(upid, o.authId, log, done.promise);
    running.set(upid, task);
    this.#own.add(task);
    try {
      if (this.#owner) fs.chownSync(path, this.#owner.uid, this.#owner.gid);
      await this.#lists.addActive(upid);
    } catch (error) {
      running.delete(upid);
      this.#own.delete(task);
      log.close();
      done.resolve('unknown');
      await rm(path, { force: true });
      throw error;
    }
    void this.#run(task, log, work)
      .then(async (status) => {
        await this.#onEnd?.(o, upid, status);
        return status;
      })
      .then(done.resolve);
    return task;
  }

  /** One page of tasks, newest first, and the `total` of the answer: start + count, one more if the page is full. */
  async list(filter: TaskFilter = {}): Promise<{ data: TaskListItem[]; total: number }> {
    const start = filter.start ?? 0;
    const limit = filter.limit ?? 50;
    const data: TaskListItem[] = [];
    let skipped = 0;
    for await (const task of this.#lists.tasks()) {
      // Archives are in order of end, so nothing later in them can have started since then.
      if (task.end && filter.since !== undefined && task.end.endTime < filter.since) break;
      if (!matchesFilter(filter, task)) continue;
      if (skipped < start) {
        skipped++;
        continue;
      }
      data.push(taskListItem(task));
      if (limit > 0 && data.length >= limit) break;
    }
    return { data, total: start + data.length + (limit > 0 && data.length >= limit ? 1 : 0) };
  }

  /** What became of all tasks so far. */
  tally(): Promise<TaskTally> {
    return this.#tallies.current();
  }

  /** What is known of a task. Throws `parameter-invalid` for a malformed id. Without a log it is stopped, `unknown`. */
  async info(upid: string): Promise<TaskInfo> {
    const parsed = checkUpid(upid);
    if (await this.#isActive(upid, parsed)) return { upid, parsed, running: true };
    const end = await readTaskEnd(this.#lists.logPath(upid, parsed));
    return { upid, parsed, running: false, status: end?.status ?? 'unknown', endTime: end?.endTime };
  }

  async status(upid: string): Promise<TaskStatusAnswer> {
    const { parsed, running, status, endTime } = await this.info(upid);
    const token = parseAuthId(parsed.authId)?.token;
    return {
      upid,
      node: parsed.node,
      pid: parsed.pid,
      pstart: parsed.pstart,
      starttime: parsed.startTime,
      type: parsed.workerType,
      id: parsed.workerId === '' ? null : parsed.workerId,
      user: userOf(parsed.authId),
      ...(token === undefined ? {} : { tokenid: token }),
      status: running ? 'running' : 'stopped',
      ...(status === undefined ? {} : { exitstatus: status }),
      ...(endTime === undefined ? {} : { endtime: endTime }),
    };
  }

  /**
   * Lines of a task's log from number `start` on (0 and 1 are the first), at most `limit` (0 = all); `active` as it
   * was before the log was read, so that a reader who sees false has seen the last line.
   */
  async log(upid: string, start = 0, limit = 50): Promise<LogPage & { active: boolean }> {
    const parsed = checkUpid(upid);
    const active = await this.#isActive(upid, parsed);
    running.get(upid)?.flushLog();
    try {
      return { ...(await this.#reader.read(this.#lists.logPath(upid, parsed), start, limit, !active)), active };
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENAMETOOLONG')) throw error;
      throw new GranaryError('bad-request', 'No such file or directory (os error 2)', { cause: error });
    }
  }

  /** Path of a task's log, for downloads. */
  logPath(upid: string): string {
    running.get(upid)?.flushLog();
    return this.#lists.logPath(upid, checkUpid(upid));
  }

  /** Asks a task, in whichever process, to stop. Nothing happens when it has ended. */
  async abort(upid: string): Promise<void> {
    const parsed = checkUpid(upid);
    if (this.#isHere(parsed)) running.get(upid)?.requestAbort();
    else if (isProcessRunning(parsed.pid, parsed.pstart)) {
      await sendControl(this.#directories.run, parsed.pid, 'worker-task-abort', { upid });
    }
  }

  /** Rotates the archive and removes old logs: `maxDays` keeps that many days, otherwise the newest 20 archives stay. */
  async rotate(o: { sizeLimit?: number; fileLimit?: number; maxDays?: number } = {}): Promise<boolean> {
    const endedBefore = o.maxDays === undefined ? undefined : epochSeconds(this.#clock) - o.maxDays * 86400;
    return this.#lists.rotate({ sizeLimit: o.sizeLimit, fileLimit: o.fileLimit, endedBefore });
  }

  /** Resolves once none of this registry's tasks runs. */
  async settled(): Promise<void> {
    while (this.#own.size > 0) await Promise.all([...this.#own].map((task) => task.done));
  }

  /** Stops this registry's tasks and waits for them to end; no new ones start. */
  async shutdown(): Promise<void> {
    this.#stopping = true;
    for (const task of this.#own) task.requestAbort('the server is shutting down - aborting task');
    await Promise.all([...this.#own].map((task) => task.done));
    const control = this.#control;
    this.#control = undefined;
    await (await control)?.close();
  }

  async #run(task: WorkerTask, log: TaskLogWriter, work: (task: WorkerTask) => Promise<void>): Promise<TaskStatus> {
    let status: TaskStatus;
    try {
      await work(task);
      status = task.warnings > 0 ? `WARNINGS: ${task.warnings}` : 'OK';
    } catch (error) {
      status = errorStatus(messageOf(reasonOf(error, task.signal)));
    }
    log.append(formatStatusLine(status));
    log.close();
    running.delete(task.upid);
    try {
      await this.#lists.sweep();
    } catch (error) {
      // The next start or end of a task, in any process, finds the status in the log.
      this.#logger('error', 'task-list-failed', { upid: task.upid, error: messageOf(error) });
    }
    this.#own.delete(task);
    return status;
  }

  async #isActive(upid: string, parsed: Upid): Promise<boolean> {
    if (this.#isHere(parsed)) return running.has(upid);
    if (!isProcessRunning(parsed.pid, parsed.pstart)) return false;
    if ((await readTaskEnd(this.#lists.logPath(upid, parsed)))?.final) return false;
    try {
      const answer = await sendControl(this.#directories.run, parsed.pid, 'worker-task-status', { upid });
      return answer?.result === true;
    } catch (error) {
      // Too busy to answer, which is no sign that it has ended: whoever waits for the task goes on waiting.
      if (error instanceof GranaryError && error.code === 'connection') return true;
      throw error;
    }
  }

  #isHere(parsed: Upid): boolean {
    return parsed.pid === process.pid && parsed.pstart === this.#pstart;
  }

  async #listen(): Promise<void> {
    this.#control ??= ControlServer.listen(this.#directories.run, this.#owner, (command, args) => {
      const task = running.get(String(args['upid']));
      if (command === 'worker-task-status') return task !== undefined;
      if (command !== 'worker-task-abort') throw new Error(`got unknown command '${command}'`);
      task?.requestAbort();
      return null;
    });
    try {
      await this.#control;
    } catch (error) {
      this.#control = undefined;
      throw error;
    }
  }

  #newUpid(o: TaskStart): string {
    const taskId = nextTaskId++;
    let workerId = o.id ?? '';
    for (;;) {
      const upid = formatUpid({
        node: this.#node,
        pid: process.pid,
        pstart: this.#pstart,
        taskId,
        startTime: epochSeconds(this.#clock),
        workerType: o.type,
        workerId,
        authId: o.authId,
      });
      if (Buffer.byteLength(upid) <= maxFileName || workerId === '') return upid;
      // The id is the name of a file: a long worker id (a deep namespace) is cut.
      workerId = [...workerId].slice(0, -1).join('');
    }
  }
}

/** Throws `parameter-invalid` unless it is a task id. */
export function checkUpid(upid: string): Upid {
  const parsed = parseUpid(upid);
  if (parsed && Buffer.byteLength(upid) <= maxFileName && !upid.includes('/')) return parsed;
  const text = upid.length < 36 ? 'value must be at least 36 characters long' : 'unable to parse UPID';
  throw new GranaryError('parameter-invalid', `parameter verification failed - 'upid': ${text}`, {
    parameters: { upid: text },
  });
}

/** A platform abort error says only that; the signal's reason says why. */
function reasonOf(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && error instanceof Error && error.name === 'AbortError' ? signal.reason : error;
}
