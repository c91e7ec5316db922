// Who may see a job, its runs and its tasks (config-and-tasks.md 6 "Access").

import { SyncJobConfig } from '../config/sync-config.ts';
import type { ScheduledJob } from '../jobs/due-jobs.ts';
import type { AuthId } from '../model/auth-id.ts';
import { datastoreAclPath, parseNamespace } from '../model/backup.ts';
import type { Privilege } from '../model/privileges.ts';
import { hasPrivileges } from '../wire/authorize.ts';
import type { ServerContext } from '../wire/context.ts';
import { maySeeSyncJob } from './sync-access.ts';

/** Any of these on the datastore lets one see the job, and with it its tasks; by worker type. */
export const jobPrivileges: Readonly<Record<string, readonly Privilege[]>> = {
  garbage_collection: ['Datastore.Audit', 'Datastore.Modify'],
  prune: ['Datastore.Audit', 'Datastore.Modify'],
  prunejob: ['Datastore.Audit', 'Datastore.Modify'],
  verificationjob: ['Datastore.Audit', 'Datastore.Verify'],
};

/** A function that tells which jobs with a schedule the caller may see: those of datastores, and for auditors all. */
export function jobsSeenBy(server: ServerContext, caller: AuthId): (job: ScheduledJob) => boolean {
  const seesServer = hasPrivileges(server, caller, '/system/tasks', { all: ['Sys.Audit'] });
  const syncJobs = new Map(new SyncJobConfig(server.directories).list().data.map((job) => [job.id, job]));
  return ({ type, name, store, ns }) => {
    if (store === undefined) return seesServer;
    if (type === 'syncjob') {
      const job = syncJobs.get(name);
      return job !== undefined && maySeeSyncJob(server, caller, job);
    }
    return hasPrivileges(server, caller, datastoreAclPath(store, parseNamespace(ns ?? '')), {
      any: jobPrivileges[type] ?? [],
    });
  };
}
