// Mounts a removable datastore in a task, and then has the sync jobs run that wait for it (config-and-tasks.md 9).

import { GranaryError, messageOf } from '../base/errors.ts';
import { hasChunks } from '../chunk-store/layout.ts';
import type { DatastoreSection } from '../config/datastore-schema.ts';
import { mountDatastore, type RemovableDatastore, unmountDatastore } from '../machine/mount-datastore.ts';
import { datastorePath, mountStatus } from '../machine/removable-datastore.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import { startMountSyncJobs } from './mount-sync-jobs.ts';
import { checkSettled, removableSection } from './removable-section.ts';
import type { JobCaller } from './run-job.ts';

/** Throws when the datastore is unknown, has no device, is mounted already, or is being removed or unmounted. */
export async function startMount(server: ServerContext, name: string, caller: JobCaller): Promise<WorkerTask> {
  const section = removableSection(server, name);
  checkSettled(section);
  if (mountStatus(server, section) === 'mounted') {
    const place = datastorePath(server.machine, section);
    throw new GranaryError('bad-request', `datastore '${name}' is already mounted at '${place}'`);
  }
  const start = { type: 'mount-device', id: name, ...caller };
  return await server.tasks.start(start, (task) => mount(server, section, task, caller));
}

async function mount(
  server: ServerContext,
  section: DatastoreSection & RemovableDatastore,
  task: WorkerTask,
  caller: JobCaller,
): Promise<void> {
  const work = { log: (line: string) => task.log(line), signal: task.signal };
  await mountDatastore(server, section, work);
  const base = datastorePath(server.machine, section);
  if (!hasChunks(base)) {
    await unmountDatastore(server, section, work);
    const text = `there is no datastore in '${section.path}' on device '${section['backing-device']}': it has no '.chunks'`;
    throw new GranaryError('bad-request', text);
  }
  try {
    await startMountSyncJobs(server, section.name, caller);
  } catch (error) {
    task.warn(`the sync jobs for this datastore were not started: ${messageOf(error)}`);
  }
}
