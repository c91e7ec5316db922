// Commands about verification jobs (cli.md 5, 12).

import { option, optional } from '../framework/options.ts';
import { completeDatastore, completeNamespace } from './complete.ts';
import { objectCommands } from './config-object.ts';
import { jobOptions } from './job-options.ts';

const threads = (what: string) => optional(option.integer(what, { minimum: 1, maximum: 32 }));

export const verifyJobs = objectCommands({
  what: ['verification job', 'verification jobs'],
  path: 'config/verify',
  runs: 'admin/verify',
  id: 'id',
  fields: {
    ...jobOptions,
    'ignore-verified': optional(option.flag('Leave out what was verified and is not outdated; true unless false.')),
    'outdated-after': optional(
      option.integer('Days after which a verification does not count any more.', { minimum: 0 }),
    ),
    'read-threads': threads('Chunks read at the same time. The default is 1.'),
    'verify-threads': threads('Chunks verified at the same time. The default is 4.'),
  },
  deletable: [
    'ignore-verified',
    'comment',
    'schedule',
    'outdated-after',
    'ns',
    'max-depth',
    'read-threads',
    'verify-threads',
  ],
  columns: ['id', 'store', 'schedule', 'ignore-verified', 'outdated-after', 'comment'],
  complete: { store: completeDatastore, ns: completeNamespace },
  example: 'verify-job create verify-ds1 --store ds1 --schedule "sat 08:00" --outdated-after 30',
});
