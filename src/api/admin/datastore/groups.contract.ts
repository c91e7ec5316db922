// Groups: list, remove, notes, owner (rest-api.md 7.3).

import { defineEndpoint } from '../../../model/endpoint.ts';
import { parameterSets, schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';
import { groupItem, withUsage } from '../../shapes.contract.ts';

const namespace = { store: schema.store, ns: Type.Optional(schema.ns) };
const group = { ...namespace, ...parameterSets.group };

export const listGroups = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/groups',
  summary: 'List the groups of a namespace.',
  parameters: Type.Object({ ...namespace, usage: withUsage }),
  result: Type.Array(groupItem),
  access: { kind: 'datastore', full: ['Datastore.Audit'], owned: ['Datastore.Backup'] },
});

export const removeGroup = defineEndpoint({
  method: 'DELETE',
  path: 'admin/datastore/{store}/groups',
  summary: 'Remove a group with its snapshots.',
  parameters: Type.Object({
    ...group,
    'error-on-protected': Type.Optional(
      Type.Boolean({ default: true, description: 'Fail when protected snapshots remain.' }),
    ),
  }),
  result: Type.Object({
    'removed-groups': Type.Integer(),
    'protected-snapshots': Type.Integer(),
    'removed-snapshots': Type.Integer(),
  }),
  access: { kind: 'datastore', full: ['Datastore.Modify'], owned: ['Datastore.Prune'] },
});

export const getGroupNotes = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/group-notes',
  summary: 'Notes of a group.',
  parameters: Type.Object(group),
  result: Type.String(),
  access: { kind: 'datastore', full: ['Datastore.Audit'], owned: ['Datastore.Backup'] },
});

export const setGroupNotes = defineEndpoint({
  method: 'PUT',
  path: 'admin/datastore/{store}/group-notes',
  summary: 'Replace the notes of a group.',
  parameters: Type.Object({ ...group, notes: Type.String({ description: 'Any lines of text.' }) }),
  result: Type.Null(),
  access: { kind: 'datastore', full: ['Datastore.Modify'], owned: ['Datastore.Backup'] },
});

export const changeOwner = defineEndpoint({
  method: 'POST',
  path: 'admin/datastore/{store}/change-owner',
  summary: 'Give a group to another owner.',
  parameters: Type.Object({ ...group, 'new-owner': schema.authId }),
  result: Type.Null(),
  access: { kind: 'datastore', full: ['Datastore.Modify'], owned: ['Datastore.Backup'] },
});
