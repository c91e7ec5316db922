// The listening processes of the program that this one replaced: they end their sessions, and this process, whose
// children they still are, has to take note of their end and to stop them with itself.

import { setTimeout as delay } from 'node:timers/promises';
import { isProcessRunning } from '../os/process.ts';
import { reap } from '../os/replace-process.ts';

type Process = readonly [pid: number, start: number];

const checkMs = 50;
const killAfterMs = 5000;

export class Predecessors {
  #running: readonly Process[];
  readonly #onEnd = (): void => void this.list();

  constructor(running: readonly Process[]) {
    this.#running = running;
    if (running.length > 0) process.on('SIGCHLD', this.#onEnd);
    this.list();
  }

  /** Those that still run. */
  list(): readonly Process[] {
    this.#running = this.#running.filter(([pid, start]) => !reap(pid) && isProcessRunning(pid, start));
    if (this.#running.length === 0) process.off('SIGCHLD', this.#onEnd);
    return this.#running;
  }

  /** Lets their sessions go on for `graceMs`, then ends them. */
  async stop(graceMs: number): Promise<void> {
    for (const [pid] of this.list()) process.kill(pid, 'SIGTERM');
    const deadline = performance.now() + graceMs + killAfterMs;
    while (this.list().length > 0 && performance.now() < deadline) await delay(checkMs);
    for (const [pid] of this.list()) process.kill(pid, 'SIGKILL');
  }
}
