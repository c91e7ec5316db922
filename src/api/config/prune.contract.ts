// Prune jobs (rest-api.md 7.5).

import { pruneJobSchema } from '../../config/prune-job-schema.ts';
import type { Access } from '../../model/endpoint.ts';
import { configContracts } from '../config-object.contract.ts';

const write: Access = { kind: 'inside', note: 'Datastore.Modify on the store and namespace of the job.' };

export const pruneJobContracts = configContracts({
  path: 'config/prune',
  what: ['prune job', 'prune jobs'],
  schema: pruneJobSchema,
  id: 'id',
  deletable: [
    'comment',
    'disable',
    'ns',
    'max-depth',
    'keep-last',
    'keep-hourly',
    'keep-daily',
    'keep-weekly',
    'keep-monthly',
    'keep-yearly',
  ],
  access: {
    list: { kind: 'any' },
    read: { kind: 'inside', note: 'Datastore.Audit on the store and namespace of the job.' },
    create: write,
    update: write,
    remove: write,
  },
});
