// Sync jobs: who may see and change them, and what cannot be (sync.md 1 and 3).

import { GranaryError } from '../../base/errors.ts';
import { SyncJobConfig } from '../../config/sync-config.ts';
import { directionOf, type SyncJob } from '../../config/sync-job-schema.ts';
import { maxNamespaceDepth, parseNamespace } from '../../model/backup.ts';
import { storedGroupFilter } from '../../model/group-filter.ts';
import { callerOf, staticDenial } from '../../wire/authorize.ts';
import { parameterError } from '../../wire/parameters.ts';
import { implementConfig } from '../config-object.ts';
import { mayRunSyncJob, maySeeSyncJob, requireKeys } from '../sync-access.ts';
import { keepJobState } from './job-changes.ts';
import { storedRates } from './stored-rates.ts';
import { syncJobContracts } from './sync.contract.ts';

export const syncConfigEndpoints = Object.values(
  implementConfig(syncJobContracts, {
    open: (directories) => new SyncJobConfig(directories),
    visible: (call, job, { 'sync-direction': direction = 'all' }) =>
      (direction === 'all' || direction === directionOf(job)) && maySeeSyncJob(call.server, callerOf(call), job),
    mayRead(call, job) {
      if (!maySeeSyncJob(call.server, callerOf(call), job)) throw denied();
    },
    stored: storedSyncJob,
    check(call, next, before) {
      for (const job of [next, before]) {
        if (job && !mayRunSyncJob(call.server, callerOf(call), job)) throw denied();
      }
      if (!next) return;
      checkSense(next);
      keepReplacedKey(next, before);
      const known = before ? keysOf(before) : [];
      requireKeys(
        call,
        keysOf(next).filter((id) => !known.includes(id)),
      );
    },
    changed: (call, change, given) => keepJobState(call, 'syncjob', change, given),
  }),
);

function denied(): GranaryError {
  return new GranaryError('permission-denied', staticDenial);
}

/** The fields in the form of the file. */
function storedSyncJob(given: Readonly<Record<string, unknown>>): Partial<SyncJob> {
  const job: Record<string, unknown> = { ...given, ...storedRates(given) };
  const filters = job['group-filter'];
  if (Array.isArray(filters)) job['group-filter'] = filters.map((filter) => storedGroupFilter(String(filter)));
  return job as Partial<SyncJob>;
}

function keysOf(job: SyncJob): string[] {
  const active = job['active-encryption-key'];
  return [...(active === undefined ? [] : [active]), ...(job['associated-key'] ?? [])];
}

/** What was encrypted with a key that is replaced has to be pulled back with it some day. */
function keepReplacedKey(next: SyncJob, before: SyncJob | undefined): void {
  const replaced = before?.['active-encryption-key'];
  if (replaced === undefined || keysOf(next).includes(replaced)) return;
  next['associated-key'] = [...(next['associated-key'] ?? []), replaced];
}

/** Refuses jobs that could not run. */
function checkSense(job: SyncJob): void {
  const push = directionOf(job) === 'push';
  if (job.remote === undefined) {
    if (push) throw parameterError('remote', 'a job that pushes needs a remote');
    if (job.store === job['remote-store']) throw parameterError('remote-store', "can't sync to same datastore");
  }
  if (!push && job['active-encryption-key'] !== undefined) {
    throw parameterError('active-encryption-key', 'only a job that pushes encrypts');
  }
  if (push && job['resync-corrupt'] === true) {
    throw parameterError('resync-corrupt', 'only a job that pulls can fetch snapshots again');
  }
  const depth = job['max-depth'];
  if (depth === undefined) return;
  for (const name of ['ns', 'remote-ns'] as const) {
    const room = maxNamespaceDepth - parseNamespace(job[name] ?? '').length;
    if (depth > room) {
      throw parameterError(
        'max-depth',
        `value must have a maximum value of ${room} with ${name} '${job[name]}' (got ${depth})`,
      );
    }
  }
}
