// Every job that has a schedule, of whatever kind.

import { isAcmeConfigured } from '../certificates/renewal.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { SyncJobConfig } from '../config/sync-config.ts';
import { VerifyJobConfig } from '../config/verify-config.ts';
import type { JobType } from '../task/job-state.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import { startRenewal } from './certificate-renewal-job.ts';
import { startGarbageCollection } from './garbage-collection-job.ts';
import { logRotationName, startLogRotation } from './log-rotation-job.ts';
import { allPruneJobs, startPruneJob } from './prune-job.ts';
import type { JobCaller } from './run-job.ts';
import { startSyncJob } from './sync-job.ts';
import { startVerifyJob } from './verify-job.ts';

export interface ScheduledJob {
  type: JobType;
  name: string;
  /** Of jobs that work on a datastore; for pulls it is the target. */
  store?: string;
  ns?: string;
  /** Another datastore of this server that it reads from or writes to. */
  otherStore?: string;
  schedule: string;
  /** Undefined when it is running already. */
  start(caller: JobCaller): Promise<WorkerTask | undefined>;
}

/** A kind of job; a configuration file that cannot be read is its error alone. */
export type JobKind = (server: ServerContext) => ScheduledJob[];

const placeOf = ({ store, ns }: { store: string; ns?: string }): { store: string; ns?: string } =>
  ns === undefined || ns === '' ? { store } : { store, ns };

const collections: JobKind = (server) =>
  new DatastoreConfig(server.directories).list().data.flatMap(({ name, 'gc-schedule': schedule }) => {
    const start = (caller: JobCaller) => startGarbageCollection(server, name, caller);
    return schedule === undefined ? [] : [{ type: 'garbage_collection', name, store: name, schedule, start }];
  });

const pruneJobs: JobKind = (server) =>
  allPruneJobs(server)
    .filter((job) => job.disable !== true)
    .map((job) => ({
      type: 'prunejob',
      name: job.id,
      ...placeOf(job),
      schedule: job.schedule,
      start: (caller) => startPruneJob(server, job, caller),
    }));

const verifyJobs: JobKind = (server) =>
  new VerifyJobConfig(server.directories).list().data.flatMap((job) => {
    const start = (caller: JobCaller) => startVerifyJob(server, job, caller);
    const { id: name, schedule } = job;
    return schedule === undefined ? [] : [{ type: 'verificationjob', name, ...placeOf(job), schedule, start }];
  });

const syncJobs: JobKind = (server) =>
  new SyncJobConfig(server.directories).list().data.flatMap((job) => {
    const start = (caller: JobCaller) => startSyncJob(server, job, caller);
    const { id: name, schedule } = job;
    const other = job.remote === undefined ? { otherStore: job['remote-store'] } : {};
    return schedule === undefined ? [] : [{ type: 'syncjob', name, ...placeOf(job), ...other, schedule, start }];
  });

const renewals: JobKind = (server) => {
  if (!isAcmeConfigured(server.directories)) return [];
  const start = (caller: JobCaller) => startRenewal(server, caller);
  return [{ type: 'acme-renewal', name: 'certificate', schedule: 'daily', start }];
};

const logRotation: JobKind = (server) => {
  const start = (caller: JobCaller) => startLogRotation(server, caller);
  return [{ type: 'logrotate', name: logRotationName, schedule: 'daily', start }];
};

/** Jobs that work on datastores, whose files belong to the unprivileged part of an installation. */
export const datastoreJobs: readonly JobKind[] = [collections, pruneJobs, syncJobs, verifyJobs];

/** Jobs that look after the server's own files, which belong to that part too. */
export const housekeepingJobs: readonly JobKind[] = [logRotation];

/** Jobs that write configuration, which only the privileged part may. */
export const configurationJobs: readonly JobKind[] = [renewals];
