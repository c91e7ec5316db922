// `catalog shell`: looks around in an archive and restores single files, interactively or from a script on
// standard input (cli.md 4).

import { createInterface } from 'node:readline';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { defineCommand } from '../framework/command.ts';
import { option } from '../framework/options.ts';
import { reportRestore } from '../restore-outcome.ts';
import { completeArchive, completeSnapshotOrGroup, targetCompleters } from './complete.ts';
import { keyCompleters, keyOptions } from './key-options.ts';
import { openSnapshot } from './open-snapshot.ts';
import { namespaceOptions, openTarget, repositoryOptions } from './repository-options.ts';
import { findSnapshotOrNewest, snapshotOrGroupArgument } from './snapshot-argument.ts';

export const catalogShell = defineCommand({
  summary: 'Look around in an archive of a snapshot, and restore single files.',
  description:
    'Opens a shell in an archive of a snapshot. With standard input that is no terminal, its lines are run one after ' +
    'the other, and the first error ends it.',
  positional: ['snapshot', 'archive-name'],
  options: {
    snapshot: snapshotOrGroupArgument,
    'archive-name': option.text('File archive: root.pxar.'),
    ...keyOptions,
    ...repositoryOptions,
    ...namespaceOptions,
  },
  complete: {
    ...targetCompleters,
    ...keyCompleters,
    snapshot: completeSnapshotOrGroup,
    'archive-name': completeArchive,
  },
  async run(values, terminal) {
    const { ArchiveShell } = await import('./archive-shell.ts');
    await using target = await openTarget(values, terminal);
    const snapshot = await findSnapshotOrNewest(target, values.snapshot);
    await using reader = await openSnapshot(target, snapshot, values, terminal);
    const tree = await reader.openTree(values['archive-name']);
    const shell = new ArchiveShell(await tree.accessor(terminal.signal), {
      print: (text) => terminal.print(text),
      restored: (summary) => reportRestore(summary, terminal),
      signal: terminal.signal,
    });
    const interactive = terminal.canAsk;
    const lines = createInterface({
      input: terminal.input,
      ...(interactive ? { output: process.stdout } : {}),
      terminal: interactive,
      prompt: shell.prompt,
      completer: (line: string, done: (error: Error | null, result: [string[], string]) => void) => {
        shell.complete(line).then(
          (result) => done(null, result),
          () => done(null, [[], line]),
        );
      },
    });
    try {
      if (interactive) lines.prompt();
      for await (const line of lines) {
        try {
          await shell.execute(line);
        } catch (error) {
          if (!interactive || !(error instanceof GranaryError)) throw error;
          terminal.message(`Error: ${messageOf(error)}`);
        }
        if (shell.ended) break;
        if (!interactive) continue;
        lines.setPrompt(shell.prompt);
        lines.prompt();
      }
    } finally {
      lines.close();
    }
  },
});
