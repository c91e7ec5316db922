// Counts of running operations per datastore, over all processes: one file a datastore, one entry a process
// (config-and-tasks.md 9). Entries of processes that are gone do not count.

import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { lockFile } from '../os/file-lock.ts';
import { giveToOwnerOf, ownerIn } from '../os/inherit-owner.ts';
import { isProcessRunning, processStartTicks } from '../os/process.ts';

interface Counts {
  read: number;
  write: number;
}

interface ProcessEntry {
  pid: number;
  starttime: number;
  active_operations: Counts;
}

const lockWaitMs = 10_000;

export class ActiveOperations {
  readonly #directory: string;
  readonly #log: Logger;
  readonly #own = new Map<string, Counts>();
  /** Changes of the files, one after the other. */
  #pending: Promise<void> = Promise.resolve();

  constructor(directory: string, log: Logger) {
    this.#directory = directory;
    this.#log = log;
  }

  /** Counts an operation until the returned function is called; calling it again does nothing. */
  async enter(name: string, kind: 'read' | 'write'): Promise<() => void> {
    await this.#change(name, kind, 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#change(name, kind, -1).catch((error: unknown) =>
        this.#log('error', 'active-operations-failed', { store: name, error: messageOf(error) }),
      );
    };
  }

  async count(name: string): Promise<Counts> {
    const sum = { read: 0, write: 0 };
    for (const { active_operations: counts } of await this.#load(name)) {
      sum.read += counts.read;
      sum.write += counts.write;
    }
    return sum;
  }

  /** Settles when everything so far is in the files. */
  async flush(): Promise<void> {
    await this.#pending;
  }

  #change(name: string, kind: 'read' | 'write', by: number): Promise<void> {
    const counts = this.#own.get(name) ?? { read: 0, write: 0 };
    this.#own.set(name, counts);
    counts[kind] += by;
    const done = this.#pending.then(() => this.#write(name));
    this.#pending = done.catch(() => {});
    return done;
  }

  /** Writes this process's entry as it is now. */
  async #write(name: string): Promise<void> {
    if (await mkdir(this.#directory, { recursive: true })) {
      giveToOwnerOf(path.dirname(this.#directory), this.#directory);
    }
    const lock = await lockFile(path.join(this.#directory, `.${name}.lck`), { mode: 'exclusive', waitMs: lockWaitMs });
    if (lock === undefined) throw new GranaryError('locked', `active operations of datastore '${name}' are locked`);
    try {
      const starttime = processStartTicks(process.pid) ?? 0;
      const others = (await this.#load(name)).filter((entry) => entry.pid !== process.pid);
      const own = { pid: process.pid, starttime, active_operations: this.#own.get(name)! };
      const owner = ownerIn(this.#directory);
      await replaceFile(this.#file(name), JSON.stringify([...others, own]), { mode: 0o640, durable: false, owner });
    } finally {
      lock.release();
    }
  }

  /** The entries of living processes. A file that cannot be understood counts as empty. */
  async #load(name: string): Promise<ProcessEntry[]> {
    let entries: unknown;
    try {
      entries = JSON.parse(await readFile(this.#file(name), 'utf8'));
    } catch (error) {
      if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return [];
      throw error;
    }
    if (!Array.isArray(entries)) return [];
    return entries.filter(isEntry).filter((entry) => isProcessRunning(entry.pid, entry.starttime));
  }

  #file(name: string): string {
    return path.join(this.#directory, name);
  }
}

function isEntry(value: unknown): value is ProcessEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, starttime, active_operations: counts } = value as Partial<ProcessEntry>;
  return Number.isInteger(pid) && Number.isInteger(starttime) && isCounts(counts);
}

function isCounts(counts: Partial<Counts> | undefined): boolean {
  return Number.isInteger(counts?.read) && Number.isInteger(counts?.write);
}
