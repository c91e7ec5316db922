// Shows what a backup or restore tells: messages on standard error, and a progress line below them.

import type { JobReporter } from '../../client/backup-job.ts';
import type { RestoreReporter } from '../../client/restore-job.ts';
import { ProgressLine, shortBytes } from '../framework/progress.ts';
import type { Terminal } from '../framework/terminal.ts';

export function jobReporter(terminal: Terminal): JobReporter {
  return {
    message: (line) => terminal.message(line),
    progress: (label, total, state) =>
      new ProgressLine(terminal, label, () => {
        const { processed, uploaded, reused } = state();
        return {
          done: processed,
          total,
          facts: [`uploaded ${shortBytes(uploaded)}`, `reused ${shortBytes(reused)}`],
        };
      }),
  };
}

export function restoreReporter(terminal: Terminal): RestoreReporter {
  return {
    message: (line) => terminal.message(line),
    output: (bytes) => terminal.writeBytes(bytes),
    progress: (label, total, state) => new ProgressLine(terminal, label, () => ({ done: state(), total })),
  };
}
