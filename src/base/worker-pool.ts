// A pool of worker threads that run the exported functions of one file. Bytes are never posted:
// callers share memory (shared-arena.ts) and send offsets and lengths. Size 0 runs everything inline.

import { Worker } from 'node:worker_threads';
import { GranaryError, messageOf } from './errors.ts';
import type { WorkerAnswer, WorkerCall } from './worker-entry.ts';
import { bindWorkerFile, type CallFunction, reviveError } from './worker-entry.ts';

/** How many calls a worker holds at once, so that it has the next one before the last answer was read. */
const callsPerWorker = 2;

interface Pending {
  call: WorkerCall;
  transfer: readonly ArrayBuffer[];
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

interface Member {
  worker: Worker;
  running: Map<number, Pending>;
}

export interface CallOptions {
  /** Moved instead of copied. */
  transfer?: readonly ArrayBuffer[];
  /** Before all that waits. */
  isUrgent?: boolean;
}

export interface WorkerPoolOptions {
  /** Threads; 0 runs the functions in the calling thread. */
  size: number;
  /** The file whose exported functions are run: `new URL('./x-worker.ts', import.meta.url)`. */
  file: URL;
  /** Shown in error messages and as the thread's name. */
  name: string;
  /**
   * Given to the file's exported `setup(init)` once a thread, if there is one; what that returns
   * (awaited) is then the first argument of every function. Structured clone; shared memory stays shared.
   */
  init?: unknown;
  /**
   * So many calls run in the calling thread before the first thread is started, which costs as much as hashing and
   * compressing some 20 MiB: work that is over by then needs none. Default 0. Nothing is transferred in them.
   */
  inlineFirst?: number;
}

/**
 * Runs functions of a worker file. Threads start with the first calls, do not keep the process alive
 * while idle, and are replaced when one dies (its calls are rejected with `internal`).
 * Errors come back with their class, code and details. Dispose rejects what is under way with `aborted`.
 */
export class WorkerPool implements AsyncDisposable {
  readonly size: number;
  readonly #options: WorkerPoolOptions;
  readonly #members: Member[] = [];
  readonly #queue: Pending[] = [];
  #inline: Promise<CallFunction> | undefined;
  #nextId = 1;
  #inlineLeft: number;
  #disposed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.size = options.size;
    this.#inlineLeft = options.inlineFirst ?? 0;
  }

  /** Calls that wait or run. */
  get pending(): number {
    return this.#members.reduce((sum, member) => sum + member.running.size, this.#queue.length);
  }

  /** Threads that run; none before the first call that needs one. */
  get threads(): number {
    return this.#members.length;
  }

  /** Calls the exported function `fn`. */
  run<R>(fn: string, args: readonly unknown[], { transfer = [], isUrgent }: CallOptions = {}): Promise<R> {
    if (this.#disposed) return Promise.reject(this.#closed());
    if (this.size === 0 || this.#inlineLeft-- > 0) return this.#runInline(fn, args) as Promise<R>;
    return new Promise<R>((resolve, reject) => {
      const call: WorkerCall = { id: this.#nextId++, fn, args };
      const pending: Pending = { call, transfer, resolve: resolve as (value: unknown) => void, reject };
      if (isUrgent) this.#queue.unshift(pending);
      else this.#queue.push(pending);
      this.#dispatch();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    const error = this.#closed();
    for (const pending of this.#queue.splice(0)) pending.reject(error);
    await Promise.all(
      this.#members.splice(0).map(async (member) => {
        for (const pending of member.running.values()) pending.reject(error);
        member.running.clear();
        await member.worker.terminate();
      }),
    );
  }

  #closed(): GranaryError {
    return new GranaryError('aborted', `worker pool '${this.#options.name}' was closed`);
  }

  async #runInline(fn: string, args: readonly unknown[]): Promise<unknown> {
    this.#inline ??= bindWorkerFile(this.#options.file.href, this.#options.init);
    const call = await this.#inline;
    return await call(fn, args);
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const member = this.#leastLoaded();
      if (!member) return;
      const pending = this.#queue.shift()!;
      try {
        member.worker.postMessage(pending.call, pending.transfer);
      } catch (error) {
        pending.reject(error);
        continue;
      }
      if (member.running.size === 0) member.worker.ref();
      member.running.set(pending.call.id, pending);
    }
  }

  #leastLoaded(): Member | undefined {
    let best: Member | undefined;
    for (const member of this.#members) {
      if (!best || member.running.size < best.running.size) best = member;
    }
    if (best?.running.size === 0) return best;
    if (this.#members.length < this.size) return this.#start();
    return best && best.running.size < callsPerWorker ? best : undefined;
  }

  #start(): Member {
    const { name, file, init } = this.#options;
    const worker = new Worker(new URL('./worker-entry.ts', import.meta.url), {
      name,
      workerData: { file: file.href, init },
    });
    const member: Member = { worker, running: new Map() };
    let failure: unknown;
    worker.on('message', (answer: WorkerAnswer) => this.#settle(member, answer));
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', (code) => this.#lost(member, failure ?? new Error(`exit code ${code}`)));
    worker.unref();
    this.#members.push(member);
    return member;
  }

  #settle(member: Member, answer: WorkerAnswer): void {
    const pending = member.running.get(answer.id);
    if (!pending) return;
    member.running.delete(answer.id);
    if (answer.error) pending.reject(reviveError(answer.error));
    else pending.resolve(answer.value);
    this.#dispatch();
    if (member.running.size === 0) member.worker.unref();
  }

  #lost(member: Member, cause: unknown): void {
    const at = this.#members.indexOf(member);
    if (at >= 0) this.#members.splice(at, 1);
    const text = `worker of pool '${this.#options.name}' died: ${messageOf(cause)}`;
    for (const pending of member.running.values()) pending.reject(new GranaryError('internal', text, { cause }));
    member.running.clear();
    if (!this.#disposed) this.#dispatch();
  }
}
