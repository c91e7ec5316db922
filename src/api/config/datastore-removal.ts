// Taking a datastore out of the configuration, and its data off the disk if that is wanted (config-and-tasks.md 9).
// Whatever fails before the first thing is removed leaves all as it was; what fails later can be done again: the
// datastore stays configured, in mode `delete`, until everything else is gone.

import path from 'node:path';
import { GranaryError } from '../../base/errors.ts';
import { aclConfigFile } from '../../config/acl-config.ts';
import { DatastoreConfig } from '../../config/datastore-config.ts';
import type { DatastoreSection } from '../../config/datastore-schema.ts';
import { PruneJobConfig } from '../../config/prune-config.ts';
import { SyncJobConfig } from '../../config/sync-config.ts';
import { VerifyJobConfig } from '../../config/verify-config.ts';
import { nestedPath } from '../../datastore/create.ts';
import { Datastore } from '../../datastore/datastore.ts';
import { checkDestroyable, destroyDatastore } from '../../datastore/destroy.ts';
import { waitUntilUnused } from '../../jobs/quiet-datastore.ts';
import { checkNotUnmounting } from '../../jobs/removable-section.ts';
import { removeMountPoint, unmountDatastore } from '../../machine/mount-datastore.ts';
import { checkMounted, datastorePath, mountStatus } from '../../machine/removable-datastore.ts';
import { datastoreAclPath } from '../../model/backup.ts';
import { JobStates, type JobType } from '../../task/job-state.ts';
import type { WorkerTask } from '../../task/task-registry.ts';
import type { ServerContext } from '../../wire/context.ts';
import { isInBucket, leaveBucket } from './datastore-in-bucket.ts';

export interface RemovalOptions {
  /** Keep jobs and access rules. */
  keepJobs: boolean;
  destroyData: boolean;
  digest?: string | undefined;
}

/** The work of a task `delete-datastore`. Waits until nobody uses the datastore. */
export async function takeOut(server: ServerContext, name: string, o: RemovalOptions, task: WorkerTask): Promise<void> {
  const config = new DatastoreConfig(server.directories);
  const check = (section: DatastoreSection, all: readonly DatastoreSection[]): void => {
    checkNotUnmounting(section);
    if (o.destroyData) checkDataIsOnlyOurs(server, section, all);
  };
  const { before } = await config.update(
    name,
    { 'maintenance-mode': 'delete' },
    { digest: o.digest, check: (_next, section, all) => check(section!, all) },
  );
  const section = before!;
  let collection: Disposable | undefined;
  try {
    await waitUntilUnused(server, name, task);
    if (o.destroyData) collection = await keepOthersOut(server, section);
  } catch (error) {
    await giveBack(config, section);
    throw error;
  }
  try {
    if (!o.keepJobs) await removeReferences(server, name, task);
    if (isInBucket(section)) await leaveBucket(server, section, { keepData: !o.destroyData }, task);
    if (o.destroyData) await removeData(datastorePath(server.machine, section), task);
  } finally {
    collection?.[Symbol.dispose]();
  }
  await new JobStates(server.directories).remove('garbage_collection', name);
  if (mountStatus(server, section) === 'mounted') {
    await server.datastores.letGo(name);
    await unmountDatastore(server, section, { log: (line) => task.log(line), signal: task.signal });
  }
  await config.remove(name);
  if (section['backing-device'] !== undefined) removeMountPoint(server.machine, section);
  task.log(`Datastore '${name}' removed from the configuration.`);
}

function checkDataIsOnlyOurs(server: ServerContext, section: DatastoreSection, all: readonly DatastoreSection[]): void {
  checkMounted(server, section);
  const base = datastorePath(server.machine, section);
  const others = all.filter((other) => other.name !== section.name);
  const nested = nestedPath(
    base,
    others.map((other) => datastorePath(server.machine, other)),
  );
  if (nested !== undefined) {
    const text = `cannot delete the data of '${base}': datastore in '${nested}' is nested with it`;
    throw new GranaryError('bad-request', text);
  }
  checkDestroyable(base);
}

/** Keeps garbage collection, and processes of the original product, off the datastore. */
async function keepOthersOut(server: ServerContext, section: DatastoreSection): Promise<Disposable> {
  const lockDir = path.join(server.directories.run, 'locks');
  const options = { path: datastorePath(server.machine, section) };
  const store = await Datastore.open(section.name, options, { lockDir, clock: server.clock });
  return store.context.writers.beginCollection();
}

/** Sets the mode that the datastore had before. */
async function giveBack(config: DatastoreConfig, { name, 'maintenance-mode': mode }: DatastoreSection): Promise<void> {
  if (mode !== undefined) await config.update(name, { 'maintenance-mode': mode });
  else await config.update(name, {}, { remove: ['maintenance-mode'] });
}

/** Removes the jobs of the datastore, their states, and the access rules at and below it. */
async function removeReferences(server: ServerContext, name: string, task: WorkerTask): Promise<void> {
  const { directories } = server;
  const states = new JobStates(directories);
  const kinds: [string, JobType, PruneJobConfig | VerifyJobConfig | SyncJobConfig][] = [
    ['prune', 'prunejob', new PruneJobConfig(directories)],
    ['verification', 'verificationjob', new VerifyJobConfig(directories)],
    ['sync', 'syncjob', new SyncJobConfig(directories)],
  ];
  for (const [word, type, table] of kinds) {
    for (const job of table.list().data) {
      if (job.store !== name) continue;
      await table.remove(job.id);
      await states.remove(type, job.id);
      task.log(`Removed ${word} job '${job.id}'.`);
    }
  }
  const acl = aclConfigFile(directories);
  if (!acl.current().value.find(datastoreAclPath(name))) return;
  await acl.update((tree) => tree.removePath(datastoreAclPath(name)));
  task.log(`Removed the access rules on '${datastoreAclPath(name)}'.`);
}

async function removeData(base: string, task: WorkerTask): Promise<void> {
  task.log(`Deleting all data in '${base}'.`);
  const problems = await destroyDatastore(base, { log: (text) => task.log(text), signal: task.signal });
  if (problems.length === 0) {
    task.log('Finished deleting data.');
    return;
  }
  for (const problem of problems.slice(0, 20)) task.log(problem);
  task.log('There were errors deleting data.');
  throw new GranaryError('io', `could not delete everything in '${base}': ${problems[0]}`);
}
