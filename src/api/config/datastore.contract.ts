// Configured datastores: list, read, create (rest-api.md 7.5).

import { Type } from 'typebox';
import { datastoreSchema } from '../../config/datastore-schema.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';

const { name } = datastoreSchema.properties;

export const listDatastoreConfigs = defineEndpoint({
  method: 'GET',
  path: 'config/datastore',
  summary: 'List datastore configurations.',
  parameters: Type.Object({}),
  result: Type.Array(datastoreSchema),
  access: { kind: 'any' },
});

export const getDatastoreConfig = defineEndpoint({
  method: 'GET',
  path: 'config/datastore/{name}',
  summary: 'Read the configuration of a datastore.',
  parameters: Type.Object({ name }),
  result: datastoreSchema,
  access: { kind: 'privilege', path: '/datastore/{name}', all: ['Datastore.Audit'] },
});

export const createDatastore = defineEndpoint({
  method: 'POST',
  path: 'config/datastore',
  summary: 'Create a datastore, in a task.',
  parameters: Type.Object({
    ...datastoreSchema.properties,
    'reuse-datastore': Type.Optional(
      Type.Boolean({ default: false, description: 'The directory holds a datastore that is taken over.' }),
    ),
    'overwrite-in-use': Type.Optional(
      Type.Boolean({ default: false, description: 'Take over an object store that is marked as in use.' }),
    ),
  }),
  result: schema.upid,
  access: { kind: 'privilege', path: '/datastore', all: ['Datastore.Allocate'] },
  protected: true,
});
