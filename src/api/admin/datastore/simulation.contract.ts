// What pruning would do, without doing it: for a group snapshot by snapshot, for namespaces group by group.

import { defineEndpoint } from '../../../model/endpoint.ts';
import { parameterSets, schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';
import { pruneItem } from '../../shapes.contract.ts';

const count = (description: string) => Type.Integer({ description });

/** Kept, removed and freed of one group or of all. */
const sums = {
  kept: count('Snapshots that stay.'),
  removed: count('Snapshots that go.'),
  'freed-bytes': Type.Optional(
    count('Bytes on disk that the next garbage collection after it frees. Absent when unknown.'),
  ),
};

export const simulatePrune = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/prune-simulation',
  summary: 'What pruning a group, or every group of a namespace and of those below, would keep, remove and free.',
  parameters: Type.Object({
    store: schema.store,
    ns: Type.Optional(schema.ns),
    'backup-type': Type.Optional(schema.backupType),
    'backup-id': Type.Optional(schema.backupId),
    'max-depth': Type.Optional(Type.Integer({ minimum: 0, maximum: 7, description: 'Levels of namespaces below.' })),
    ...parameterSets.keep,
  }),
  result: Type.Object({
    ...sums,
    groups: Type.Array(
      Type.Object({ ns: schema.ns, 'backup-type': schema.backupType, 'backup-id': schema.backupId, ...sums }),
    ),
    snapshots: Type.Optional(Type.Array(pruneItem, { description: 'Of the group, where one is named: oldest first.' })),
  }),
  access: {
    kind: 'datastore',
    full: ['Datastore.Audit', 'Datastore.Modify'],
    owned: ['Datastore.Backup', 'Datastore.Prune'],
  },
});
