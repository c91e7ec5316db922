// Commands about sync jobs (cli.md 5, 12).

import { option, optional } from '../framework/options.ts';
import { completeDatastore, completeNamespace, completeRemote, completeRemoteStore, completeUser } from './complete.ts';
import { objectCommands } from './config-object.ts';
import { jobOptions } from './job-options.ts';
import { rateOptions, ratesInMebibytes } from './rates.ts';

const flag = (description: string) => optional(option.flag(description));
const name = (description: string) => option.text(description, { minLength: 3, maxLength: 32 });

/** What jobs and pulls by hand have in common. */
export const syncRunOptions = {
  ns: jobOptions.ns,
  'remote-ns': optional(option.text('Namespace of the other side.', { format: 'namespace' })),
  'remove-vanished': flag('Remove what is gone from the source.'),
  'max-depth': jobOptions['max-depth'],
  'group-filter': optional(
    option.list(option.text('Filter.'), 'Groups: [include:|exclude:]type:TYPE, group:TYPE/ID or regex:EXPRESSION.'),
  ),
  ...rateOptions,
  'transfer-last': optional(option.integer('How many of the newest snapshots of a group to take.', { minimum: 1 })),
  'resync-corrupt': flag('Fetch snapshots again whose verification failed.'),
  'encrypted-only': flag('Only encrypted snapshots.'),
  'verified-only': flag('Only verified snapshots.'),
  'worker-threads': optional(option.integer('Groups at the same time. The default is 1.', { minimum: 1, maximum: 32 })),
};

const optionalFields = {
  ...syncRunOptions,
  remote: optional(name('Remote; absent for another datastore of this server.')),
  'sync-direction': optional(option.choice(['pull', 'push'], 'Where to. The default is pull.')),
  owner: optional(option.text('Who owns what is synced. The default is root@pam.', { format: 'auth-id' })),
  schedule: jobOptions.schedule,
  comment: jobOptions.comment,
  'run-on-mount': flag('Run when a removable datastore of the job is mounted.'),
  'unmount-on-done': flag('Unmount the removable datastore afterwards.'),
  'active-encryption-key': optional(name('Key that pushed snapshots are encrypted with.')),
  'associated-key': optional(option.list(name('Key.'), 'Keys that pulled snapshots are decrypted with.')),
};

export const syncJobs = objectCommands({
  what: ['sync job', 'sync jobs'],
  path: 'config/sync',
  runs: 'admin/sync',
  id: 'id',
  fields: {
    store: jobOptions.store,
    'remote-store': name('Datastore of the other side.'),
    ...optionalFields,
  },
  deletable: Object.keys(optionalFields),
  columns: [
    'id',
    { name: 'sync-direction', text: (job) => job['sync-direction'] ?? 'pull' },
    'store',
    'remote',
    'remote-store',
    'schedule',
    'group-filter',
    'rate-in',
    'comment',
  ],
  filters: {
    'sync-direction': optional(option.choice(['all', 'pull', 'push'], 'Only jobs of this direction.')),
  },
  complete: {
    store: completeDatastore,
    ns: completeNamespace,
    remote: completeRemote,
    'remote-store': completeRemoteStore,
    owner: completeUser,
  },
  send: async (values) => ratesInMebibytes(values),
  example: 'sync-job create offsite --store ds1 --remote offsite-pbs --remote-store ds2 --schedule "daily 20:00"',
});
