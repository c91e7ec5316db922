// Commands about datastores: create, list, show (cli.md 5, 12).

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { formatBytes } from '../../base/human.ts';
import { defineCommand } from '../framework/command.ts';
import { completeFileNames } from '../framework/completion.ts';
import { option, optional } from '../framework/options.ts';
import { fieldColumn, outputFormat, outputOption, printFields, printJson, printTable } from '../framework/output.ts';
import { followTask } from '../task-log.ts';
import { completeDatastore } from './complete.ts';
import { keepOptions } from './job-options.ts';
import { openLocalServer } from './local-server.ts';

const datastoreFields = {
  comment: optional(option.text('A line about the datastore.', { maxLength: 128 })),
  'gc-schedule': optional(option.text('When garbage is collected: calendar event, like "sat 02:00".')),
  'prune-schedule': optional(option.text('When the keep options are applied: calendar event.')),
  ...keepOptions,
  'verify-new': optional(option.flag('Verify each backup once it is finished.')),
  'notify-user': optional(option.text('Who gets mails.')),
  notify: optional(option.text('When mails are sent: always, error or never, or per kind of job.')),
  'notify-level': optional(option.choice(['info', 'notice', 'warning', 'error'], 'Least severity of a notification.')),
  'notification-mode': optional(
    option.choice(['notification-system', 'legacy-sendmail'], 'How notifications are sent.'),
  ),
  tuning: optional(option.text('Tuning options: key=value, separated by commas.')),
};

const name = option.text('Datastore.', { minLength: 3, maxLength: 32 });

export const create = defineCommand({
  summary: 'Create a datastore, or take over one that exists.',
  positional: ['name', 'path'],
  options: {
    name,
    path: option.text('Directory on the server.', { valueName: 'path' }),
    ...datastoreFields,
    'reuse-datastore': optional(
      option.flag('Take over the datastore that the directory holds. The default is to, if it holds one.'),
    ),
    ...outputOption,
  },
  complete: { path: completeFileNames },
  examples: ['datastore create ds1 /backup-pool/datastore1 --comment "Primary" --gc-schedule daily --keep-daily 7'],
  async run(values, terminal) {
    const { 'output-format': _format, 'reuse-datastore': wanted, ...fields } = values;
    const path = resolve(values.path);
    const reuse = wanted ?? existsSync(join(path, '.chunks'));
    if (reuse && wanted === undefined) terminal.message(`'${path}' holds a datastore already: it is taken over`);
    await using server = await openLocalServer(terminal);
    const upid = (await server.call('POST', 'config/datastore', {
      ...fields,
      path,
      'reuse-datastore': reuse || undefined,
    })) as string;
    await followTask(server, upid, terminal, outputFormat(values, terminal));
  },
});

interface DatastoreConfig {
  name: string;
  path: string;
  comment?: string;
}

export const list = defineCommand({
  summary: 'List datastores.',
  options: outputOption,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const stores = (await server.call('GET', 'config/datastore')) as DatastoreConfig[];
    if (printJson(terminal, outputFormat(values, terminal), stores)) return;
    printTable<DatastoreConfig>(terminal, stores, [fieldColumn('name'), fieldColumn('path'), fieldColumn('comment')]);
  },
});

interface DatastoreStatus {
  total: number;
  used: number;
  avail: number;
  'gc-status'?: {
    upid?: string | null;
    'index-data-bytes': number;
    'disk-bytes': number;
    'disk-chunks': number;
  };
}

export const show = defineCommand({
  summary: 'Show the configuration of a datastore, and how full it is.',
  positional: ['name'],
  options: { name, ...outputOption },
  complete: { name: completeDatastore },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const store = encodeURIComponent(values.name);
    const config = (await server.call('GET', `config/datastore/${store}`)) as Record<string, unknown>;
    const status = (await server.call('GET', `admin/datastore/${store}/status`, { verbose: true })) as DatastoreStatus;
    const gc = status['gc-status'];
    // Figures of chunks come from the last garbage collection; before the first there are none.
    const known = gc?.upid ? gc : undefined;
    const chunks = known && {
      'chunk-count': known['disk-chunks'],
      'total-data': known['index-data-bytes'],
      'disk-usage': known['disk-bytes'],
      'dedup-factor': known['disk-bytes'] > 0 ? known['index-data-bytes'] / known['disk-bytes'] : 1,
    };
    const space = { used: status.used, total: status.total, avail: status.avail };
    if (printJson(terminal, outputFormat(values, terminal), { ...config, ...chunks, ...space })) return;
    printFields(terminal, [
      ...Object.entries(config),
      ['chunk-count', chunks?.['chunk-count'] ?? 'unknown'],
      ['total-data', chunks ? formatBytes(chunks['total-data']) : 'unknown'],
      ['disk-usage', chunks ? formatBytes(chunks['disk-usage']) : 'unknown'],
      ['dedup-factor', chunks ? chunks['dedup-factor'].toFixed(2) : 'unknown'],
      ['used', formatBytes(space.used)],
      ['total', formatBytes(space.total)],
      ['avail', formatBytes(space.avail)],
    ]);
  },
});
