// The fields of sync.cfg (config-and-tasks.md 2, sync.md 1). Browser-safe.

import { rootUser } from '../model/auth-id.ts';
import { oneOf, schema } from '../model/schema.ts';
import { type Static, Type } from '../model/type.ts';
import { jobFields, objectName, rateFields } from './job-fields.ts';

const flag = (description: string) => Type.Optional(Type.Boolean({ description }));

export const syncDirections = ['pull', 'push'] as const;

export const syncJobSchema = Type.Object({
  id: jobFields.id,
  store: schema.store,
  ns: Type.Optional(schema.ns),
  remote: Type.Optional(objectName('The other server; absent for another datastore of this one.')),
  'remote-store': Type.String({ ...schema.store, description: 'Datastore of the other side.' }),
  'remote-ns': Type.Optional(Type.String({ ...schema.ns, description: 'Namespace of the other side.' })),
  'sync-direction': Type.Optional(oneOf(syncDirections, { description: 'Where to. Default pull.' })),
  owner: Type.Optional(Type.String({ ...schema.authId, description: 'Who owns what is synced. Default root@pam.' })),
  schedule: Type.Optional(jobFields.schedule),
  comment: Type.Optional(schema.comment),
  'remove-vanished': flag('Remove what is gone from the source. Default false.'),
  'max-depth': Type.Optional(jobFields.maxDepth),
  'group-filter': Type.Optional(
    Type.Array(Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]+$', maxLength: 1024, format: 'group-filter' }), {
      description: 'Groups to take: [include:|exclude:]type:TYPE, group:TYPE/ID or regex:EXPRESSION.',
    }),
  ),
  ...rateFields,
  'transfer-last': Type.Optional(
    Type.Integer({ minimum: 1, description: 'How many of the newest snapshots of a group to take.' }),
  ),
  'resync-corrupt': flag('Fetch snapshots again whose verification failed.'),
  'encrypted-only': flag('Only encrypted snapshots.'),
  'verified-only': flag('Only verified snapshots.'),
  'run-on-mount': flag('Run when a removable datastore of the job is mounted.'),
  'unmount-on-done': flag('Unmount the removable datastore afterwards.'),
  'worker-threads': Type.Optional(jobFields.threads('Groups at the same time. Default 1.')),
  'active-encryption-key': Type.Optional(objectName('Key that pushed snapshots are encrypted with.')),
  'associated-key': Type.Optional(
    Type.Array(objectName('Name of the key.'), { description: 'Keys that pulled snapshots are decrypted with.' }),
  ),
});
export type SyncJob = Static<typeof syncJobSchema>;

export function directionOf(job: SyncJob): 'pull' | 'push' {
  return job['sync-direction'] ?? 'pull';
}

export function ownerOf(job: SyncJob): string {
  return job.owner ?? rootUser;
}
