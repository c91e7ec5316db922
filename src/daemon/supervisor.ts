// The process that owns the listening ones: starts them, replaces one that died, stops them in order.
// Nothing that a request needs lives here, so that this process has no reason to fail.

import cluster, { type Worker } from 'node:cluster';
import { rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { AccessControl } from '../access/access-control.ts';
import { systemClock } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { jsonLogger, type Logger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { prepareServer } from './prepare.ts';

/** What a listening process is told when it starts. */
export interface WorkerOptions {
  home: string;
  port: number;
  host?: string;
  /** How long open requests and sessions may go on once the server stops. */
  graceMs: number;
}

export interface SupervisorOptions {
  home: string;
  /** 0 takes any free port, the same for all processes. */
  port: number;
  host?: string;
  /** Listening processes. Default: one a core. */
  processes?: number;
  /** Default 30 s. */
  graceMs?: number;
  log?: Logger;
  certificateBits?: number;
}

export interface Supervisor {
  readonly port: number;
  /** Stops all processes; resolves when they have ended. A second call waits for the first. */
  stop(): Promise<void>;
}

/** Name of the environment variable with a listening process's options, as JSON. */
export const workerOptionsVariable = 'GRANARY_WORKER';
/** Message of a listening process: it accepts connections on this port. */
export interface ListeningMessage {
  listening: number;
}
export const stopMessage = 'stop';

/**
 * What goes over the wire passes through short-lived buffers beside the heap, and V8 counts those against the limit of
 * the old generation: with its defaults it marks the whole heap every 20 MB of a backup, a quarter of the server's
 * processor time. A small young generation frees them while they are young; the limit stays V8's own largest.
 */
const memoryFlags = ['--max-semi-space-size=1', '--heap-growing-percent=300'];

const defaultGraceMs = 30_000;
const killAfterMs = 5000;
const firstRestartMs = 100;
const longestRestartMs = 10_000;
/** A process that lived this long failed for a new reason: the next is started at once. */
const settledMs = 60_000;

/** Where a running server announces itself to the tools beside it: `{pid, port}`. */
export function announcementPath(directories: Directories): string {
  return path.join(directories.run, 'proxy.json');
}

/**
 * Starts the server. Resolves once every process accepts connections and `run/proxy.json` says so; rejects when the
 * first ones cannot.
 */
export async function superviseServer(options: SupervisorOptions): Promise<Supervisor> {
  const log = options.log ?? jsonLogger();
  const bits = options.certificateBits;
  const directories = await prepareServer(options.home, systemClock, bits === undefined ? {} : { bits });
  // Keys are made here, not by several processes at the same time.
  await AccessControl.open(directories, systemClock);
  const flock = new Flock(options, log);
  let port: number;
  try {
    port = await flock.start(options.processes ?? os.availableParallelism());
  } catch (error) {
    await flock.stop();
    throw error;
  }
  const file = announcementPath(directories);
  await replaceFile(file, `${JSON.stringify({ pid: process.pid, port })}\n`, { durable: false });
  let stopping: Promise<void> | undefined;
  return {
    port,
    stop: () => {
      rmSync(file, { force: true });
      stopping ??= flock.stop();
      return stopping;
    },
  };
}

/** The listening processes. */
class Flock {
  readonly #log: Logger;
  readonly #graceMs: number;
  readonly #options: SupervisorOptions;
  readonly #workers = new Set<Worker>();
  #stopping = false;
  #restartMs = firstRestartMs;

  constructor(options: SupervisorOptions, log: Logger) {
    this.#options = options;
    this.#graceMs = options.graceMs ?? defaultGraceMs;
    this.#log = log;
    cluster.setupPrimary({
      exec: fileURLToPath(new URL('./worker.ts', import.meta.url)),
      execArgv: [...process.execArgv.filter((argument) => argument.startsWith('--disable-warning')), ...memoryFlags],
      args: [],
    });
  }

  /** Starts `count` processes and returns the port that they share. */
  async start(count: number): Promise<number> {
    // Every process asks for the same port, 0 too: the cluster gives all of them the one that it found first.
    const ports = await Promise.all(Array.from({ length: count }, () => this.#spawn()));
    return ports[0]!;
  }

  /** Starts one process; resolves with its port, rejects when it ends before it listens. */
  #spawn(): Promise<number> {
    const { home, host, port } = this.#options;
    const options: WorkerOptions = {
      home,
      port,
      graceMs: this.#graceMs,
      ...(host === undefined ? {} : { host }),
    };
    const worker = cluster.fork({ [workerOptionsVariable]: JSON.stringify(options) });
    const startedAt = performance.now();
    let listening = false;
    this.#workers.add(worker);
    return new Promise((resolve, reject) => {
      worker.on('message', (message: ListeningMessage) => {
        listening = true;
        resolve(message.listening);
      });
      worker.on('error', (error) =>
        this.#log('error', 'process-failed', { pid: worker.process.pid, error: error.message }),
      );
      worker.once('exit', (code, signal) => {
        this.#workers.delete(worker);
        if (!listening) reject(new GranaryError('internal', `a server process ended at once (${signal ?? code})`));
        if (this.#stopping) return;
        this.#log('error', 'process-ended', { pid: worker.process.pid, code, signal });
        if (listening) this.#replace(performance.now() - startedAt);
      });
    });
  }

  /** Starts another process, later and later while they do not live. */
  #replace(livedMs: number): void {
    this.#restartMs = livedMs > settledMs ? firstRestartMs : Math.min(this.#restartMs * 2, longestRestartMs);
    setTimeout(() => {
      if (this.#stopping) return;
      this.#spawn().catch((error: unknown) => {
        this.#log('error', 'process-not-restarted', { error: messageOf(error) });
        if (!this.#stopping) this.#replace(0);
      });
    }, this.#restartMs);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#workers].map((worker) => this.#end(worker)));
  }

  #end(worker: Worker): Promise<void> {
    return new Promise((resolve) => {
      if (worker.isDead()) return resolve();
      const timer = setTimeout(() => worker.process.kill('SIGKILL'), this.#graceMs + killAfterMs);
      worker.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      if (worker.isConnected()) worker.send(stopMessage);
      else worker.process.kill('SIGTERM');
    });
  }
}
