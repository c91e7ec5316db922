// Commands about garbage collection (cli.md 5).

import { formatCtime } from '../../base/clock.ts';
import { formatBytes, formatSpan } from '../../base/human.ts';
import { defineCommand, defineGroup } from '../framework/command.ts';
import { option } from '../framework/options.ts';
import { fieldColumn, outputFormat, outputOption, printFields, printJson, printTable } from '../framework/output.ts';
import { followTask } from '../task-log.ts';
import { completeDatastore } from './complete.ts';
import { openLocalServer } from './local-server.ts';

interface GcStatus {
  store: string;
  'last-run-endtime'?: number;
  'last-run-state'?: string;
  'next-run'?: number;
  duration?: number;
  'removed-bytes': number;
  'pending-bytes': number;
  schedule?: string;
  [figure: string]: unknown;
}

const store = option.text('Datastore.', { minLength: 3, maxLength: 32, valueName: 'store' });
const gcPath = (name: string): string => `admin/datastore/${encodeURIComponent(name)}/gc`;
const time = (epoch: number | undefined): string | undefined => (epoch === undefined ? undefined : formatCtime(epoch));

const start = defineCommand({
  summary: 'Remove chunks that nothing needs any more.',
  positional: ['store'],
  options: { store, ...outputOption },
  complete: { store: completeDatastore },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const upid = (await server.call('POST', gcPath(values.store))) as string;
    await followTask(server, upid, terminal, outputFormat(values, terminal));
  },
});

const status = defineCommand({
  summary: 'What the last run found, and when the next one is.',
  positional: ['store'],
  options: { store, ...outputOption },
  complete: { store: completeDatastore },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const found = (await server.call('GET', gcPath(values.store))) as GcStatus;
    if (printJson(terminal, outputFormat(values, terminal), found)) return;
    const fields = {
      ...found,
      'last-run-endtime': time(found['last-run-endtime']),
      'next-run': time(found['next-run']),
    };
    printFields(
      terminal,
      Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  },
});

const list = defineCommand({
  summary: 'Garbage collection of all datastores.',
  options: outputOption,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const rows = (await server.call('GET', 'admin/gc')) as GcStatus[];
    if (printJson(terminal, outputFormat(values, terminal), rows)) return;
    printTable<GcStatus>(terminal, rows, [
      fieldColumn('store'),
      { name: 'last-run-endtime', text: (row) => time(row['last-run-endtime']) },
      { name: 'duration', right: true, text: ({ duration }) => (duration === undefined ? '' : formatSpan(duration)) },
      { name: 'removed-bytes', right: true, text: (row) => formatBytes(row['removed-bytes']) },
      { name: 'pending-bytes', right: true, text: (row) => formatBytes(row['pending-bytes']) },
      fieldColumn('last-run-state'),
      fieldColumn('schedule'),
      { name: 'next-run', text: (row) => time(row['next-run']) },
    ]);
  },
});

export const garbageCollectionCommands = defineGroup('Garbage collection.', { start, status, list });
