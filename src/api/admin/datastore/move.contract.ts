// Moving groups and namespaces within a datastore (rest-api.md 7.3).

import { defineEndpoint } from '../../../model/endpoint.ts';
import { parameterSets, schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';

export const moveGroup = defineEndpoint({
  method: 'POST',
  path: 'admin/datastore/{store}/move-group',
  summary: 'Move a group to another namespace.',
  parameters: Type.Object({
    store: schema.store,
    ns: Type.Optional(schema.ns),
    ...parameterSets.group,
    'target-ns': Type.Optional(schema.ns),
    'merge-group': Type.Optional(
      Type.Boolean({ default: true, description: 'Add the snapshots to a group of that name, if there is one.' }),
    ),
  }),
  result: schema.upid,
  access: { kind: 'datastore', full: ['Datastore.Modify'], owned: ['Datastore.Prune'] },
});

export const moveNamespace = defineEndpoint({
  method: 'POST',
  path: 'admin/datastore/{store}/move-namespace',
  summary: 'Move the groups of a namespace, and those of the namespaces below it, to another namespace.',
  parameters: Type.Object({
    store: schema.store,
    ns: schema.ns,
    'target-ns': schema.ns,
    'max-depth': Type.Optional(
      Type.Integer({ minimum: 0, maximum: 7, description: 'Levels of namespaces below that are moved, too.' }),
    ),
    'delete-source': Type.Optional(
      Type.Boolean({ default: true, description: 'Remove the namespaces that have become empty.' }),
    ),
    'merge-groups': Type.Optional(
      Type.Boolean({ default: true, description: 'Add snapshots to groups of the same name.' }),
    ),
  }),
  result: schema.upid,
  access: { kind: 'inside', note: 'Datastore.Modify on the parents of both namespaces.' },
});
