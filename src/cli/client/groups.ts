// Commands about backup groups: list, forget, change-owner (cli.md 4).

import { formatGroup, formatSnapshot } from '../../model/backup.ts';
import type { BackupType } from '../../model/names.ts';
import { userArchiveName } from '../../model/names.ts';
import { defineCommand } from '../framework/command.ts';
import { option } from '../framework/options.ts';
import { fieldColumn, outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import { completeGroup, targetCompleters } from './complete.ts';
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
