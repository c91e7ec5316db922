// What a job is given to work with: its log, its warnings, and the signal that asks it to stop.

import { GranaryError } from '../base/errors.ts';
import type { AuthId } from '../model/auth-id.ts';
import type { TaskLogWriter } from './task-log-writer.ts';
import type { TaskStatus } from './task-status.ts';

export class WorkerTask {
  readonly upid: string;
  readonly authId: AuthId;
  /** Resolves with the status once the task has ended and is in the archive; never rejects. */
  readonly done: Promise<TaskStatus>;
  readonly #log: TaskLogWriter;
  readonly #abort = new AbortController();
  #warnings = 0;

  constructor(upid: string, authId: AuthId, log: TaskLogWriter, done: Promise<TaskStatus>) {
    this.upid = upid;
    this.authId = authId;
    this.done = done;
    this.#log = log;
  }

  /** Aborted when somebody asked for it or the server stops; the reason is a `GranaryError` `aborted`. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Warnings so far. */
  get warnings(): number {
    return this.#warnings;
  }

  log(text: string): void {
    this.#log.append(text);
  }

  /** A line that makes the task end with `WARNINGS: N` instead of `OK`. */
  warn(text: string): void {
    this.#warnings++;
    this.#log.append(text);
  }

  debug(text: string): void {
    this.#log.append(`DEBUG: ${text}`);
  }

  /** Throws `aborted` when the task was asked to stop. */
  checkAbort(): void {
    if (this.#abort.signal.aborted) throw this.#abort.signal.reason;
  }

  /** Hands the lines so far to the operating system, for a reader. */
  flushLog(): void {
    this.#log.flush();
  }

  /** Asks the task to stop; it ends when its work notices. */
  requestAbort(reason = 'abort requested - aborting task'): void {
    if (this.#abort.signal.aborted) return;
    this.#log.append('received abort request ...');
    this.#abort.abort(new GranaryError('aborted', reason));
  }
}
