// How worker threads learn that their work is not wanted any more: a word of shared memory, which a long call looks at
// now and then. Messages reach a thread only between its calls.

import { GranaryError } from './errors.ts';

/** Handed to a worker with its call. */
export type StopWord = Int32Array<SharedArrayBuffer>;

/** Follows a signal; to be disposed of when the work has ended. */
export class StopFlag implements Disposable {
  readonly word: StopWord = new Int32Array(new SharedArrayBuffer(4));
  readonly #signal: AbortSignal | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.#raise, { once: true });
    if (signal?.aborted) this.#raise();
  }

  readonly #raise = (): void => {
    Atomics.store(this.word, 0, 1);
  };

  [Symbol.dispose](): void {
    this.#signal?.removeEventListener('abort', this.#raise);
  }
}

/** In the thread: throws `aborted` once the signal was, so that no part of a result can be taken for all of it. */
export function throwIfStopped(word: StopWord): void {
  if (Atomics.load(word, 0) !== 0) throw new GranaryError('aborted', 'aborted');
}
