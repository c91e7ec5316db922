// Snapshots: list, remove, files, notes, protection (rest-api.md 7.3).

import { defineEndpoint } from '../../../model/endpoint.ts';
import { parameterSets, schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';
import { fileItem, snapshotItem, withUsage } from '../../shapes.contract.ts';

const namespace = { store: schema.store, ns: Type.Optional(schema.ns) };
const snapshot = { ...namespace, ...parameterSets.snapshot };

export const listSnapshots = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/snapshots',
  summary: 'List the snapshots of a namespace.',
  parameters: Type.Object({
    ...namespace,
    'backup-type': Type.Optional(schema.backupType),
    'backup-id': Type.Optional(schema.backupId),
    usage: withUsage,
  }),
  result: Type.Array(snapshotItem),
  access: { kind: 'datastore', full: ['Datastore.Audit'], owned: ['Datastore.Backup'] },
});

export const removeSnapshot = defineEndpoint({
  method: 'DELETE',
  path: 'admin/datastore/{store}/snapshots',
  summary: 'Remove a snapshot.',
  parameters: Type.Object(snapshot),
  result: Type.Null(),
  access: { kind: 'datastore', full: ['Datastore.Modify'], owned: ['Datastore.Prune'] },
});

export const listFiles = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/files',
  summary: 'List the files of a snapshot.',
  parameters: Type.Object(snapshot),
  result: Type.Array(fileItem),
  access: { kind: 'datastore', full: ['Datastore.Audit', 'Datastore.Read'], owned: ['Datastore.Backup'] },
});

export const getNotes = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/notes',
  summary: 'Notes of a snapshot.',
  parameters: Type.Object(snapshot),
  result: Type.String(),
  access: { kind: 'datastore', full: ['Datastore.Audit'], owned: ['Datastore.Backup'] },
});

export const setNotes = defineEndpoint({
  method: 'PUT',
  path: 'admin/datastore/{store}/notes',
  summary: 'Replace the notes of a snapshot.',
  parameters: Type.Object({ ...snapshot, notes: Type.String({ description: 'Any lines of text.' }) }),
  result: Type.Null(),
  access: { kind: 'datastore', full: ['Datastore.Modify'], owned: ['Datastore.Backup'] },
});

export const getProtected = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/protected',
  summary: 'Whether a snapshot is protected from removal.',
  parameters: Type.Object(snapshot),
  result: Type.Boolean(),
  access: { kind: 'datastore', full: ['Datastore.Audit'], owned: ['Datastore.Backup'] },
});

export const setProtected = defineEndpoint({
  method: 'PUT',
  path: 'admin/datastore/{store}/protected',
  summary: 'Protect a snapshot from removal, or end that.',
  parameters: Type.Object({ ...snapshot, protected: Type.Boolean({ description: 'The new state.' }) }),
  result: Type.Null(),
  access: { kind: 'datastore', full: ['Datastore.Modify'], owned: ['Datastore.Backup'] },
});
