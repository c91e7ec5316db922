// Commands about datastores: list, show, create, update, remove (cli.md 5, 12). Those that mount are in
// `datastore-mounts.ts`.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { GranaryError } from '../../base/errors.ts';
import { formatBytes } from '../../base/human.ts';
import type { Connection } from '../../client/connection.ts';
import { defineCommand } from '../framework/command.ts';
import { completeFileNames } from '../framework/completion.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printFields, printJson } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import { followTask } from '../task-log.ts';
import { completeDatastore, completeUser } from './complete.ts';
import { fieldRows, objectCommands } from './config-object.ts';
import { mounts } from './datastore-mounts.ts';
import { usage } from './datastore-usage.ts';
import { keepOptions } from './job-options.ts';
import { openLocalServer } from './local-server.ts';
import { remoteVariable } from './remote.ts';

const text = (description: string) => optional(option.text(description));

/** What can be changed and, but for no field at all, removed. */
const changeableFields = {
  comment: optional(option.text('A line about the datastore.', { maxLength: 128 })),
  'gc-schedule': text('When garbage is collected: calendar event, like "sat 02:00".'),
  'gc-on-unmount': optional(option.flag('Collect garbage before unmounting.')),
  'prune-schedule': text('When the keep options are applied: calendar event.'),
  ...keepOptions,
  'verify-new': optional(option.flag('Verify each backup once it is finished.')),
  'notify-user': text('Who gets mails.'),
  notify: text('When mails are sent: always, error or never, or per kind of job.'),
  'notify-level': optional(option.choice(['info', 'notice', 'warning', 'error'], 'Least severity of a notification.')),
  'notification-mode': optional(
    option.choice(['notification-system', 'legacy-sendmail'], 'How notifications are sent.'),
  ),
  tuning: text('Tuning options: key=value, separated by commas.'),
  'maintenance-mode': text('read-only or offline, maybe with a reason: offline,message="disk is full".'),
  'notification-thresholds': text('Counters of the object store that cause a notification.'),
  'counter-reset-schedule': text('When the counters of the object store restart: calendar event.'),
};
const createFields = {
  path: option.text('Directory on the server, or on the removable device.', { valueName: 'path' }),
  ...changeableFields,
  'backing-device': text('UUID of the file system of a removable datastore.'),
  backend: text('Where the chunks are: type=filesystem or type=s3,client=ID,bucket=NAME.'),
};

const generic = objectCommands({
  what: ['datastore', 'datastores'],
  path: 'config/datastore',
  id: 'name',
  fields: createFields,
  fixed: ['path', 'backing-device', 'backend'],
  deletable: Object.keys(changeableFields),
  columns: ['name', 'path', 'comment'],
  complete: { 'notify-user': completeUser },
});
const name = option.text('Datastore.', { minLength: 3, maxLength: 32 });

const create = defineCommand({
  summary: 'Create a datastore, or take over one that exists.',
  positional: ['name', 'path'],
  options: {
    name,
    ...createFields,
    'reuse-datastore': optional(
      option.flag('Take over the datastore that the directory holds. The default is to, if it holds one.'),
    ),
    'overwrite-in-use': optional(option.flag('Take over an object store that is marked as in use.')),
    ...outputOption,
  },
  complete: { path: completeFileNames },
  examples: [
    'datastore create ds1 /backup-pool/datastore1 --comment "Primary" --gc-schedule daily --keep-daily 7',
    'datastore create s3store /var/cache/s3store --backend type=s3,client=minio1,bucket=backups,max-cache-size=64GiB',
    'datastore create usb1 backups --backing-device 0d3a6a4f-0b1e-4a52-9c3f-5f0d6d6c9f2e',
  ],
  async run(values, terminal) {
    const { 'output-format': _format, 'reuse-datastore': wanted, ...fields } = values;
    const isOnDevice = values['backing-device'] !== undefined;
    const path = isOnDevice ? values.path : resolve(values.path);
    // On another machine, on a device and in a bucket it has to be said.
    const isInBucket = /(^|,)type=s3(,|$)/.test(values.backend ?? '');
    const here = terminal.env[remoteVariable] === undefined && !isOnDevice && !isInBucket;
    const reuse = wanted ?? (here && existsSync(join(path, '.chunks')));
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

const remove = defineCommand({
  summary: 'Remove a datastore from the configuration, and its data if told so.',
  positional: ['name'],
  options: {
    name,
    'keep-job-configs': optional(option.flag('Keep the jobs and the access rules of the datastore.')),
    'destroy-data': optional(option.flag('Delete all backups in it for good.')),
    digest: optional(option.text('Only if the configuration still has this digest.')),
    ...outputOption,
  },
  complete: { name: completeDatastore },
  async run(values, terminal) {
    const { name: store, 'output-format': _format, ...parameters } = values;
    await using server = await openLocalServer(terminal);
    const upid = (await server.call('DELETE', `config/datastore/${encodeURIComponent(store)}`, parameters)) as string;
    await followTask(server, upid, terminal, outputFormat(values, terminal));
  },
});

const refresh = defineCommand({
  summary: 'Fetch the files of a datastore from its bucket anew: what the bucket has, counts.',
  positional: ['store'],
  options: { store: name, ...outputOption },
  complete: { store: completeDatastore },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const upid = (await server.call('PUT', `admin/datastore/${encodeURIComponent(values.store)}/s3-refresh`)) as string;
    await followTask(server, upid, terminal, outputFormat(values, terminal));
  },
});

interface DatastoreStatus {
  total: number;
  used: number;
  avail: number;
  's3-statistics'?: Record<string, number>;
  'gc-status'?: {
    upid?: string | null;
    'index-data-bytes': number;
    'disk-bytes': number;
    'disk-chunks': number;
  };
}

const show = defineCommand({
  summary: 'Show the configuration of a datastore, how full it is, and who has it locked.',
  positional: ['name'],
  options: { name, ...outputOption },
  complete: { name: completeDatastore },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const store = encodeURIComponent(values.name);
    const config = (await server.call('GET', `config/datastore/${store}`)) as Record<string, unknown>;
    const operations = (await server.call('GET', `admin/datastore/${store}/active-operations`)) as {
      'locked-by'?: string;
    };
    const mount = config['backing-device'] === undefined ? {} : await readMount(server, values.name);
    const status = await readStatus(server, store, terminal);
    const gc = status?.['gc-status'];
    // Figures of chunks come from the last garbage collection; before the first there are none.
    const known = gc?.upid ? gc : undefined;
    const chunks = known && {
      'chunk-count': known['disk-chunks'],
      'total-data': known['index-data-bytes'],
      'disk-usage': known['disk-bytes'],
      'dedup-factor': known['disk-bytes'] > 0 ? known['index-data-bytes'] / known['disk-bytes'] : 1,
    };
    const space = status && { used: status.used, total: status.total, avail: status.avail };
    const statistics = status?.['s3-statistics'];
    const asked = statistics && { 's3-statistics': statistics };
    const locked = operations['locked-by'] === undefined ? {} : { 'locked-by': operations['locked-by'] };
    const all = { ...config, ...mount, ...chunks, ...space, ...asked, ...locked };
    if (printJson(terminal, outputFormat(values, terminal), all)) return;
    const bytes = (value: number | undefined): string => (value === undefined ? 'unknown' : formatBytes(value));
    printFields(terminal, [
      ...fieldRows(config),
      ...Object.entries(mount),
      ['chunk-count', chunks?.['chunk-count'] ?? 'unknown'],
      ['total-data', bytes(chunks?.['total-data'])],
      ['disk-usage', bytes(chunks?.['disk-usage'])],
      ['dedup-factor', chunks ? chunks['dedup-factor'].toFixed(2) : 'unknown'],
      ['used', bytes(space?.used)],
      ['total', bytes(space?.total)],
      ['avail', bytes(space?.avail)],
      ...(statistics ? [['s3-statistics', statisticsText(statistics)] as const] : []),
      ...Object.entries(locked),
    ]);
  },
});

/** Whether the device of a removable datastore is there. */
async function readMount(server: Connection, name: string): Promise<Record<string, string>> {
  const all = (await server.call('GET', 'admin/datastore')) as { store: string; 'mount-status': string }[];
  const status = all.find(({ store }) => store === name)?.['mount-status'];
  return status === undefined ? {} : { 'mount-status': status };
}

/** `12 get, 3 put, 1 MiB upload`: what is not zero. */
function statisticsText({ since: _, ...counts }: Record<string, number>): string {
  const isBytes = (name: string): boolean => name === 'upload' || name === 'download';
  const asked = Object.entries(counts).filter(([, count]) => count > 0);
  return asked.map(([name, count]) => `${isBytes(name) ? formatBytes(count) : count} ${name}`).join(', ') || 'none';
}

/** Undefined, after a word about it, for a datastore whose figures cannot be had: one in maintenance, or damaged. */
async function readStatus(server: Connection, store: string, terminal: Terminal): Promise<DatastoreStatus | undefined> {
  try {
    return (await server.call('GET', `admin/datastore/${store}/status`, { verbose: true })) as DatastoreStatus;
  } catch (error) {
    if (!(error instanceof GranaryError) || error.code === 'connection') throw error;
    terminal.message(error.message);
    return undefined;
  }
}

export const datastores = { ...generic, create, remove, show, usage, ...mounts, 's3-refresh': refresh };
