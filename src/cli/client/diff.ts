// `diff archive`: what changed in an archive between two snapshots (cli.md 10). Also a command of the client.

import { quotePath } from '../../base/quote.ts';
import type { Difference } from '../../client/diff-archives.ts';
import { formatEntryTime, formatMode } from '../entry-text.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import type { Terminal } from '../framework/terminal.ts';
import { completeSnapshot, targetCompleters } from './complete.ts';
import { keyCompleters, keyOptions } from './key-options.ts';
import { openSnapshot } from './open-snapshot.ts';
import { namespaceOptions, openTarget, repositoryOptions } from './repository-options.ts';
import { findSnapshotOrNewest } from './snapshot-argument.ts';

export const diffArchive = defineCommand({
  summary: 'Show what changed in a file archive from one snapshot to another.',
  description:
    'Lists entries that were added (A), deleted (D) or modified (M), with mode, owner, size and time as they are now. ' +
    'What differs is marked with *.',
  positional: ['prev-snapshot', 'snapshot', 'archive-name'],
  options: {
    'prev-snapshot': option.text('Earlier snapshot: TYPE/ID/TIME.'),
    snapshot: option.text('Later snapshot: TYPE/ID/TIME, or TYPE/ID/latest.'),
    'archive-name': option.text('File archive: root.pxar.'),
    'compare-content': optional(option.flag('Compare the contents of files of equal size, too.')),
    color: optional(option.choice(['always', 'auto', 'never'], 'Colours.', { default: 'auto' })),
    ...keyOptions,
    ...repositoryOptions,
    ...namespaceOptions,
  },
  complete: { ...targetCompleters, ...keyCompleters, 'prev-snapshot': completeSnapshot, snapshot: completeSnapshot },
  async run(values, terminal) {
    const { diffArchives } = await import('../../client/diff-archives.ts');
    await using target = await openTarget(values, terminal);
    const earlier = await findSnapshotOrNewest(target, values['prev-snapshot']);
    const later = await findSnapshotOrNewest(target, values.snapshot);
    await using before = await openSnapshot(target, earlier, values, terminal);
    await using after = await openSnapshot(target, later, values, terminal);
    const archive = values['archive-name'];
    const [a, b] = await Promise.all([before.openTree(archive), after.openTree(archive)]);
    const color = values.color === 'always' || (values.color !== 'never' && terminal.columns !== undefined);
    const options = { content: values['compare-content'] ?? false, signal: terminal.signal };
    const [left, right] = await Promise.all([a.accessor(terminal.signal), b.accessor(terminal.signal)]);
    for await (const difference of diffArchives(left, right, options)) print(difference, color, terminal);
  },
});

const letters = { added: 'A', removed: 'D', modified: 'M' } as const;
const colors = { added: 32, removed: 31, modified: 33 } as const;

function print(difference: Difference, color: boolean, terminal: Terminal): void {
  const { kind, node, aspects, path } = difference;
  const { mode, uid, gid, mtime } = node.meta;
  const size = node.kind === 'file' ? String(node.size) : '';
  const mark = (text: string, width: number, ...names: Parameters<typeof aspects.has>[0][]): string =>
    `${names.some((name) => aspects.has(name)) ? '*' : ' '}${text.padEnd(width)}`;
  const columns = [
    letters[kind],
    mark(formatMode(node.kind, mode), 10, 'permissions', 'type', 'attributes'),
    mark(`${uid}/${gid}`, 11, 'ownership'),
    mark(size, 12, 'size', 'content', 'target'),
    mark(formatEntryTime(mtime.seconds), 20, 'time'),
    quotePath(path),
  ];
  const line = columns.join(' ');
  terminal.print(color ? `\x1b[${colors[kind]}m${line}\x1b[0m\n` : `${line}\n`);
}
