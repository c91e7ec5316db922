// Whether the audit log is what was written: every line, their order, and its end.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { parseEntry } from './audit-entry.ts';
import { type AuditHead, auditFolder, emptyHead, headPath, listSegments, readHead, sha256 } from './segments.ts';

export interface AuditReport {
  entries: number;
  /** Number and hash of the last entry. */
  head: AuditHead;
  /** The first entry and the last one up to which nothing is wrong; absent when the first is wrong already. */
  intact?: { first: AuditPlace; last: AuditPlace };
  /** One line for each thing that is wrong; none for a log that is whole. */
  problems: string[];
}

/** An entry's number and its time, RFC 3339. */
export interface AuditPlace {
  seq: number;
  time: string;
}

/**
 * Reads the whole log. `expected` is a head from an earlier report: the log has to hold that entry still.
 */
export function verifyAuditLog(directories: Directories, expected?: string): AuditReport {
  const folder = auditFolder(directories);
  const problems: string[] = [];
  const anchors: [string, string][] = expected === undefined ? [] : [['the head that was given', expected]];
  try {
    const kept = readHead(directories);
    if (kept) anchors.push([`"${headPath(directories)}"`, kept.hash]);
  } catch (error) {
    problems.push(messageOf(error));
  }
  const missing = new Map(anchors);
  let entries = 0;
  let head = emptyHead;
  let intact: AuditReport['intact'];
  // What is wrong with the kept head says nothing of the entries.
  const chainProblems = problems.length;
  for (const name of listSegments(folder)) {
    const path = join(folder, name);
    const lines = fs.readFileSync(path, 'utf8').split('\n');
    const isTorn = lines.pop() !== '';
    if (Number.parseInt(name, 10) !== head.seq + 1) {
      problems.push(`${path}: entry ${head.seq + 1} should come before this file`);
    }
    for (const [index, line] of lines.entries()) {
      const at = `${path}, line ${index + 1}`;
      const parsed = parseEntry(line, sha256);
      if ('problem' in parsed) {
        problems.push(`${at}: ${parsed.problem}`);
        continue;
      }
      const { seq, time, previous, hash } = parsed.entry;
      if (seq !== head.seq + 1) problems.push(`${at}: is entry ${seq}, ${head.seq + 1} was due`);
      else if (previous !== head.hash) problems.push(`${at}: does not follow the entry before it`);
      head = { seq, hash };
      entries++;
      if (problems.length === chainProblems) intact = { first: intact?.first ?? { seq, time }, last: { seq, time } };
      for (const [what, anchor] of missing) if (anchor === hash) missing.delete(what);
    }
    if (isTorn) problems.push(`${path}: ends in the middle of an entry`);
  }
  for (const what of missing.keys()) problems.push(`the log lacks the entry that ${what} names: its end was cut off`);
  return { entries, head, ...(intact === undefined ? {} : { intact }), problems };
}
