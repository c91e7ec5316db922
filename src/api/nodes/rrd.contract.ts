// Measurements of the machine over time (rest-api.md 7.6).

import { nodeMetrics } from '../../metrics/series.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';
import { rrdParameters, rrdPoints } from '../rrd.contract.ts';

export const nodeRrd = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/rrd',
  summary: 'Load, memory, network and root disk over time.',
  parameters: Type.Object({ node: schema.node, ...rrdParameters }),
  result: rrdPoints(nodeMetrics),
  access: { kind: 'privilege', path: '/system/status', all: ['Sys.Audit'] },
});
