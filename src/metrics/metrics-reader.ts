// Reads series out of the database, in any process, while another one writes it.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { messageOf, withContext } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { databaseFile, fileIdentity, openForReading } from './database.ts';
import { type Consolidation, frames, levels, type Timeframe } from './levels.ts';
import { datastoreMetrics, metricsOf, type Point, type PointValues, type RecentPoints } from './series.ts';
import { readAverage, readSlot } from './slot.ts';

/** How full a datastore was: a share from 0 to 1 for each slot, null where nothing is known. */
export interface UsageHistory {
  /** Epoch seconds of the first slot. */
  start: number;
  /** Seconds of a slot. */
  step: number;
  shares: (number | null)[];
}

/** How long the history of a usage is kept in memory. */
const usageSeconds = 60;

interface Statements {
  series: StatementSync;
  slots: StatementSync;
}

export class MetricsReader implements Disposable {
  readonly #file: string;
  #db: DatabaseSync | undefined;
  #identity: string | undefined;
  #statements: Statements | undefined;
  readonly #usage = new Map<string, { at: number; history: UsageHistory }>();

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

  /**
   * The month of a datastore's series as shares of its space in use, at most a minute old: lists of datastores ask for
   * it again and again. Throws as `read` does.
   */
  usage(series: string, now: number): UsageHistory {
    const recent = this.#usage.get(series);
    if (recent !== undefined && now >= recent.at && now - recent.at < usageSeconds) return recent.history;
    const history = this.#readUsage(series, now);
    this.#usage.set(series, { at: now, history });
    return history;
  }

  /**
   * The samples of the last half hour that were taken after `since` (epoch seconds), oldest first, or only the newest of
   * each series. Throws as `read` does.
   */
  recent(o: { since?: number; history?: boolean } = {}): RecentPoints[] {
    const newest = 'SELECT series, max(time) AS time, points FROM recent WHERE time > ? GROUP BY series';
    const all = 'SELECT series, time, points FROM recent WHERE time > ? ORDER BY time, series';
    return this.#reading(() => {
      if (this.#open() === undefined) return [];
      const hasTable = this.#db!.prepare("SELECT 1 FROM sqlite_master WHERE name = 'recent'").get() !== undefined;
      if (!hasTable) return [];
      const rows = this.#db!.prepare(o.history ? all : newest).all(o.since ?? 0);
      return rows.map(({ series, time, points }) => ({
        series: String(series),
        time: Number(time),
        points: JSON.parse(String(points)) as PointValues,
      }));
    });
  }

  #readUsage(series: string, now: number): UsageHistory {
    const { level, seconds } = frames.month;
    const { step } = levels[level]!;
    const last = Math.floor(now / step) * step;
    const start = last - seconds + step;
    const [used, available] = (['used', 'available'] as const).map((name) => datastoreMetrics.indexOf(name));
    const shares = new Array<number | null>(seconds / step).fill(null);
    for (const [time, slot] of this.#slots(series, level, start, last)) {
      const inUse = readAverage(slot, used!);
      const space = (inUse ?? 0) + (readAverage(slot, available!) ?? Number.NaN);
      if (inUse !== undefined && space > 0) shares[(time - start) / step] = inUse / space;
    }
    return { start, step, shares };
  }

  #slots(series: string, level: number, first: number, last: number): Map<number, Uint8Array> {
    const slots = new Map<number, Uint8Array>();
    this.#reading(() => {
      const statements = this.#open();
      const id = statements?.series.get(series)?.['id'];
      if (statements === undefined || id === undefined) return;
      for (const row of statements.slots.iterate(id, level, first, last)) {
        slots.set(Number(row['start']), row['data'] as Uint8Array);
      }
    });
    return slots;
  }

  #reading<R>(read: () => R): R {
    try {
      return read();
    } catch (error) {
      this.#close();
      throw withContext(`cannot read the measurements in "${this.#file}"`, new Error(messageOf(error)));
    }
  }

  #open(): Statements | undefined {
    const identity = fileIdentity(this.#file);
    if (this.#db !== undefined && identity === this.#identity) return this.#statements;
    this.#close();
    if (identity === undefined) return undefined;
    this.#db = openForReading(this.#file);
    this.#identity = identity;
    this.#statements = {
      series: this.#db.prepare('SELECT id FROM series WHERE name = ?'),
      slots: this.#db.prepare('SELECT start, data FROM slot WHERE series = ? AND level = ? AND start BETWEEN ? AND ?'),
    };
    return this.#statements;
  }

  #close(): void {
    this.#db?.close();
    this.#db = undefined;
    this.#statements = undefined;
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}
