// What became of the last run of a job: one file a job below `jobstates/` (config-and-tasks.md 7). Whoever runs a job
// holds its lock as long as it runs.

import * as fs from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GranaryError, isErrno, withContext } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { type FileLock, lockFile } from '../os/file-lock.ts';

export type JobType =
  | 'garbage_collection'
  | 'prunejob'
  | 'syncjob'
  | 'verificationjob'
  | 'tape-backup-job'
  | 'realm-sync'
  | 'acme-renewal'
  | 'logrotate';

export type JobResult =
  | { OK: { endtime: number } }
  | { Warning: { count: number; endtime: number } }
  | { Error: { message: string; endtime: number } }
  | { Unknown: { endtime: number } };

/** Times are epoch seconds. `updated`: the schedule was changed since the run, and counts from then. */
export type JobState =
  | { created: { time: number } }
  | { started: { upid: string } }
  | { finished: { upid: string; state: JobResult; updated?: number } }
  | 'unknown';

export class JobStates {
  readonly #directory: string;

  constructor(directories: Directories) {
    this.#directory = join(directories.state, 'jobstates');
  }

  /** Undefined when nothing is known of the job; throws `config-invalid` for a file that is damaged. */
  async read(type: JobType, name: string): Promise<JobState | undefined> {
    const path = this.#path(type, name);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw withContext(`unable to read "${path}"`, error);
    }
    const state = parseJobState(text);
    if (state === undefined) throw new GranaryError('config-invalid', `"${path}" is no job state`);
    return state;
  }

  /** Replaces the state; for whoever holds the job's lock. */
  async write(type: JobType, name: string, state: JobState): Promise<void> {
    await this.#makeDirectory();
    await replaceFile(this.#path(type, name), JSON.stringify(state), { mode: 0o644, ...this.#owner() });
  }

  /** The lock of a job while it runs, or undefined when somebody else holds it. */
  async lock(type: JobType, name: string): Promise<FileLock | undefined> {
    await this.#makeDirectory();
    const path = this.#path(type, name).replace(/\.json$/, '.lck');
    const lock = await lockFile(path, { mode: 'exclusive' });
    const { owner } = this.#owner();
    if (lock && owner) fs.chownSync(path, owner.uid, owner.gid);
    return lock;
  }

  /** The job exists from now on. */
  async create(type: JobType, name: string, now: number): Promise<void> {
    await this.write(type, name, { created: { time: now } });
  }

  /** The schedule counts from now on. A job that is running keeps its state. */
  async scheduleChanged(type: JobType, name: string, now: number): Promise<void> {
    using lock = await this.lock(type, name);
    if (!lock) return;
    const state = await this.read(type, name).catch(() => undefined);
    if (state !== undefined && state !== 'unknown' && 'finished' in state) {
      await this.write(type, name, { finished: { ...state.finished, updated: now } });
    } else if (state === undefined || state === 'unknown' || 'created' in state) await this.create(type, name, now);
  }

  async remove(type: JobType, name: string): Promise<void> {
    const path = this.#path(type, name);
    await rm(path, { force: true });
    await rm(path.replace(/\.json$/, '.lck'), { force: true });
  }

  async #makeDirectory(): Promise<void> {
    if ((await mkdir(this.#directory, { recursive: true, mode: 0o755 })) === undefined) return;
    const parent = fs.statSync(join(this.#directory, '..'));
    if (process.getuid?.() === 0) fs.chownSync(this.#directory, parent.uid, parent.gid);
  }

  /** A privileged process leaves the files to the one that runs the jobs. */
  #owner(): { owner?: { uid: number; gid: number } } {
    if (process.getuid?.() !== 0) return {};
    const { uid, gid } = fs.statSync(this.#directory);
    return { owner: { uid, gid } };
  }

  #path(type: JobType, name: string): string {
    return join(this.#directory, `${type}-${name}.json`);
  }
}

/** Undefined for a text that is no job state. */
export function parseJobState(text: string): JobState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (value === 'unknown') return value;
  const { created, started, finished } = members(value);
  if (created !== undefined) {
    const { time } = members(created);
    return typeof time === 'number' ? { created: { time } } : undefined;
  }
  if (started !== undefined) {
    const { upid } = members(started);
    return typeof upid === 'string' ? { started: { upid } } : undefined;
  }
  const { upid, state, updated } = members(finished);
  const result = parseResult(state);
  if (typeof upid !== 'string' || result === undefined) return undefined;
  return { finished: { upid, state: result, ...(typeof updated === 'number' ? { updated } : {}) } };
}

function parseResult(value: unknown): JobResult | undefined {
  const [[name, facts] = ['', undefined]] = Object.entries(members(value));
  const { endtime, count, message } = members(facts);
  if (typeof endtime !== 'number') return undefined;
  if (name === 'OK') return { OK: { endtime } };
  if (name === 'Unknown') return { Unknown: { endtime } };
  if (name === 'Warning' && typeof count === 'number') return { Warning: { count, endtime } };
  return name === 'Error' && typeof message === 'string' ? { Error: { message, endtime } } : undefined;
}

function members(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
