// The thread side of worker-pool.ts: loads the worker file, runs its functions in order of arrival,
// and carries errors over with their code and details.

import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { type ErrorCode, GranaryError, messageOf } from './errors.ts';

export interface WorkerCall {
  id: number;
  fn: string;
  args: readonly unknown[];
}

export interface PlainError {
  message: string;
  granary?: {
    code: ErrorCode;
    status: number;
    details: Record<string, unknown>;
    parameters: Record<string, string> | undefined;
  };
  /** Of system errors: `ENOSPC` and the like. */
  errno?: string;
  stack?: string;
}

export interface WorkerAnswer {
  id: number;
  value?: unknown;
  error?: PlainError;
}

export type CallFunction = (fn: string, args: readonly unknown[]) => unknown;

/** Imports a worker file, runs its `setup`, and gives a function that calls its exports by name. */
export async function bindWorkerFile(href: string, init: unknown): Promise<CallFunction> {
  const exported: Record<string, unknown> = await import(href);
  const setup = exported['setup'];
  const context = typeof setup === 'function' ? [await setup(init)] : [];
  return (fn, args) => {
    const target = exported[fn];
    if (typeof target !== 'function') throw new GranaryError('internal', `${href} exports no function '${fn}'`);
    return target(...context, ...args);
  };
}

export function plainError(error: unknown): PlainError {
  const plain: PlainError = { message: messageOf(error) };
  if (error instanceof GranaryError) {
    const { code, status, details, parameters } = error;
    plain.granary = { code, status, details, parameters };
  }
  if (error instanceof Error) {
    plain.stack = error.stack;
    const errno: unknown = 'code' in error ? error.code : undefined;
    if (typeof errno === 'string' && !plain.granary) plain.errno = errno;
  }
  return plain;
}

export function reviveError(plain: PlainError): Error {
  const { message, granary } = plain;
  const error = granary
    ? new GranaryError(granary.code, message, {
        status: granary.status,
        details: granary.details,
        parameters: granary.parameters,
      })
    : Object.assign(new Error(message), plain.errno === undefined ? {} : { code: plain.errno });
  if (plain.stack !== undefined) error.stack = plain.stack;
  return error;
}

if (!isMainThread && parentPort && isPoolData(workerData)) {
  const port = parentPort;
  const ready = bindWorkerFile(workerData.file, workerData.init);
  ready.catch(() => {});
  port.on('message', async ({ id, fn, args }: WorkerCall) => {
    let answer: WorkerAnswer;
    try {
      const call = await ready;
      answer = { id, value: await call(fn, args) };
    } catch (error) {
      answer = { id, error: plainError(error) };
    }
    try {
      port.postMessage(answer);
    } catch (error) {
      port.postMessage({ id, error: plainError(error) } satisfies WorkerAnswer);
    }
  });
}

function isPoolData(data: unknown): data is { file: string; init: unknown } {
  return typeof data === 'object' && data !== null && 'file' in data && typeof data.file === 'string' && 'init' in data;
}
