// Namespaces: list, create, remove (rest-api.md 7.3).

import { defineEndpoint } from '../../../model/endpoint.ts';
import { schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';

export const listNamespaces = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/namespace',
  summary: 'List namespaces, the parent included.',
  parameters: Type.Object({
    store: schema.store,
    parent: Type.Optional(schema.ns),
    'max-depth': Type.Optional(Type.Integer({ minimum: 0, maximum: 7, description: 'Levels below the parent.' })),
  }),
  result: Type.Array(Type.Object({ ns: schema.ns, comment: Type.Optional(Type.String()) })),
  access: { kind: 'inside', note: 'Datastore.Audit, Modify or Backup on or below /datastore/{store}/{parent}.' },
});

export const createNamespace = defineEndpoint({
  method: 'POST',
  path: 'admin/datastore/{store}/namespace',
  summary: 'Create a namespace.',
  parameters: Type.Object({
    store: schema.store,
    name: Type.String({
      pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]*$',
      minLength: 1,
      maxLength: 32,
      description: 'Name below the parent.',
    }),
    parent: Type.Optional(schema.ns),
  }),
  result: schema.ns,
  access: { kind: 'inside', note: 'Datastore.Modify on /datastore/{store}/{parent}.' },
});

export const removeNamespace = defineEndpoint({
  method: 'DELETE',
  path: 'admin/datastore/{store}/namespace',
  summary: 'Remove a namespace.',
  parameters: Type.Object({
    store: schema.store,
    ns: schema.ns,
    'delete-groups': Type.Optional(Type.Boolean({ default: false, description: 'Remove the groups in it, too.' })),
    'error-on-protected': Type.Optional(
      Type.Boolean({ default: true, description: 'Fail when protected snapshots remain.' }),
    ),
  }),
  result: Type.Object({
    'removed-groups': Type.Integer(),
    'protected-snapshots': Type.Integer(),
    'removed-snapshots': Type.Integer(),
  }),
  access: { kind: 'inside', note: 'Datastore.Modify on the parent of /datastore/{store}/{ns}.' },
});
