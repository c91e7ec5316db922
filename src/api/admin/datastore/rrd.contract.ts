// Measurements of a datastore over time (rest-api.md 7.3).

import { datastoreMetrics } from '../../../metrics/series.ts';
import { defineEndpoint } from '../../../model/endpoint.ts';
import { schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';
import { rrdParameters, rrdPoints } from '../../rrd.contract.ts';

export const datastoreRrd = defineEndpoint({
  method: 'GET',
  path: 'admin/datastore/{store}/rrd',
  summary: 'Space and disk operations of a datastore over time.',
  parameters: Type.Object({ store: schema.store, ...rrdParameters }),
  result: rrdPoints(datastoreMetrics),
  access: { kind: 'privilege', path: '/datastore/{store}', any: ['Datastore.Audit', 'Datastore.Backup'] },
});
