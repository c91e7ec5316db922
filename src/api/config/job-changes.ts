// What a changed job means for its state: a new job counts from now on, and so does a changed schedule
// (config-and-tasks.md 7).

import { epochSeconds } from '../../base/clock.ts';
import type { Changed } from '../../config/section-store.ts';
import { type ScheduleStatus, scheduleStatus } from '../../task/job-schedule.ts';
import { type JobState, JobStates, type JobType } from '../../task/job-state.ts';
import type { CallContext } from '../../wire/context.ts';

interface Job {
  id: string;
  schedule?: string;
  disable?: boolean;
}

/** Brings the state of a job in line with a change of its configuration. `given` is what the caller sent. */
export async function keepJobState(
  call: CallContext,
  type: JobType,
  { before, next }: Changed<Job>,
  given: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const states = new JobStates(call.server.directories);
  const now = epochSeconds(call.server.clock);
  if (next === undefined) {
    if (before) await states.remove(type, before.id);
  } else if (before === undefined) await states.create(type, next.id, now);
  else if (before.schedule !== next.schedule || before.disable !== next.disable || given['schedule'] === 'now') {
    await states.scheduleChanged(type, next.id, now);
  }
}

/** The schedule status fields of a job in a list; a state that cannot be read is none. */
export async function jobStatus(call: CallContext, type: JobType, job: Job): Promise<ScheduleStatus> {
  const { tasks, directories, clock } = call.server;
  const state: JobState | undefined = await new JobStates(directories).read(type, job.id).catch(() => undefined);
  return await scheduleStatus(tasks, job.disable === true ? undefined : job.schedule, state, epochSeconds(clock));
}
