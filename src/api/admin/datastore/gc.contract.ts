// Garbage collection: start it, and what the last run found (rest-api.md 7.3, 7.4, 8).

import { calendarEvent } from '../../../config/job-fields.ts';
import { defineEndpoint } from '../../../model/endpoint.ts';
import { schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';
import { gcStatus } from '../../shapes.contract.ts';

export const gcJobStatus = Type.Object({
  store: schema.store,
  ...gcStatus.properties,
  schedule: Type.Optional(calendarEvent('When it runs')),
  'next-run': Type.Optional(Type.Integer({ description: 'Epoch seconds.' })),
  'last-run-state': Type.Optional(Type.String({ description: 'How the last run ended; absent while it runs.' })),
  'last-run-upid': Type.Optional(schema.upid),
  'last-run-endtime': Type.Optional(Type.Integer({ description: 'Epoch seconds.' })),
  duration: Type.Optional(Type.Integer({ description: 'Seconds that the last run took.' })),
});

export const getGcStatus = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/gc',
  summary: 'What the last garbage collection found, and when the next one runs.',
  parameters: Type.Object({ store: schema.store }),
  result: gcJobStatus,
  access: { kind: 'privilege', path: '/datastore/{store}', all: ['Datastore.Audit'] },
});

export const startGc = defineEndpoint({
  method: 'POST',
  path: 'admin/datastore/{store}/gc',
  summary: 'Remove chunks that nothing needs any more.',
  parameters: Type.Object({ store: schema.store }),
  result: schema.upid,
  access: { kind: 'privilege', path: '/datastore/{store}', all: ['Datastore.Modify'] },
});

const allStatus = {
  result: Type.Array(gcJobStatus),
  access: { kind: 'any' },
} as const;

export const listGcStatus = defineEndpoint({
  method: 'GET',
  path: 'admin/gc',
  summary: 'Garbage collection of all datastores that the caller may see.',
  parameters: Type.Object({ store: Type.Optional(schema.store) }),
  ...allStatus,
});

export const listGcStatusOf = defineEndpoint({
  method: 'GET',
  path: 'admin/gc/{store}',
  summary: 'Garbage collection of one datastore, as a list.',
  parameters: Type.Object({ store: schema.store }),
  ...allStatus,
});
