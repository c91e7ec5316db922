// A sync job: a pull or a push with the fields of the job (sync.md 2).

import { directionOf, ownerOf, type SyncJob } from '../config/sync-job-schema.ts';
import { syncParameters } from '../sync/parameters.ts';
import { pullInTask } from '../sync/pull-task.ts';
import { pushInTask } from '../sync/push-task.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import { type JobCaller, startJob } from './run-job.ts';

/** Undefined when the job is running already. Its task is the owner's when the schedule starts it. */
export async function startSyncJob(
  server: ServerContext,
  job: SyncJob,
  { schedule, ...caller }: JobCaller,
): Promise<WorkerTask | undefined> {
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
      const sync = directionOf(job) === 'push' ? pushInTask : pullInTask;
      await sync(server, syncParameters(job, owner), task);
    } finally {
      task.log(`sync job '${id}' end`);
    }
  });
}
