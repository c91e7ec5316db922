// Pull-only byte streams between rooms: AsyncIterable<Uint8Array>, bounded concurrency, cancellation.

import { throwIfAborted } from './abort.ts';
import { GranaryError } from './errors.ts';

export { throwIfAborted } from './abort.ts';

/**
 * Applies `fn` to each item with at most `n` calls under way and yields the results in order.
 * Stops pulling on the first failure; the calls already under way are awaited before it is thrown.
 */
export async function* mapOrdered<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  n: number,
  fn: (item: T, index: number) => Promise<R>,
  signal?: AbortSignal,
): AsyncGenerator<R, void, undefined> {
  const running: Promise<R>[] = [];
  let index = 0;
  try {
    for await (const item of source) {
      throwIfAborted(signal);
      const call = fn(item, index++);
      call.catch(() => {});
      running.push(call);
      if (running.length >= n) yield await running.shift()!;
    }
    while (running.length > 0) {
      throwIfAborted(signal);
      yield await running.shift()!;
    }
  } finally {
    await Promise.allSettled(running);
  }
}

/** Collects a stream; throws `bad-request` once more than `limit` bytes have come. */
export async function collect(source: AsyncIterable<Uint8Array>, limit: number, what: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of source) {
    length += part.byteLength;
    if (length > limit) throw new GranaryError('bad-request', `${what} is longer than ${limit} bytes`);
    parts.push(part);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}
