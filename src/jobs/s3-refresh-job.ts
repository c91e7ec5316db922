// Makes the local part of a datastore anew from its bucket, in a task (config-and-tasks.md 9). Its maintenance mode lets
// nothing begin meanwhile. The mode stays when it was cut short in the middle, and then a refresh is all that is allowed.

import path from 'node:path';
import { GranaryError } from '../base/errors.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { type DatastoreSection, parseBackend, parseTuning } from '../config/datastore-schema.ts';
import { parseMaintenanceMode } from '../config/maintenance.ts';
import { Datastore } from '../datastore/datastore.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import { datastoreBucket } from '../wire/object-stores.ts';
import { waitUntilUnused } from './quiet-datastore.ts';
import type { JobCaller } from './run-job.ts';

/** Throws when the datastore is unknown, not in an object store, or is being removed. */
export async function startS3Refresh(server: ServerContext, name: string, caller: JobCaller): Promise<WorkerTask> {
  checkRefreshable(new DatastoreConfig(server.directories).get(name).data);
  return await server.tasks.start({ type: 's3-refresh', id: name, ...caller }, (task) =>
    refreshFromBucket(server, name, task),
  );
}

function checkRefreshable({ name, backend, 'maintenance-mode': mode }: DatastoreSection): void {
  if (parseBackend(backend).type !== 's3') {
    throw new GranaryError('bad-request', `datastore '${name}' is not in an object store`);
  }
  const type = mode === undefined ? undefined : parseMaintenanceMode(mode).type;
  if (type !== 'delete' && type !== 'unmount') return;
  throw new GranaryError('maintenance', `datastore '${name}' is unavailable: it is in mode '${type}'`);
}

/** The work of the task, also a part of taking a datastore over. */
export async function refreshFromBucket(
  server: ServerContext,
  name: string,
  task: Pick<WorkerTask, 'log' | 'signal'>,
): Promise<void> {
  const config = new DatastoreConfig(server.directories);
  const { before } = await config.update(
    name,
    { 'maintenance-mode': 's3-refresh' },
    { check: (_next, section) => checkRefreshable(section!) },
  );
  const section = before!;
  const endMode = async (): Promise<void> => {
    const mode = section['maintenance-mode'];
    // Left by a refresh that was cut short.
    const isOwn = mode !== undefined && parseMaintenanceMode(mode).type === 's3-refresh';
    if (mode === undefined || isOwn) await config.update(name, {}, { remove: ['maintenance-mode'] });
    else await config.update(name, { 'maintenance-mode': mode });
  };
  let putInPlace: (() => Promise<void>) | undefined;
  try {
    await waitUntilUnused(server, name, task);
    await server.datastores.letGo(name);
    const store = await openStore(server, section);
    try {
      using _collection = store.context.writers.beginCollection();
      putInPlace = await store.prepareRefresh({ log: (line) => task.log(line), signal: task.signal });
      await putInPlace();
    } finally {
      store.close();
    }
  } catch (error) {
    if (putInPlace) task.log(`Datastore '${name}' stays in mode 's3-refresh': run the refresh again.`);
    else await endMode();
    throw error;
  }
  await endMode();
  task.log(`Datastore '${name}' is as the bucket has it.`);
}

async function openStore(server: ServerContext, section: DatastoreSection): Promise<Datastore> {
  const { name, path: base, tuning } = section;
  const bucket = datastoreBucket(server.directories, section, base);
  const lockDir = path.join(server.directories.run, 'locks');
  return await Datastore.open(
    name,
    { path: base, tuning: parseTuning(tuning), bucket },
    { lockDir, clock: server.clock },
  );
}
