// The files that all processes of a server share to know of each other's tasks: `active`, and `archive` with its
// rotated predecessors, all under `.active.lock` (config-and-tasks.md 6).

import * as fs from 'node:fs';
import { appendFile, chown, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { GranaryError, isErrno } from '../base/errors.ts';
import { parseUpid, type Upid } from '../model/upid.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { type FileLock, type LockMode, lockFile } from '../os/file-lock.ts';
import { readTaskEnd, type TaskEnd } from './task-log-reader.ts';

export interface ListedTask {
  readonly upid: string;
  readonly parsed: Upid;
  /** Absent while it runs. */
  readonly end?: TaskEnd;
}

/** How far a reader of the ended tasks has come. */
export interface ArchivePosition {
  /** Of the file `archive` as it was read. */
  inode: number;
  /** Bytes of it that were read. */
  offset: number;
  /** The last task that was read. */
  upid: string;
}

/** Who owns what root creates here, so that the unprivileged processes can go on with it. */
export type Owner = { uid: number; gid: number } | undefined;

const lockWaitMs = 15_000;
/** An archive larger than this is rotated. */
export const archiveSizeLimit = 512 * 1024 - 1;
export const archiveFileLimit = 20;
/** No archive grows to this; more is not read, so that a bad file cannot fill the memory. */
const maxArchiveBytes = 256 * 1024 * 1024;

export class TaskLists {
  /** `tasks` below the log directory. */
  readonly path: string;
  readonly #owner: Owner;
  readonly #isRunning: (upid: string, parsed: Upid) => boolean;
  #last: Promise<unknown> = Promise.resolve();

  /** `isRunning` has to be right for tasks of this process, and may take others for running while their process lives. */
  constructor(path: string, owner: Owner, isRunning: (upid: string, parsed: Upid) => boolean) {
    this.path = path;
    this.#owner = owner;
    this.#isRunning = isRunning;
  }

  /** `XX/UPID`, by the process start time. */
  logPath(upid: string, parsed: Upid): string {
    return join(this.path, logDirectory(parsed), upid);
  }

  /** Makes the directory for a task's log. */
  async makeLogDirectory(parsed: Upid): Promise<void> {
    const path = join(this.path, logDirectory(parsed));
    if (await mkdir(path, { recursive: true, mode: 0o755 })) await this.#adopt(this.path, path);
  }

  /** Records a started task, and moves every task that has ended meanwhile to the archive. */
  async addActive(upid: string): Promise<void> {
    await this.#serialised(() => this.#update(upid));
  }

  /** Moves every task that has ended to the archive. */
  async sweep(): Promise<void> {
    await this.#serialised(() => this.#update(undefined));
  }

  /** The tasks of all processes, newest first: running ones, then ended ones in the reverse order of their end. */
  async *tasks(): AsyncGenerator<ListedTask, void, undefined> {
    let { active, archives } = await this.#snapshot();
    if (active.some((task) => task.end || !this.#isRunning(task.upid, task.parsed))) {
      await this.sweep();
      ({ active, archives } = await this.#snapshot());
    }
    active.sort((a, b) => b.parsed.startTime - a.parsed.startTime || b.parsed.taskId - a.parsed.taskId);
    const seen = new Set<string>();
    for (const task of active) {
      seen.add(task.upid);
      yield task;
    }
    for (const read of archives) {
      const ended = parseList(await read());
      for (let i = ended.length - 1; i >= 0; i--) {
        const task = ended[i]!;
        // A crash between the two files' changes leaves a task in both.
        if (!task.end || seen.has(task.upid)) continue;
        seen.add(task.upid);
        yield task;
      }
    }
  }

  /**
   * The tasks that ended after `position`, in the order of their end, and the position behind them; all that the
   * archives know when it is undefined or its task is in none of them. Costs one `stat` when there are none.
   */
  async endedAfter(
    position: ArchivePosition | undefined,
  ): Promise<{ tasks: ListedTask[]; position: ArchivePosition | undefined }> {
    const before = await stat(this.#file('archive')).catch(ignoreMissing);
    // Between a rotation and the next end there is none.
    if (before === undefined && (position?.inode ?? 0) === 0) return { tasks: [], position };
    if (position !== undefined && before?.ino === position.inode && before.size === position.offset) {
      return { tasks: [], position };
    }
    if (!fs.existsSync(this.path)) return { tasks: [], position };
    using _lock = await this.#lock('shared');
    const now = await stat(this.#file('archive')).catch(ignoreMissing);
    const text = await this.#text('archive');
    if (position !== undefined && now?.ino === position.inode && now.size >= position.offset) {
      const tasks = parseList(Buffer.from(text).subarray(position.offset).toString());
      return { tasks, position: { ...position, offset: now.size, upid: tasks.at(-1)?.upid ?? position.upid } };
    }
    const read: ListedTask[][] = [];
    const older = [async () => this.#text('archive.1')];
    for (const number of await this.#archiveNumbers()) older.push(async () => (await this.#readArchive(number)) ?? '');
    for (const next of [async () => text, ...older]) {
      const tasks = parseList(await next());
      const last = position === undefined ? -1 : tasks.findLastIndex((task) => task.upid === position.upid);
      read.unshift(tasks.slice(last + 1));
      if (last >= 0) break;
    }
    const seen = new Set<string>();
    // Between the halves of a rotation a file is there in both forms.
    const tasks = read.flat().filter((task) => !seen.has(task.upid) && seen.add(task.upid));
    const upid = tasks.at(-1)?.upid ?? position?.upid ?? '';
    return { tasks, position: { inode: now?.ino ?? 0, offset: now?.size ?? 0, upid } };
  }

  /**
   * Starts a new archive when the current one is larger than `sizeLimit`, drops the archives beyond `fileLimit` or,
   * with `endedBefore`, those whose tasks all ended before that time, then the logs of tasks that no archive names
   * any more. Returns whether the archive was rotated.
   */
  async rotate(o: { sizeLimit?: number; fileLimit?: number; endedBefore?: number } = {}): Promise<boolean> {
    return this.#serialised(async () => {
      using _lock = await this.#lock('exclusive');
      const size = (await stat(this.#file('archive')).catch(ignoreMissing))?.size ?? 0;
      const rotated = size > (o.sizeLimit ?? archiveSizeLimit);
      if (rotated) await this.#rotateArchive();
      await this.#compressLeftover();
      let dropped = 0;
      for (const number of (await this.#archiveNumbers()).reverse()) {
        const tooMany = number > (o.fileLimit ?? archiveFileLimit);
        if (o.endedBefore === undefined ? tooMany : await this.#allEndedBefore(number, o.endedBefore)) {
          await rm(this.#file(`archive.${number}.zst`), { force: true });
          dropped++;
        } else break;
      }
      if (dropped > 0) await this.#removeOldLogs();
      return rotated;
    });
  }

  async #update(started: string | undefined): Promise<void> {
    if (await mkdir(this.path, { recursive: true, mode: 0o755 })) await this.#adopt(this.path);
    using _lock = await this.#lock('exclusive');
    const before = await this.#text('active');
    const legacy = await this.#text('index');
    const running: string[] = [];
    const ended: ListedTask[] = [];
    for (const task of [...parseList(legacy), ...parseList(before)]) {
      if (!task.end && this.#isRunning(task.upid, task.parsed)) running.push(task.upid);
      else ended.push(task.end ? task : { ...task, end: await this.#endOf(task) });
    }
    if (ended.length > 0) await this.#archive(ended);
    if (started !== undefined) running.push(started);
    const after = running.map((upid) => `${upid}\n`).join('');
    if (after !== before) {
      await replaceFile(this.#file('active'), after, { mode: 0o640, durable: false, owner: this.#owner });
    }
    if (legacy !== '') await rm(this.#file('index'), { force: true });
  }

  async #endOf(task: ListedTask): Promise<TaskEnd> {
    const end = await readTaskEnd(this.logPath(task.upid, task.parsed));
    return { status: end?.status ?? 'unknown', endTime: end?.endTime ?? task.parsed.startTime };
  }

  async #archive(ended: ListedTask[]): Promise<void> {
    const archive = await this.#text('archive');
    // A crash after the archive was written and before `active` was leaves tasks that are archived already.
    const known = new Set(parseList(archive).map((task) => task.upid));
    const fresh = ended.filter((task) => !known.has(task.upid));
    if (fresh.length === 0) return;
    fresh.sort((a, b) => (a.end?.endTime ?? 0) - (b.end?.endTime ?? 0));
    const torn = archive !== '' && !archive.endsWith('\n');
    const lines = fresh.map((task) => formatEnded(task.upid, task.end!));
    await appendFile(this.#file('archive'), (torn ? '\n' : '') + lines.join(''), { mode: 0o640 });
    if (archive === '') await this.#adopt(this.#file('archive'));
  }

  /** Everything the lists say at one moment; the archives are opened now and read when asked for. */
  async #snapshot(): Promise<{ active: ListedTask[]; archives: (() => Promise<string>)[] }> {
    if (!fs.existsSync(this.path)) return { active: [], archives: [] };
    using _lock = await this.#lock('shared');
    const active = parseList(await this.#text('active'));
    const archive = await this.#text('archive');
    const archives: (() => Promise<string>)[] = [async () => archive];
    const leftover = await this.#text('archive.1');
    const numbers = await this.#archiveNumbers();
    if (leftover !== '' && !numbers.includes(1)) archives.push(async () => leftover);
    // A damaged old archive hides its own tasks only.
    for (const number of numbers) archives.push(async () => (await this.#readArchive(number)) ?? '');
    return { active, archives };
  }

  /** Undefined for a damaged one. */
  async #readArchive(number: number): Promise<string | undefined> {
    const bytes = await readFile(this.#file(`archive.${number}.zst`)).catch(ignoreMissing);
    if (!bytes) return '';
    try {
      return (await promisify(zstdDecompress)(bytes, { maxOutputLength: maxArchiveBytes })).toString();
    } catch {
      return undefined;
    }
  }

  async #rotateArchive(): Promise<void> {
    await this.#compressLeftover();
    for (const number of (await this.#archiveNumbers()).reverse()) {
      await rename(this.#file(`archive.${number}.zst`), this.#file(`archive.${number + 1}.zst`));
    }
    await rename(this.#file('archive'), this.#file('archive.1'));
  }

  /** Compresses `archive.1`, which exists between the two halves of a rotation. */
  async #compressLeftover(): Promise<void> {
    const text = await this.#text('archive.1');
    if (text === '') return;
    if (!(await this.#archiveNumbers()).includes(1)) {
      const packed = await promisify(zstdCompress)(text);
      await replaceFile(this.#file('archive.1.zst'), packed, { mode: 0o640, durable: true, owner: this.#owner });
    }
    await rm(this.#file('archive.1'), { force: true });
  }

  async #allEndedBefore(number: number, time: number): Promise<boolean> {
    const tasks = parseList((await this.#readArchive(number)) ?? '');
    return tasks.length > 0 && tasks.every((task) => (task.end?.endTime ?? Number.POSITIVE_INFINITY) < time);
  }

  /** Removes the logs that no list names and that were last written before the oldest listed task ended. */
  async #removeOldLogs(): Promise<void> {
    const listed = parseList(await this.#text('active'));
    for (const number of await this.#archiveNumbers()) {
      const text = await this.#readArchive(number);
      // Which logs a damaged archive names cannot be known.
      if (text === undefined) return;
      listed.push(...parseList(text));
    }
    listed.push(...parseList(await this.#text('archive')));
    if (listed.length === 0) return;
    const oldest = listed.reduce((time, { end, parsed }) => Math.min(time, end?.endTime ?? parsed.startTime), Infinity);
    const named = new Set(listed.map((task) => task.upid));
    for (const directory of await readdir(this.path)) {
      if (!/^[0-9A-F]{2}$/.test(directory)) continue;
      for (const name of await readdir(join(this.path, directory))) {
        if (!parseUpid(name) || named.has(name)) continue;
        const path = join(this.path, directory, name);
        const written = await stat(path).catch(ignoreMissing);
        if (written && written.mtimeMs / 1000 < oldest) await rm(path, { force: true });
      }
    }
  }

  async #archiveNumbers(): Promise<number[]> {
    const numbers: number[] = [];
    for (const name of await readdir(this.path)) {
      const match = /^archive\.(\d{1,4})\.zst$/.exec(name);
      if (match) numbers.push(Number(match[1]));
    }
    return numbers.sort((a, b) => a - b);
  }

  async #text(name: string): Promise<string> {
    return (await readFile(this.#file(name), 'utf8').catch(ignoreMissing)) ?? '';
  }

  async #lock(mode: LockMode): Promise<FileLock> {
    const path = this.#file('.active.lock');
    const lock = await lockFile(path, { mode, waitMs: lockWaitMs });
    if (!lock) throw new GranaryError('locked', `unable to acquire lock "${path}": another process holds it`);
    if (this.#owner && fs.statSync(path).uid !== this.#owner.uid) await this.#adopt(path);
    return lock;
  }

  async #adopt(...paths: string[]): Promise<void> {
    if (!this.#owner) return;
    for (const path of paths) await chown(path, this.#owner.uid, this.#owner.gid);
  }

  /** One change at a time in this process, so that its own calls do not poll for each other's lock. */
  async #serialised<R>(fn: () => Promise<R>): Promise<R> {
    const result = this.#last.then(fn);
    this.#last = result.catch(() => {});
    return result;
  }

  #file(name: string): string {
    return join(this.path, name);
  }
}

/** A line of `archive`. */
export function formatEnded(upid: string, end: TaskEnd): string {
  return `${upid} ${end.endTime.toString(16).toUpperCase().padStart(8, '0')} ${end.status}\n`;
}

/** Lines of `active`, `archive` or `index`; what is not one is passed over. */
export function parseList(text: string): ListedTask[] {
  const tasks: ListedTask[] = [];
  for (const line of text.split('\n')) {
    const match = /^(\S+)(?: ([0-9A-Fa-f]{8,16}) (\S.*))?$/s.exec(line.trimEnd());
    const parsed = match ? parseUpid(match[1]!) : undefined;
    if (!match || !parsed) continue;
    if (match[2] === undefined) tasks.push({ upid: match[1]!, parsed });
    else {
      const end = { endTime: Number.parseInt(match[2], 16), status: match[3]! };
      tasks.push({ upid: match[1]!, parsed, end });
    }
  }
  return tasks;
}

function logDirectory(parsed: Upid): string {
  return (parsed.pstart & 255).toString(16).toUpperCase().padStart(2, '0');
}

function ignoreMissing(error: unknown): undefined {
  if (isErrno(error, 'ENOENT')) return undefined;
  throw error;
}
