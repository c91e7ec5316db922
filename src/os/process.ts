// Is the process that a task id or a lock names still the same one? A pid is reused, the pair of pid and
// start time is not (config-and-tasks.md: UPID).

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isErrno } from '../base/errors.ts';

/** Start time of a process in clock ticks since boot, as in `/proc/PID/stat`; undefined if there is none. */
export function processStartTicks(pid: number): number | undefined {
  return readStat(pid)?.start;
}

/** Whether process `pid` exists, was started at `start` ticks, and has not ended. */
export function isProcessRunning(pid: number, start: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && stat.start === start && stat.state !== 'Z' && stat.state !== 'X';
}

/**
 * The program of a process and the script that it runs, without folders and without the rest of its arguments, which
 * are nobody's business; undefined if there is none.
 */
export function processName(pid: number): string | undefined {
  try {
    const [program = '', script = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return [basename(program), script.startsWith('-') ? '' : basename(script)].join(' ').trim() || undefined;
  } catch {
    return undefined;
  }
}

function readStat(pid: number): { state: string; start: number } | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
  // Field 2 is the command name in parentheses and may contain anything; field 3 follows the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const start = Number(fields[19]);
  return Number.isSafeInteger(start) ? { state: fields[0] ?? '', start } : undefined;
}

/** How many files this process may have open at the same time. */
export function openFileLimit(): number {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
  return line && line[1] !== 'unlimited' ? Number(line[1]) : Number.MAX_SAFE_INTEGER;
}
