// Metric servers of all kinds (rest-api.md 7.4).

import { defineEndpoint } from '../../model/endpoint.ts';
import { Type } from '../../model/type.ts';

export const listMetricServers = defineEndpoint({
  method: 'GET',
  path: 'admin/metrics',
  summary: 'List metric servers of all kinds.',
  parameters: Type.Object({}),
  result: Type.Array(
    Type.Object({
      name: Type.String(),
      type: Type.String(),
      enable: Type.Optional(Type.Boolean()),
      server: Type.String({ description: 'Where it is: host:port or URL.' }),
      comment: Type.Optional(Type.String()),
    }),
  ),
  access: { kind: 'privilege', path: '/', all: ['Sys.Audit'] },
});
