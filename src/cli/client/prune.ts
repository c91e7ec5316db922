// Removes snapshots that no keep rule keeps, of one group or of all (cli.md 4, 12).

import { formatCtime } from '../../base/clock.ts';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { formatBytes } from '../../base/human.ts';
import { type BackupGroup, compareGroups, formatGroup, formatSnapshot } from '../../model/backup.ts';
import type { BackupType } from '../../model/names.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { type Column, outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import { completeGroup, targetCompleters } from './complete.ts';
import { namespaceOptions, openTarget, repositoryOptions, storePath, type Target } from './repository-options.ts';
import { groupParameters, nsParameter, parseGroup } from './snapshot-argument.ts';

interface PruneEntry {
  'backup-type': BackupType;
  'backup-id': string;
  'backup-time': number;
  keep: boolean;
  protected: boolean;
  ns?: string;
  /** Absent from servers that do not tell. */
  reason?: string;
  /** In a dry run, with those before it gone. */
  'freed-bytes'?: number;
}

const keep = (what: string) => optional(option.integer(`Number of ${what} to keep.`, { minimum: 1 }));

const keepOptions = {
  'keep-last': keep('newest snapshots'),
  'keep-hourly': keep('hours to keep one snapshot of'),
  'keep-daily': keep('days to keep one snapshot of'),
  'keep-weekly': keep('weeks to keep one snapshot of'),
  'keep-monthly': keep('months to keep one snapshot of'),
  'keep-yearly': keep('years to keep one snapshot of'),
};

export const prune = defineCommand({
  summary: 'Remove the snapshots that no keep option keeps.',
  description:
    'Removes the snapshots of a group, or of every group of the namespace that you may prune, that no keep option ' +
    'keeps. Without any keep option nothing is removed. Protected snapshots always stay.',
  positional: ['group'],
  options: {
    group: optional(option.text('Backup group: TYPE/ID. All groups when left out.')),
    ...keepOptions,
    'max-depth': optional(
      option.integer('Without a group: also namespaces so many levels below.', { minimum: 0, maximum: 7 }),
    ),
    'dry-run': optional(option.flag('Only show what would be done.')),
    reason: optional(option.flag('Show why a snapshot stays or goes, if the server tells.')),
    quiet: optional(option.flag('Print no table.')),
    ...repositoryOptions,
    ...namespaceOptions,
    ...outputOption,
  },
  complete: { ...targetCompleters, group: completeGroup },
  examples: [
    'prune host/web1 --keep-daily 7 --keep-weekly 4',
    'prune --dry-run --reason --keep-last 3 --repository backup@pbs@server:store1',
  ],
  async run(values, terminal) {
    const group = values.group === undefined ? undefined : parseGroup(values.group);
    await using target = await openTarget(values, terminal);
    const rules: Record<string, unknown> = { 'dry-run': values['dry-run'] };
    for (const name of Object.keys(keepOptions) as (keyof typeof keepOptions)[]) rules[name] = values[name];
    const failures: string[] = [];
    const entries = group
      ? await pruneGroup(target, target.ns, group, rules)
      : await pruneAll(target, values['max-depth'] ?? 0, rules, terminal, failures);
    // Virtualisation hosts ask for quiet and for JSON, and read the JSON.
    const printed = printJson(terminal, outputFormat(values, terminal), entries);
    if (!printed && values.quiet !== true) {
      printEntries(terminal, entries, group === undefined, values.reason ?? false);
    }
    if (!printed && values.quiet !== true && values['dry-run'] === true) tellFreed(terminal, entries);
    if (failures.length > 0) {
      throw new GranaryError('bad-request', `pruning failed for ${failures.length} of the groups`);
    }
  },
});

function pruneGroup(
  target: Target,
  ns: string,
  group: BackupGroup,
  rules: Record<string, unknown>,
): Promise<PruneEntry[]> {
  const parameters = { ...groupParameters({ ns }, group), ...rules };
  return target.connection.call('POST', storePath(target, 'prune'), parameters) as Promise<PruneEntry[]>;
}

/** Prunes group after group; one that belongs to somebody else is passed over, other failures are told and counted. */
async function pruneAll(
  target: Target,
  maxDepth: number,
  rules: Record<string, unknown>,
  terminal: Terminal,
  failures: string[],
): Promise<PruneEntry[]> {
  const all: PruneEntry[] = [];
  for (const ns of await namespaces(target, maxDepth)) {
    const list = (await target.connection.call(
      'GET',
      storePath(target, 'groups'),
      nsParameter({ ns }),
    )) as PruneEntry[];
    const groups = list.map((g): BackupGroup => ({ type: g['backup-type'], id: g['backup-id'] })).sort(compareGroups);
    for (const group of groups) {
      try {
        const entries = await pruneGroup(target, ns, group, rules);
        all.push(...entries.map((entry) => (ns === '' ? entry : { ...entry, ns })));
      } catch (error) {
        const foreign = error instanceof GranaryError && error.message.startsWith('backup owner check failed');
        terminal.message(`${formatGroup(group)}: ${foreign ? 'skipped: ' : ''}${messageOf(error)}`);
        if (!foreign) failures.push(formatGroup(group));
      }
    }
  }
  return all;
}

async function namespaces(target: Target, maxDepth: number): Promise<string[]> {
  if (maxDepth === 0) return [target.ns];
  const list = (await target.connection.call('GET', storePath(target, 'namespace'), {
    parent: target.ns === '' ? undefined : target.ns,
    'max-depth': maxDepth,
  })) as { ns: string }[];
  return list.map((entry) => entry.ns).sort();
}

const reasonColumn: Column<PruneEntry> = { name: 'reason', text: (e) => e.reason };
const freedColumn: Column<PruneEntry> = {
  name: 'frees',
  right: true,
  text: (e) => (e['freed-bytes'] === undefined ? undefined : formatBytes(e['freed-bytes'])),
};

/** Groups are asked for one by one: what only removed snapshots of several groups share is freed too, and not counted. */
function tellFreed(terminal: Terminal, entries: readonly PruneEntry[]): void {
  const freed = entries.filter((e) => !e.keep).map((e) => e['freed-bytes']);
  if (freed.length === 0 || freed.includes(undefined)) return;
  const bytes = freed.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  const groups = new Set(entries.map((e) => `${e.ns ?? ''}:${e['backup-type']}/${e['backup-id']}`));
  const least = groups.size > 1 ? 'at least ' : '';
  terminal.message(`would free ${least}${formatBytes(bytes)} after the next garbage collection`);
}

function printEntries(
  terminal: Terminal,
  entries: readonly PruneEntry[],
  showNamespace: boolean,
  showReason: boolean,
): void {
  printTable(
    terminal,
    entries,
    [
      {
        name: 'snapshot',
        text: (e) => {
          const text = formatSnapshot({ type: e['backup-type'], id: e['backup-id'], time: e['backup-time'] });
          return showNamespace && e.ns ? `[${e.ns}]:${text}` : text;
        },
      },
      { name: 'date', right: true, text: (e) => formatCtime(e['backup-time']) },
      { name: 'action', right: true, text: (e) => (e.keep ? 'keep' : 'remove') },
      ...(showReason ? [freedColumn, reasonColumn] : []),
    ],
    { sort: !showNamespace },
  );
}
