// Commands about prune jobs (cli.md 5).

import { option, optional } from '../framework/options.ts';
import { completeDatastore, completeNamespace } from './complete.ts';
import { objectCommands } from './config-object.ts';
import { jobOptions, keepOptions } from './job-options.ts';

export const pruneJobs = objectCommands({
  what: ['prune job', 'prune jobs'],
  path: 'config/prune',
  runs: 'admin/prune',
  id: 'id',
  fields: {
    ...jobOptions,
    schedule: option.text('When it runs: calendar event, like "sat 02:00" or daily.'),
    disable: optional(option.flag('Ignore the schedule.')),
    ...keepOptions,
  },
  deletable: ['comment', 'disable', 'ns', 'max-depth', ...Object.keys(keepOptions)],
  columns: ['id', 'disable', 'store', 'ns', 'schedule', 'max-depth', ...Object.keys(keepOptions)],
  complete: { store: completeDatastore, ns: completeNamespace },
  example: 'prune-job create prune-ds1 --store ds1 --schedule daily --keep-last 3 --keep-daily 7',
});
