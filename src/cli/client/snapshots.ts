// Commands about snapshots: list, files, forget, notes, protected (cli.md 4).

import { formatBytes } from '../../base/human.ts';
import { formatSnapshot } from '../../model/backup.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { fieldColumn, outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import { completeGroup, completeSnapshot, targetCompleters } from './complete.ts';
import { fileList } from './groups.ts';
import { namespaceOptions, openTarget, repositoryOptions, storePath } from './repository-options.ts';
import {
  findSnapshot,
  groupParameters,
  nsParameter,
  parseGroup,
  type SnapshotEntry,
  snapshotArgument,
  snapshotParameters,
} from './snapshot-argument.ts';

const common = { ...repositoryOptions, ...namespaceOptions };
const snapshotCompleters = { ...targetCompleters, snapshot: completeSnapshot };

export const list = defineCommand({
  summary: 'List snapshots.',
  positional: ['group'],
  options: { group: optional(option.text('Only snapshots of this group: TYPE/ID.')), ...common, ...outputOption },
  complete: { ...targetCompleters, group: completeGroup },
  async run(values, terminal) {
    const group = values.group === undefined ? undefined : parseGroup(values.group);
    await using target = await openTarget(values, terminal);
    const parameters = group ? groupParameters(target, group) : nsParameter(target);
    const entries = (await target.connection.call(
      'GET',
      storePath(target, 'snapshots'),
      parameters,
    )) as SnapshotEntry[];
    if (printJson(terminal, outputFormat(values, terminal), entries)) return;
    printTable(terminal, entries, [
      {
        name: 'snapshot',
        text: (s) => formatSnapshot({ type: s['backup-type'], id: s['backup-id'], time: s['backup-time'] }),
      },
      { name: 'size', right: true, text: (s) => (s.size === undefined ? undefined : formatBytes(s.size)) },
      { name: 'files', text: (s) => fileList(s.files.map((file) => file.filename)) },
    ]);
  },
});

export const files = defineCommand({
  summary: 'List the files of a snapshot.',
  positional: ['snapshot'],
  options: { snapshot: snapshotArgument, ...common, ...outputOption },
  complete: snapshotCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const snapshot = await findSnapshot(target, values.snapshot);
    const entries = (await target.connection.call(
      'GET',
      storePath(target, 'files'),
      snapshotParameters(target, snapshot),
    )) as SnapshotEntry['files'];
    if (printJson(terminal, outputFormat(values, terminal), entries)) return;
    printTable<SnapshotEntry['files'][number]>(terminal, entries, [
      fieldColumn('filename'),
      fieldColumn('crypt-mode'),
      fieldColumn('size', { right: true }),
    ]);
  },
});

export const forget = defineCommand({
  summary: 'Remove a snapshot.',
  positional: ['snapshot'],
  options: { snapshot: snapshotArgument, ...common },
  complete: snapshotCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const snapshot = await findSnapshot(target, values.snapshot);
    await target.connection.call('DELETE', storePath(target, 'snapshots'), snapshotParameters(target, snapshot));
  },
});

export const showNotes = defineCommand({
  summary: 'Show the notes of a snapshot.',
  positional: ['snapshot'],
  options: { snapshot: snapshotArgument, ...common, ...outputOption },
  complete: snapshotCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const snapshot = await findSnapshot(target, values.snapshot);
    const path = storePath(target, 'notes');
    const notes = (await target.connection.call('GET', path, snapshotParameters(target, snapshot))) as string;
    if (!printJson(terminal, outputFormat(values, terminal), { notes })) terminal.print(`${notes}\n`);
  },
});

export const updateNotes = defineCommand({
  summary: 'Replace the notes of a snapshot.',
  positional: ['snapshot', 'notes'],
  options: { snapshot: snapshotArgument, notes: option.text('The notes; may have several lines.'), ...common },
  complete: snapshotCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const snapshot = await findSnapshot(target, values.snapshot);
    await target.connection.call('PUT', storePath(target, 'notes'), {
      ...snapshotParameters(target, snapshot),
      notes: values.notes,
    });
  },
});

export const showProtected = defineCommand({
  summary: 'Show whether a snapshot is protected from removal.',
  positional: ['snapshot'],
  options: { snapshot: snapshotArgument, ...common, ...outputOption },
  complete: snapshotCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const snapshot = await findSnapshot(target, values.snapshot);
    const path = storePath(target, 'protected');
    const state = (await target.connection.call('GET', path, snapshotParameters(target, snapshot))) as boolean;
    if (!printJson(terminal, outputFormat(values, terminal), { protected: state })) terminal.print(`${state}\n`);
  },
});

export const updateProtected = defineCommand({
  summary: 'Protect a snapshot from removal, or no longer.',
  positional: ['snapshot', 'protected'],
  options: { snapshot: snapshotArgument, protected: option.flag('Whether it is protected.'), ...common },
  complete: snapshotCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const snapshot = await findSnapshot(target, values.snapshot);
    await target.connection.call('PUT', storePath(target, 'protected'), {
      ...snapshotParameters(target, snapshot),
      protected: values.protected,
    });
  },
});
