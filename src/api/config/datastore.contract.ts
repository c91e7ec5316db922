// Configured datastores (rest-api.md 7.5, 10 G2, G9, G10).

import { datastoreSchema } from '../../config/datastore-schema.ts';
import { keepOptions } from '../../config/prune-job-schema.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';
import { configContracts } from '../config-object.contract.ts';

const { name } = datastoreSchema.properties;
const flag = (description: string) => Type.Optional(Type.Boolean({ default: false, description }));

/** Creation and removal are tasks: declared below. */
export const datastoreContracts = configContracts({
  path: 'config/datastore',
  what: ['datastore', 'datastore configurations'],
  schema: datastoreSchema,
  id: 'name',
  fixed: ['path', 'backing-device', 'backend'],
  deletable: [
    'comment',
    'gc-schedule',
    'gc-on-unmount',
    'prune-schedule',
    ...keepOptions,
    'verify-new',
    'notify-user',
    'notify',
    'notify-level',
    'notification-mode',
    'tuning',
    'maintenance-mode',
    'notification-thresholds',
    'counter-reset-schedule',
  ],
  access: {
    list: { kind: 'any' },
    read: { kind: 'privilege', path: '/datastore/{name}', all: ['Datastore.Audit'] },
    create: { kind: 'privilege', path: '/datastore', all: ['Datastore.Allocate'] },
    update: { kind: 'privilege', path: '/datastore/{name}', all: ['Datastore.Modify'] },
    remove: { kind: 'privilege', path: '/datastore/{name}', all: ['Datastore.Allocate'] },
  },
});

export const createDatastore = defineEndpoint({
  method: 'POST',
  path: 'config/datastore',
  summary: 'Create a datastore, in a task.',
  parameters: Type.Object({
    ...datastoreSchema.properties,
    'reuse-datastore': flag('The directory holds a datastore that is taken over.'),
    'overwrite-in-use': flag('Take over an object store that is marked as in use.'),
  }),
  result: schema.upid,
  access: datastoreContracts.object.access.create,
  protected: true,
});

export const removeDatastore = defineEndpoint({
  method: 'DELETE',
  path: 'config/datastore/{name}',
  summary: 'Remove a datastore, in a task; its data stays unless told otherwise.',
  parameters: Type.Object({
    name,
    'keep-job-configs': flag('Keep the jobs and the access rules of the datastore.'),
    'destroy-data': flag('Delete all backups in it for good.'),
    digest: Type.Optional(schema.configDigest),
  }),
  result: schema.upid,
  access: datastoreContracts.object.access.remove,
  protected: true,
});
