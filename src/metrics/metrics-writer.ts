// Puts samples into the database: one transaction for all series of a moment, every level at once, what is too old
// taken out again.

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { type Logger, silentLogger } from '../base/log.ts';
import { fileIdentity, isDamage, openForWriting, setAside } from './database.ts';
import { levels } from './levels.ts';
import { metricsOf, type Sample } from './series.ts';
import { addToSlot } from './slot.ts';

/** A series that got nothing for so long belongs to a datastore that is gone. */
const forgetAfterSeconds = 400 * 86_400;
/** How long the samples themselves are kept. */
const recentSeconds = 1800;
/** How often what is too old is looked for. */
const sweepSeconds = 3600;

interface OpenDatabase {
  db: DatabaseSync;
  identity: string | undefined;
  statements: ReturnType<typeof prepare>;
}

function prepare(db: DatabaseSync) {
  return {
    addSeries: db.prepare(
      'INSERT INTO series (name, updated) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET updated = excluded.updated',
    ),
    selectSeries: db.prepare('SELECT id FROM series WHERE name = ?'),
    selectSlot: db.prepare('SELECT data FROM slot WHERE series = ? AND level = ? AND start = ?'),
    putSlot: db.prepare('INSERT OR REPLACE INTO slot (series, level, start, data) VALUES (?, ?, ?, ?)'),
    putRecent: db.prepare('INSERT OR REPLACE INTO recent (time, series, points) VALUES (?, ?, ?)'),
    dropRecent: db.prepare('DELETE FROM recent WHERE time <= ?'),
  };
}

export class MetricsWriter implements Disposable {
  readonly #file: string;
  readonly #log: Logger;
  #opened: OpenDatabase | undefined;
  #sweptAt = 0;

  /** Nothing is opened before the first sample. */
  constructor(file: string, log: Logger = silentLogger) {
    this.#file = file;
    this.#log = log;
  }

  /**
   * Adds the samples of one moment (epoch seconds). A damaged database is set aside with an entry in the log, and
   * the samples go into a new one. Throws when nothing can be written: a full disk, a missing right.
   */
  record(time: number, samples: readonly Sample[]): void {
    try {
      this.#record(time, samples);
    } catch (error) {
      this.#close();
      if (!isDamage(error)) throw error;
      this.#log('error', 'metrics-database-damaged', { message: setAside(this.#file, error) });
      this.#record(time, samples);
    }
  }

  #record(time: number, samples: readonly Sample[]): void {
    const { db, statements } = this.#open();
    const { addSeries, selectSeries, selectSlot, putSlot, putRecent, dropRecent } = statements;
    this.#transaction(db, () => {
      dropRecent.run(time - recentSeconds);
      for (const { series, values, points } of samples) {
        if (points !== undefined) putRecent.run(time, series, JSON.stringify(points));
        addSeries.run(series, time);
        const id = Number(selectSeries.get(series)!['id']);
        levels.forEach(({ step }, level) => {
          const start = Math.floor(time / step) * step;
          const slot = selectSlot.get(id, level, start)?.['data'] as Uint8Array | undefined;
          putSlot.run(id, level, start, addToSlot(slot, metricsOf(series), values));
        });
      }
      if (Math.abs(time - this.#sweptAt) >= sweepSeconds) this.#sweep(db, time);
    });
  }

  #sweep(db: DatabaseSync, time: number): void {
    const remove = db.prepare('DELETE FROM slot WHERE level = ? AND start <= ?');
    levels.forEach(({ step, slots }, level) => {
      remove.run(level, time - step * slots);
    });
    db.prepare('DELETE FROM series WHERE updated < ?').run(time - forgetAfterSeconds);
    this.#sweptAt = time;
  }

  #transaction(db: DatabaseSync, work: () => void): void {
    db.exec('BEGIN IMMEDIATE');
    try {
      work();
      db.exec('COMMIT');
    } catch (error) {
      // A failed statement may have ended the transaction already.
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }

  #open(): OpenDatabase {
    // Somebody may have removed or restored the file meanwhile.
    if (this.#opened !== undefined && fileIdentity(this.#file) === this.#opened.identity) return this.#opened;
    this.#close();
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o755 });
    const db = openForWriting(this.#file);
    this.#opened = { db, identity: fileIdentity(this.#file), statements: prepare(db) };
    return this.#opened;
  }

  #close(): void {
    this.#opened?.db.close();
    this.#opened = undefined;
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}
