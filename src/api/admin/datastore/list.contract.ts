// GET admin/datastore: every datastore that the caller may see something of (rest-api.md 7.3).

import { defineEndpoint } from '../../../model/endpoint.ts';
import { schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';

export const listDatastores = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore',
  summary: 'List the datastores.',
  parameters: Type.Object({}),
  result: Type.Array(
    Type.Object({
      store: schema.store,
      comment: Type.Optional(Type.String()),
      'mount-status': Type.String({ description: 'mounted, notmounted or nonremovable.' }),
      'backend-type': Type.String({ description: 'filesystem or s3.' }),
      maintenance: Type.Optional(Type.String({ description: 'Maintenance mode as configured.' })),
    }),
  ),
  access: { kind: 'any' },
});
