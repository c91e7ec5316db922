// Reads series out of the database, in any process, while another one writes it.

import type { DatabaseSync } from 'node:sqlite';
import { messageOf, withContext } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { databaseFile, fileIdentity, openForReading } from './database.ts';
import { type Consolidation, frames, levels, type Timeframe } from './levels.ts';
import { metricsOf, type Point } from './series.ts';
import { readSlot } from './slot.ts';

/** How full a datastore was: a share from 0 to 1 for each slot, null where nothing is known. */
export interface UsageHistory {
  /** Epoch seconds of the first slot. */
  start: number;
  /** Seconds of a slot. */
  step: number;
  shares: (number | null)[];
}

export class MetricsReader implements Disposable {
  readonly #file: string;
  #db: DatabaseSync | undefined;
  #identity: string | undefined;

  constructor(directories: Directories) {
    this.#file = databaseFile(directories);
  }

  /**
   * Every slot of the time frame that ends `now` (epoch seconds), oldest first; slots in which nothing was measured
   * have a time only. Throws `io` when the database cannot be read; while there is none yet, nothing was measured.
   */
  read(series: string, timeframe: Timeframe, cf: Consolidation, now: number): Point[] {
    const { level, seconds } = frames[timeframe];
    const { step } = levels[level]!;
    const last = Math.floor(now / step) * step;
    const first = last - seconds + step;
    const slots = this.#slots(series, level, first, last);
    const names = metricsOf(series);
    const points: Point[] = [];
    for (let time = first; time <= last; time += step) {
      const slot = slots.get(time);
      points.push({ ...(slot === undefined ? {} : readSlot(slot, names, cf)), time });
    }
    return points;
  }

  /** The month of a datastore's series as shares of its space in use. */
  usage(series: string, now: number): UsageHistory {
    const points = this.read(series, 'month', 'AVERAGE', now);
    return {
      start: points[0]!.time,
      step: levels[frames.month.level]!.step,
      shares: points.map(({ used, available }) => {
        const space = (used ?? 0) + (available ?? 0);
        return used === undefined || available === undefined || space <= 0 ? null : used / space;
      }),
    };
  }

  #slots(series: string, level: number, first: number, last: number): Map<number, Uint8Array> {
    const slots = new Map<number, Uint8Array>();
    try {
      const rows = this.#open()
        ?.prepare(
          `SELECT start, data FROM slot JOIN series ON series.id = slot.series
           WHERE series.name = ? AND level = ? AND start BETWEEN ? AND ?`,
        )
        .all(series, level, first, last);
      for (const row of rows ?? []) slots.set(Number(row['start']), row['data'] as Uint8Array);
    } catch (error) {
      this.#close();
      throw withContext(`cannot read the measurements in "${this.#file}"`, new Error(messageOf(error)));
    }
    return slots;
  }

  #open(): DatabaseSync | undefined {
    const identity = fileIdentity(this.#file);
    if (this.#db !== undefined && identity === this.#identity) return this.#db;
    this.#close();
    if (identity === undefined) return undefined;
    this.#db = openForReading(this.#file);
    this.#identity = identity;
    return this.#db;
  }

  #close(): void {
    this.#db?.close();
    this.#db = undefined;
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}
