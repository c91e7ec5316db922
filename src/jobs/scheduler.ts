// Starts the jobs that are due, once a minute at its beginning, in one process of the server at a time: whoever holds
// the lock (config-and-tasks.md 7).

import { join } from 'node:path';
import { epochSeconds } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { rootUser } from '../model/auth-id.ts';
import { type FileLock, tryLock } from '../os/file-lock.ts';
import { nextRun } from '../task/job-schedule.ts';
import { type JobState, JobStates } from '../task/job-state.ts';
import type { ServerContext } from '../wire/context.ts';
import { waitsForDevice } from './absent-device.ts';
import type { JobKind, ScheduledJob } from './due-jobs.ts';

const minuteMs = 60_000;

/** Looks at the state of the server once a minute, where the scheduler is. */
export type Watch = (server: ServerContext) => Promise<void>;

export class Scheduler {
  readonly #server: ServerContext;
  readonly #name: string;
  readonly #kinds: readonly JobKind[];
  readonly #watch: Watch | undefined;
  #lock: FileLock | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;
  #stopped = false;

  /** `name` tells apart schedulers with other jobs, which may be in other processes. `watch` looks at each turn's end. */
  constructor(server: ServerContext, name: string, kinds: readonly JobKind[], watch?: Watch) {
    this.#server = server;
    this.#name = name;
    this.#kinds = kinds;
    this.#watch = watch;
  }

  /** Begins with the next minute. */
  start(): void {
    if (this.#stopped) return;
    const wait = minuteMs - (this.#server.clock.now() % minuteMs);
    this.#timer = setTimeout(() => {
      this.#turn = this.turn().finally(() => this.start());
    }, wait).unref();
  }

  /** Starts what is due, unless another process schedules. What fails is logged, and does not hold up the rest. */
  async turn(): Promise<void> {
    if (!this.#acquire()) return;
    for (const kind of this.#kinds) {
      try {
        for (const job of kind(this.#server)) await this.#startIfDue(job);
      } catch (error) {
        this.#server.log('error', 'jobs-not-scheduled', { error: messageOf(error) });
      }
    }
    try {
      if (!this.#stopped) await this.#watch?.(this.#server);
    } catch (error) {
      this.#server.log('error', 'alerts-not-looked-at', { error: messageOf(error) });
    }
  }

  /** Ends; settles when the last turn is over, so that another process can go on. Started jobs go on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#turn;
    this.#lock?.release();
    this.#lock = undefined;
  }

  async #startIfDue(job: ScheduledJob): Promise<void> {
    if (this.#stopped) return;
    const { type, name, schedule, start } = job;
    const { clock, directories, log } = this.#server;
    try {
      const now = epochSeconds(clock);
      const states = new JobStates(directories);
      const state = await this.#stateOf(states, job);
      // A job that was written into a file by hand counts from when it was first seen.
      if (state === undefined) await states.create(type, name, now);
      const due = nextRun(schedule, state, now);
      if (due === undefined || due > now) return;
      // It runs when the device is there again.
      if (waitsForDevice(this.#server, job)) return;
      const task = await start({ authId: rootUser, schedule });
      if (task === undefined) log('debug', 'job-not-needed', { type, name });
    } catch (error) {
      log('error', 'job-not-started', { type, name, error: messageOf(error) });
    }
  }

  /** A damaged state counts as none: a job must not stand still for ever because of it. */
  async #stateOf(states: JobStates, { type, name }: ScheduledJob): Promise<JobState | undefined> {
    try {
      return await states.read(type, name);
    } catch (error) {
      if (!(error instanceof GranaryError && error.code === 'config-invalid')) throw error;
      this.#server.log('error', 'job-state-damaged', { type, name, error: messageOf(error) });
      return undefined;
    }
  }

  #acquire(): boolean {
    this.#lock ??= tryLock(join(this.#server.directories.run, `.scheduler-${this.#name}.lck`), 'exclusive');
    return this.#lock !== undefined;
  }
}
