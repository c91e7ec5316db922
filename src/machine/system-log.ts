// The machine's log: systemd's journal, or the log file where there is none (rest-api.md 7.6 "journal", "syslog").

import { open, stat } from 'node:fs/promises';
import { GranaryError, isErrno, withContext } from '../base/errors.ts';
import type { Machine } from './machine.ts';

const logFiles = ['/var/log/syslog', '/var/log/messages'];
const journalFolders = ['/var/log/journal', '/run/log/journal'];
/** A page of a log is looked at by a person: more is asked for in smaller pieces. */
const maxBytes = 32 * 1024 * 1024;
const defaultEntries = 2000;

export interface JournalQuery {
  /** Epoch seconds. */
  since?: number;
  until?: number;
  /** The newest so many. */
  lastentries?: number;
  startcursor?: string;
  endcursor?: string;
}

/** Lines of the journal between the cursors of the first and of the last one. */
export async function readJournal(machine: Machine, query: JournalQuery): Promise<string[]> {
  if (!hasJournal(machine)) return await readFileJournal(machine, query);
  const bounds = [
    ...(query.since === undefined ? [] : [`--since=@${query.since}`]),
    ...(query.until === undefined ? [] : [`--until=@${query.until}`]),
    ...(query.startcursor === undefined ? [] : [`--cursor=${query.startcursor}`]),
  ];
  const bounded = bounds.length > 0 && query.lastentries === undefined;
  const count = bounded ? [] : [`--lines=${query.lastentries ?? defaultEntries}`];
  const { stdout } = await machine.run(['journalctl', '--quiet', '--no-pager', '--output=json', ...bounds, ...count], {
    maxBytes,
  });
  return journalLines(stdout, query.endcursor);
}

/** Turns `journalctl --output=json` into text lines between cursors; ends with the entry of `endcursor`. */
export function journalLines(text: string, endcursor?: string): string[] {
  const lines: string[] = [];
  let [first, last] = ['', ''];
  for (const line of text.split('\n')) {
    const entry = parseEntry(line);
    if (entry === undefined) continue;
    if (first === '') first = entry.cursor;
    last = entry.cursor;
    lines.push(entry.text);
    if (entry.cursor === endcursor) break;
  }
  return [first, ...lines, last];
}

/** Lines of the system's log with their numbers from 1, and how many there are in all. */
export async function readSyslog(
  machine: Machine,
  query: { start?: number; limit?: number; since?: string; until?: string; service?: string },
): Promise<{ lines: { n: number; t: string }[]; total: number }> {
  const all = hasJournal(machine) ? await journalText(machine, query) : await fileText(machine, query);
  const from = Math.max(query.start ?? 0, 1);
  const page = all.slice(from - 1, query.limit ? from - 1 + query.limit : undefined);
  return { lines: page.map((t, i) => ({ n: from + i, t })), total: all.length };
}

function hasJournal(machine: Machine): boolean {
  return machine.hasSystemd && journalFolders.some((folder) => machine.exists(folder));
}

async function journalText(
  machine: Machine,
  query: { since?: string; until?: string; service?: string },
): Promise<string[]> {
  const filters = [
    ...(query.since === undefined ? [] : [`--since=${query.since}`]),
    ...(query.until === undefined ? [] : [`--until=${query.until}`]),
    ...(query.service === undefined ? [] : [`--unit=${query.service}`]),
  ];
  // The whole journal of a machine can be gigabytes.
  const bounds = query.since === undefined ? [`--lines=${defaultEntries}`] : [];
  const { stdout } = await machine.run(
    ['journalctl', '--quiet', '--no-pager', '--output=short', ...filters, ...bounds],
    { maxBytes },
  );
  return stdout.split('\n').filter((line) => line !== '');
}

async function fileText(
  machine: Machine,
  query: { since?: string; until?: string; service?: string },
): Promise<string[]> {
  if (query.since !== undefined || query.until !== undefined) {
    throw new GranaryError('bad-request', 'since and until need the journal of systemd, which this machine lacks');
  }
  const { text } = await readTail(machine, logFileOf(machine), 0);
  const { service } = query;
  return text
    .split('\n')
    .filter(
      (line) =>
        line !== '' && (service === undefined || line.includes(` ${service}[`) || line.includes(` ${service}:`)),
    );
}

/** Cursors of a file are the offsets behind its lines. */
async function readFileJournal(machine: Machine, query: JournalQuery): Promise<string[]> {
  const file = logFileOf(machine);
  const from = query.startcursor === undefined ? 0 : fileCursor(query.startcursor);
  const until = query.endcursor === undefined ? Number.POSITIVE_INFINITY : fileCursor(query.endcursor);
  if (query.since !== undefined || query.until !== undefined) {
    throw new GranaryError('bad-request', 'since and until need the journal of systemd, which this machine lacks');
  }
  const { text, offset } = await readTail(machine, file, from);
  const entries: { line: string; start: number; end: number }[] = [];
  let at = offset;
  for (const line of text.split(/(?<=\n)/)) {
    const end = at + Buffer.byteLength(line);
    if (end <= until) entries.push({ line: line.trimEnd(), start: at, end });
    at = end;
  }
  const wanted = query.lastentries ?? (query.startcursor === undefined ? defaultEntries : entries.length);
  const page = wanted === 0 ? [] : entries.slice(-wanted);
  const first = page[0]?.start ?? from;
  return [`offset=${first}`, ...page.map((entry) => entry.line), `offset=${page.at(-1)?.end ?? first}`];
}

function fileCursor(text: string): number {
  const offset = Number(/^offset=(\d{1,15})$/.exec(text)?.[1]);
  if (Number.isSafeInteger(offset)) return offset;
  throw new GranaryError('bad-request', `'${text}' is no cursor of this machine's log`);
}

function logFileOf(machine: Machine): string {
  const file = logFiles.find((name) => machine.exists(name));
  if (file !== undefined) return file;
  throw new GranaryError(
    'bad-request',
    `this machine keeps neither a journal nor a log file (${logFiles.join(', ')}); the server's own tasks have logs of their own`,
  );
}

/** The file from `from` on, at most its last `maxBytes`, from the beginning of a line. */
async function readTail(machine: Machine, file: string, from: number): Promise<{ text: string; offset: number }> {
  try {
    const path = machine.path(file);
    const { size } = await stat(path);
    const start = Math.max(from, size - maxBytes);
    await using handle = await open(path);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, start);
    const bytes = buffer.subarray(0, bytesRead);
    const skipped = start > from ? bytes.indexOf(10) + 1 : 0;
    return { text: bytes.subarray(skipped).toString(), offset: start + skipped };
  } catch (error) {
    if (isErrno(error, 'EACCES')) {
      throw new GranaryError('io', `"${file}" cannot be read: this takes root's rights`, { cause: error });
    }
    throw withContext(`unable to read "${file}"`, error);
  }
}

function parseEntry(line: string): { cursor: string; text: string } | undefined {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const field = (name: string): string | undefined => fieldText(entry[name]);
  const micros = Number(field('__REALTIME_TIMESTAMP'));
  const cursor = field('__CURSOR');
  if (cursor === undefined || !Number.isFinite(micros)) return undefined;
  const who = field('SYSLOG_IDENTIFIER') ?? field('_COMM') ?? 'unknown';
  const pid = field('_PID') ?? field('SYSLOG_PID');
  const tag = pid === undefined ? who : `${who}[${pid}]`;
  return {
    cursor,
    text: `${logTime(micros / 1000)} ${field('_HOSTNAME') ?? 'localhost'} ${tag}: ${field('MESSAGE') ?? ''}`,
  };
}

/** journalctl writes text that is not UTF-8 as a list of bytes, and repeated fields as a list of texts. */
function fieldText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  if (value.every((byte) => typeof byte === 'number')) return Buffer.from(value as number[]).toString();
  return fieldText(value[0]);
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Nov 27 14:28:57`, local time. */
function logTime(ms: number): string {
  const date = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${months[date.getMonth()]} ${two(date.getDate())} ${time}`;
}
