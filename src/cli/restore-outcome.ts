// How a restore of files is reported at its end: once, by kind, with what to do (exit code 2 for missing metadata).

import { GranaryError } from '../base/errors.ts';
import type { ExtractSummary } from '../client/extract.ts';
import type { Terminal } from './framework/terminal.ts';

/**
 * Tells what was not restored. Throws `io` when files are missing, `incomplete` when only metadata or special
 * files are.
 */
export function reportRestore(summary: ExtractSummary, terminal: Terminal): void {
  for (const { path, text } of summary.errors) terminal.message(`${path}: ${text}`);
  if (summary.errorCount > summary.errors.length) {
    terminal.message(`... and ${summary.errorCount - summary.errors.length} more`);
  }
  for (const { kind, count, path, reason } of summary.notRestored) {
    terminal.message(
      `not restored: ${kind} of ${count} ${count === 1 ? 'entry' : 'entries'}, first ${path}: ${reason}`,
    );
  }
  if (summary.errorCount > 0) {
    throw new GranaryError('io', `${summary.errorCount} entries could not be restored`);
  }
  if (summary.notRestored.length === 0) return;
  const kinds = summary.notRestored.map(({ kind }) => kind).join(', ');
  throw new GranaryError('incomplete', `all files are restored, but not all of their ${kinds}`, {
    details: { hint: rootHint() },
  });
}

function rootHint(): string {
  return process.geteuid?.() === 0
    ? 'The file system may not support them.'
    : 'Restoring everything needs root; --ignore-ownership and the like leave things out on purpose.';
}
