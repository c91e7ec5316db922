// The embedded database's file: opened, checked, and set aside when it is damaged. Only this file and its neighbours
// in the room know SQL.

import { renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { GranaryError, messageOf } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';

/** `PRAGMA user_version` of the tables below. */
const formatVersion = 1;

const tables = `
  CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, updated INTEGER NOT NULL);
  CREATE TABLE slot (
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    level INTEGER NOT NULL,
    start INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (series, level, start)
  ) WITHOUT ROWID;
  PRAGMA user_version = ${formatVersion};
`;

/** What was measured last; databases that were made without it get it. */
const recentTable = `
  CREATE TABLE IF NOT EXISTS recent (
    time INTEGER NOT NULL,
    series TEXT NOT NULL,
    points TEXT NOT NULL,
    PRIMARY KEY (time, series)
  ) WITHOUT ROWID;
`;

/** SQLite's primary result codes for a file that is no sound database: SQLITE_CORRUPT, SQLITE_NOTADB. */
const damageCodes = [11, 26];

export function metricsFolder(directories: Directories): string {
  return join(directories.state, 'metrics');
}

export function databaseFile(directories: Directories): string {
  return join(metricsFolder(directories), 'metrics.db');
}

/** Opens for writing, makes the tables if the file is new, and checks it. Throws what `isDamage` recognizes. */
export function openForWriting(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: 1000 });
  try {
    // Readers do not wait for the writer, and a crash leaves whole transactions only.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;');
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version === 0) db.exec(`BEGIN; ${tables} COMMIT;`);
    else if (version !== formatVersion) {
      throw new GranaryError('bad-request', `"${file}" was written by a newer version of this program`);
    }
    db.exec(recentTable);
    const check = String(db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']);
    if (check !== 'ok') throw new DamagedDatabase(check.replace(/\s+/g, ' '));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Throws when there is no database, or none that can be read. */
export function openForReading(file: string): DatabaseSync {
  return new DatabaseSync(file, { readOnly: true, timeout: 1000 });
}

class DamagedDatabase extends Error {}

export function isDamage(error: unknown): boolean {
  if (error instanceof DamagedDatabase) return true;
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' && damageCodes.includes(code & 0xff);
}

/** Moves a damaged database out of the way, over one that was set aside before. Returns what to tell people. */
export function setAside(file: string, error: unknown): string {
  const aside = `${file}.damaged`;
  rmSync(`${file}-shm`, { force: true });
  for (const suffix of ['-wal', '']) {
    rmSync(`${aside}${suffix}`, { force: true });
    if (statSync(`${file}${suffix}`, { throwIfNoEntry: false })) renameSync(`${file}${suffix}`, `${aside}${suffix}`);
  }
  return `the database of measurements "${file}" is damaged (${messageOf(error)}): it was moved to "${aside}", and a new one begins`;
}

/** Tells one file of this name from the next. */
export function fileIdentity(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.dev}:${stat.ino}`;
}
