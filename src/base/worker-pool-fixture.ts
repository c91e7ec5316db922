// The worker file of worker-pool.test.ts.

import { threadId } from 'node:worker_threads';
import { GranaryError } from './errors.ts';

interface Context {
  base: number;
  memory?: SharedArrayBuffer;
}

export function setup(init: Context): Context {
  return init;
}

export function add(context: Context, a: number, b: number): number {
  return context.base + a + b;
}

/** Which thread runs this. */
export function thread(): number {
  return threadId;
}

export function fill(context: Context, offset: number, length: number, value: number): void {
  new Uint8Array(context.memory!, offset, length).fill(value);
}

export function lengthOf(_: Context, buffer: ArrayBuffer): number {
  return buffer.byteLength;
}

export function failTyped(): never {
  throw new GranaryError('digest-mismatch', 'chunk is wrong', { details: { at: 7 } });
}

export function failPlain(): never {
  throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
}

export function die(): never {
  process.exit(3);
}

export function never(): Promise<void> {
  return new Promise(() => {});
}
