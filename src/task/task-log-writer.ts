// The log file of one running task: lines with a time stamp, gathered and appended in order a few times a second.
// A crash of the process loses at most the lines of the last second (config-and-tasks.md 6).

import * as fs from 'node:fs';
import { type Clock, epochSeconds, formatLocal } from '../base/clock.ts';

const flushAfterMs = 250;
const flushAtLength = 64 * 1024;

const open = new Set<TaskLogWriter>();
let exitHandlerSet = false;

export class TaskLogWriter {
  readonly path: string;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  #fd: number | undefined;
  #pending: string[] = [];
  #pendingLength = 0;
  #timer: NodeJS.Timeout | undefined;
  #stampSecond = -1;
  #stamp = '';
  #failed = false;

  /** Makes the file, which must not exist. `onError` is told once when lines can no longer be written; the task goes on. */
  constructor(path: string, clock: Clock, onError: (error: unknown) => void) {
    this.path = path;
    this.#clock = clock;
    this.#onError = onError;
    this.#fd = fs.openSync(path, 'ax', 0o640);
    open.add(this);
    if (!exitHandlerSet) {
      exitHandlerSet = true;
      process.on('exit', () => {
        for (const writer of open) writer.flush();
      });
    }
  }

  /** Adds a line; further lines of a text of several carry no time stamp. Returns before it is written. */
  append(text: string): void {
    if (this.#fd === undefined) return;
    const second = epochSeconds(this.#clock);
    if (second !== this.#stampSecond) {
      this.#stampSecond = second;
      this.#stamp = `${formatLocal(second)}: `;
    }
    this.#pending.push(this.#stamp, text, '\n');
    this.#pendingLength += text.length + 28;
    if (this.#pendingLength >= flushAtLength) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), flushAfterMs).unref();
  }

  /** Hands everything so far to the operating system. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#fd === undefined || this.#pending.length === 0) return;
    const bytes = Buffer.from(this.#pending.join(''));
    this.#pending = [];
    this.#pendingLength = 0;
    try {
      for (let at = 0; at < bytes.byteLength; ) at += fs.writeSync(this.#fd, bytes, at);
    } catch (error) {
      // A full log disk must not fail a backup.
      if (!this.#failed) this.#onError(error);
      this.#failed = true;
    }
  }

  /** Flushes and closes; lines that come later are dropped. */
  close(): void {
    this.flush();
    open.delete(this);
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
  }
}
