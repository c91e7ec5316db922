// The sync jobs that wait for a removable datastore: after it was mounted they run one after the other, and then it may
// be unmounted (sync.md 11). They run where sync jobs always run, which in an installation is not the process that
// mounts: so they are started through the server's port, as root@pam.

import { setTimeout as delay } from 'node:timers/promises';
import { epochSeconds } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { loadIdentity } from '../certificates/identity.ts';
import { Connection } from '../client/connection.ts';
import { SyncJobConfig } from '../config/sync-config.ts';
import type { SyncJob } from '../config/sync-job-schema.ts';
import { rootUser } from '../model/auth-id.ts';
import { announcedPort } from '../notify/server-names.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import type { JobCaller } from './run-job.ts';
import { startUnmount } from './unmount-job.ts';

const pollMs = 250;

/** Undefined when no job waits for the datastore. */
export async function startMountSyncJobs(
  server: ServerContext,
  store: string,
  caller: JobCaller,
): Promise<WorkerTask | undefined> {
  const jobs = new SyncJobConfig(server.directories).list().data.filter((job) => waitsFor(job, store));
  if (jobs.length === 0) return undefined;
  return await server.tasks.start({ type: 'mount-sync-jobs', id: store, ...caller }, (task) =>
    runAll(server, store, jobs, task, caller),
  );
}

/** A job with `run-on-mount` that reads from the datastore or writes to it. */
function waitsFor(job: SyncJob, store: string): boolean {
  if (job['run-on-mount'] !== true) return false;
  return job.store === store || (job.remote === undefined && job['remote-store'] === store);
}

async function runAll(
  server: ServerContext,
  store: string,
  jobs: readonly SyncJob[],
  task: WorkerTask,
  caller: JobCaller,
): Promise<void> {
  task.log(`will run ${jobs.length} sync jobs: ${jobs.map(({ id }) => id).join(', ')}`);
  await using connection = await connectToSelf(server);
  for (const [index, { id }] of jobs.entries()) {
    task.checkAbort();
    task.log(`[${index + 1}/${jobs.length}] starting '${id}'...`);
    try {
      const upid = (await connection.call('POST', `admin/sync/${encodeURIComponent(id)}/run`)) as string;
      const status = await statusOf(server, upid, task);
      if (status === 'OK') task.log(`'${id}' ended: OK`);
      else task.warn(`'${id}' ended: ${status}`);
    } catch (error) {
      task.checkAbort();
      task.warn(`'${id}' could not be run: ${messageOf(error)}`);
    }
  }
  if (!jobs.some((job) => job['unmount-on-done'] === true)) return;
  task.log(`unmounting datastore '${store}'`);
  const unmount = await startUnmount(server, store, caller);
  const status = await unmount.done;
  if (status !== 'OK') task.warn(`datastore '${store}' was not unmounted as it should be: ${status}`);
}

/** How a task of whatever process ended; it is stopped when this one is. */
async function statusOf(server: ServerContext, upid: string, task: WorkerTask): Promise<string> {
  for (;;) {
    const { running, status } = await server.tasks.info(upid);
    if (!running) return status ?? 'unknown';
    if (task.signal.aborted) await server.tasks.abort(upid);
    task.checkAbort();
    await delay(pollMs, undefined, { signal: task.signal }).catch(() => {});
  }
}

async function connectToSelf(server: ServerContext): Promise<Connection> {
  const { access, clock, directories } = server;
  const identity = await loadIdentity(directories.config);
  if (identity === undefined) throw new GranaryError('certificate', `no certificate in ${directories.config}`);
  return await Connection.open({
    repository: { authId: rootUser, host: 'localhost', port: await announcedPort(directories) },
    env: {},
    clock,
    fingerprint: identity.fingerprint,
    issueTicket: async () => {
      const { ticket, csrf } = access.issueTicket(rootUser);
      return { ticket, token: csrf, timestamp: epochSeconds(clock) };
    },
  });
}
