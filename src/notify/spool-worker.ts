// Sends what waits in the spool, in one process of the server at a time: at once, and again after failures, less and
// less often, until it is too old to be of use.
//
// A target that was reached is taken out of the file before the next one is tried, so that a crash repeats at most the
// message that was under way.

import * as fs from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, epochSeconds } from '../base/clock.ts';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import { syncDirectory } from '../os/atomic-file.ts';
import { failpoint } from '../os/failpoint.ts';
import { type FileLock, tryLock } from '../os/file-lock.ts';
import type { Notification } from './notification.ts';
import { makeSpool, parseSpooled, type Spooled, spoolName, writeSpooled } from './spool.ts';

/** How notifications leave; a `Sender` in the server. */
export interface Outlet {
  choose(notification: Notification): string[];
  /** False when there was nobody to send to, which it has logged. */
  send(target: string, notification: Notification, signal: AbortSignal): Promise<boolean>;
}

export interface SpoolWorkerOptions {
  directories: Directories;
  clock: Clock;
  log: Logger;
  /** Made when there is something to send. */
  outlet(): Promise<Outlet>;
}

const firstWait = 60;
const longestWait = 3600;
/** For how long a target that does not take it is tried: over a weekend. */
export const longestAge = 3 * 86_400;
/** How often the spool is looked through without being told of anything. */
const lookMs = 15_000;
const largestFile = 1024 * 1024;
/** After which what a crash left half-written is removed. */
const temporaryAge = 86_400;

export class SpoolWorker {
  readonly #options: SpoolWorkerOptions;
  readonly #stop = new AbortController();
  /** Targets that failed, and until when whatever else is for them waits. Epoch seconds. */
  readonly #silent = new Map<string, number>();
  #lock: FileLock | undefined;
  #watcher: fs.FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;
  #again = false;

  constructor(options: SpoolWorkerOptions) {
    this.#options = options;
  }

  /** Begins to send, and sends what comes as soon as it is there. */
  start(): void {
    this.#timer = setInterval(() => this.#wake(), lookMs).unref();
    this.#wake();
  }

  /** Ends; what is under way is cancelled and stays in the spool. Another process goes on. */
  async stop(): Promise<void> {
    this.#stop.abort(new GranaryError('aborted', 'the server is shutting down'));
    clearInterval(this.#timer);
    await this.#turn;
    this.#watcher?.close();
    this.#lock?.release();
    this.#lock = undefined;
  }

  /** Looks through the spool once, unless another process does. Problems are logged. */
  async turn(): Promise<void> {
    const { directories, log } = this.#options;
    this.#lock ??= tryLock(join(directories.run, '.notifications.lck'), 'exclusive');
    if (this.#lock === undefined) return;
    try {
      const directory = await makeSpool(directories);
      this.#watch(directory);
      for (const name of (await readdir(directory)).sort()) {
        if (this.#stop.signal.aborted) return;
        if (spoolName.test(name)) await this.#process(directory, name);
        else if (name.includes('.tmp_')) await this.#removeOld(join(directory, name));
      }
    } catch (error) {
      log('error', 'notification-spool-failed', { error: messageOf(error) });
    }
  }

  #wake(): void {
    if (this.#stop.signal.aborted) return;
    if (this.#turn !== undefined) {
      this.#again = true;
      return;
    }
    this.#turn = this.turn().finally(() => {
      this.#turn = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.#wake();
    });
  }

  #watch(directory: string): void {
    if (this.#watcher !== undefined || this.#timer === undefined) return;
    // Without it (no inotify instances are left) the timer finds what is there.
    try {
      this.#watcher = fs.watch(directory, { persistent: false }, (_event, name) => {
        if (name === null || spoolName.test(name)) this.#wake();
      });
      this.#watcher.on('error', () => {});
    } catch (error) {
      this.#options.log('debug', 'notification-spool-not-watched', { error: messageOf(error) });
    }
  }

  async #process(directory: string, name: string): Promise<void> {
    const { log, outlet, clock } = this.#options;
    const path = join(directory, name);
    let spooled: Spooled | undefined;
    try {
      const text = await readSpoolFile(path);
      if (text === undefined) return;
      spooled = parseSpooled(text);
      if (spooled === undefined) return await this.#setAside(directory, name);
      const { notification, pending } = spooled;
      const out = await outlet();
      if (pending === undefined) {
        const targets = out.choose(notification);
        const now = epochSeconds(clock);
        spooled.pending = Object.fromEntries(targets.map((target) => [target, { failures: 0, next: now }]));
        // A change of the matchers from now on does not make it go to more or less targets than it was meant for.
        if (targets.length > 1) await writeSpooled(path, spooled);
      }
      await this.#deliver(path, spooled, out);
    } catch (error) {
      log('error', 'notification-not-processed', { file: path, error: messageOf(error) });
    }
  }

  async #deliver(path: string, spooled: Spooled, outlet: Outlet): Promise<void> {
    const { log, clock } = this.#options;
    const pending = new Map(Object.entries(spooled.pending ?? {}));
    if (pending.size === 0) return await removeSpooled(path);
    const { type, ...about } = spooled.notification.fields;
    for (const [target, { failures, next }] of [...pending]) {
      if (epochSeconds(clock) < Math.max(next, this.#silent.get(target) ?? 0)) continue;
      const facts = { target, type, ...about };
      try {
        const isSent = await outlet.send(target, spooled.notification, this.#stop.signal);
        pending.delete(target);
        this.#silent.delete(target);
        if (isSent) log('info', 'notification-sent', facts);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const now = epochSeconds(clock);
        const wait = Math.min(firstWait * 2 ** failures, longestWait);
        this.#silent.set(target, now + wait);
        const over = now + wait - spooled.spooled > longestAge;
        const attempt = { ...facts, failures: failures + 1, error: messageOf(error) };
        if (over) {
          pending.delete(target);
          log('error', 'notification-given-up', attempt);
        } else {
          pending.set(target, { failures: failures + 1, next: now + wait });
          log('warn', 'notification-not-sent', { ...attempt, 'next-attempt-in-seconds': wait });
        }
      }
      failpoint('notification:after-send');
      if (pending.size === 0) return await removeSpooled(path);
      await writeSpooled(path, { ...spooled, pending: Object.fromEntries(pending) });
    }
  }

  /** For somebody to look at; it must not hold up the others. */
  async #setAside(directory: string, name: string): Promise<void> {
    const damaged = join(directory, 'damaged');
    await mkdir(damaged, { recursive: true, mode: 0o700 });
    await rename(join(directory, name), join(damaged, name));
    this.#options.log('error', 'notification-damaged', { file: join(damaged, name) });
  }

  async #removeOld(path: string): Promise<void> {
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (mtimeMs < this.#options.clock.now() - temporaryAge * 1000) await rm(path, { force: true });
  }
}

/** The text of a file; undefined when it is gone, empty when it is nothing that was spooled. */
async function readSpoolFile(path: string): Promise<string | undefined> {
  try {
    const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
    await using file = await open(path, flags);
    const facts = await file.stat();
    return facts.isFile() && facts.size <= largestFile ? await file.readFile('utf8') : '';
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (isErrno(error, 'ELOOP')) return '';
    throw error;
  }
}

async function removeSpooled(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(join(path, '..'));
}
