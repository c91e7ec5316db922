// Unmounts a removable datastore in a task (config-and-tasks.md 9). Its maintenance mode lets nothing new begin meanwhile;
// whatever comes of it, the mode from before is set again, after a crash by the next start of the server.

import path from 'node:path';
import { GranaryError, messageOf } from '../base/errors.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { type DatastoreSection, parseTuning } from '../config/datastore-schema.ts';
import { Datastore } from '../datastore/datastore.ts';
import { settleMounts, unmountDatastore } from '../machine/mount-datastore.ts';
import { checkMounted, datastorePath, mountStatus } from '../machine/removable-datastore.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import type { ServerContext } from '../wire/context.ts';
import { startGarbageCollection } from './garbage-collection-job.ts';
import { giveModeBack, isInMode, keepMode } from './kept-mode.ts';
import { waitUntilUnused } from './quiet-datastore.ts';
import { checkSettled, removableSection } from './removable-section.ts';
import type { JobCaller } from './run-job.ts';

const taskType = 'unmount-device';

/** Throws when the datastore is unknown, has no device, is not mounted, or is being removed or unmounted. */
export async function startUnmount(server: ServerContext, name: string, caller: JobCaller): Promise<WorkerTask> {
  const section = removableSection(server, name);
  checkSettled(section);
  checkMounted(server, section);
  return await server.tasks.start({ type: taskType, id: name, ...caller }, (task) =>
    unmount(server, name, task, caller),
  );
}

async function unmount(server: ServerContext, name: string, task: WorkerTask, caller: JobCaller): Promise<void> {
  const { directories } = server;
  const config = new DatastoreConfig(directories);
  const check = (before: DatastoreSection): void => {
    checkSettled(before);
    keepMode(directories, 'unmount', before);
  };
  const { before } = await config.update(
    name,
    { 'maintenance-mode': 'unmount' },
    { check: (_next, section) => check(section!) },
  );
  const section = before!;
  try {
    await waitUntilUnused(server, name, task);
    if (section['gc-on-unmount'] === true) await collectFirst(server, section, task, caller);
    await server.datastores.letGo(name);
    await unmountDatastore(server, section, { log: (line) => task.log(line), signal: task.signal });
  } finally {
    await giveModeBack(directories, 'unmount', name);
  }
}

/** A collection that fails does not keep the device here; one that is stopped does. */
async function collectFirst(
  server: ServerContext,
  section: DatastoreSection,
  task: WorkerTask,
  { authId, peer }: JobCaller,
): Promise<void> {
  const { name, tuning } = section;
  task.log('collecting garbage before the device goes');
  const options = { path: datastorePath(server.machine, section), tuning: parseTuning(tuning) };
  const env = { lockDir: path.join(server.directories.run, 'locks'), clock: server.clock };
  const open = async () => {
    const datastore = await Datastore.open(name, options, env);
    return { datastore, [Symbol.dispose]: () => datastore.accounting.close() };
  };
  const caller = { authId, ...(peer === undefined ? {} : { peer }) };
  const collection = await startGarbageCollection(server, name, caller, open);
  if (collection === undefined) throw new GranaryError('locked', 'Start GC failed - (already running/locked)');
  const stop = (): void => collection.requestAbort();
  task.signal.addEventListener('abort', stop, { once: true });
  if (task.signal.aborted) stop();
  const status = await collection.done;
  task.signal.removeEventListener('abort', stop);
  task.checkAbort();
  if (status === 'OK') task.log('garbage collection: OK');
  else task.warn(`garbage collection: ${status}`);
}

/**
 * For the start of a process with all rights: puts right what tasks have left that died. Never throws; what cannot be
 * done is logged.
 */
export async function settleRemovable(server: ServerContext): Promise<void> {
  const { directories, tasks, log } = server;
  try {
    const { data } = new DatastoreConfig(directories).list();
    const removable = data.filter((section) => section['backing-device'] !== undefined);
    if (removable.length === 0) return;
    if (process.getuid?.() === 0) await settleMounts(server, removable);
    for (const section of removable) {
      const { name } = section;
      if (!isInMode(section, 'unmount')) continue;
      const { data: running } = await tasks.list({ store: name, running: true, typefilter: taskType, limit: 0 });
      if (running.length > 0) continue;
      await giveModeBack(directories, 'unmount', name);
      log('warn', 'unmount-was-interrupted', { store: name, status: mountStatus(server, section) });
    }
  } catch (error) {
    log('error', 'removable-datastores-not-settled', { error: messageOf(error) });
  }
}
