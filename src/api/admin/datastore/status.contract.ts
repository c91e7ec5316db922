// Space and counts of a datastore (rest-api.md 7.3).

import { defineEndpoint } from '../../../model/endpoint.ts';
import { schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';
import { backupCounts, gcStatus } from '../../shapes.contract.ts';

const requests = (kind: string) => Type.Integer({ description: `${kind} requests.` });
const s3Statistics = Type.Object(
  {
    get: requests('GET'),
    put: requests('PUT'),
    post: requests('POST'),
    head: requests('HEAD'),
    delete: requests('DELETE'),
    upload: Type.Integer({ description: 'Bytes of content that were sent.' }),
    download: Type.Integer({ description: 'Bytes of content that were received.' }),
    since: Type.Optional(Type.Integer({ description: 'When the counters were reset, epoch seconds.' })),
  },
  { description: 'What was asked of the object store since the counters were reset.' },
);

export const datastoreStatus = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/status',
  summary: 'Space of a datastore.',
  parameters: Type.Object({
    store: schema.store,
    verbose: Type.Optional(Type.Boolean({ default: false, description: 'With counts and garbage collection.' })),
  }),
  result: Type.Object({
    total: Type.Integer({ description: 'Bytes of the file system.' }),
    used: Type.Integer({ description: 'Bytes in use.' }),
    avail: Type.Integer({ description: 'Bytes that can be written.' }),
    'backend-type': Type.String({ description: 'filesystem or s3.' }),
    's3-statistics': Type.Optional(s3Statistics),
    counts: Type.Optional(backupCounts),
    'gc-status': Type.Optional(gcStatus),
    dedup: Type.Optional(Type.Number({ description: 'Deduplication factor.' })),
  }),
  access: { kind: 'inside', note: 'Datastore.Audit, Backup or Read on /datastore/{store}, or any of them below.' },
});

export const activeOperations = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/active-operations',
  summary: 'Running operations on a datastore.',
  parameters: Type.Object({ store: schema.store }),
  result: Type.Object({
    read: Type.Integer(),
    write: Type.Integer(),
    'locked-by': Type.Optional(
      Type.String({ description: 'Who has the datastore for itself: a task, or a process without one.' }),
    ),
  }),
  access: { kind: 'privilege', path: '/datastore/{store}', all: ['Datastore.Audit'] },
});
