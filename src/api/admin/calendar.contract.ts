// When jobs run next. The original has no such call.

import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const time = (description: string) => Type.Optional(Type.Integer({ minimum: 0, description }));

export const listComingRuns = defineEndpoint({
  method: 'GET',
  path: 'admin/calendar',
  summary: 'List the coming runs of the jobs that have a schedule, with how long they will take.',
  parameters: Type.Object({
    since: time('From here on, epoch seconds; now by default, and nothing is listed that is past.'),
    until: time('Up to here, epoch seconds; by default a week after the beginning, at most 400 days.'),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, default: 200, description: 'Most runs of one job.' }),
    ),
  }),
  result: Type.Array(
    Type.Object({
      type: Type.String({ description: 'Kind of job: garbage_collection, prunejob, verificationjob, syncjob, ...' }),
      name: Type.String({ description: 'Name of the job; of a garbage collection the datastore.' }),
      store: Type.Optional(schema.store),
      ns: Type.Optional(Type.String({ description: 'Namespace that it works on.' })),
      schedule: Type.String({ description: 'Calendar event.' }),
      'expected-duration': Type.Optional(
        Type.Integer({ description: 'Seconds: the middle of its last runs. Absent when there were none.' }),
      ),
      runs: Type.Array(Type.Integer(), { description: 'When it starts, epoch seconds, ascending.' }),
      'more-runs': Type.Boolean({ description: 'There are more in the window than are listed.' }),
    }),
  ),
  access: { kind: 'any' },
});
