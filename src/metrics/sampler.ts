// Measures every ten seconds, in one process of the server at a time: whoever holds the lock. When that process ends,
// however it ends, another one goes on at its next turn.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import { type FileLock, tryLock } from '../os/file-lock.ts';
import { databaseFile, metricsFolder } from './database.ts';
import { MetricsWriter } from './metrics-writer.ts';
import type { Sample } from './series.ts';

/** Samples are taken at multiples of this. */
export const samplePeriodMs = 10_000;

export interface SamplerOptions {
  directories: Directories;
  clock: Clock;
  log: Logger;
  /** Measures everything, at this epoch second. What cannot be measured is left out, nothing is thrown. */
  measure(time: number): Promise<readonly Sample[]>;
  /** Given what was measured, recorded or not; not waited for. */
  push?(time: number, samples: readonly Sample[]): void;
}

export class Sampler {
  readonly #options: SamplerOptions;
  readonly #writer: MetricsWriter;
  #lock: FileLock | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;
  #lastProblem: string | undefined;
  #stopped = false;

  constructor(options: SamplerOptions) {
    this.#options = options;
    this.#writer = new MetricsWriter(databaseFile(options.directories), options.log);
  }

  /** Begins with the next ten seconds. */
  start(): void {
    this.#schedule();
  }

  /** Whether this process is the one that measures. */
  get active(): boolean {
    return this.#lock !== undefined;
  }

  /** One turn: measures and records, unless another process does. Problems are logged, once each. */
  async turn(): Promise<void> {
    const { clock, directories, log, measure, push } = this.#options;
    try {
      if (!this.#acquire(directories)) return;
      const time = Math.round(clock.now() / 1000);
      const samples = await measure(time);
      if (this.#stopped) return;
      push?.(time, samples);
      this.#writer.record(time, samples);
      this.#lastProblem = undefined;
    } catch (error) {
      const message = messageOf(error);
      if (message !== this.#lastProblem) log('error', 'metrics-not-recorded', { error: message });
      this.#lastProblem = message;
    }
  }

  /** Ends; settles when the last turn is over, so that another process can go on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#turn;
    this.#writer[Symbol.dispose]();
    this.#lock?.release();
    this.#lock = undefined;
  }

  #acquire(directories: Directories): boolean {
    if (this.#lock !== undefined) return true;
    const folder = metricsFolder(directories);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    this.#lock = tryLock(join(folder, '.lock'), 'exclusive');
    return this.#lock !== undefined;
  }

  #schedule(): void {
    if (this.#stopped) return;
    const wait = samplePeriodMs - (this.#options.clock.now() % samplePeriodMs);
    this.#timer = setTimeout(() => {
      this.#turn = this.turn().finally(() => this.#schedule());
    }, wait).unref();
  }
}
