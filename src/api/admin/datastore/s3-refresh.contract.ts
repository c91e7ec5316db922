// Making the local part of a datastore anew from its bucket (rest-api.md 7.3).

import { defineEndpoint } from '../../../model/endpoint.ts';
import { schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';

export const refreshDatastore = defineEndpoint({
  method: 'PUT',
  path: 'admin/datastore/{store}/s3-refresh',
  summary: 'Fetch the files of a datastore from its bucket anew, in a task.',
  parameters: Type.Object({ store: schema.store }),
  result: schema.upid,
  access: { kind: 'privilege', path: '/datastore/{store}', all: ['Datastore.Modify'] },
  protected: true,
});
