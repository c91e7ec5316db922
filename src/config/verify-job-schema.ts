// The fields of verification.cfg (config-and-tasks.md 2). Browser-safe.

import { schema } from '../model/schema.ts';
import { type Static, Type } from '../model/type.ts';
import { jobFields } from './job-fields.ts';

export const verifyJobSchema = Type.Object({
  id: jobFields.id,
  store: schema.store,
  schedule: Type.Optional(jobFields.schedule),
  'ignore-verified': Type.Optional(
    Type.Boolean({ description: 'Leave out what was verified and is not outdated. Default true.' }),
  ),
  'outdated-after': Type.Optional(
    Type.Integer({ minimum: 0, description: 'Days after which a verification does not count any more.' }),
  ),
  comment: Type.Optional(schema.comment),
  ns: Type.Optional(schema.ns),
  'max-depth': Type.Optional(jobFields.maxDepth),
  'read-threads': Type.Optional(jobFields.threads('Chunks read at the same time. Default 1.')),
  'verify-threads': Type.Optional(jobFields.threads('Chunks verified at the same time. Default 4.')),
});
export type VerifyJob = Static<typeof verifyJobSchema>;
