// Lets synchronous work share the thread: the walk and the restore use synchronous system calls, which are
// several times faster than promises, and give the event loop (TLS, HTTP/2, signals) its turn regularly.

import { setImmediate as turn } from 'node:timers/promises';
import { throwIfAborted } from '../../base/streams.ts';

export class Pacer {
  readonly #intervalMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onTurn: () => void;
  #next: number;

  /** `onTurn` is called about every `intervalMs`, before the event loop gets its turn. */
  constructor(o: { intervalMs?: number; signal?: AbortSignal | undefined; onTurn?: () => void } = {}) {
    this.#intervalMs = o.intervalMs ?? 10;
    this.#signal = o.signal;
    this.#onTurn = o.onTurn ?? (() => {});
    this.#next = performance.now() + this.#intervalMs;
  }

  /** To be called between two short pieces of work; a promise means that it is the event loop's turn. */
  pause(): undefined | Promise<void> {
    return performance.now() < this.#next ? undefined : this.#pause();
  }

  async #pause(): Promise<void> {
    throwIfAborted(this.#signal);
    this.#onTurn();
    await turn();
    throwIfAborted(this.#signal);
    this.#next = performance.now() + this.#intervalMs;
  }
}
