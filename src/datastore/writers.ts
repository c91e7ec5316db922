// Who writes to a datastore, in this process and in others: what garbage collection has to know so that it never
// takes a chunk that a running backup counts on (formats.md 15.1, 16.2).
//
// Two things are kept while a writer is open. The shared record lock on `<base>/.lock`, one for the whole process,
// keeps a collection of the original product away. A record file below the lock directory, named after the
// writer's start and locked by flock, tells collections of this product in whatever process how far back they
// have to keep chunks; a record whose lock is free belongs to a process that died. The start is kept by two clocks, of
// the day and since the machine was started, because the first may be set while a writer runs for days.
//
// A sweep that runs beside writers of other processes must rename a chunk away before it looks at its access time
// for the last time: a writer's touch is then either seen, or fails and the writer inserts the chunk anew.

import * as fs from 'node:fs';
import { uptime as machineUptime } from 'node:os';
import { GranaryError, isErrno } from '../base/errors.ts';
import { createLockFile } from '../chunk-store/layout.ts';
import { type FileLock, recordLock, tryLock } from '../os/file-lock.ts';
import { lockHolder } from '../os/lock-holder.ts';
import { makeLockDirectory } from './locks.ts';

/** An open writer; chunks that it touched are safe until it is released. */
export interface WriterHandle {
  /** Epoch seconds. */
  readonly start: number;
  release(): void;
  [Symbol.dispose](): void;
}

/** A garbage collection under way, the only one of this datastore, or a move. */
export interface CollectionHandle {
  release(): void;
  [Symbol.dispose](): void;
}

/** What a record tells. */
interface Writer {
  /** Epoch seconds. */
  start: number;
  /** Seconds after the machine was started. */
  startUptime: number;
  pid: number;
}

/** The process's one descriptor of a `.lock` file: closing any descriptor drops all locks of the process on it. */
interface ProcessLock {
  fd: number;
  holders: number;
}

const processLocks = new Map<string, ProcessLock>();
let sequence = 0;
const recordAttempts = 100;

export class StoreWriters {
  readonly #base: string;
  readonly #records: string;
  readonly #collection: string;
  readonly #uptime: () => number;

  /**
   * `lockDirectory` is the one of this datastore's lock files. `uptime` gives seconds since the machine was started,
   * the same for all processes, however the clock is set.
   */
  constructor(base: string, lockDirectory: string, uptime = machineUptime) {
    this.#base = base;
    this.#uptime = uptime;
    // No namespace and no escaped name starts with a dot.
    this.#records = `${lockDirectory}/.writers`;
    this.#collection = `${lockDirectory}/.collection`;
  }

  /** Registers a writer that starts at `now` (epoch seconds). Throws `locked` while a foreign process collects garbage. */
  enter(now: number): WriterHandle {
    makeLockDirectory(this.#records);
    const record = this.#makeRecord(now);
    try {
      this.#hold();
    } catch (error) {
      record.remove();
      throw error;
    }
    let open = true;
    const release = (): void => {
      if (!open) return;
      open = false;
      record.remove();
      this.#drop();
    };
    return { start: now, release, [Symbol.dispose]: release };
  }

  /** A collection that looks at a record before it is locked takes it for one of a dead process: then another is made. */
  #makeRecord(now: number): FileLock {
    for (let left = recordAttempts; left > 0; left--) {
      const path = `${this.#records}/${now}-${Math.floor(this.#uptime())}-${process.pid}-${++sequence}`;
      const record = tryLock(path, 'exclusive');
      if (record) return record;
    }
    throw new GranaryError('internal', `unable to lock a writer record in '${this.#records}'`);
  }

  /** Start of the oldest open writer of any process, epoch seconds; undefined when there is none. */
  oldest(): number | undefined {
    return this.#live().reduce<number | undefined>(
      (oldest, { start }) => (oldest === undefined || start < oldest ? start : oldest),
      undefined,
    );
  }

  /**
   * For how long the oldest open writer of any process has been open when it is `now`, in seconds; undefined when there
   * is none. When the clock was set meanwhile it may be more than it is, never less.
   */
  oldestAge(now: number): number | undefined {
    const live = this.#live();
    if (live.length === 0) return undefined;
    return Math.max(...live.map(({ start, startUptime }) => Math.max(now - start, this.#uptime() - startUptime)));
  }

  /**
   * Begins a garbage collection. Writers may go on and new ones may start; `oldest` has to be asked after this.
   * Throws `locked` when one is under way, or when a process that is not of this product has the store open.
   */
  beginCollection(): CollectionHandle {
    makeLockDirectory(this.#records);
    const exclusive = tryLock(this.#collection, 'exclusive');
    if (!exclusive) {
      const who = this.#isMoving() ? 'backups are being moved' : 'garbage collection is already running';
      throw new GranaryError('locked', `${who}: "${this.#collection}" is locked`);
    }
    return this.#holdWith(exclusive, () => this.#refuseForeign());
  }

  /**
   * Begins to give snapshots another place, beside writers and other moves, but not beside a garbage collection: that
   * could pass by an index that is moved while it looks for them. Throws `locked` while one is under way.
   */
  beginMove(): CollectionHandle {
    makeLockDirectory(this.#records);
    const shared = tryLock(this.#collection, 'shared');
    if (!shared) {
      const text = 'backups cannot be moved while garbage collection is running';
      throw new GranaryError('locked', `${text}: "${this.#collection}" is locked`);
    }
    return this.#holdWith(shared, () => {});
  }

  #isMoving(): boolean {
    const shared = tryLock(this.#collection, 'shared');
    shared?.release();
    return shared !== undefined;
  }

  /** Holds the process's record lock together with another lock, which is released when that fails. */
  #holdWith(lock: FileLock, check: () => void): CollectionHandle {
    try {
      this.#hold();
      check();
    } catch (error) {
      lock.release();
      throw error;
    }
    let open = true;
    const release = (): void => {
      if (!open) return;
      open = false;
      lock.release();
      this.#drop();
    };
    return { release, [Symbol.dispose]: release };
  }

  /** The process that has the store for itself: one of ours that collects garbage or removes it, or a foreign one. */
  exclusiveHolder(): number | undefined {
    return lockHolder(this.#collection) ?? lockHolder(`${this.#base}/.lock`);
  }

  /** Other processes that hold the record lock without a record of theirs are not ours. */
  #refuseForeign(): void {
    const lock = processLocks.get(this.#base);
    if (!lock) return;
    if (recordLock(lock.fd, 'write')) {
      recordLock(lock.fd, 'read');
      return;
    }
    if (this.#live().some(({ pid }) => pid !== process.pid)) return;
    this.#drop();
    throw new GranaryError('locked', `unable to get exclusive lock on "${this.#base}/.lock" - another process uses it`);
  }

  #live(): Writer[] {
    let names: string[];
    try {
      names = fs.readdirSync(this.#records);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
    const live: Writer[] = [];
    for (const name of names) {
      const match = /^(\d+)-(\d+)-(\d+)-\d+$/.exec(name);
      if (!match) continue;
      if (this.#removeStale(`${this.#records}/${name}`)) continue;
      live.push({ start: Number(match[1]), startUptime: Number(match[2]), pid: Number(match[3]) });
    }
    return live;
  }

  /** True when nobody holds the record any more. */
  #removeStale(path: string): boolean {
    // A writer that cannot be looked at may be there: that throws.
    if (!fs.lstatSync(path, { throwIfNoEntry: false })) return true;
    let lock: FileLock | undefined;
    try {
      lock = tryLock(path, 'exclusive');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return true;
      throw error;
    }
    lock?.remove();
    return lock !== undefined;
  }

  #hold(): void {
    const known = processLocks.get(this.#base);
    if (known) {
      known.holders++;
      return;
    }
    createLockFile(this.#base);
    const fd = fs.openSync(`${this.#base}/.lock`, 'r+');
    if (!recordLock(fd, 'read')) {
      fs.closeSync(fd);
      throw new GranaryError(
        'locked',
        `unable to get shared lock on "${this.#base}/.lock" - garbage collection is running in another process`,
      );
    }
    processLocks.set(this.#base, { fd, holders: 1 });
  }

  #drop(): void {
    const lock = processLocks.get(this.#base);
    if (!lock || --lock.holders > 0) return;
    processLocks.delete(this.#base);
    fs.closeSync(lock.fd);
  }
}
