// POST pull: a pull that is no job (rest-api.md 7.1, sync.md 2).

import { objectName } from '../config/job-fields.ts';
import { syncJobSchema } from '../config/sync-job-schema.ts';
import { defineEndpoint } from '../model/endpoint.ts';
import { schema } from '../model/schema.ts';
import { Type } from '../model/type.ts';

const fields = syncJobSchema.properties;

/** What a pull and a push are asked alike. */
export const syncCallFields = {
  store: fields.store,
  ns: fields.ns,
  remote: fields.remote,
  'remote-store': fields['remote-store'],
  'remote-ns': fields['remote-ns'],
  'remove-vanished': fields['remove-vanished'],
  'max-depth': fields['max-depth'],
  'group-filter': fields['group-filter'],
  'rate-in': fields['rate-in'],
  'burst-in': fields['burst-in'],
  'rate-out': fields['rate-out'],
  'burst-out': fields['burst-out'],
  'transfer-last': fields['transfer-last'],
  'encrypted-only': fields['encrypted-only'],
  'verified-only': fields['verified-only'],
  'worker-threads': fields['worker-threads'],
};

export const pull = defineEndpoint({
  method: 'POST',
  path: 'pull',
  summary: 'Copy snapshots of another server or datastore to a datastore of this server.',
  parameters: Type.Object({
    ...syncCallFields,
    'resync-corrupt': fields['resync-corrupt'],
    'decryption-keys': Type.Optional(
      Type.Array(objectName('Name of the key.'), { description: 'Keys that snapshots are decrypted with.' }),
    ),
  }),
  result: schema.upid,
  access: { kind: 'inside', note: 'Datastore.Backup here and Remote.Read on the remote: sync.md 3.' },
});
