// How the datastores and their jobs fare, as figures: what alerts watch and monitoring shows (rest-api.md 10 G1,
// config-and-tasks.md 8.6). Asked every few seconds by many, so nothing here reads more than what has changed.

import { epochSeconds } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { parseCalendarEvent } from '../calendar/calendar-event.ts';
import { nextEvent } from '../calendar/next-event.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { SyncJobConfig } from '../config/sync-config.ts';
import type { Census, GroupCensus } from '../datastore/census.ts';
import type { Datastore } from '../datastore/datastore.ts';
import type { GcStatus, StorageStatus } from '../datastore/usage.ts';
import { mountStatus } from '../machine/removable-datastore.ts';
import { nextRun } from '../task/job-schedule.ts';
import { JobStates, type JobType } from '../task/job-state.ts';
import type { TaskCourse, TaskTally } from '../task/task-tally.ts';
import type { ServerContext } from '../wire/context.ts';
import { waitsForDevice } from './absent-device.ts';
import { chunkGrowth } from './chunk-growth.ts';
import { configurationJobs, datastoreJobs, housekeepingJobs } from './due-jobs.ts';

/** Times are epoch seconds, durations seconds, ratios shares of 1. What is not known is absent. */
export interface DatastoreHealth {
  store: string;
  /** Why the datastore cannot be looked at; the figures that need it are absent then. */
  error?: string;
  /** Whether the device of a removable datastore is mounted; without it there are no figures, and that is no failure. */
  isMounted?: boolean;
  space?: StorageStatus;
  /** Used of used and available, as the operator of a file system sees it. */
  usage?: number;
  gcStatus?: GcStatus;
  groups?: readonly GroupCensus[];
  /** Snapshots whose last verification failed. */
  verifyFailed?: number;
  /** New chunks of the last 24 hours, as a share of the chunks that were there before. */
  chunkGrowth24h?: number;
  /** The groups of which the last backup failed, by path with namespace, and how many failed in a row. */
  failingGroups: readonly { group: string; failures: number; since: number }[];
  /** The most of these; 0 when no backup failed last. */
  backupFailures: number;
  /** The last garbage collection that ended. */
  gc?: { start: number; end: number; duration: number; failed: boolean };
  /** Of the garbage collection that is running. */
  gcRunning?: number;
}

export interface SyncHealth {
  job: string;
  store: string;
  /** End of the last run that went well. */
  lastSuccess?: number;
  /** How long the run is overdue that should have followed it; 0 when none is. Absent without schedule. */
  delay?: number;
}

export interface Health {
  /** Sorted by name. */
  datastores: readonly DatastoreHealth[];
  syncs: readonly SyncHealth[];
  /** Jobs whose last run failed; a garbage collection is named as its datastore. */
  failingJobs: readonly { type: string; job: string; store: string; failures: number; since: number }[];
  /** Jobs that the scheduler has to start, for their time has come. */
  jobsDue: number;
  /** Tasks that failed, by worker type, since the server counts; never falls. */
  taskFailures: Readonly<Record<string, number>>;
}

/** A file system that does not answer must not hold up the others. */
const patienceMs = 5000;
/** A large datastore is counted in the background: until then the last count is shown, or none. */
const countPatienceMs = 2000;
/** A running collection is looked for in the list of tasks no more often than this. */
const freshMs = 2000;

const known = new WeakMap<ServerContext, HealthFigures>();

/** The figures of a server: the same object for each caller, so that they share what was read. */
export function healthFigures(server: ServerContext): HealthFigures {
  const figures = known.get(server) ?? new HealthFigures(server);
  known.set(server, figures);
  return figures;
}

export class HealthFigures {
  readonly #server: ServerContext;
  #last: { at: number; health: Promise<Health> } | undefined;
  /** The last count of each datastore. */
  readonly #counts = new Map<string, Census>();

  constructor(server: ServerContext) {
    this.#server = server;
  }

  /**
   * All figures, at most two seconds old, the counts of snapshots a minute, or as long as twenty counts take; those of
   * a large datastore are absent until it has been counted once. With `fresh` all as of now. A datastore that fails or
   * does not answer has its `error` and hides no other.
   */
  async current(o: { fresh?: boolean } = {}): Promise<Health> {
    const now = performance.now();
    if (this.#last !== undefined && !o.fresh && now - this.#last.at < freshMs) return await this.#last.health;
    const health = this.#read(o.fresh ?? false);
    this.#last = { at: now, health };
    // A failure is no answer for the next one who asks.
    health.catch(() => {
      if (this.#last?.health === health) this.#last = undefined;
    });
    return await health;
  }

  async #read(fresh: boolean): Promise<Health> {
    const { tasks, datastores } = this.#server;
    const [tally, names, running] = await Promise.all([
      tasks.tally(),
      datastores.names(),
      tasks.list({ running: true, typefilter: 'garbage_collection', limit: 0 }),
    ]);
    const collecting = new Map(running.data.map((task) => [task.worker_id ?? '', task.starttime]));
    return {
      datastores: await Promise.all(names.map((name) => this.#datastore(name, tally, collecting.get(name), fresh))),
      syncs: await this.#syncs(tally),
      failingJobs: await failingJobsOf(tally, new JobStates(this.#server.directories)),
      jobsDue: await this.#jobsDue(),
      taskFailures: tally.failures,
    };
  }

  async #jobsDue(): Promise<number> {
    const now = epochSeconds(this.#server.clock);
    const states = new JobStates(this.#server.directories);
    let due = 0;
    for (const kind of [...datastoreJobs, ...housekeepingJobs, ...configurationJobs]) {
      let jobs: ReturnType<typeof kind> = [];
      try {
        jobs = kind(this.#server);
      } catch {
        // The scheduler tells of a file that cannot be read.
      }
      for (const job of jobs) {
        const { type, name, schedule } = job;
        if (waitsForDevice(this.#server, job)) continue;
        const state = await states.read(type, name).catch(() => undefined);
        const running = typeof state === 'object' && 'started' in state;
        if (!running && (nextRun(schedule, state, now) ?? Number.POSITIVE_INFINITY) <= now) due++;
      }
    }
    return due;
  }

  async #datastore(
    store: string,
    tally: TaskTally,
    collectingSince: number | undefined,
    fresh: boolean,
  ): Promise<DatastoreHealth> {
    const now = epochSeconds(this.#server.clock);
    const failingGroups = failingGroupsOf(store, tally);
    const gc = tally.courses.find((course) => course.type === 'garbage_collection' && course.id === store);
    const health: DatastoreHealth = {
      store,
      failingGroups,
      backupFailures: Math.max(0, ...failingGroups.map((group) => group.failures)),
      ...(gc === undefined ? {} : { gc: collectionOf(gc) }),
      ...(collectingSince === undefined ? {} : { gcRunning: Math.max(0, now - collectingSince) }),
    };
    const section = new DatastoreConfig(this.#server.directories).find(store);
    const status = section === undefined ? 'nonremovable' : mountStatus(this.#server, section);
    if (status !== 'nonremovable') health.isMounted = status === 'mounted';
    if (status === 'notmounted') return health;
    try {
      const open = await this.#server.datastores.get(store);
      const [space, gcStatus] = await within(patienceMs, Promise.all([open.status(), open.gcStatus()]));
      const usage = space.used + space.avail > 0 ? { usage: space.used / (space.used + space.avail) } : {};
      return {
        ...health,
        space,
        ...usage,
        gcStatus,
        ...countedFigures(await this.#census(open, fresh), gcStatus, now),
      };
    } catch (error) {
      return { ...health, error: messageOf(error) };
    }
  }

  /** The count of a datastore; undefined while it is being counted for the first time. */
  async #census(store: Datastore, fresh: boolean): Promise<Census | undefined> {
    const counting = store.census({ fresh }).then((census) => {
      this.#counts.set(store.name, census);
      return census;
    });
    if (fresh) return await counting;
    return await within(countPatienceMs, counting).catch(() => this.#counts.get(store.name));
  }

  async #syncs(tally: TaskTally): Promise<SyncHealth[]> {
    const { directories, clock, log } = this.#server;
    const states = new JobStates(directories);
    const now = epochSeconds(clock);
    try {
      const { data } = new SyncJobConfig(directories).list();
      return await Promise.all(
        data.map(async (job) => {
          const { id, store, schedule } = job;
          const otherStore = job.remote === undefined ? { otherStore: job['remote-store'] } : {};
          const isWaiting = waitsForDevice(this.#server, { store, ...otherStore });
          const course = tally.courses.find((one) => one.type === 'syncjob' && one.id.endsWith(`:${id}`));
          const state = await states.read('syncjob', id).catch(() => undefined);
          const created = typeof state === 'object' && 'created' in state ? state.created.time : undefined;
          const known = course?.success?.start ?? course?.failingSince ?? created;
          const delay =
            schedule === undefined || known === undefined || isWaiting
              ? undefined
              : overdue(schedule, known, now, course?.success !== undefined);
          return {
            job: id,
            store,
            ...(course?.success === undefined ? {} : { lastSuccess: course.success.end }),
            ...(delay === undefined ? {} : { delay }),
          };
        }),
      );
    } catch (error) {
      log('warn', 'no-sync-figures', { error: messageOf(error) });
      return [];
    }
  }
}

/** What follows from the count of a datastore's snapshots. */
function countedFigures(census: Census | undefined, gcStatus: GcStatus, now: number): Partial<DatastoreHealth> {
  if (census === undefined) return {};
  const growth = chunkGrowth(census.uploads, gcStatus, now);
  return {
    groups: census.groups,
    verifyFailed: census.groups.reduce((sum, group) => sum + group.verifyFailed, 0),
    ...(growth === undefined ? {} : { chunkGrowth24h: growth }),
  };
}

function failingGroupsOf(store: string, tally: TaskTally): DatastoreHealth['failingGroups'] {
  return tally.courses
    .filter((course) => course.type === 'backup' && course.failures > 0 && course.id.startsWith(`${store}:`))
    .map(({ id, failures, failingSince, last }) => ({
      group: id.slice(store.length + 1),
      failures,
      since: failingSince ?? last.start,
    }));
}

/** The id of a job's task ends in the job's own; a sync job's has the datastore third, the others first. */
async function failingJobsOf(tally: TaskTally, states: JobStates): Promise<Health['failingJobs']> {
  const failing = [];
  for (const { type, id, failures, failingSince, last } of tally.courses) {
    if (!isJobType(type) || failures === 0) continue;
    const parts = id.split(':');
    const store = parts[type === 'syncjob' ? 2 : 0] ?? '';
    const job = parts.at(-1)!;
    // A job that is gone has no state.
    if ((await states.read(type, job).catch(() => 'unknown')) === undefined) continue;
    failing.push({ type, store, job, failures, since: failingSince ?? last.start });
  }
  return failing;
}

function isJobType(type: string): type is JobType {
  return ['garbage_collection', 'prunejob', 'syncjob', 'verificationjob'].includes(type);
}

function collectionOf({ last, failures }: TaskCourse): NonNullable<DatastoreHealth['gc']> {
  return { start: last.start, end: last.end, duration: last.end - last.start, failed: failures > 0 };
}

/** How long the run is overdue that a schedule asks for after `from`; `succeeded`: a run that went well began then. */
function overdue(schedule: string, from: number, now: number, succeeded: boolean): number | undefined {
  try {
    const event = parseCalendarEvent(schedule);
    if (event.once) return succeeded ? 0 : Math.max(0, now - from);
    const due = nextEvent(event, from);
    return due === undefined ? 0 : Math.max(0, now - due);
  } catch {
    return undefined;
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the datastore does not answer within ${ms / 1000} seconds`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}
