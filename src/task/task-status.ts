// How a task ended, as text: what stands in log, archive and answers (config-and-tasks.md 6).

/** `OK`, `WARNINGS: N`, `unknown`, or the text of the error. */
export type TaskStatus = string;

export type TaskStatusClass = 'ok' | 'warning' | 'error' | 'unknown';

export function statusClass(status: TaskStatus): TaskStatusClass {
  if (status === 'OK') return 'ok';
  if (status === 'unknown') return 'unknown';
  return /^WARNINGS: \d+$/.test(status) ? 'warning' : 'error';
}

/** The text of a log's last line, without its time. */
export function formatStatusLine(status: TaskStatus): string {
  const kind = statusClass(status);
  return kind === 'error' || kind === 'unknown' ? `TASK ERROR: ${status}` : `TASK ${status}`;
}

/** Inverse of `formatStatusLine`; undefined for any other line. */
export function parseStatusLine(text: string): TaskStatus | undefined {
  if (text === 'TASK OK') return 'OK';
  const match = /^TASK (?:ERROR: (.*)|(WARNINGS: \d+))$/s.exec(text);
  return match ? (match[1] ?? match[2]) : undefined;
}

/** An error's message as a status: one line, never empty, never one of the words for success. */
export function errorStatus(message: string): TaskStatus {
  const line = message.replace(/\s*[\r\n]+\s*/g, ' ').trim();
  return line === '' || statusClass(line) !== 'error' ? `task failed (${line})` : line;
}
