// The files of the audit log: names, order, last entry.

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { GranaryError, isErrno } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { firstPrevious, parseEntry } from './audit-entry.ts';

/** Where the log ends: number and hash of its last entry; 0 and zeros for an empty log. */
export interface AuditHead {
  seq: number;
  hash: string;
}

export const emptyHead: AuditHead = { seq: 0, hash: firstPrevious };

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export const auditFolder = (directories: Directories): string => join(directories.log, 'audit');
export const headPath = (directories: Directories): string => join(directories.state, 'audit-head.json');

export const segmentName = (firstSeq: number): string => `${String(firstSeq).padStart(12, '0')}.log`;

/** Names of the segments, oldest first. */
export function listSegments(folder: string): string[] {
  try {
    return fs
      .readdirSync(folder)
      .filter((name) => /^\d{12,}\.log$/.test(name))
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** The end of a segment. */
export interface SegmentEnd {
  /** The last entry that is one; undefined when there is none. */
  head: AuditHead | undefined;
  /** Whether lines that are no entries follow it. */
  damaged: boolean;
  /** Bytes of whole lines. */
  whole: number;
  size: number;
}

export function readEnd(path: string): SegmentEnd {
  const bytes = fs.readFileSync(path);
  const whole = bytes.lastIndexOf(10) + 1;
  const lines = bytes.toString('utf8', 0, whole).split('\n').slice(0, -1);
  let damaged = false;
  for (const line of lines.toReversed()) {
    const parsed = parseEntry(line, sha256);
    if ('entry' in parsed) {
      const { seq, hash } = parsed.entry;
      return { head: { seq, hash }, damaged, whole, size: bytes.length };
    }
    damaged = true;
  }
  return { head: undefined, damaged, whole, size: bytes.length };
}

/** The head that is kept beside the log; undefined when there is none yet. Throws `io` for one that is damaged. */
export function readHead(directories: Directories): AuditHead | undefined {
  const path = headPath(directories);
  let text: string;
  try {
    text = fs.readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const { seq, hash } = JSON.parse(text) as AuditHead;
    if (Number.isSafeInteger(seq) && /^[0-9a-f]{64}$/.test(hash)) return { seq, hash };
  } catch {}
  throw new GranaryError('io', `"${path}" is damaged`);
}
