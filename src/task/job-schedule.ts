// When a job runs next, from its schedule and what became of its last run, and how lists show both
// (config-and-tasks.md 5.3, 5.4; rest-api.md 7.4).

import { parseCalendarEvent } from '../calendar/calendar-event.ts';
import { nextEvent } from '../calendar/next-event.ts';
import { parseUpid } from '../model/upid.ts';
import type { JobResult, JobState } from './job-state.ts';
import type { TaskRegistry } from './task-registry.ts';

/** How long ago a job of which nothing is known counts as made. */
const unknownAgeSeconds = 30;
/** A state from further ahead was written while the clock was wrong; else the job would wait until then. */
const tolerableLeadSeconds = 86_400;

/** Schedule status fields of job lists. */
export interface ScheduleStatus {
  'next-run'?: number;
  'last-run-state'?: string;
  'last-run-upid'?: string;
  'last-run-endtime'?: number;
}

/**
 * The next run, epoch seconds; undefined when there is none or the schedule cannot be understood. For `now`, the time
 * that it was set at, until a run has started after it. The scheduler counts from the start of a finished run, lists
 * (`shown`) from its end.
 */
export function nextRun(
  schedule: string,
  state: JobState | undefined,
  now: number,
  o: { shown?: boolean } = {},
): number | undefined {
  let event: ReturnType<typeof parseCalendarEvent>;
  try {
    event = parseCalendarEvent(schedule);
  } catch {
    return undefined;
  }
  const time = event.once ? onceDue(state, now) : countsFrom(state, now, o.shown ?? false);
  if (time === undefined) return undefined;
  const from = time > now + tolerableLeadSeconds ? now - unknownAgeSeconds : time;
  return event.once ? from : nextEvent(event, from);
}

function onceDue(state: JobState | undefined, now: number): number | undefined {
  if (state === undefined || state === 'unknown') return now - unknownAgeSeconds;
  if ('created' in state) return state.created.time;
  if ('started' in state) return undefined;
  const { upid, updated } = state.finished;
  const started = startOf(upid);
  return updated !== undefined && (started === undefined || started < updated) ? updated : undefined;
}

function countsFrom(state: JobState | undefined, now: number, shown: boolean): number {
  const unknown = now - unknownAgeSeconds;
  if (state === undefined || state === 'unknown') return unknown;
  if ('created' in state) return state.created.time;
  if ('started' in state) return startOf(state.started.upid) ?? unknown;
  const { upid, state: result, updated } = state.finished;
  return updated ?? (shown ? endOf(result) : startOf(upid)) ?? unknown;
}

function startOf(upid: string): number | undefined {
  return parseUpid(upid)?.startTime;
}

function endOf(result: JobResult): number {
  const [facts] = Object.values(result) as { endtime: number }[];
  return facts!.endtime;
}

/** The text of a result as task lists show it. */
export function resultText(result: JobResult): string {
  if ('OK' in result) return 'OK';
  if ('Warning' in result) return `WARNINGS: ${result.Warning.count}`;
  return 'Error' in result ? result.Error.message : 'unknown';
}

/** The fields of a list. A run whose process has died without a word is shown as its log tells. */
export async function scheduleStatus(
  tasks: TaskRegistry,
  schedule: string | undefined,
  state: JobState | undefined,
  now: number,
): Promise<ScheduleStatus> {
  const next = schedule === undefined ? undefined : nextRun(schedule, state, now, { shown: true });
  const status: ScheduleStatus = next === undefined ? {} : { 'next-run': next };
  if (state === undefined || state === 'unknown' || 'created' in state) return status;
  if ('finished' in state) {
    const { upid, state: result } = state.finished;
    status['last-run-upid'] = upid;
    status['last-run-state'] = resultText(result);
    status['last-run-endtime'] = endOf(result);
    return status;
  }
  const { upid } = state.started;
  status['last-run-upid'] = upid;
  const info = await tasks.info(upid).catch(() => undefined);
  if (info?.running) return status;
  status['last-run-state'] = info?.status ?? 'unknown';
  if (info?.endTime !== undefined) status['last-run-endtime'] = info.endTime;
  return status;
}
