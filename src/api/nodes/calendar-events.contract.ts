// When a schedule comes due, for whoever writes one. Granary's own: the original tells it only of jobs that exist.

import { calendarEvent } from '../../config/job-fields.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

export const calendarEvents = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/calendar-events',
  summary: 'The next points in time of a schedule, in the time zone in which the server runs its jobs (Granary only).',
  parameters: Type.Object({
    node: schema.node,
    schedule: calendarEvent('What is asked about'),
    after: Type.Optional(Type.Integer({ minimum: 0, description: 'Only later ones, epoch seconds. Default now.' })),
    count: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 5, description: 'How many at most.' })),
  }),
  result: Type.Object({
    timezone: Type.String({ description: 'As the server counts days and hours, like Europe/Vienna.' }),
    time: Type.Integer({ description: 'Now, epoch seconds.' }),
    events: Type.Array(Type.Integer(), {
      description: 'Epoch seconds, ascending. Fewer than asked for when no more come before the year 2200.',
    }),
  }),
  access: { kind: 'any' },
});
