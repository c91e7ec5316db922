// When the jobs that have a schedule run next, and how long that will take, going by how long it took so far.

import { parseCalendarEvent } from '../calendar/calendar-event.ts';
import { nextEvent } from '../calendar/next-event.ts';
import { parseUpid, type Upid } from '../model/upid.ts';
import { nextRun } from '../task/job-schedule.ts';
import { type JobState, JobStates, type JobType } from '../task/job-state.ts';
import type { ServerContext } from '../wire/context.ts';
import { configurationJobs, datastoreJobs, housekeepingJobs, type ScheduledJob } from './due-jobs.ts';

export interface ComingRuns {
  type: JobType;
  name: string;
  /** Of jobs that work on a datastore. */
  store?: string;
  ns?: string;
  schedule: string;
  /** Seconds; absent when nothing is known of earlier runs. */
  expected?: number;
  /** Epoch seconds, ascending. */
  runs: number[];
  /** There are more in the window than were asked for. */
  isCut: boolean;
}

interface Window {
  /** Now, epoch seconds: what is due already starts now. */
  now: number;
  since: number;
  until: number;
  /** Most runs of a job. */
  limit: number;
}

/** Of how many earlier runs the middle duration is expected, and how far back they are looked for. */
const countedRuns = 5;
const lookBackSeconds = 60 * 86_400;

/** The runs in the window of those jobs that `isSeen`. A kind of jobs whose configuration cannot be read is left out. */
export async function comingRuns(
  server: ServerContext,
  window: Window,
  isSeen: (job: ScheduledJob) => boolean,
): Promise<ComingRuns[]> {
  const states = new JobStates(server.directories);
  const found: { job: ScheduledJob; state: JobState | undefined }[] = [];
  for (const kind of [...datastoreJobs, ...configurationJobs, ...housekeepingJobs]) {
    for (const job of listed(server, kind)) {
      if (isSeen(job)) found.push({ job, state: await states.read(job.type, job.name).catch(() => undefined) });
    }
  }
  const lasts = found.map(({ state }) => lastRun(state));
  const durations = await earlierDurations(server, window.now, lasts);
  return found.map(({ job: { type, name, store, ns, schedule }, state }, i) => {
    const { runs, isCut } = runsIn(window, schedule, state);
    const last = lasts[i];
    const expected = last === undefined ? undefined : middle(durations.get(kindOfWork(last)) ?? []);
    return {
      type,
      name,
      schedule,
      runs,
      isCut,
      ...(store === undefined ? {} : { store }),
      ...(ns === undefined ? {} : { ns }),
      ...(expected === undefined ? {} : { expected }),
    };
  });
}

function listed(server: ServerContext, kind: (server: ServerContext) => ScheduledJob[]): ScheduledJob[] {
  try {
    return kind(server);
  } catch {
    return [];
  }
}

function runsIn(w: Window, schedule: string, state: JobState | undefined): { runs: number[]; isCut: boolean } {
  const first = nextRun(schedule, state, w.now);
  const runs: number[] = [];
  if (first === undefined) return { runs, isCut: false };
  // Later runs follow the schedule alone, also where one takes longer than it leaves time for.
  const event = parseCalendarEvent(schedule);
  let at: number | undefined = Math.max(first, w.now);
  if (at < w.since) at = nextEvent(event, w.since - 1);
  while (at !== undefined && at <= w.until) {
    if (runs.length === w.limit) return { runs, isCut: true };
    runs.push(at);
    at = nextEvent(event, at);
  }
  return { runs, isCut: false };
}

function lastRun(state: JobState | undefined): Upid | undefined {
  if (state === undefined || state === 'unknown' || 'created' in state) return undefined;
  return parseUpid('started' in state ? state.started.upid : state.finished.upid);
}

const kindOfWork = ({ workerType, workerId }: Upid): string => `${workerType} ${workerId}`;

/** Durations of the newest ended runs of the same work, in one reading of the task lists. */
async function earlierDurations(
  server: ServerContext,
  now: number,
  works: readonly (Upid | undefined)[],
): Promise<Map<string, number[]>> {
  const durations = new Map<string, number[]>(
    works.flatMap((one) => (one === undefined ? [] : [[kindOfWork(one), []]])),
  );
  if (durations.size === 0) return durations;
  const { data } = await server.tasks.list({
    since: now - lookBackSeconds,
    statusfilter: ['ok', 'warning'],
    limit: 0,
    visible: (task) => (durations.get(kindOfWork(task))?.length ?? countedRuns) < countedRuns,
  });
  for (const task of data) {
    const known = durations.get(`${task.worker_type} ${task.worker_id ?? ''}`);
    if (task.endtime !== undefined && known !== undefined && known.length < countedRuns) {
      known.push(task.endtime - task.starttime);
    }
  }
  return durations;
}

function middle(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
