// Jobs with what became of their last run and when they run next; and running them by hand.

import { GranaryError } from '../../base/errors.ts';
import { PruneJobConfig } from '../../config/prune-config.ts';
import { SyncJobConfig } from '../../config/sync-config.ts';
import { directionOf } from '../../config/sync-job-schema.ts';
import { VerifyJobConfig } from '../../config/verify-config.ts';
import { allPruneJobs, startPruneJob } from '../../jobs/prune-job.ts';
import type { JobCaller } from '../../jobs/run-job.ts';
import { startSyncJob } from '../../jobs/sync-job.ts';
import { startVerifyJob } from '../../jobs/verify-job.ts';
import { datastoreAclPath, parseNamespace } from '../../model/backup.ts';
import type { Privilege } from '../../model/privileges.ts';
import type { WorkerTask } from '../../task/task-registry.ts';
import { callerOf, hasPrivileges } from '../../wire/authorize.ts';
import type { CallContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import { jobStatus } from '../config/job-changes.ts';
import { mayRunSyncJob, maySeeSyncJob } from '../sync-access.ts';
import {
  listPruneStatus,
  listSyncStatus,
  listVerifyStatus,
  runPruneJob,
  runSyncJob,
  runVerifyJob,
} from './jobs.contract.ts';

export const jobEndpoints = [
  implement(listPruneStatus, async ({ store }, call) => {
    call.setAttribute('digest', new PruneJobConfig(call.server.directories).list().digest);
    const seen = allPruneJobs(call.server).filter(
      (job) => isOf(job, store) && sees(call, job, ['Datastore.Audit', 'Datastore.Modify']),
    );
    return await Promise.all(seen.map(async (job) => ({ ...job, ...(await jobStatus(call, 'prunejob', job)) })));
  }),

  implement(listVerifyStatus, async ({ store }, call) => {
    const { data, digest } = new VerifyJobConfig(call.server.directories).list();
    call.setAttribute('digest', digest);
    const seen = data.filter((job) => isOf(job, store) && sees(call, job, ['Datastore.Audit', 'Datastore.Verify']));
    return await Promise.all(seen.map(async (job) => ({ ...job, ...(await jobStatus(call, 'verificationjob', job)) })));
  }),

  implement(listSyncStatus, async ({ store, 'sync-direction': direction = 'pull' }, call) => {
    const { data, digest } = new SyncJobConfig(call.server.directories).list();
    call.setAttribute('digest', digest);
    const seen = data
      .filter((job) => isOf(job, store) && (direction === 'all' || directionOf(job) === direction))
      .filter((job) => maySeeSyncJob(call.server, callerOf(call), job));
    return await Promise.all(seen.map(async (job) => ({ ...job, ...(await jobStatus(call, 'syncjob', job)) })));
  }),

  implement(runPruneJob, async ({ id }, call) => {
    const job = allPruneJobs(call.server).find((one) => one.id === id);
    if (job === undefined) throw new GranaryError('bad-request', `no such prune '${id}'`);
    mustHave(call, job, 'Datastore.Modify');
    return started(id, await startPruneJob(call.server, job, caller(call)));
  }),

  implement(runVerifyJob, async ({ id }, call) => {
    const job = new VerifyJobConfig(call.server.directories).get(id).data;
    mustHave(call, job, 'Datastore.Verify');
    return started(id, await startVerifyJob(call.server, job, caller(call)));
  }),

  implement(runSyncJob, async ({ id }, call) => {
    const job = new SyncJobConfig(call.server.directories).get(id).data;
    if (!mayRunSyncJob(call.server, callerOf(call), job)) {
      const text = `permission check failed, '${callerOf(call)}' is missing access`;
      throw new GranaryError('permission-denied', text, { status: 400 });
    }
    return started(id, await startSyncJob(call.server, job, caller(call)));
  }),
];

function caller(call: CallContext): JobCaller {
  return { authId: callerOf(call), peer: call.peer };
}

function started(id: string, task: WorkerTask | undefined): string {
  if (task === undefined) throw new GranaryError('locked', `job '${id}' is running already`);
  return task.upid;
}

function mustHave(call: CallContext, job: { store: string; ns?: string }, privilege: Privilege): void {
  if (sees(call, job, [privilege])) return;
  const path = datastoreAclPath(job.store, parseNamespace(job.ns ?? ''));
  throw new GranaryError('permission-denied', `permission check failed - missing ${privilege} on ${path}`);
}

function isOf(job: { store: string }, store: string | undefined): boolean {
  return store === undefined || job.store === store;
}

function sees(call: CallContext, job: { store: string; ns?: string }, any: readonly Privilege[]): boolean {
  const path = datastoreAclPath(job.store, parseNamespace(job.ns ?? ''));
  return hasPrivileges(call.server, callerOf(call), path, { any });
}
