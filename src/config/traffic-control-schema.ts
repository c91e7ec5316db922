// The fields of traffic-control.cfg (config-and-tasks.md 2, 13). Browser-safe.

import { schema } from '../model/schema.ts';
import { type Static, Type } from '../model/type.ts';
import { objectName, rateFields } from './job-fields.ts';

export const trafficRuleSchema = Type.Object({
  name: objectName('Name of the rule.'),
  network: Type.Array(Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]+$', maxLength: 64, format: 'cidr' }), {
    description: 'Networks that the rule holds for, like 10.0.0.0/8.',
  }),
  ...rateFields,
  timeframe: Type.Optional(
    Type.Array(Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]+$', maxLength: 256, format: 'daily-duration' }), {
      description: 'When the rule holds, like "mon..fri 8-17:30"; always when absent.',
    }),
  ),
  users: Type.Optional(Type.Array(schema.userId, { description: 'Users that the rule holds for; all when absent.' })),
  comment: Type.Optional(schema.comment),
});
export type TrafficRule = Static<typeof trafficRuleSchema>;
