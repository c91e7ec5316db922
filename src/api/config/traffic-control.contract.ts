// Rules of traffic control (rest-api.md 7.5).

import { trafficRuleSchema } from '../../config/traffic-control-schema.ts';
import type { Access } from '../../model/endpoint.ts';
import { configContracts } from '../config-object.contract.ts';

const modify: Access = { kind: 'privilege', path: '/', all: ['Sys.Modify'] };

export const trafficRuleContracts = configContracts({
  path: 'config/traffic-control',
  what: ['rule of traffic control', 'rules of traffic control'],
  schema: trafficRuleSchema,
  id: 'name',
  deletable: ['rate-in', 'burst-in', 'rate-out', 'burst-out', 'comment', 'timeframe', 'users'],
  access: {
    list: modify,
    read: { kind: 'privilege', path: '/', all: ['Sys.Audit'] },
    create: modify,
    update: modify,
    remove: modify,
  },
});
