// Configured datastores: list, read, create.

import path from 'node:path';
import { GranaryError } from '../../base/errors.ts';
import { DatastoreConfig } from '../../config/datastore-config.ts';
import type { DatastoreSection } from '../../config/datastore-schema.ts';
import { nestedPath } from '../../datastore/create.ts';
import { Datastore } from '../../datastore/datastore.ts';
import { datastoreAclPath } from '../../model/backup.ts';
import type { WorkerTask } from '../../task/task-registry.ts';
import { callerOf, hasPrivileges, missingPermissions } from '../../wire/authorize.ts';
import type { CallContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import { parameterError } from '../../wire/parameters.ts';
import { createDatastore, getDatastoreConfig, listDatastoreConfigs } from './datastore.contract.ts';

export const datastoreConfigEndpoints = [
  implement(listDatastoreConfigs, async (_parameters, call) => {
    const { server } = call;
    const { data, digest } = new DatastoreConfig(server.directories).list();
    const caller = callerOf(call);
    call.setAttribute('digest', digest);
    return data.filter(({ name }) =>
      hasPrivileges(server, caller, datastoreAclPath(name), { all: ['Datastore.Audit'] }),
    );
  }),

  implement(getDatastoreConfig, async ({ name }, call) => {
    const { data, digest } = new DatastoreConfig(call.server.directories).get(name);
    call.setAttribute('digest', digest);
    return data;
  }),

  implement(createDatastore, async (parameters, call) => {
    const { 'reuse-datastore': reuse, 'overwrite-in-use': _overwrite, ...section } = parameters;
    checkNew(call, section);
    const { server } = call;
    const start = { type: 'create-datastore', id: section.name, authId: callerOf(call) };
    const task = await server.tasks.start(start, (worker) => create(call, section, reuse ?? false, worker));
    return task.upid;
  }),
];

/** What can be refused at once; the task checks names again, under the lock of the configuration. */
function checkNew(call: CallContext, section: DatastoreSection): void {
  const { server } = call;
  const { data } = new DatastoreConfig(server.directories).list();
  if (data.some((other) => other.name === section.name)) {
    throw parameterError('name', `datastore '${section.name}' already exists.`);
  }
  if (section['backing-device'] !== undefined) {
    const caller = callerOf(call);
    if (!hasPrivileges(server, caller, '/system/disks', { all: ['Sys.Modify'] })) {
      throw new GranaryError('permission-denied', missingPermissions(['Sys.Modify'], '&', '/system/disks'));
    }
    throw parameterError('backing-device', 'removable datastores are not supported');
  }
  if (section.backend !== undefined && /(^|=|,)s3\b/.test(section.backend)) {
    throw parameterError('backend', 'object stores are not supported');
  }
  if (!path.isAbsolute(section.path)) throw parameterError('path', `'${section.path}' is not an absolute path`);
  const other = nestedPath(
    section.path,
    data.map((one) => one.path),
  );
  if (other !== undefined) {
    throw new GranaryError('bad-request', `nested datastores not allowed: '${section.path}' and '${other}'`);
  }
}

async function create(call: CallContext, section: DatastoreSection, reuse: boolean, task: WorkerTask): Promise<void> {
  const { directories } = call.server;
  const result = await Datastore.create(section.path, {
    signal: task.signal,
    onProgress: (percent) => task.log(`Chunkstore create: ${percent}%`),
  });
  if (result === 'reused' && !reuse) {
    throw new GranaryError('bad-request', `datastore path not empty: '${section.path}' holds a datastore already`);
  }
  if (result === 'reused') task.log(`Reusing the datastore in '${section.path}'`);
  await new DatastoreConfig(directories).create({ ...section, path: path.normalize(section.path) });
  task.log(`Datastore '${section.name}' created.`);
}
