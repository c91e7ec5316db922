// Jobs with what became of their last run and when they run next.

import { DatastoreConfig } from '../../config/datastore-config.ts';
import { implicitPruneJobs, PruneJobConfig } from '../../config/prune-config.ts';
import { SyncJobConfig } from '../../config/sync-config.ts';
import { directionOf } from '../../config/sync-job-schema.ts';
import { VerifyJobConfig } from '../../config/verify-config.ts';
import { datastoreAclPath, parseNamespace } from '../../model/backup.ts';
import type { Privilege } from '../../model/privileges.ts';
import { callerOf, hasPrivileges } from '../../wire/authorize.ts';
import type { CallContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import { jobStatus } from '../config/job-changes.ts';
import { maySeeSyncJob } from '../sync-access.ts';
import { listPruneStatus, listSyncStatus, listVerifyStatus } from './jobs.contract.ts';

export const jobListEndpoints = [
  implement(listPruneStatus, async ({ store }, call) => {
    const { directories } = call.server;
    const { data, digest } = new PruneJobConfig(directories).list();
    call.setAttribute('digest', digest);
    const jobs = [...data, ...implicitPruneJobs(new DatastoreConfig(directories).list().data, data)];
    const seen = jobs.filter((job) => isOf(job, store) && sees(call, job, ['Datastore.Audit', 'Datastore.Modify']));
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
];

function isOf(job: { store: string }, store: string | undefined): boolean {
  return store === undefined || job.store === store;
}

function sees(call: CallContext, job: { store: string; ns?: string }, any: readonly Privilege[]): boolean {
  const path = datastoreAclPath(job.store, parseNamespace(job.ns ?? ''));
  return hasPrivileges(call.server, callerOf(call), path, { any });
}
