// Verification jobs (rest-api.md 7.5).

import { verifyJobSchema } from '../../config/verify-job-schema.ts';
import type { Access } from '../../model/endpoint.ts';
import { configContracts } from '../config-object.contract.ts';

const write: Access = { kind: 'inside', note: 'Datastore.Verify on the store and namespace of the job.' };

export const verifyJobContracts = configContracts({
  path: 'config/verify',
  what: ['verification job', 'verification jobs'],
  schema: verifyJobSchema,
  id: 'id',
  deletable: [
    'ignore-verified',
    'comment',
    'schedule',
    'outdated-after',
    'ns',
    'max-depth',
    'read-threads',
    'verify-threads',
  ],
  access: {
    list: { kind: 'any' },
    read: { kind: 'inside', note: 'Datastore.Audit or Datastore.Verify on the store and namespace of the job.' },
    create: write,
    update: write,
    remove: write,
  },
});
