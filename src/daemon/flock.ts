// The listening processes of one supervisor: one a core, sharing its sockets. One that dies or hangs is replaced.

import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { GranaryError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { duplicate } from '../os/sockets.ts';

/** What a listening process is told when it starts. */
export interface WorkerOptions {
  home: string;
  port: number;
  /** Descriptors of the supervisor's. */
  sockets: { port: number; local?: number };
  /** How long open requests and sessions may go on once the server stops. */
  graceMs: number;
  unprivileged: boolean;
}

/** Name of the environment variable with a listening process's options, as JSON. */
export const workerOptionsVariable = 'GRANARY_WORKER';

/** To a listening process: end, accept nothing more and end with the last session, or show that you are alive. */
export type Order = 'stop' | 'drain' | 'ping';
/** From one: it accepts connections; it accepts none any more; it is alive. */
export type Report = 'listening' | 'draining' | 'pong';

/**
 * What goes over the wire passes through short-lived buffers beside the heap, and V8 counts those against the limit of
 * the old generation: with its defaults it marks the whole heap every 20 MB of a backup, a quarter of the server's
 * processor time. A small young generation frees them while they are young; the limit stays V8's own largest.
 */
export const memoryFlags = ['--max-semi-space-size=1', '--heap-growing-percent=300'];

const killAfterMs = 5000;
const firstRestartMs = 100;
const longestRestartMs = 10_000;
/** A process that lived this long failed for a new reason: the next is started at once. */
const settledMs = 60_000;
const defaultPingMs = 5000;
/**
 * A process that has left so many questions without an answer hangs. They are counted, and not the time: a machine that
 * was stopped for minutes, as virtual ones are, goes on with healthy processes.
 */
const hangingAfter = 12;
/** One with no more than these is alive. */
const aliveUntil = 4;

interface Member {
  worker: Worker;
  startedAt: number;
  listening: boolean;
  /** Questions since it was last known to be alive. */
  unanswered: number;
}

export class Flock {
  readonly #options: Omit<WorkerOptions, 'sockets'>;
  readonly #sockets: WorkerOptions['sockets'];
  readonly #log: Logger;
  readonly #pingMs: number;
  readonly #members = new Map<number, Member>();
  #stopping = false;
  #restartMs = firstRestartMs;
  #pings: NodeJS.Timeout | undefined;
  /** Copies of the sockets for the cluster, which closes them with its last process. */
  #shared: WorkerOptions['sockets'];

  constructor(
    options: Omit<WorkerOptions, 'sockets'>,
    sockets: WorkerOptions['sockets'],
    log: Logger,
    pingMs = defaultPingMs,
  ) {
    this.#options = options;
    this.#sockets = sockets;
    this.#shared = sockets;
    this.#log = log;
    this.#pingMs = pingMs;
    // Processes accept by themselves: connections that this one had accepted for them would be lost when it is replaced.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({
      exec: fileURLToPath(new URL('./worker.ts', import.meta.url)),
      execArgv: [...process.execArgv.filter((argument) => argument.startsWith('--disable-warning')), ...memoryFlags],
      args: [],
    });
  }

  /** Starts `count` processes; resolves once all of them accept connections. */
  async start(count: number): Promise<void> {
    this.#stopping = false;
    this.#pings = setInterval(() => this.#ping(), this.#pingMs).unref();
    await Promise.all(Array.from({ length: count }, () => this.#spawn()));
  }

  isAlive(): boolean {
    return [...this.#members.values()].some((member) => member.listening && member.unanswered <= aliveUntil);
  }

  /** Ends all processes in order. */
  async stop(): Promise<void> {
    this.#rest();
    await Promise.all([...this.#members.values()].map((member) => this.#end(member)));
  }

  /**
   * Lets all processes end with their last session and gives their pids once none accepts connections any more. They
   * then need this process no longer. Those that cannot be told are ended.
   */
  async release(): Promise<number[]> {
    this.#rest();
    const leaving = await Promise.all([...this.#members.values()].map((member) => this.#drain(member)));
    return leaving.filter((pid) => pid !== undefined);
  }

  #rest(): void {
    this.#stopping = true;
    clearInterval(this.#pings);
  }

  /** Starts one process; resolves when it listens, rejects when it ends before. */
  #spawn(): Promise<void> {
    const { port, local } = this.#sockets;
    if (this.#members.size === 0) {
      this.#shared = { port: duplicate(port), ...(local === undefined ? {} : { local: duplicate(local) }) };
    }
    const options: WorkerOptions = { ...this.#options, sockets: this.#shared };
    const worker = cluster.fork({ [workerOptionsVariable]: JSON.stringify(options) });
    const member: Member = { worker, startedAt: performance.now(), unanswered: 0, listening: false };
    this.#members.set(worker.id, member);
    return new Promise((resolve, reject) => {
      worker.on('message', (report: Report) => {
        member.unanswered = 0;
        if (report !== 'listening') return;
        member.listening = true;
        resolve();
      });
      worker.on('error', (error) =>
        this.#log('error', 'process-failed', { pid: worker.process.pid, error: error.message }),
      );
      worker.once('exit', (code, signal) => {
        this.#members.delete(worker.id);
        if (!member.listening) {
          reject(new GranaryError('internal', `a server process ended at once (${signal ?? code})`));
        }
        if (this.#stopping) return;
        this.#log('error', 'process-ended', { pid: worker.process.pid, code, signal });
        if (member.listening) this.#replace(performance.now() - member.startedAt);
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

  #ping(): void {
    for (const member of this.#members.values()) {
      const { worker, listening, unanswered } = member;
      if (!listening) continue;
      if (unanswered >= hangingAfter) {
        this.#log('error', 'process-hangs', { pid: worker.process.pid, unanswered });
        worker.process.kill('SIGKILL');
      } else {
        member.unanswered++;
        send(worker, 'ping');
      }
    }
  }

  #drain({ worker, listening }: Member): Promise<number | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => worker.process.kill('SIGKILL'), killAfterMs);
      const settle = (pid: number | undefined): void => {
        clearTimeout(timer);
        resolve(pid);
      };
      worker.once('exit', () => settle(undefined));
      worker.on('message', (report: Report) => {
        if (report === 'draining') settle(worker.process.pid);
      });
      if (!listening || !send(worker, 'drain')) worker.process.kill('SIGKILL');
    });
  }

  #end({ worker, listening }: Member): Promise<void> {
    return new Promise((resolve) => {
      if (worker.isDead()) return resolve();
      const timer = setTimeout(() => worker.process.kill('SIGKILL'), this.#options.graceMs + killAfterMs);
      worker.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      if (!listening || !send(worker, 'stop')) worker.process.kill('SIGKILL');
    });
  }
}

function send(worker: Worker, order: Order): boolean {
  return worker.isConnected() && worker.send(order);
}
