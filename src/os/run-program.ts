// The one door to programs of the system: an argument list, never a shell; with a time limit, bounded output, and
// errors that say which program failed, and how. Rooms take a `RunProgram`, so that tests can put a script in its place.

import { spawn } from 'node:child_process';
import { GranaryError } from '../base/errors.ts';

export interface ProgramOptions {
  /** Default 30 s. */
  timeoutMs?: number;
  /** Most bytes of output, both streams together. Default 8 MiB. */
  maxBytes?: number;
  /** Exit codes that are no failure; default only 0. */
  accept?: readonly number[] | 'any';
  /** Written to the program's standard input, which is empty otherwise. */
  input?: string;
  /** Variables beside those of this process. */
  env?: Readonly<Record<string, string>>;
  /** Told each line of both streams as it comes. */
  onLine?: (line: string) => void;
  signal?: AbortSignal;
}

export interface ProgramResult {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs `argv[0]` with the rest as arguments, in the C locale. Throws `bad-request` when the program is not installed
 * (see `isMissingProgram`) or ends with a code that is not accepted (with the last line it wrote to standard error),
 * `io` when it takes too long or writes too much, `aborted` when the signal says so.
 */
export type RunProgram = (argv: readonly [string, ...string[]], options?: ProgramOptions) => Promise<ProgramResult>;

const defaultTimeoutMs = 30_000;
const defaultMaxBytes = 8 * 1024 * 1024;
/** Services have a short PATH, and administration programs lie outside of a user's. */
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export const runProgram: RunProgram = async (argv, options = {}) => {
  const result = await collect(argv, options);
  checkExit(argv[0], result, options.accept ?? [0]);
  return result;
};

/** Whether an error says that a program is not installed. */
export function isMissingProgram(error: unknown): boolean {
  return error instanceof GranaryError && error.details['missingProgram'] !== undefined;
}

export function missingProgram(program: string): GranaryError {
  return new GranaryError('bad-request', `the program '${program}' is not installed on this machine`, {
    details: { missingProgram: program },
  });
}

/** Throws unless the exit code is accepted. */
export function checkExit(program: string, result: ProgramResult, accept: readonly number[] | 'any'): void {
  if (accept === 'any' || accept.includes(result.code)) return;
  const said = lastLine(result.stderr) ?? lastLine(result.stdout);
  throw new GranaryError('bad-request', `${program} failed: ${said ?? `exit code ${result.code}`}`, {
    details: { program, code: result.code },
  });
}

function lastLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line !== '');
}

function collect(argv: readonly [string, ...string[]], options: ProgramOptions): Promise<ProgramResult> {
  const [program, ...rest] = argv;
  const { timeoutMs = defaultTimeoutMs, maxBytes = defaultMaxBytes, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new GranaryError('aborted', `${program} was not started: cancelled`));
    // A process group of its own, so that what the program started ends with it.
    const child = spawn(program, rest, {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...options.env,
        PATH: searchPath,
        LC_ALL: 'C.UTF-8',
        LANG: 'C.UTF-8',
        DEBIAN_FRONTEND: 'noninteractive',
      },
    });
    let failure: GranaryError | undefined;
    const stop = (reason: GranaryError): void => {
      failure ??= reason;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        child.kill('SIGKILL');
      }
    };
    const timer = setTimeout(
      () =>
        stop(new GranaryError('io', `${program} did not end within ${Math.round(timeoutMs / 1000)} s and was stopped`)),
      timeoutMs,
    );
    const onAbort = (): void => stop(new GranaryError('aborted', `${program} was stopped: cancelled`));
    signal?.addEventListener('abort', onAbort, { once: true });
    let bytes = 0;
    const gather = (stream: NodeJS.ReadableStream): { text: () => string; end: () => void } => {
      const parts: Buffer[] = [];
      const lines = lineSplitter(options.onLine);
      stream.on('data', (data: Buffer) => {
        bytes += data.byteLength;
        if (bytes > maxBytes)
          stop(new GranaryError('io', `${program} wrote more than ${maxBytes} bytes and was stopped`));
        else {
          parts.push(data);
          lines.add(data);
        }
      });
      return { text: () => Buffer.concat(parts).toString(), end: lines.end };
    };
    const stdout = gather(child.stdout);
    const stderr = gather(child.stderr);
    // A program that does not read its input closes it early; its exit code tells whether that matters.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      settle();
      if (error.code === 'ENOENT') reject(missingProgram(program));
      else reject(new GranaryError('io', `cannot run ${program}: ${error.message}`, { cause: error }));
    });
    child.once('close', (code, killedBy) => {
      settle();
      stdout.end();
      stderr.end();
      if (failure !== undefined) reject(failure);
      else if (code === null) reject(new GranaryError('io', `${program} was ended by ${killedBy}`));
      else resolve({ code, stdout: stdout.text(), stderr: stderr.text() });
    });
  });
}

function lineSplitter(onLine: ((line: string) => void) | undefined): { add(data: Buffer): void; end(): void } {
  if (onLine === undefined) return { add: () => {}, end: () => {} };
  const decoder = new TextDecoder();
  let rest = '';
  return {
    add: (data) => {
      const lines = (rest + decoder.decode(data, { stream: true })).split(/\r\n|\n|\r/);
      rest = lines.pop()!;
      for (const line of lines) onLine(line);
    },
    end: () => {
      rest += decoder.decode();
      if (rest !== '') onLine(rest);
      rest = '';
    },
  };
}
