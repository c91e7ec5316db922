// A prune job: retention for the groups of a namespace and of those below (config-and-tasks.md 10).

import { DatastoreConfig } from '../config/datastore-config.ts';
import { implicitPruneJobs, keepOf, PruneJobConfig } from '../config/prune-config.ts';
import type { PruneJob } from '../config/prune-job-schema.ts';
import { pruneDatastore } from '../datastore/prune.ts';
import { keepOptionsOf } from '../datastore/retention.ts';
import { parseNamespace } from '../model/backup.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import { type JobCaller, startJob } from './run-job.ts';

/** The jobs of prune.cfg, and those that stand in the sections of datastores. */
export function allPruneJobs(server: ServerContext): PruneJob[] {
  const { data } = new PruneJobConfig(server.directories).list();
  return [...data, ...implicitPruneJobs(new DatastoreConfig(server.directories).list().data, data)];
}

/** Undefined when the job is running already. */
export async function startPruneJob(
  server: ServerContext,
  job: PruneJob,
  { schedule, ...caller }: JobCaller,
): Promise<WorkerTask | undefined> {
  const id = job.ns ? `${job.store}:${job.ns}` : job.store;
  const start = {
    type: 'prunejob' as const,
    name: job.id,
    task: { type: 'prunejob', id, ...caller },
    title: `prune job '${job.id}'`,
    notice: { type: 'prune' as const, store: job.store, jobId: job.id },
    ...(schedule ? { schedule } : {}),
  };
  return await startJob(server, start, async (worker) => {
    using use = await server.datastores.use(job.store, 'write');
    const maxDepth = job['max-depth'];
    await pruneDatastore(use.datastore, {
      ns: parseNamespace(job.ns ?? ''),
      ...(maxDepth === undefined ? {} : { maxDepth }),
      keep: keepOptionsOf(keepOf(job)),
      log: (line) => worker.log(line),
      warn: (line) => worker.warn(line),
      signal: worker.signal,
    });
    return undefined;
  });
}
