// Who takes up the space of a datastore: what the removal of each namespace, group and snapshot would free.

import { defineEndpoint } from '../../../model/endpoint.ts';
import { oneOf, schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';

const bytes = (description: string) => Type.Integer({ description });
const seconds = (description: string) => Type.Integer({ description: `${description}, epoch seconds.` });

export const accountNode = Type.Object({
  kind: oneOf(['namespace', 'group', 'snapshot']),
  ns: schema.ns,
  'backup-type': Type.Optional(schema.backupType),
  'backup-id': Type.Optional(schema.backupId),
  'backup-time': Type.Optional(schema.backupTime),
  'unique-bytes': bytes('Bytes on disk that nothing else needs: what its removal frees.'),
  'shared-bytes': bytes('Bytes on disk that it needs, and others need too.'),
  snapshots: Type.Optional(Type.Integer({ description: 'How many snapshots are in it, namespaces below included.' })),
});

export const getAccounting = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/accounting',
  summary: 'Who takes up the space: what the removal of each namespace, group and snapshot would free.',
  parameters: Type.Object({
    store: schema.store,
    ns: Type.Optional(schema.ns),
    'max-depth': Type.Optional(Type.Integer({ minimum: 0, maximum: 7, description: 'Levels of namespaces below.' })),
    'backup-type': Type.Optional(schema.backupType),
    'backup-id': Type.Optional(schema.backupId),
    level: Type.Optional(
      oneOf(['namespace', 'group', 'snapshot'], { default: 'group', description: 'The smallest that is listed.' }),
    ),
    order: Type.Optional(
      oneOf(['tree', 'unique'], { default: 'tree', description: 'As they lie in each other, or the largest first.' }),
    ),
    start: Type.Optional(Type.Integer({ minimum: 0, default: 0, description: 'How many to pass over.' })),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, default: 1000, description: 'How many to answer at most.' }),
    ),
  }),
  result: Type.Object({
    quality: oneOf(['exact', 'estimate', 'unknown'], {
      description: 'Exact as of now, older or with an index that cannot be read, or not counted yet.',
    }),
    reason: Type.Optional(Type.String({ description: 'Why it is not exact.' })),
    'counted-at': Type.Optional(seconds('When the figures last changed')),
    'measured-at': Type.Optional(seconds('When a garbage collection last measured all chunks')),
    chunks: Type.Optional(Type.Integer({ description: 'Chunks that some snapshot needs.' })),
    'unreferenced-bytes': Type.Optional(bytes('Bytes of chunks that no snapshot needs, for garbage collection.')),
    total: Type.Integer({ description: 'How many entries there are, before start and limit.' }),
    entries: Type.Array(accountNode),
  }),
  access: { kind: 'datastore', full: ['Datastore.Audit'], owned: ['Datastore.Backup'] },
});
