// A verification job: what was not verified, or not lately, in a namespace and those below (config-and-tasks.md 12).

import { DatastoreConfig } from '../config/datastore-config.ts';
import { verificationThreads } from '../config/datastore-schema.ts';
import type { VerifyJob } from '../config/verify-job-schema.ts';
import { Verification } from '../datastore/verify.ts';
import { parseNamespace } from '../model/backup.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import { type JobCaller, startJob } from './run-job.ts';

/** Undefined when the job is running already. */
export async function startVerifyJob(
  server: ServerContext,
  job: VerifyJob,
  { schedule, ...caller }: JobCaller,
): Promise<WorkerTask | undefined> {
  const id = `${job.store}:${job.id}`;
  const start = {
    type: 'verificationjob' as const,
    name: job.id,
    task: { type: 'verificationjob', id, ...caller },
    title: `Starting datastore verify job '${id}'`,
    notice: { type: 'verify' as const, store: job.store, jobId: job.id },
    ...(schedule ? { schedule } : {}),
  };
  return await startJob(server, start, async (worker) => {
    using use = await server.datastores.use(job.store, 'read');
    const { 'outdated-after': outdatedAfter, 'max-depth': maxDepth } = job;
    const { tuning } = new DatastoreConfig(server.directories).get(job.store).data;
    const run = new Verification(use.datastore, {
      upid: worker.upid,
      log: (line) => worker.log(line),
      ignoreVerified: job['ignore-verified'] ?? true,
      ...(outdatedAfter === undefined ? {} : { outdatedAfter }),
      threads: verificationThreads(job, tuning),
      clock: server.clock,
      signal: worker.signal,
    });
    const ns = parseNamespace(job.ns ?? '');
    run.conclude(await run.verifyDatastore({ ns, ...(maxDepth === undefined ? {} : { maxDepth }) }));
    return undefined;
  });
}
