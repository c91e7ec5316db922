// A sync job: a pull with the fields of the job (sync.md 2).

import { GranaryError } from '../base/errors.ts';
import { directionOf, ownerOf, type SyncJob } from '../config/sync-job-schema.ts';
import { syncParameters } from '../sync/parameters.ts';
import { pullInTask } from '../sync/pull-task.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import { type JobCaller, startJob } from './run-job.ts';

/** Undefined when the job is running already. Its task is the owner's when the schedule starts it. */
export async function startSyncJob(
  server: ServerContext,
  job: SyncJob,
  { schedule, ...caller }: JobCaller,
): Promise<WorkerTask | undefined> {
  if (directionOf(job) === 'push')
    throw new GranaryError('bad-request', `job '${job.id}' pushes, which is not possible yet`);
  const owner = ownerOf(job);
  const id = [job.remote ?? '-', job['remote-store'], job.store, job.ns ?? '', job.id].join(':');
  const start = {
    type: 'syncjob' as const,
    name: job.id,
    task: { type: 'syncjob', id, ...caller, ...(schedule === undefined ? {} : { authId: owner }) },
    title: `Starting datastore sync job '${id}'`,
    notice: {
      type: 'sync' as const,
      store: job.store,
      jobId: job.id,
      data: { ...(job.remote === undefined ? {} : { remote: job.remote }), 'remote-datastore': job['remote-store'] },
    },
    ...(schedule === undefined ? {} : { schedule }),
  };
  return await startJob(server, start, async (task) => {
    try {
      await pullInTask(server, syncParameters(job, owner), task);
    } finally {
      task.log(`sync job '${id}' end`);
    }
  });
}
