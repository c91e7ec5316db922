// The audit log of a server: appending from any of its processes, and reading for the API.

import * as fs from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import { replaceFile, syncDirectory } from '../os/atomic-file.ts';
import { failpoint } from '../os/failpoint.ts';
import { lockFile } from '../os/file-lock.ts';
import { giveToOwnerOf } from '../os/inherit-owner.ts';
import { type AuditEntry, type AuditEvent, formatEntry, parseEntry } from './audit-entry.ts';
import {
  type AuditHead,
  auditFolder,
  emptyHead,
  headPath,
  listSegments,
  readEnd,
  readHead,
  segmentName,
  sha256,
} from './segments.ts';

export interface AuditFilter {
  /** Epoch seconds. */
  since?: number;
  until?: number;
  /** Part of the auth-id. */
  user?: string;
  /** Part of the action or of the target. */
  match?: string;
  start?: number;
  /** 0 = all. Default 50. */
  limit?: number;
}

const segmentBytes = 16 * 1024 * 1024;
const lockWaitMs = 10_000;

interface Waiting {
  event: AuditEvent;
  time: string;
  done: () => void;
}

/** The end of the log as this process has left it: good as long as the file still has that size. */
interface KnownEnd {
  path: string;
  size: number;
  head: AuditHead;
}

export class AuditLog {
  readonly #directories: Directories;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #segmentBytes: number;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #known: KnownEnd | undefined;

  constructor(directories: Directories, clock: Clock, logger: Logger, o: { segmentBytes?: number } = {}) {
    this.#directories = directories;
    this.#clock = clock;
    this.#logger = logger;
    this.#segmentBytes = o.segmentBytes ?? segmentBytes;
  }

  /**
   * Adds an entry; when this resolves it is durable. Never rejects: what was done is done, and a log that cannot be
   * written is told in the server's own log, with the entry.
   */
  async append(event: AuditEvent): Promise<void> {
    const time = new Date(this.#clock.now()).toISOString();
    await new Promise<void>((done) => {
      this.#waiting.push({ event, time, done });
      this.#writing ??= this.#writeAll();
    });
  }

  /** Entries, newest first, and the `total` of the answer: start + count, one more if the page is full. */
  list(filter: AuditFilter = {}): { data: AuditEntry[]; total: number } {
    const { start = 0, limit = 50 } = filter;
    const data: AuditEntry[] = [];
    let skipped = 0;
    for (const entry of this.#newestFirst()) {
      if (filter.since !== undefined && Date.parse(entry.time) < filter.since * 1000) break;
      if (!matches(entry, filter)) continue;
      if (skipped < start) {
        skipped++;
        continue;
      }
      data.push(entry);
      if (limit > 0 && data.length >= limit) break;
    }
    return { data, total: start + data.length + (limit > 0 && data.length >= limit ? 1 : 0) };
  }

  /** Damaged lines are left out: it is for `verifyAuditLog` to tell of them. */
  *#newestFirst(): Generator<AuditEntry> {
    const folder = auditFolder(this.#directories);
    for (const name of listSegments(folder).toReversed()) {
      const lines = fs.readFileSync(join(folder, name), 'utf8').split('\n');
      for (const line of lines.toReversed()) {
        const parsed = line === '' ? undefined : parseEntry(line, sha256);
        if (parsed && 'entry' in parsed) yield parsed.entry;
      }
    }
  }

  /** Writes what waits, and what comes meanwhile, in as few writes as possible. */
  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(batch);
      } catch (error) {
        for (const { event } of batch) {
          this.#logger('error', 'audit-log-failed', { error: messageOf(error), entry: event });
        }
      }
      for (const { done } of batch) done();
    }
    this.#writing = undefined;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const folder = auditFolder(this.#directories);
    this.#makeFolder(folder);
    const lockPath = join(folder, '.lock');
    using lock = await lockFile(lockPath, { mode: 'exclusive', waitMs: lockWaitMs });
    if (!lock) throw new GranaryError('locked', `unable to acquire lock "${lockPath}": another process holds it`);
    this.#own(lockPath);
    const end = this.#end(folder);
    let { head } = end;
    let text = '';
    for (const { event, time } of batch) {
      const { line, hash } = formatEntry({ ...event, seq: head.seq + 1, time, previous: head.hash }, sha256);
      text += line;
      head = { seq: head.seq + 1, hash };
    }
    const isNew = end.path === undefined || end.size >= this.#segmentBytes;
    const path = isNew ? join(folder, segmentName(end.head.seq + 1)) : end.path!;
    const size = isNew ? 0 : end.size;
    this.#known = undefined;
    failpoint('audit:before-write');
    await using handle = await open(path, isNew ? 'ax' : 'r+', 0o640);
    if (isNew) this.#own(path);
    const bytes = Buffer.from(text);
    const { bytesWritten } = await handle.write(bytes, 0, bytes.length, size);
    if (bytesWritten !== bytes.length) throw new GranaryError('io', `"${path}": the disk is full`);
    failpoint('audit:after-write');
    await handle.datasync();
    if (isNew) await syncDirectory(folder);
    this.#known = { path, size: size + bytes.length, head };
    // Only a reminder of how long the log has been: it may stay behind after a crash, and need not be durable.
    await replaceFile(headPath(this.#directories), `${JSON.stringify(head)}\n`, { mode: 0o640, durable: false });
    this.#own(headPath(this.#directories));
  }

  /** Where the next line goes: after the last entry, a torn end cut off; in a new file where lines are damaged. */
  #end(folder: string): { path: string | undefined; size: number; head: AuditHead } {
    const names = listSegments(folder);
    const known = this.#known;
    if (known && known.path === join(folder, names.at(-1) ?? '') && fs.statSync(known.path).size === known.size) {
      return known;
    }
    for (const [index, name] of names.toReversed().entries()) {
      const path = join(folder, name);
      const { head, damaged, whole, size } = readEnd(path);
      if (whole === 0 && index === 0) {
        fs.rmSync(path);
        continue;
      }
      if (damaged) return { path: undefined, size: 0, head: this.#latest(head, Number.parseInt(name, 10)) };
      if (whole < size) fs.truncateSync(path, whole);
      if (head !== undefined) return { path, size: whole, head };
    }
    return { path: undefined, size: 0, head: emptyHead };
  }

  /** The later of what the log and what its kept head say, at least `seq`, so that no number is given twice. */
  #latest(found: AuditHead | undefined, seq: number): AuditHead {
    const kept = this.#keptHead();
    const head = found === undefined || kept.seq > found.seq ? kept : found;
    return { ...head, seq: Math.max(head.seq, seq) };
  }

  /** One that is damaged, too, is for `verifyAuditLog` to tell of: the log goes on. */
  #keptHead(): AuditHead {
    try {
      return readHead(this.#directories) ?? emptyHead;
    } catch {
      return emptyHead;
    }
  }

  #makeFolder(folder: string): void {
    if (fs.mkdirSync(folder, { recursive: true, mode: 0o750 }) !== undefined) this.#own(folder);
  }

  /** The log belongs to the server's user, also when root is the first to write. */
  #own(path: string): void {
    giveToOwnerOf(this.#directories.log, path);
  }
}

function matches(entry: AuditEntry, { until, user, match }: AuditFilter): boolean {
  if (until !== undefined && Date.parse(entry.time) > until * 1000) return false;
  if (user !== undefined && !entry.user?.includes(user)) return false;
  return match === undefined || entry.action.includes(match) || (entry.target?.includes(match) ?? false);
}
