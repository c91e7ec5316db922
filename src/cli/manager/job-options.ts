// Options of jobs of several kinds.

import { option, optional } from '../framework/options.ts';

const keep = (what: string) => optional(option.integer(`Number of ${what} to keep.`, { minimum: 1 }));

export const keepOptions = {
  'keep-last': keep('newest snapshots'),
  'keep-hourly': keep('hours to keep one snapshot of'),
  'keep-daily': keep('days to keep one snapshot of'),
  'keep-weekly': keep('weeks to keep one snapshot of'),
  'keep-monthly': keep('months to keep one snapshot of'),
  'keep-yearly': keep('years to keep one snapshot of'),
};

export const jobOptions = {
  store: option.text('Datastore.', { minLength: 3, maxLength: 32 }),
  ns: optional(option.text('Namespace; the root when absent.', { format: 'namespace' })),
  'max-depth': optional(option.integer('Levels of namespaces below; all when absent.', { minimum: 0, maximum: 7 })),
  comment: optional(option.text('A line about the job.', { maxLength: 128 })),
  schedule: optional(option.text('When it runs: calendar event, like "sat 02:00", daily or now.')),
};
