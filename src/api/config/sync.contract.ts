// Sync jobs (rest-api.md 7.5, sync.md 1 and 3).

import { syncDirections, syncJobSchema } from '../../config/sync-job-schema.ts';
import type { Access } from '../../model/endpoint.ts';
import { oneOf } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';
import { configContracts } from '../config-object.contract.ts';

const write: Access = { kind: 'inside', note: 'Whoever may run the job: sync.md 3.' };

/** Which jobs a list has. */
export const directionFilter = oneOf(['all', ...syncDirections], { description: 'Only jobs of this direction.' });

export const syncJobContracts = configContracts({
  path: 'config/sync',
  what: ['sync job', 'sync jobs'],
  schema: syncJobSchema,
  id: 'id',
  deletable: [
    'remote',
    'owner',
    'comment',
    'schedule',
    'remove-vanished',
    'group-filter',
    'rate-in',
    'burst-in',
    'rate-out',
    'burst-out',
    'ns',
    'remote-ns',
    'max-depth',
    'transfer-last',
    'resync-corrupt',
    'encrypted-only',
    'verified-only',
    'run-on-mount',
    'unmount-on-done',
    'sync-direction',
    'worker-threads',
    'active-encryption-key',
    'associated-key',
  ],
  access: {
    list: { kind: 'any' },
    read: { kind: 'inside', note: 'Datastore.Audit here and Remote.Audit on the remote: sync.md 3.' },
    create: write,
    update: write,
    remove: write,
  },
  parameters: { list: { 'sync-direction': Type.Optional(directionFilter) } },
});
