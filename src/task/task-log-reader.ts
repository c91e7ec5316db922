// Reading task logs, own and others', while they grow: pages of lines by number, and how a task ended
// (config-and-tasks.md 6, rest-api.md 7.6, cli.md 1 "Log follow protocol").

import { type FileHandle, open } from 'node:fs/promises';
import { parseRfc3339 } from '../base/clock.ts';
import { isErrno } from '../base/errors.ts';
import { parseStatusLine, type TaskStatus } from './task-status.ts';

export interface LogLine {
  /** Line number from 1. */
  n: number;
  t: string;
}

export interface LogPage {
  lines: LogLine[];
  /** Number of all lines so far. */
  total: number;
}

/** Where every `markEvery`th line starts, so that following a long log does not read it from the start each time. */
interface LineIndex {
  inode: bigint;
  scanned: number;
  lines: number;
  marks: number[];
}

const markEvery = 256;
const blockSize = 64 * 1024;
const keptIndexes = 64;

export class TaskLogReader {
  readonly #indexes = new Map<string, LineIndex>();

  /**
   * Lines from number `start` on (0 and 1 are the first), at most `limit` (0 = all). A last line without line end
   * counts only with `ended`: it is still being written otherwise. ENOENT is passed on.
   */
  async read(path: string, start: number, limit: number, ended: boolean): Promise<LogPage> {
    await using file = await open(path, 'r');
    const { size, ino } = await file.stat({ bigint: true });
    const index = this.#indexOf(path, ino, Number(size));
    await scan(file, index, Number(size));
    let rest = '';
    if (ended && index.scanned < Number(size)) {
      rest = (await readRange(file, index.scanned, Number(size))).toString();
    }
    const total = index.lines + (rest === '' ? 0 : 1);
    const first = Math.max(start, 1);
    const last = limit === 0 ? total : Math.min(total, first + limit - 1);
    const lines: LogLine[] = [];
    if (first <= last) {
      const mark = Math.floor((first - 1) / markEvery);
      const endMark = Math.ceil(Math.min(last, index.lines) / markEvery);
      const to = index.marks[endMark] ?? index.scanned;
      const texts = (await readRange(file, index.marks[mark] ?? index.scanned, to)).toString().split('\n');
      texts.pop();
      for (let n = first; n <= Math.min(last, index.lines); n++)
        lines.push({ n, t: texts[n - 1 - mark * markEvery] ?? '' });
      if (last > index.lines) lines.push({ n: last, t: rest });
    }
    return { lines, total };
  }

  #indexOf(path: string, inode: bigint, size: number): LineIndex {
    let index = this.#indexes.get(path);
    this.#indexes.delete(path);
    if (!index || index.inode !== inode || index.scanned > size) index = { inode, scanned: 0, lines: 0, marks: [0] };
    this.#indexes.set(path, index);
    if (this.#indexes.size > keptIndexes) this.#indexes.delete(this.#indexes.keys().next().value!);
    return index;
  }
}

async function scan(file: FileHandle, index: LineIndex, size: number): Promise<void> {
  let at = index.scanned;
  const block = Buffer.allocUnsafe(Math.min(blockSize, Math.max(size - at, 1)));
  while (at < size) {
    const { bytesRead } = await file.read(block, 0, Math.min(block.byteLength, size - at), at);
    if (bytesRead === 0) break;
    const bytes = block.subarray(0, bytesRead);
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, end + 1)) {
      const next = at + end + 1;
      // Two readers can scan the same log at once; only the one that is further writes.
      if (next <= index.scanned) continue;
      index.scanned = next;
      index.lines++;
      if (index.lines % markEvery === 0) index.marks[index.lines / markEvery] = next;
    }
    at += bytesRead;
  }
}

async function readRange(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(to - from, 0));
  let length = 0;
  while (length < bytes.byteLength) {
    const { bytesRead } = await file.read(bytes, length, bytes.byteLength - length, from + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

export interface TaskEnd {
  status: TaskStatus;
  /** Epoch seconds. */
  endTime: number;
}

const tailLength = 64 * 1024;

/**
 * How the task of a log ended, from its last line. Without a final line (a crash) the status is `unknown` and the
 * time that of the last dated line, or undefined when there is none; a missing log gives undefined.
 */
export async function readTaskEnd(
  path: string,
): Promise<{ status: TaskStatus; endTime: number | undefined; final: boolean } | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
  await using _file = file;
  const { size } = await file.stat();
  const lines = (await readRange(file, Math.max(size - tailLength, 0), size)).toString().split('\n');
  const complete = lines.at(-1) === '';
  if (complete) lines.pop();
  const last = splitLine(lines.at(-1) ?? '');
  const status = last && complete ? parseStatusLine(last.text) : undefined;
  if (last && status !== undefined) return { status, endTime: last.time, final: true };
  for (const line of lines.reverse()) {
    const dated = splitLine(line);
    if (dated) return { status: 'unknown', endTime: dated.time, final: false };
  }
  return { status: 'unknown', endTime: undefined, final: false };
}

/** The text of a log's first line, or what of it is in the first kilobytes. ENOENT is passed on. */
export async function readTaskStart(path: string): Promise<string> {
  await using file = await open(path, 'r');
  const [line = ''] = (await readRange(file, 0, Math.min((await file.stat()).size, 4096))).toString().split('\n', 1);
  return splitLine(line)?.text ?? line;
}

function splitLine(line: string): { time: number; text: string } | undefined {
  const match = /^(\S{25}): (.*)$/s.exec(line);
  const time = match ? parseRfc3339(match[1]!) : undefined;
  return time === undefined ? undefined : { time, text: match![2]! };
}
