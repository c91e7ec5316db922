// Commands about backup groups: list, forget, move, change-owner (cli.md 4).

import { formatGroup, formatSnapshot } from '../../model/backup.ts';
import type { BackupType } from '../../model/names.ts';
import { userArchiveName } from '../../model/names.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { fieldColumn, outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import { followTask } from '../task-log.ts';
import { completeGroup, completeNamespace, targetCompleters } from './complete.ts';
import { namespaceOptions, openTarget, repositoryOptions, storePath } from './repository-options.ts';
import { groupArgument, groupParameters, nsParameter, parseGroup } from './snapshot-argument.ts';

interface GroupEntry {
  'backup-type': BackupType;
  'backup-id': string;
  'last-backup': number;
  'backup-count': number;
  files: string[];
}

/** Stored names as lists show them: without kind, sorted, separated by blanks. */
export function fileList(names: readonly string[]): string {
  return names.map(userArchiveName).sort().join(' ');
}

export const list = defineCommand({
  summary: 'List backup groups.',
  options: { ...repositoryOptions, ...namespaceOptions, ...outputOption },
  complete: targetCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const groups = (await target.connection.call(
      'GET',
      storePath(target, 'groups'),
      nsParameter(target),
    )) as GroupEntry[];
    if (printJson(terminal, outputFormat(values, terminal), groups)) return;
    printTable<GroupEntry>(terminal, groups, [
      { name: 'group', text: (g) => formatGroup({ type: g['backup-type'], id: g['backup-id'] }) },
      {
        name: 'last-backup',
        header: 'last snapshot',
        text: (g) => formatSnapshot({ type: g['backup-type'], id: g['backup-id'], time: g['last-backup'] }),
      },
      fieldColumn('backup-count'),
      { name: 'files', text: (g) => fileList(g.files) },
    ]);
  },
});

export const forgetGroup = defineCommand({
  summary: 'Remove a group with all its snapshots; protected ones stay.',
  positional: ['group'],
  options: { group: groupArgument, ...repositoryOptions, ...namespaceOptions },
  complete: { ...targetCompleters, group: completeGroup },
  async run(values, terminal) {
    const group = parseGroup(values.group);
    await using target = await openTarget(values, terminal);
    if (terminal.canAsk) {
      const answer = await terminal.ask(`Delete group '${formatGroup(group)}' with all its snapshots? [y/N]: `);
      if (!/^y(es)?$/i.test(answer.trim())) return;
    }
    await target.connection.call('DELETE', storePath(target, 'groups'), groupParameters(target, group));
    terminal.print('Successfully deleted group!\n');
  },
});

export const moveGroup = defineCommand({
  summary: 'Move a group to another namespace.',
  positional: ['group'],
  options: {
    group: groupArgument,
    'target-ns': option.text('Namespace to move it to; empty is the root.', { format: 'namespace' }),
    'merge-group': optional(option.flag('Add the snapshots to a group of that name (default true).')),
    ...repositoryOptions,
    ...namespaceOptions,
    ...outputOption,
  },
  complete: { ...targetCompleters, group: completeGroup, 'target-ns': completeNamespace },
  async run(values, terminal) {
    const group = parseGroup(values.group);
    await using target = await openTarget(values, terminal);
    const upid = (await target.connection.call('POST', storePath(target, 'move-group'), {
      ...groupParameters(target, group),
      'target-ns': values['target-ns'],
      'merge-group': values['merge-group'],
    })) as string;
    await followTask(target.connection, upid, terminal, outputFormat(values, terminal));
  },
});

export const changeOwner = defineCommand({
  summary: 'Change the owner of a group.',
  positional: ['group', 'new-owner'],
  options: {
    group: groupArgument,
    'new-owner': option.text('User or API token.', { format: 'auth-id' }),
    ...repositoryOptions,
    ...namespaceOptions,
  },
  complete: { ...targetCompleters, group: completeGroup },
  async run(values, terminal) {
    const group = parseGroup(values.group);
    await using target = await openTarget(values, terminal);
    await target.connection.call('POST', storePath(target, 'change-owner'), {
      ...groupParameters(target, group),
      'new-owner': values['new-owner'],
    });
  },
});
