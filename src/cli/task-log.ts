// Follows a task on the server until it ends (cli.md 1: log follow protocol).

import { setTimeout as sleep } from 'node:timers/promises';
import { GranaryError } from '../base/errors.ts';
import type { Connection } from '../client/connection.ts';
import type { OutputFormat } from './framework/output.ts';
import { printJson } from './framework/output.ts';
import type { Terminal } from './framework/terminal.ts';

const linesPerCall = 500;
/** Pauses between looks at a log that does not grow: short at first, for tasks that end at once. */
const firstPollMs = 100;
const longestPollMs = 250;
/** Time stamp, colon and blank in front of each line of a log. */
const stampLength = 27;

interface LogLine {
  n: number;
  t: string;
}

function taskPath(upid: string): string {
  return `nodes/localhost/tasks/${encodeURIComponent(upid)}`;
}

/**
 * Prints a task's log as it grows and ends with it: `OK` and warnings are success, else an error with the status.
 * With a JSON format only the task's id is printed, at once.
 */
export async function followTask(
  connection: Connection,
  upid: string,
  terminal: Terminal,
  format: OutputFormat = 'text',
): Promise<void> {
  if (printJson(terminal, format, upid)) return;
  await printTaskLog(connection, upid, terminal);
  const status = (await connection.call('GET', `${taskPath(upid)}/status`)) as { exitstatus?: string };
  const text = status.exitstatus ?? 'unknown';
  if (text !== 'OK' && !text.startsWith('WARNINGS')) {
    throw new GranaryError('bad-request', `task failed (status ${text})`, { details: { status: text, upid } });
  }
}

/** Prints a task's log until it ends; says nothing about how it ended. */
export async function printTaskLog(connection: Connection, upid: string, terminal: Terminal): Promise<void> {
  let start = 1;
  let pollMs = firstPollMs;
  for (;;) {
    const answer = await connection.callForAnswer('GET', `${taskPath(upid)}/log`, {
      start,
      limit: linesPerCall,
      'test-status': true,
    });
    const lines = answer.data as LogLine[];
    const { total, active } = answer.attributes as { total?: number; active?: boolean };
    if (typeof total !== 'number') throw new GranaryError('protocol', 'the log of the task has no total');
    for (const line of lines) {
      if (line.n !== start)
        throw new GranaryError('protocol', `got wrong line number in response data (${line.n} != ${start}`);
      terminal.print(`${line.t.slice(stampLength)}\n`);
      start++;
    }
    if (start <= total) {
      if (lines.length === 0)
        throw new GranaryError('protocol', `line ${start} of ${total} is missing in the task log`);
      continue;
    }
    if (active !== true) return;
    await sleep(pollMs, undefined, { signal: terminal.signal });
    pollMs = Math.min(longestPollMs, pollMs * 2);
  }
}

/** Asks the server to stop a task. */
export async function stopTask(connection: Connection, upid: string): Promise<void> {
  await connection.call('DELETE', taskPath(upid));
}
