// A server at one end of a line, and programs that run there.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type End, type LineOptions, run } from './link.ts';

/** The program that runs this one, for others like it. */
export const node = [process.execPath, '--disable-warning=ExperimentalWarning'];

/** What the command line says of the line, and of what is to pass it. */
export function readOptions(defaults: { mib: string; rounds: string }): {
  /** Bytes of a transfer. */
  size: number;
  rounds: number;
  /** Part of the name of the accidents that are wanted. */
  only: string;
  line: LineOptions;
} {
  const { values } = parseArgs({
    options: {
      mib: { type: 'string', default: defaults.mib },
      rounds: { type: 'string', default: defaults.rounds },
      delay: { type: 'string', default: '40' },
      loss: { type: 'string', default: '0.005' },
      rate: { type: 'string', default: '12500000' },
      only: { type: 'string', default: '' },
    },
  });
  return {
    size: Number(values.mib) * 1024 * 1024,
    rounds: Number(values.rounds),
    only: values.only,
    line: { delayMs: Number(values.delay), loss: Number(values.loss), rate: Number(values.rate) },
  };
}

/** What makes the clock of a program be off, like `+1h`. Not by way of `faketime` itself, which passes no signals on. */
export function clockOff(by: string): Record<string, string> {
  const words = run('faketime', '-f', by, 'env').split('\n');
  const preload = words.find((line) => line.startsWith('LD_PRELOAD='))!;
  return { LD_PRELOAD: preload.slice(preload.indexOf('=') + 1), FAKETIME: by, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
}

export interface Ended {
  code: number | null;
  out: string;
  err: string;
  seconds: number;
}

/** A program inside of a namespace. */
export function start(end: End, words: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const [program, ...rest] = ['ip', 'netns', 'exec', end.namespace, ...words];
  return spawn(program!, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
}

export async function finish(child: ChildProcess): Promise<Ended> {
  const from = performance.now();
  let [out, err] = ['', ''];
  child.stdout!.on('data', (data: Buffer) => {
    out += data;
  });
  child.stderr!.on('data', (data: Buffer) => {
    err += data;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err, seconds: (performance.now() - from) / 1000 };
}

export async function succeed(child: ChildProcess): Promise<Ended> {
  const ended = await finish(child);
  if (ended.code !== 0) throw new Error(`${child.spawnargs.join(' ')}: ${ended.out}${ended.err}`);
  return ended;
}

/** Resolves when a connection of that end has carried so many bytes, in either direction. */
export async function underWay(end: End, bytes: number): Promise<void> {
  for (;;) {
    const sockets = run('ip', 'netns', 'exec', end.namespace, 'ss', '-tniH');
    const passed = [...sockets.matchAll(/bytes_(?:acked|received):(\d+)/g)].map((match) => Number(match[1]));
    if (passed.some((count) => count > bytes)) return;
    await delay(50);
  }
}

export class Site implements AsyncDisposable {
  /** What clients of the server need, once it is up. */
  readonly env: Record<string, string> = {};
  readonly end: End;
  readonly home: string;
  #child: ChildProcess | undefined;
  #port = '0';

  constructor(end: End, home: string) {
    this.end = end;
    this.home = home;
  }

  get port(): string {
    return this.#port;
  }

  /** Starts the server, again on the same port. `clock`, like `+1h`, is how far its clock is off. */
  async up(clock?: string): Promise<void> {
    const { address } = this.end;
    const words = ['bench/server.ts', '--lean', '--home', this.home, '--host', address, '--port', this.#port];
    this.#child = start(this.end, [...node, ...words], clock === undefined ? {} : clockOff(clock));
    this.#child.stderr!.pipe(process.stderr);
    delete this.env['PBS_FINGERPRINT'];
    for await (const line of createInterface({ input: this.#child.stdout! })) {
      const match = /^export (\w+)='(.*)'$/.exec(line);
      if (match) this.env[match[1]!] = match[2]!;
      if (this.env['PBS_FINGERPRINT'] !== undefined) break;
    }
    this.#port = /:(\d+):/.exec(this.env['PBS_REPOSITORY'] ?? '')?.[1] ?? '0';
    this.env['HOME'] = this.home;
  }

  /** Ends it without a word, as a machine that fails. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Ends it as its administrator does. */
  async down(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** A command of the manager, on this server. */
  manage(...words: string[]): ChildProcess {
    return start(this.end, ['bin/proxmox-backup-manager', ...words], { GRANARY_HOME: this.home });
  }

  /** A client at this end, of this server. */
  client(...words: string[]): ChildProcess {
    return start(this.end, ['bin/proxmox-backup-client', ...words], this.env);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child?.kill('SIGTERM');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    // Its processes end with their supervisor.
    child.kill(signal);
    await once(child, 'exit');
  }
}
