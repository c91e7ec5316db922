// Who takes up the space of a datastore: `datastore usage`.

import { formatLocal, formatUtc } from '../../base/clock.ts';
import { GranaryError } from '../../base/errors.ts';
import { formatBytes } from '../../base/human.ts';
import { parseGroup } from '../../model/backup.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import { completeDatastore } from './complete.ts';
import { openLocalServer } from './local-server.ts';

interface UsageNode {
  kind: 'namespace' | 'group' | 'snapshot';
  ns: string;
  'backup-type'?: string;
  'backup-id'?: string;
  'backup-time'?: number;
  'unique-bytes': number;
  'shared-bytes': number;
  snapshots?: number;
}

interface Usage {
  quality: 'exact' | 'estimate' | 'unknown';
  reason?: string;
  'measured-at'?: number;
  'unreferenced-bytes'?: number;
  total: number;
  entries: UsageNode[];
}

export const usage = defineCommand({
  summary: 'Show who takes up the space: what the removal of each namespace, group and snapshot would free.',
  description:
    'unique: bytes on disk that nothing else needs, so that removing it and collecting garbage frees them. ' +
    'shared: bytes that it needs, and others need too.',
  positional: ['name'],
  options: {
    name: option.text('Datastore.', { minLength: 3, maxLength: 32 }),
    ns: optional(option.text('Only this namespace and those below it.')),
    'max-depth': optional(option.integer('Levels of namespaces below.', { minimum: 0, maximum: 7 })),
    group: optional(option.text('Only this group: TYPE/ID.')),
    level: optional(option.choice(['namespace', 'group', 'snapshot'], 'The smallest that is listed. Default group.')),
    order: optional(option.choice(['tree', 'unique'], 'As they lie in each other, or the largest first.')),
    start: optional(option.integer('How many to pass over.', { minimum: 0 })),
    limit: optional(option.integer('How many to show at most. Default 1000.', { minimum: 1, maximum: 10_000 })),
    ...outputOption,
  },
  complete: { name: completeDatastore },
  examples: [
    'datastore usage ds1',
    'datastore usage ds1 --group vm/100 --level snapshot',
    'datastore usage ds1 --order unique --limit 10',
  ],
  async run(values, terminal) {
    const { name, group: groupText, 'output-format': _format, ...parameters } = values;
    const group = groupText === undefined ? undefined : parseGroup(groupText);
    if (groupText !== undefined && !group)
      throw new GranaryError('bad-request', `'--group ${groupText}' is not TYPE/ID of a group`);
    await using server = await openLocalServer(terminal);
    const found = (await server.call('GET', `admin/datastore/${encodeURIComponent(name)}/accounting`, {
      ...parameters,
      'backup-type': group?.type,
      'backup-id': group?.id,
    })) as Usage;
    if (!printJson(terminal, outputFormat(values, terminal), found)) printUsage(terminal, found);
  },
});

function printUsage(terminal: Terminal, found: Usage): void {
  printTable(
    terminal,
    found.entries,
    [
      { name: 'name', text: nameOf },
      { name: 'unique', right: true, text: (node) => formatBytes(node['unique-bytes']) },
      { name: 'shared', right: true, text: (node) => formatBytes(node['shared-bytes']) },
      { name: 'snapshots', right: true, text: (node) => node.snapshots },
    ],
    { sort: false },
  );
  const hidden = found.total - found.entries.length;
  if (hidden > 0) terminal.message(`${hidden} of ${found.total} are not shown: see --start and --limit`);
  const unreferenced = found['unreferenced-bytes'];
  if (unreferenced)
    terminal.message(`${formatBytes(unreferenced)} are needed by no snapshot: garbage collection frees them`);
  if (found.quality !== 'exact') terminal.message(`${found.quality}: ${found.reason ?? 'no reason is known'}`);
  else if (found['measured-at'] !== undefined) {
    terminal.message(`exact; all chunks were measured at ${formatLocal(found['measured-at'])}`);
  }
}

function nameOf(node: UsageNode): string {
  if (node.kind === 'namespace') return node.ns === '' ? 'root namespace' : `namespace ${node.ns}`;
  const group = `${node['backup-type']}/${node['backup-id']}`;
  const path = node.kind === 'group' ? group : `${group}/${formatUtc(node['backup-time']!)}`;
  return node.ns === '' ? path : `[${node.ns}]:${path}`;
}
