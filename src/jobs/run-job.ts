// Starts a job: once at a time, with its state kept (config-and-tasks.md 7).

import { epochSeconds } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { type JobResult, JobStates, type JobType } from '../task/job-state.ts';
import type { TaskStart, WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import { type JobEnd, type JobFigures, type JobNotice, tellOfJob } from './job-notice.ts';

export interface JobStart {
  type: JobType;
  name: string;
  task: TaskStart;
  /** The first line of the log. */
  title: string;
  /** The schedule that started it; absent when somebody did. */
  schedule?: string;
  /** What of its end is told; nothing when absent. */
  notice?: JobNotice;
}

/** Who asks for a run: somebody, or the schedule. */
export interface JobCaller {
  authId: string;
  peer?: string;
  schedule?: string;
}

/** What of the server starting a job needs. */
export type JobRooms = Pick<ServerContext, 'directories' | 'tasks' | 'clock'>;

/** The job's task, or undefined when it is running already. `work` may give figures for what is told of its end. */
export async function startJob(
  server: JobRooms,
  start: JobStart,
  work: (task: WorkerTask) => Promise<JobFigures | undefined>,
): Promise<WorkerTask | undefined> {
  const states = new JobStates(server.directories);
  const { type, name, title, schedule } = start;
  const lock = await states.lock(type, name);
  if (!lock) return undefined;
  try {
    return await server.tasks.start(start.task, async (task) => {
      try {
        await states.write(type, name, { started: { upid: task.upid } });
        task.log(title);
        if (schedule !== undefined) task.log(`task triggered by schedule '${schedule}'`);
        const finish = (state: JobResult): Promise<void> =>
          states.write(type, name, { finished: { upid: task.upid, state } });
        const now = (): number => epochSeconds(server.clock);
        let figures: JobFigures | undefined;
        try {
          figures = await work(task);
        } catch (error) {
          await finish({ Error: { message: messageOf(error), endtime: now() } });
          await tellEnd(server, start, { task, error });
          throw error;
        }
        const { warnings } = task;
        await finish(warnings > 0 ? { Warning: { count: warnings, endtime: now() } } : { OK: { endtime: now() } });
        await tellEnd(server, start, { task, figures });
      } finally {
        lock.release();
      }
    });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The job has ended as it has, whether that can be told or not. */
async function tellEnd(server: JobRooms, { notice }: JobStart, end: JobEnd & { task: WorkerTask }): Promise<void> {
  if (notice === undefined) return;
  try {
    await tellOfJob(server, notice, end);
  } catch (error) {
    end.task.log(`no notification can be sent: ${messageOf(error)}`);
  }
}
