// Cancellation, in the words of the error table. Runs in a browser too.

import { GranaryError } from './errors.ts';

/** Throws `aborted` with the signal's reason as its text. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  const reason =
    signal.reason instanceof Error && signal.reason.name !== 'AbortError' ? signal.reason.message : 'aborted';
  throw new GranaryError('aborted', reason, { cause: signal.reason });
}
