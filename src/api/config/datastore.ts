// Configured datastores: list, read, create, change, remove.

import path from 'node:path';
import { epochSeconds } from '../../base/clock.ts';
import { GranaryError } from '../../base/errors.ts';
import { checkDigest } from '../../config/config-file.ts';
import { DatastoreConfig } from '../../config/datastore-config.ts';
import type { DatastoreSection } from '../../config/datastore-schema.ts';
import type { Directories } from '../../config/directories.ts';
import { formatMaintenanceMode, type MaintenanceType, parseMaintenanceMode } from '../../config/maintenance.ts';
import { checkCreatable, nestedPath } from '../../datastore/create.ts';
import { Datastore } from '../../datastore/datastore.ts';
import { datastoreAclPath } from '../../model/backup.ts';
import { JobStates } from '../../task/job-state.ts';
import type { WorkerTask } from '../../task/task-registry.ts';
import { callerOf, hasPrivileges, requirePrivileges } from '../../wire/authorize.ts';
import type { CallContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import { parameterError } from '../../wire/parameters.ts';
import { implementConfig } from '../config-object.ts';
import { createDatastore, datastoreContracts, removeDatastore } from './datastore.contract.ts';
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
    const { 'reuse-datastore': reuse, 'overwrite-in-use': _overwrite, ...given } = parameters;
    const section = storedFields({ ...given, path: given.path }) as DatastoreSection;
    checkNewDatastore(call, section, reuse ?? false);
    const { server } = call;
    const start = { type: 'create-datastore', id: section.name, authId: callerOf(call) };
    const task = await server.tasks.start(start, (worker) => addDatastore(call, section, worker, reuse ?? false));
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

/** What can be refused at once; the task checks names and places again, under the lock of the configuration. */
export function checkNewDatastore(call: CallContext, section: DatastoreSection, reuse = false): void {
  const { server } = call;
  const { data } = new DatastoreConfig(server.directories).list();
  if (data.some((other) => other.name === section.name)) {
    throw parameterError('name', `datastore '${section.name}' already exists.`);
  }
  checkMaintenanceChange(section, [], undefined);
  if (section['backing-device'] !== undefined) {
    requirePrivileges(call, '/system/disks', { all: ['Sys.Modify'] });
    throw parameterError('backing-device', 'removable datastores are not supported');
  }
  if (section.backend !== undefined && /(^|=|,)s3\b/.test(section.backend)) {
    throw parameterError('backend', 'object stores are not supported');
  }
  if (!path.isAbsolute(section.path)) throw parameterError('path', `'${section.path}' is not an absolute path`);
  checkNotNested(section, data);
  checkCreatable(section.path, reuse);
}

/** Throws when a datastore is at the path or below. */
export function checkUnusedPath(directories: Directories, place: string): void {
  const user = new DatastoreConfig(directories)
    .list()
    .data.find((one) => path.normalize(`${one.path}/`).startsWith(path.normalize(`${place}/`)));
  if (user !== undefined) {
    throw new GranaryError('bad-request', `"${place}" is used by datastore '${user.name}'; remove that first`);
  }
}

function checkNotNested(section: DatastoreSection, all: readonly DatastoreSection[]): void {
  const other = nestedPath(
    section.path,
    all.map((one) => one.path),
  );
  if (other !== undefined) {
    throw new GranaryError('bad-request', `nested datastores not allowed: '${section.path}' and '${other}'`);
  }
}

/** Creates a datastore and its configuration; the work of a task. An existing one is only taken over with `reuse`. */
export async function addDatastore(
  call: CallContext,
  section: DatastoreSection,
  task: Pick<WorkerTask, 'log' | 'signal'>,
  reuse = false,
): Promise<void> {
  const { directories, clock } = call.server;
  const result = await Datastore.create(section.path, {
    signal: task.signal,
    onProgress: (percent) => task.log(`Chunkstore create: ${percent}%`),
  });
  if (result === 'reused' && !reuse) {
    throw new GranaryError('bad-request', `datastore path not empty: '${section.path}' holds a datastore already`);
  }
  if (result === 'reused') task.log(`Reusing the datastore in '${section.path}'`);
  const stored = withoutRetention({ ...section, path: path.normalize(section.path) });
  await new DatastoreConfig(directories).create(stored, {
    check: (next, _before, all) => checkNotNested(next!, all),
  });
  await new JobStates(directories).create('garbage_collection', section.name, epochSeconds(clock));
  if (touchesRetention(section)) await changeRetention(call, section.name, {}, section);
  task.log(`Datastore '${section.name}' created.`);
}
