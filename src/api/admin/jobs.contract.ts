// Jobs with what became of their last run and when they run next (rest-api.md 7.4).

import { jobFields } from '../../config/job-fields.ts';
import { pruneJobSchema } from '../../config/prune-job-schema.ts';
import { syncJobSchema } from '../../config/sync-job-schema.ts';
import { verifyJobSchema } from '../../config/verify-job-schema.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { type TObject, Type } from '../../model/type.ts';
import { directionFilter } from '../config/sync.contract.ts';

const status = {
  'next-run': Type.Optional(Type.Integer({ description: 'Epoch seconds.' })),
  'last-run-state': Type.Optional(Type.String({ description: 'How the last run ended; absent while it runs.' })),
  'last-run-upid': Type.Optional(schema.upid),
  'last-run-endtime': Type.Optional(Type.Integer({ description: 'Epoch seconds.' })),
};
const withStatus = <S extends TObject>(job: S) => Type.Object({ ...(job.properties as S['properties']), ...status });
const store = Type.Optional(schema.store);

export const listPruneStatus = defineEndpoint({
  method: 'GET',
  path: 'admin/prune',
  summary: 'List prune jobs with their state.',
  parameters: Type.Object({ store }),
  result: Type.Array(
    Type.Object({
      ...withStatus(pruneJobSchema).properties,
      origin: Type.Optional(
        Type.Literal('datastore', { description: 'The job stands in the configuration of the datastore.' }),
      ),
    }),
  ),
  access: { kind: 'any' },
});

export const listVerifyStatus = defineEndpoint({
  method: 'GET',
  path: 'admin/verify',
  summary: 'List verification jobs with their state.',
  parameters: Type.Object({ store }),
  result: Type.Array(withStatus(verifyJobSchema)),
  access: { kind: 'any' },
});

export const listSyncStatus = defineEndpoint({
  method: 'GET',
  path: 'admin/sync',
  summary: 'List sync jobs with their state.',
  parameters: Type.Object({ store, 'sync-direction': Type.Optional(directionFilter) }),
  result: Type.Array(withStatus(syncJobSchema)),
  access: { kind: 'any' },
});

const run = { parameters: Type.Object({ id: jobFields.id }), result: schema.upid };

export const runPruneJob = defineEndpoint({
  method: 'POST',
  path: 'admin/prune/{id}/run',
  summary: 'Run a prune job now.',
  ...run,
  access: { kind: 'inside', note: 'Datastore.Modify on the store and namespace of the job.' },
});

export const runVerifyJob = defineEndpoint({
  method: 'POST',
  path: 'admin/verify/{id}/run',
  summary: 'Run a verification job now.',
  ...run,
  access: { kind: 'inside', note: 'Datastore.Verify on the store and namespace of the job.' },
});

export const runSyncJob = defineEndpoint({
  method: 'POST',
  path: 'admin/sync/{id}/run',
  summary: 'Run a sync job now.',
  ...run,
  access: { kind: 'inside', note: 'Whoever may change the job: sync.md 3.' },
});
