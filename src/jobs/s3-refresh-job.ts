// Makes the local part of a datastore anew from its bucket, in a task (config-and-tasks.md 9). Its maintenance mode lets
// nothing begin meanwhile; the one from before comes back when the local part is whole. What was cut short, by a crash,
// goes on when the server starts.

import path from 'node:path';
import { GranaryError, messageOf } from '../base/errors.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { type DatastoreSection, parseBackend, parseTuning } from '../config/datastore-schema.ts';
import { parseMaintenanceMode } from '../config/maintenance.ts';
import { Datastore } from '../datastore/datastore.ts';
import { makeLockDirectory } from '../datastore/locks.ts';
import { needsRefresh } from '../datastore/refresh.ts';
import { rootUser } from '../model/auth-id.ts';
import { type FileLock, tryLock } from '../os/file-lock.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import { datastoreBucket } from '../wire/object-stores.ts';
import { giveModeBack, isInMode, keepMode } from './kept-mode.ts';
import { waitUntilUnused } from './quiet-datastore.ts';
import type { JobCaller } from './run-job.ts';

const mode = 's3-refresh';

/** Throws when the datastore is unknown, not in an object store, or is being removed or refreshed. */
export async function startS3Refresh(server: ServerContext, name: string, caller: JobCaller): Promise<WorkerTask> {
  checkRefreshable(new DatastoreConfig(server.directories).get(name).data);
  const lock = lockRefresh(server, name);
  if (!lock) throw new GranaryError('locked', `datastore '${name}' is being refreshed already`);
  try {
    return await server.tasks.start({ type: 's3-refresh', id: name, ...caller }, async (task) => {
      try {
        await refresh(server, name, task);
      } finally {
        lock.release();
      }
    });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The same as a part of another task. */
export async function refreshFromBucket(
  server: ServerContext,
  name: string,
  task: Pick<WorkerTask, 'log' | 'signal'>,
): Promise<void> {
  using lock = lockRefresh(server, name);
  if (!lock) throw new GranaryError('locked', `datastore '${name}' is being refreshed already`);
  await refresh(server, name, task);
}

/** For the start of a process with all rights: goes on with what a crash has cut short. Never throws. */
export async function resumeS3Refreshes(server: ServerContext): Promise<void> {
  try {
    for (const section of new DatastoreConfig(server.directories).list().data) {
      if (!isInMode(section, mode)) continue;
      // One that goes on in another process has the lock.
      await startS3Refresh(server, section.name, { authId: rootUser }).then(
        ({ upid }) => server.log('warn', 's3-refresh-was-interrupted', { store: section.name, resumed: upid }),
        (error: unknown) =>
          server.log('info', 's3-refresh-not-resumed', { store: section.name, reason: messageOf(error) }),
      );
    }
  } catch (error) {
    server.log('error', 's3-refresh-not-resumed', { error: messageOf(error) });
  }
}

/** Held as long as a process refreshes. */
function lockRefresh({ directories }: ServerContext, name: string): FileLock | undefined {
  const folder = path.join(directories.run, 'locks', name);
  makeLockDirectory(folder);
  return tryLock(path.join(folder, '.s3-refresh'), 'exclusive');
}

function checkRefreshable({ name, backend, 'maintenance-mode': given }: DatastoreSection): void {
  if (parseBackend(backend).type !== 's3') {
    throw new GranaryError('bad-request', `datastore '${name}' is not in an object store`);
  }
  const type = given === undefined ? undefined : parseMaintenanceMode(given).type;
  if (type !== 'delete' && type !== 'unmount') return;
  throw new GranaryError('maintenance', `datastore '${name}' is unavailable: it is in mode '${type}'`);
}

async function refresh(server: ServerContext, name: string, task: Pick<WorkerTask, 'log' | 'signal'>): Promise<void> {
  const { directories } = server;
  const check = (before: DatastoreSection): void => {
    checkRefreshable(before);
    keepMode(directories, mode, before);
  };
  const { before } = await new DatastoreConfig(directories).update(
    name,
    { 'maintenance-mode': mode },
    { check: (_next, section) => check(section!) },
  );
  const section = before!;
  try {
    await waitUntilUnused(server, name, task);
    await server.datastores.letGo(name);
    const store = await openStore(server, section);
    try {
      using _collection = store.context.writers.beginCollection();
      const putInPlace = await store.prepareRefresh({ log: (line) => task.log(line), signal: task.signal });
      await putInPlace();
    } finally {
      store.close();
    }
    task.log(`Datastore '${name}' is as the bucket has it.`);
  } finally {
    if (needsRefresh(section.path)) {
      const text = 'the refresh has to be run again, which the next start of the server does, too';
      task.log(`Datastore '${name}' stays in mode '${mode}', as not all of it is here: ${text}.`);
    } else await giveModeBack(directories, mode, name);
  }
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
