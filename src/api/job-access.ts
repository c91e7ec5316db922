// Who may see a job, its runs and its tasks (config-and-tasks.md 6 "Access").

import { SyncJobConfig } from '../config/sync-config.ts';
import type { SyncJob } from '../config/sync-job-schema.ts';
import { VerifyJobConfig } from '../config/verify-config.ts';
import type { ScheduledJob } from '../jobs/due-jobs.ts';
import type { AuthId } from '../model/auth-id.ts';
import { datastoreAclPath, parseNamespace } from '../model/backup.ts';
import type { Privilege } from '../model/privileges.ts';
import type { Upid } from '../model/upid.ts';
import { hasPrivileges } from '../wire/authorize.ts';
import type { ServerContext } from '../wire/context.ts';
import { maySeeSyncJob } from './sync-access.ts';

/** Any of these on the datastore lets one see the job, and with it its tasks; by worker type. */
const jobPrivileges: Readonly<Record<string, readonly Privilege[]>> = {
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

/** Whether the caller may see a task of somebody else, as it is one of a job that the caller may see. */
export function maySeeTaskOfJob(server: ServerContext, caller: AuthId, { workerType, workerId }: Upid): boolean {
  const parts = workerId.split(':');
  const [store = '', second = ''] = parts;
  try {
    if (workerType === 'syncjob') {
      const job = syncJobOf(server, parts);
      return job !== undefined && maySeeSyncJob(server, caller, job);
    }
    const ns = workerType === 'verificationjob' ? namespaceOfVerifyJob(server, store, second) : second;
    const path = datastoreAclPath(store, parseNamespace(ns));
    return store !== '' && hasPrivileges(server, caller, path, { any: jobPrivileges[workerType] ?? [] });
  } catch {
    // A worker id is text out of a request: a namespace that is none gives no rights.
    return false;
  }
}

/** The job of `REMOTE or -:REMOTE_STORE:STORE:NS:ID` as it is now; what the text tells of one that is gone or another. */
function syncJobOf(server: ServerContext, parts: readonly string[]): SyncJob | undefined {
  const [remote, remoteStore, store, ns, id] = parts;
  if (!remote || !remoteStore || !store || ns === undefined || !id || parts.length !== 5) return undefined;
  const other = { 'remote-store': remoteStore, ...(remote === '-' ? {} : { remote }) };
  const job = new SyncJobConfig(server.directories).find(id);
  const isSame =
    job?.store === store && (job.ns ?? '') === ns && job.remote === other.remote && job['remote-store'] === remoteStore;
  return isSame ? job : { id, store, ns, ...other };
}

function namespaceOfVerifyJob(server: ServerContext, store: string, id: string): string {
  const job = new VerifyJobConfig(server.directories).find(id);
  return job?.store === store ? (job.ns ?? '') : '';
}
