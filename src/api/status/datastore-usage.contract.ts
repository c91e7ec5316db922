// GET status/datastore-usage (rest-api.md 7.7 and 10 G4).

import { Type } from 'typebox';
import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { gcStatus } from '../shapes.contract.ts';

export const datastoreUsage = defineEndpoint({
  method: 'GET',
  path: 'status/datastore-usage',
  summary: 'Space of every datastore.',
  parameters: Type.Object({}),
  result: Type.Array(
    Type.Object({
      store: schema.store,
      total: Type.Optional(Type.Integer({ description: 'Bytes of the file system.' })),
      used: Type.Optional(Type.Integer({ description: 'Bytes in use.' })),
      avail: Type.Optional(Type.Integer({ description: 'Bytes that can be written.' })),
      'mount-status': Type.String({ description: 'mounted, notmounted or nonremovable.' }),
      'backend-type': Type.Optional(Type.String({ description: 'filesystem or s3.' })),
      'gc-status': Type.Optional(gcStatus),
      dedup: Type.Optional(Type.Number({ description: 'Deduplication factor.' })),
      error: Type.Optional(Type.String({ description: 'Why the datastore cannot be looked at.' })),
    }),
  ),
  access: { kind: 'any' },
});
