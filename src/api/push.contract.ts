// POST push: a push that is no job (rest-api.md 7.1, sync.md 2).

import { objectName } from '../config/job-fields.ts';
import { defineEndpoint } from '../model/endpoint.ts';
import { schema } from '../model/schema.ts';
import { Type } from '../model/type.ts';
import { syncCallFields } from './pull.contract.ts';

export const push = defineEndpoint({
  method: 'POST',
  path: 'push',
  summary: 'Copy snapshots of a datastore of this server to another server.',
  parameters: Type.Object({
    ...syncCallFields,
    remote: objectName('The other server.'),
    'encryption-key': Type.Optional(objectName('Key that snapshots are encrypted with on the way.')),
  }),
  result: schema.upid,
  access: { kind: 'inside', note: 'Datastore.Read or Backup here, Remote.DatastoreBackup on the remote: sync.md 3.' },
});
