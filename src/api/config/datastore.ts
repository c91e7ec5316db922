// Configured datastores: list, read, create, change, remove.

import path from 'node:path';
import { epochSeconds } from '../../base/clock.ts';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { checkDigest } from '../../config/config-file.ts';
import { DatastoreConfig } from '../../config/datastore-config.ts';
import type { DatastoreSection } from '../../config/datastore-schema.ts';
import type { Directories } from '../../config/directories.ts';
import { formatMaintenanceMode, type MaintenanceType, parseMaintenanceMode } from '../../config/maintenance.ts';
import { checkCreatable, nestedPath } from '../../datastore/create.ts';
import { Datastore } from '../../datastore/datastore.ts';
import { keepMode } from '../../jobs/kept-mode.ts';
import { refreshFromBucket } from '../../jobs/s3-refresh-job.ts';
import { findDevice } from '../../machine/block-device.ts';
import { isRemovable, mountDatastore, removeMountPoint, unmountDatastore } from '../../machine/mount-datastore.ts';
import { datastorePath, pathOf, pathOnDevice } from '../../machine/removable-datastore.ts';
import { datastoreAclPath } from '../../model/backup.ts';
import { JobStates } from '../../task/job-state.ts';
import type { WorkerTask } from '../../task/task-registry.ts';
import { callerOf, hasPrivileges, requirePrivileges } from '../../wire/authorize.ts';
import type { CallContext, ServerContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import { parameterError } from '../../wire/parameters.ts';
import { implementConfig } from '../config-object.ts';
import { createDatastore, datastoreContracts, removeDatastore } from './datastore.contract.ts';
import { type BucketOptions, checkBucketSection, isInBucket, makeInBucket } from './datastore-in-bucket.ts';
import { takeOut } from './datastore-removal.ts';
import { changeRetention, retentionNames, touchesRetention, withoutRetention } from './retention.ts';

const { list, read } = implementConfig(datastoreContracts, {
  open: (directories) => new DatastoreConfig(directories),
  visible: (call, { name }) =>
    hasPrivileges(call.server, callerOf(call), datastoreAclPath(name), { all: ['Datastore.Audit'] }),
});

interface DatastoreChange extends Partial<DatastoreSection> {
  delete?: string[];
  digest?: string;
}

export const datastoreConfigEndpoints = [
  list,
  read,

  implement(createDatastore, async (parameters, call) => {
    const { 'reuse-datastore': reuse, 'overwrite-in-use': overwrite, ...given } = parameters;
    const section = storedFields({ ...given, path: placeOf(given) }) as DatastoreSection;
    await checkNewDatastore(call, section, reuse ?? false);
    const { server } = call;
    const start = { type: 'create-datastore', id: section.name, authId: callerOf(call) };
    const options = { reuse: reuse ?? false, overwrite: overwrite ?? false };
    const task = await server.tasks.start(start, (worker) => addDatastore(call, section, worker, options));
    return task.upid;
  }),

  implement(datastoreContracts.update, async (parameters, call) => {
    const { name = '', delete: remove = [], digest, ...given } = parameters as DatastoreChange;
    const retention = touchesRetention(given, remove);
    const change = await new DatastoreConfig(call.server.directories).update(
      name,
      withoutRetention(storedFields(given)),
      {
        remove: retention ? [...remove, ...retentionNames] : remove,
        digest,
        check: async (_next, before) => {
          checkMaintenanceChange(given, remove, before!);
          if (retention) await changeRetention(call, name, before!, given, remove);
        },
      },
    );
    if (change.before?.['gc-schedule'] !== change.next?.['gc-schedule'] || given['gc-schedule'] === 'now') {
      const now = epochSeconds(call.server.clock);
      await new JobStates(call.server.directories).scheduleChanged('garbage_collection', name, now);
    }
    return null;
  }),

  implement(removeDatastore, async (parameters, call) => {
    const { server } = call;
    const { name } = parameters;
    const { data, digest } = new DatastoreConfig(server.directories).list();
    if (!data.some((section) => section.name === name)) {
      throw new GranaryError('not-found', `datastore '${name}' does not exist.`);
    }
    checkDigest(digest, parameters.digest);
    const options = {
      keepJobs: parameters['keep-job-configs'] ?? false,
      destroyData: parameters['destroy-data'] ?? false,
      digest: parameters.digest,
    };
    const start = { type: 'delete-datastore', id: name, authId: callerOf(call) };
    return (await server.tasks.start(start, (worker) => takeOut(server, name, options, worker))).upid;
  }),
];

/** Properties in the form of the file. */
function storedFields(given: Partial<DatastoreSection>): Partial<DatastoreSection> {
  const { notify, 'maintenance-mode': mode, ...rest } = given;
  const fields: Partial<DatastoreSection> = rest;
  if (notify !== undefined) {
    const all = ['always', 'error', 'never'].includes(notify);
    fields.notify = all ? ['gc', 'verify', 'sync', 'prune'].map((job) => `${job}=${notify}`).join(',') : notify;
  }
  if (mode !== undefined) fields['maintenance-mode'] = formatMaintenanceMode(parseMaintenanceMode(mode));
  return fields;
}

/** Modes that operations of the server set and clear themselves. */
const ownModes: readonly MaintenanceType[] = ['delete', 'unmount', 's3-refresh'];

function checkMaintenanceChange(
  given: Partial<DatastoreSection>,
  remove: readonly string[],
  before: DatastoreSection | undefined,
): void {
  const wanted = given['maintenance-mode'];
  if (wanted === undefined && !remove.includes('maintenance-mode')) return;
  const present = before?.['maintenance-mode'];
  for (const mode of [wanted, present]) {
    const type = mode === undefined ? undefined : parseMaintenanceMode(mode).type;
    if (type === undefined || !ownModes.includes(type)) continue;
    throw parameterError(
      'maintenance-mode',
      mode === wanted
        ? `mode '${type}' is set by the server itself`
        : `mode '${type}' ends by itself and cannot be changed`,
    );
  }
}

/** Throws for a name that is taken, and for a place inside or around another datastore. */
export function checkNewName({ server }: CallContext, section: DatastoreSection): void {
  const { data } = new DatastoreConfig(server.directories).list();
  if (data.some((other) => other.name === section.name)) {
    throw parameterError('name', `datastore '${section.name}' already exists.`);
  }
  checkNotNested(server, section, data);
}

/** What can be refused at once; the task checks names and places again, under the lock of the configuration. */
export async function checkNewDatastore(call: CallContext, section: DatastoreSection, reuse = false): Promise<void> {
  const { server } = call;
  if (section['backing-device'] === undefined && !path.isAbsolute(section.path)) {
    throw parameterError('path', `'${section.path}' is not an absolute path`);
  }
  checkNewName(call, section);
  checkMaintenanceChange(section, [], undefined);
  if (section['backing-device'] !== undefined && !isInBucket(section)) {
    requirePrivileges(call, '/system/disks', { all: ['Sys.Modify'] });
    try {
      await findDevice(server.machine, section['backing-device']);
    } catch (error) {
      throw parameterError('backing-device', messageOf(error));
    }
    return;
  }
  if (isInBucket(section)) section.backend = checkBucketSection(server, section);
  else checkCreatable(section.path, reuse);
}

/** The path as it is stored: normalized, on a removable device from its top. */
function placeOf(given: { path: string; 'backing-device'?: string }): string {
  if (given['backing-device'] === undefined) return given.path;
  try {
    return pathOnDevice(given.path) || '/';
  } catch (error) {
    throw parameterError('path', messageOf(error));
  }
}

/** Throws when a datastore is at the path or below. */
export function checkUnusedPath(directories: Directories, place: string): void {
  const { data } = new DatastoreConfig(directories).list();
  const user = data.find((one) => path.normalize(`${pathOf(one)}/`).startsWith(path.normalize(`${place}/`)));
  if (user !== undefined) {
    throw new GranaryError('bad-request', `"${place}" is used by datastore '${user.name}'; remove that first`);
  }
}

function checkNotNested(
  { machine }: Pick<ServerContext, 'machine'>,
  section: DatastoreSection,
  all: readonly DatastoreSection[],
): void {
  const base = datastorePath(machine, section);
  const other = nestedPath(
    base,
    all.map((one) => datastorePath(machine, one)),
  );
  if (other !== undefined) {
    throw new GranaryError('bad-request', `nested datastores not allowed: '${base}' and '${other}'`);
  }
  const device = section['backing-device'];
  if (device === undefined) return;
  const onDevice = all.filter((one) => one['backing-device'] === device).map((one) => `/${pathOnDevice(one.path)}`);
  const neighbour = nestedPath(`/${pathOnDevice(section.path)}`, onDevice);
  if (neighbour === undefined) return;
  const text = `nested datastores not allowed: '${section.path}' and '${neighbour.slice(1) || '/'}' on device '${device}'`;
  throw new GranaryError('bad-request', text);
}

/** Creates a datastore and its configuration; the work of a task. An existing one is only taken over with `reuse`. */
export async function addDatastore(
  call: CallContext,
  section: DatastoreSection,
  task: Pick<WorkerTask, 'log' | 'signal'>,
  options: BucketOptions = { reuse: false, overwrite: false },
): Promise<void> {
  const { server } = call;
  const { reuse } = options;
  const { directories, clock } = server;
  const work = { log: (line: string) => task.log(line), signal: task.signal };
  let isMounted = false;
  let isToRefresh = false;
  try {
    if (isRemovable(section)) {
      await mountDatastore(server, section, work, { make: !reuse });
      isMounted = true;
    }
    if (isInBucket(section)) isToRefresh = await makeInBucket(server, section, options, task);
    else await makeStore(datastorePath(server.machine, section), task, reuse);
    const mode = isToRefresh ? { 'maintenance-mode': 's3-refresh' } : {};
    if (isToRefresh) keepMode(directories, 's3-refresh', section);
    const stored = withoutRetention({ ...section, ...mode, path: path.normalize(section.path) });
    await new DatastoreConfig(directories).create(stored, {
      check: (next, _before, all) => checkNotNested(server, next!, all),
    });
  } catch (error) {
    if (isRemovable(section)) {
      // Not by the task's signal, which may be why it failed.
      if (isMounted) {
        const left = unmountDatastore(server, section, { log: work.log });
        await left.catch((failure: unknown) => task.log(messageOf(failure)));
      }
      removeMountPoint(server.machine, section);
    }
    throw error;
  }
  await new JobStates(directories).create('garbage_collection', section.name, epochSeconds(clock));
  if (touchesRetention(section)) await changeRetention(call, section.name, {}, section);
  task.log(`Datastore '${section.name}' created.`);
  if (isToRefresh) await refreshFromBucket(server, section.name, task);
}

async function makeStore(base: string, task: Pick<WorkerTask, 'log' | 'signal'>, reuse: boolean): Promise<void> {
  if (reuse) checkCreatable(base, true);
  const result = await Datastore.create(base, {
    signal: task.signal,
    onProgress: (percent) => task.log(`Chunkstore create: ${percent}%`),
  });
  if (result === 'reused' && !reuse) {
    throw new GranaryError('bad-request', `datastore path not empty: '${base}' holds a datastore already`);
  }
  if (result === 'reused') task.log(`Reusing the datastore in '${base}'`);
}
