// The fields of prune.cfg (config-and-tasks.md 2). Browser-safe.

import { parameterSets, schema } from '../model/schema.ts';
import { type Static, Type } from '../model/type.ts';
import { jobFields } from './job-fields.ts';

export const pruneJobSchema = Type.Object({
  id: jobFields.id,
  store: schema.store,
  schedule: jobFields.schedule,
  disable: Type.Optional(Type.Boolean({ description: 'Whether the schedule is ignored.' })),
  comment: Type.Optional(schema.comment),
  ns: Type.Optional(schema.ns),
  'max-depth': Type.Optional(jobFields.maxDepth),
  ...parameterSets.keep,
});
export type PruneJob = Static<typeof pruneJobSchema>;

/** The options that say what is kept, in the order in which they are applied. */
export const keepOptions = Object.keys(parameterSets.keep) as (keyof typeof parameterSets.keep)[];
