// GET status/metrics (rest-api.md 7.7 and 10 G1).

import { expositionType } from '../../metrics/exposition.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { Type } from '../../model/type.ts';

export const statusMetrics = defineEndpoint({
  method: 'GET',
  path: 'status/metrics',
  summary: 'Measurements of the machine and the datastores; for scrapers all figures as text.',
  parameters: Type.Object({
    'start-time': Type.Optional(
      Type.Integer({ minimum: 0, default: 0, description: 'Only what was measured after this, epoch seconds.' }),
    ),
    history: Type.Optional(
      Type.Boolean({ default: false, description: 'All of the last half hour, not only the newest.' }),
    ),
  }),
  result: Type.Object({
    data: Type.Array(
      Type.Object({
        id: Type.String({ description: 'host, datastore/NAME or datastore/NAME/s3.' }),
        metric: Type.String({ description: 'What was measured.' }),
        timestamp: Type.Integer({ description: 'When, epoch seconds.' }),
        type: Type.Union([Type.Literal('gauge'), Type.Literal('counter'), Type.Literal('derive')]),
        value: Type.Number(),
      }),
    ),
  }),
  access: { kind: 'any' },
  bearer: true,
  alternative: expositionType,
});
