// Lists of tasks as tables; the client's and the manager's look the same (cli.md 4, 5).

import { formatCtime } from '../base/clock.ts';
import { fieldColumn, printTable } from './framework/output.ts';
import type { Terminal } from './framework/terminal.ts';

export interface TaskEntry {
  upid: string;
  starttime: number;
  endtime?: number;
  status?: string;
}

/** Prints tasks by start time; a task without status is running. */
export function printTasks(terminal: Terminal, tasks: readonly TaskEntry[]): void {
  const sorted = [...tasks].sort((a, b) => a.starttime - b.starttime || (a.upid < b.upid ? -1 : 1));
  printTable<TaskEntry>(
    terminal,
    sorted,
    [
      { name: 'starttime', right: true, text: (t) => formatCtime(t.starttime) },
      { name: 'endtime', right: true, text: (t) => (t.endtime === undefined ? undefined : formatCtime(t.endtime)) },
      fieldColumn('upid'),
      { name: 'status', text: (t) => t.status ?? 'running' },
    ],
    { sort: false },
  );
}
