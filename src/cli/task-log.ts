// Follows a task on the server until it ends (cli.md 1: log follow protocol).

import { setTimeout as sleep } from 'node:timers/promises';
import { GranaryError } from '../base/errors.ts';
import type { Connection } from '../client/connection.ts';
import type { OutputFormat } from './framework/output.ts';
import { printJson } from './framework/output.ts';
import type { Terminal } from './framework/terminal.ts';

const linesPerCall = 500;
/** A task's end is seen this much later at most, as a share of the time that it took, within limits. */
const shareOfTime = 0.05;
const leastPollMs = 50;
const longestPollMs = 250;
/** Its last line is there, but it is still listed as running. */
const endPollMs = 10;
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
  const startedAt = performance.now();
  let start = 1;
  let ends = false;
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
      const text = line.t.slice(stampLength);
      terminal.print(`${text}\n`);
      ends = text.startsWith('TASK ');
      start++;
    }
    if (start <= total) {
      if (lines.length === 0)
        throw new GranaryError('protocol', `line ${start} of ${total} is missing in the task log`);
      continue;
    }
    if (active !== true) return;
    const share = (performance.now() - startedAt) * shareOfTime;
    const pauseMs = ends ? endPollMs : Math.min(longestPollMs, Math.max(leastPollMs, share));
    await sleep(pauseMs, undefined, { signal: terminal.signal });
    // Another program may write lines that look like the last one.
    ends = false;
  }
}

/** Asks the server to stop a task. */
export async function stopTask(connection: Connection, upid: string): Promise<void> {
  await connection.call('DELETE', taskPath(upid));
}
