// GET status/health: what somebody should look at (not of the original).

import { defineEndpoint } from '../../model/endpoint.ts';
import { oneOf, schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

export const findingKinds = [
  'usage',
  'backup-failures',
  'verify-failures',
  'sync-delay',
  'gc-duration',
  'chunk-growth',
  'datastore-error',
  'fills-up',
  'backup-late',
  'job-failed',
  'certificate',
  'clock-ahead',
] as const;

export const serverHealth = defineEndpoint({
  method: 'GET',
  path: 'status/health',
  summary: 'What needs attention: thresholds that are crossed, failed and late backups and jobs, full disks, clocks.',
  parameters: Type.Object({}),
  result: Type.Array(
    Type.Object({
      kind: oneOf(findingKinds, { description: 'What it is about.' }),
      level: oneOf(['warning', 'critical'], { description: 'How urgent it is.' }),
      store: Type.Optional(schema.store),
      ns: Type.Optional(schema.ns),
      subject: Type.Optional(Type.String({ description: 'Path of a group, or id of a job.' })),
      value: Type.Optional(
        Type.Number({
          description:
            'A share (usage, chunk-growth), seconds (sync-delay, gc-duration, clock-ahead), a count (failures), or epoch ' +
            'seconds (fills-up, backup-late: of the newest backup, certificate: of its end).',
        }),
      ),
      text: Type.Optional(Type.String({ description: 'Why a datastore cannot be looked at.' })),
    }),
  ),
  access: { kind: 'any' },
});
