// Named points where tests let an operation fail or the process die, to see what a crash leaves behind.
// Off, at the cost of one comparison, unless GRANARY_FAILPOINTS or a test turns them on.

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { isErrno } from '../base/errors.ts';
import { systemError } from './libc.ts';

type Action = (name: string) => void;

interface Failpoint {
  action: Action;
  /** The hit that fires; 0 = every hit. */
  at: number;
  hits: number;
}

const points = new Map<string, Failpoint>();
let active = false;

for (const item of (process.env['GRANARY_FAILPOINTS'] ?? '').split(',')) {
  const [name, action] = item.split('=', 2);
  if (name && action) setFailpoint(name, action);
}

/**
 * Does nothing, or what was set for `name` or for `*` (every point): `kill` ends the process with
 * SIGKILL, an errno name (`ENOSPC`) is thrown as that system error, `ask:PATH` does what the lines
 * `name=action` of that file say at the time, so that a running process can be told (its threads too).
 */
export function failpoint(name: string): void {
  if (!active) return;
  for (const key of [name, '*']) {
    const point = points.get(key);
    if (!point) continue;
    point.hits++;
    if (point.at === 0 || point.hits === point.at) point.action(name);
  }
}

/**
 * Sets what happens at `name`: `kill`, an errno name, either with `@N` for the Nth hit only, or a
 * function; undefined removes it. Starts counting from zero.
 */
export function setFailpoint(name: string, action: string | Action | undefined): void {
  if (action === undefined) points.delete(name);
  else if (typeof action === 'function') points.set(name, { action, at: 0, hits: 0 });
  else {
    const [what = '', at] = action.split('@', 2);
    points.set(name, { action: parseAction(what), at: Number(at ?? 0), hits: 0 });
  }
  active = points.size > 0;
}

/** How often `name` was reached since it was set. */
export function failpointHits(name: string): number {
  return points.get(name)?.hits ?? 0;
}

function parseAction(what: string): Action {
  if (what === 'kill') return killSelf;
  if (what.startsWith('ask:')) return (name) => ask(what.slice('ask:'.length), name);
  const errno = (constants.errno as Record<string, number>)[what];
  if (errno === undefined) throw new Error(`unknown failpoint action '${what}'`);
  return (name) => {
    throw systemError(errno, 'failpoint', name);
  };
}

function ask(path: string, name: string): void {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  for (const line of text.split('\n')) {
    const [point, action] = line.split('=', 2);
    if (point === name && action) parseAction(action)(name);
  }
}

function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
