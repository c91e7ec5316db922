// GET status/datastore-usage (rest-api.md 7.7 and 10 G4).

import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';
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
      history: Type.Optional(
        Type.Array(Type.Union([Type.Number(), Type.Null()]), {
          description: 'Share of the space in use, slot by slot; null where nothing was measured.',
        }),
      ),
      'history-start': Type.Optional(Type.Integer({ description: 'Start of the first slot, epoch seconds.' })),
      'history-delta': Type.Optional(Type.Integer({ description: 'Length of a slot in seconds.' })),
      'estimated-full-date': Type.Optional(
        Type.Integer({ description: 'When it will be full if usage grows on, epoch seconds; 0 is never.' }),
      ),
      'gc-status': Type.Optional(gcStatus),
      dedup: Type.Optional(Type.Number({ description: 'Deduplication factor.' })),
      error: Type.Optional(Type.String({ description: 'Why the datastore cannot be looked at.' })),
    }),
  ),
  access: { kind: 'any' },
});
