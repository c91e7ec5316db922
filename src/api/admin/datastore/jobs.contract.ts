// Work on a datastore's content that runs as a task: prune and verify (rest-api.md 7.3).

import { defineEndpoint } from '../../../model/endpoint.ts';
import { parameterSets, schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';
import { pruneItem } from '../../shapes.contract.ts';

const namespace = { store: schema.store, ns: Type.Optional(schema.ns) };
const depth = Type.Optional(Type.Integer({ minimum: 0, maximum: 7, description: 'Levels of namespaces below.' }));
const threads = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 32, description: 'Accepted; the server chooses by itself.' }),
);
const dryRun = Type.Optional(Type.Boolean({ default: false, description: 'Only tell what would be done.' }));

export const pruneGroup = defineEndpoint({
  method: 'POST',
  path: 'admin/datastore/{store}/prune',
  summary: 'Remove the snapshots of a group that no keep option keeps.',
  parameters: Type.Object({
    ...namespace,
    ...parameterSets.group,
    ...parameterSets.keep,
    'dry-run': dryRun,
    'use-task': Type.Optional(Type.Boolean({ default: false, description: 'Answer the task instead of the list.' })),
  }),
  result: Type.Union([Type.Array(pruneItem), schema.upid]),
  access: { kind: 'datastore', full: ['Datastore.Modify'], owned: ['Datastore.Prune'] },
});

export const pruneDatastore = defineEndpoint({
  method: 'POST',
  path: 'admin/datastore/{store}/prune-datastore',
  summary: 'Prune every group of a namespace and of those below.',
  parameters: Type.Object({ ...namespace, ...parameterSets.keep, 'max-depth': depth, 'dry-run': dryRun }),
  result: schema.upid,
  access: { kind: 'datastore', full: ['Datastore.Modify'], owned: ['Datastore.Prune'] },
});

export const verifyBackups = defineEndpoint({
  method: 'POST',
  path: 'admin/datastore/{store}/verify',
  summary: 'Verify a datastore, a group or a snapshot.',
  parameters: Type.Object({
    ...namespace,
    'backup-type': Type.Optional(schema.backupType),
    'backup-id': Type.Optional(schema.backupId),
    'backup-time': Type.Optional(schema.backupTime),
    'ignore-verified': Type.Optional(Type.Boolean({ default: true, description: 'Skip what is verified already.' })),
    'outdated-after': Type.Optional(
      Type.Integer({ minimum: 0, description: 'Days after which a verification is done again.' }),
    ),
    'max-depth': depth,
    'read-threads': threads,
    'verify-threads': threads,
  }),
  result: schema.upid,
  access: { kind: 'datastore', full: ['Datastore.Verify'], owned: ['Datastore.Backup'] },
});
