// Rules of traffic control with what passes under them now (rest-api.md 7.4).

import { trafficRuleSchema } from '../../config/traffic-control-schema.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { Type } from '../../model/type.ts';

export const listTraffic = defineEndpoint({
  method: 'GET',
  path: 'admin/traffic-control',
  summary: 'List rules of traffic control with what passes under them now.',
  parameters: Type.Object({}),
  result: Type.Array(
    Type.Object({
      ...trafficRuleSchema.properties,
      'cur-rate-in': Type.Integer({ description: 'Bytes received a second, the mean of the last seconds.' }),
      'cur-rate-out': Type.Integer({ description: 'Bytes sent a second, the mean of the last seconds.' }),
    }),
  ),
  access: { kind: 'privilege', path: '/', all: ['Sys.Audit'] },
});
