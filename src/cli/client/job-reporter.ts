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

/** Output from this size on is worth a wider pipe. */
const muchOutput = 1024 * 1024;

export function restoreReporter(terminal: Terminal): RestoreReporter {
  let widened = false;
  return {
    message: (line) => terminal.message(line),
    output: async (bytes) => {
      if (!widened && bytes.byteLength >= muchOutput) {
        widened = true;
        const { widenPipe } = await import('../../os/pipe-size.ts');
        widenPipe(1);
      }
      await terminal.writeBytes(bytes);
    },
    progress: (label, total, state) => new ProgressLine(terminal, label, () => ({ done: state(), total })),
  };
}
