// Programs as processes of their own, for tests of what only a process shows: launchers, signals, terminals.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** No program of a test runs longer, unless it says so. */
const usualPatienceMs = 60_000;

/** The checkout. */
export const root = resolve(import.meta.dirname, '../..');

export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

export interface LaunchOptions {
  /** The whole environment; nothing of the test's own gets in but the PATH. */
  env?: Record<string, string>;
  cwd?: string;
  input?: string;
  /** Content of further descriptors, from 3 on. */
  descriptors?: (Uint8Array | string)[];
  patienceMs?: number;
  /** A process group of its own, so that a signal reaches all of it as from a terminal. */
  group?: boolean;
}

/** A process that is running, with what it has printed so far. */
export class Launched {
  out = '';
  err = '';
  readonly ended: Promise<Outcome>;
  readonly #child: ChildProcess;
  readonly #group: boolean;
  #changed = Promise.withResolvers<void>();
  #over = false;

  constructor(child: ChildProcess, group: boolean) {
    this.#child = child;
    this.#group = group;
    child.stdout?.on('data', (part: Buffer) => this.#grow('out', part));
    child.stderr?.on('data', (part: Buffer) => this.#grow('err', part));
    this.ended = new Promise((settle, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        this.#over = true;
        this.#changed.resolve();
        settle({ code, signal, out: this.out, err: this.err });
      });
    });
    this.ended.catch(() => {});
  }

  get pid(): number {
    return this.#child.pid!;
  }

  #grow(where: 'out' | 'err', part: Buffer): void {
    this[where] += part.toString();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Settles when standard output has it; throws with all output when the process ends before. */
  async shown(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.out);
      if (match) return match;
      if (this.#over) throw new Error(`ended before it printed ${pattern}:\n${this.out}\n${this.err}`);
      await this.#changed.promise;
    }
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#over) return;
    process.kill(this.#group ? -this.pid : this.pid, signal);
  }
}

/** Starts a program; `words[0]` is its file, or a name on the PATH. */
export function launch(words: readonly string[], o: LaunchOptions = {}): Launched {
  const descriptors = o.descriptors ?? [];
  const child = spawn(words[0]!, words.slice(1), {
    env: { PATH: process.env['PATH'], ...o.env },
    cwd: o.cwd,
    detached: o.group ?? false,
    timeout: o.patienceMs ?? usualPatienceMs,
    killSignal: 'SIGKILL',
    stdio: [o.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...descriptors.map(() => 'pipe' as const)],
  });
  child.stdin?.end(o.input);
  for (const [index, content] of descriptors.entries()) {
    const pipe = child.stdio[index + 3];
    if (pipe && 'end' in pipe) pipe.end(content);
  }
  return new Launched(child, o.group ?? false);
}

/** Runs a program to its end. */
export function run(words: readonly string[], o: LaunchOptions = {}): Promise<Outcome> {
  return launch(words, o).ended;
}

/** Runs a line of shell. */
export function shell(line: string, o: LaunchOptions = {}): Promise<Outcome> {
  return run(['sh', '-c', line], o);
}

/** The words of a simple command line; quotes hold a word together. */
export function shellWords(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|\S+/g)].map((match) => match[1] ?? match[2] ?? match[0]);
}

/** A copy of the program without its tests, which shares the installed packages. */
export function copyCheckout(to: string): string {
  mkdirSync(to, { recursive: true });
  // Times are kept, by which it is known that the browser interface has been built.
  for (const name of ['bin', 'scripts', 'src', 'web', 'package.json']) {
    cpSync(join(root, name), join(to, name), {
      recursive: true,
      preserveTimestamps: true,
      filter: (from) => !from.endsWith('.test.ts'),
    });
  }
  symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'));
  return to;
}

/** Runs a line of shell at a terminal and answers each question for a password when it is asked. Needs `script`. */
export async function atTerminal(line: string, answers: readonly string[], o: LaunchOptions = {}): Promise<Outcome> {
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'dumb', SHELL: '/bin/sh', ...o.env },
    cwd: o.cwd,
    timeout: o.patienceMs ?? usualPatienceMs,
    killSignal: 'SIGKILL',
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const launched = new Launched(child, false);
  let given = 0;
  child.stdout.on('data', () => {
    const asked = launched.out.split('Password: ').length - 1;
    while (given < Math.min(asked, answers.length)) child.stdin.write(`${answers[given++]}\r`);
  });
  // The end of the input would end the program at the terminal.
  child.once('exit', () => child.stdin.end());
  return launched.ended;
}

/** Whether a program is on the PATH. */
export function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
