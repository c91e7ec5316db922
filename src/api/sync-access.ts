// Who may see, change and run a sync job (sync.md 3).

import { EncryptionKeyConfig } from '../config/encryption-key-config.ts';
import { directionOf, ownerOf, type SyncJob } from '../config/sync-job-schema.ts';
import type { AuthId } from '../model/auth-id.ts';
import { ownerMatches } from '../model/auth-id.ts';
import { datastoreAclPath, parseNamespace, remoteAclPath } from '../model/backup.ts';
import type { Privilege } from '../model/privileges.ts';
import { requirePrivileges } from '../wire/authorize.ts';
import type { CallContext, ServerContext } from '../wire/context.ts';

/** Whether the caller may see the job, its state and its tasks. */
export function maySeeSyncJob(server: ServerContext, caller: AuthId, job: SyncJob): boolean {
  const has = checker(server, caller);
  if (!has(localPath(job), 'Datastore.Audit')) return false;
  if (directionOf(job) === 'push') return has(remotePath(job), 'Remote.Audit');
  return job.remote === undefined
    ? has(datastoreAclPath(job['remote-store']), 'Datastore.Audit')
    : has(`/remote/${job.remote}`, 'Remote.Audit');
}

/** Whether the caller may make, change, remove and run the job. */
export function mayRunSyncJob(server: ServerContext, caller: AuthId, job: SyncJob): boolean {
  const has = checker(server, caller);
  const local = localPath(job);
  const owns = ownerMatches(ownerOf(job), caller);
  const vanished = job['remove-vanished'] === true;
  if (!has(local, 'Datastore.Audit')) return false;
  if (directionOf(job) === 'push') {
    const remote = remotePath(job);
    if (!has(remote, 'Remote.DatastoreBackup')) return false;
    if (vanished && !has(remote, 'Remote.DatastorePrune')) return false;
    return has(local, 'Datastore.Read') || (has(local, 'Datastore.Backup') && (owns || has(local, 'Datastore.Modify')));
  }
  if (!has(local, 'Datastore.Backup')) return false;
  if (vanished && !has(local, 'Datastore.Prune')) return false;
  if (!owns && !has(local, 'Datastore.Modify')) return false;
  return job.remote === undefined
    ? has(datastoreAclPath(job['remote-store']), 'Datastore.Backup')
    : has(`/remote/${job.remote}/${job['remote-store']}`, 'Remote.Read');
}

/** Throws `permission-denied` unless the caller may pull so without a job. */
export function requirePull(call: CallContext, given: Omit<SyncJob, 'id'>): void {
  const local = localPath(given);
  requirePrivileges(call, local, { all: ['Datastore.Backup'] });
  if (given['remove-vanished'] === true) requirePrivileges(call, local, { all: ['Datastore.Prune'] });
  if (given.remote === undefined) {
    requirePrivileges(call, datastoreAclPath(given['remote-store']), { all: ['Datastore.Backup'] });
  } else requirePrivileges(call, `/remote/${given.remote}/${given['remote-store']}`, { all: ['Remote.Read'] });
}

/** Throws `permission-denied` unless the caller may push so without a job. */
export function requirePush(call: CallContext, given: Omit<SyncJob, 'id'>): void {
  const remote = remotePath(given);
  requirePrivileges(call, localPath(given), { any: ['Datastore.Read', 'Datastore.Backup'] });
  requirePrivileges(call, remote, { all: ['Remote.DatastoreBackup'] });
  if (given['remove-vanished'] === true) requirePrivileges(call, remote, { all: ['Remote.DatastorePrune'] });
}

/** Throws unless all keys are there and the caller may use them. */
export function requireKeys(call: CallContext, ids: readonly string[]): void {
  const config = new EncryptionKeyConfig(call.server.directories);
  for (const id of ids) {
    requirePrivileges(call, `/system/encryption-keys/${id}`, { all: ['Sys.Modify'] });
    config.get(id);
  }
}

function checker(server: ServerContext, caller: AuthId): (path: string, privilege: Privilege) => boolean {
  return (path, privilege) => server.access.privileges(caller, path).has(privilege);
}

function localPath(job: Pick<SyncJob, 'store' | 'ns'>): string {
  return datastoreAclPath(job.store, parseNamespace(job.ns ?? ''));
}

/** What a pushing job's rights on the other server are looked up on here. */
function remotePath(job: Pick<SyncJob, 'remote' | 'remote-store' | 'remote-ns'>): string {
  return remoteAclPath(job.remote ?? '', job['remote-store'], parseNamespace(job['remote-ns'] ?? ''));
}
