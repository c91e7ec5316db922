// An entry of the audit log, and how its line is made and checked. Browser-safe but for the hash that is passed in.

/** What happened. Absent fields do not apply. */
export interface AuditEvent {
  /** Who: an auth-id; absent for what nobody asked for. */
  user?: string;
  /** From where: the address of the other side. */
  peer?: string;
  /** What: `PUT access/acl`, `task garbage_collection`. */
  action: string;
  /** The object: a path below the API with its variables filled in, a task's worker id. */
  target?: string;
  /** Parameters without secrets. */
  parameters?: Record<string, unknown>;
  /** `OK`, or the text of the error or of the task's status. */
  result: string;
  /** The task that carries it out, or that ended. */
  upid?: string;
}

/** An event with its place in the log. `time` is UTC with milliseconds. */
export interface AuditEntry extends AuditEvent {
  seq: number;
  time: string;
  previous: string;
  hash: string;
}

/** What the first entry follows. */
export const firstPrevious = '0'.repeat(64);

type Hash = (text: string) => string;

/** Longest JSON of the parameters of an entry; longer ones are left out, which the entry says. */
const maxParameters = 8192;

/** The line of an entry, with its end of line. */
export function formatEntry(entry: Omit<AuditEntry, 'hash'>, hash: Hash): { line: string; hash: string } {
  const { seq, time, user, peer, action, target, parameters, result, upid, previous } = entry;
  const body = JSON.stringify({
    seq,
    time,
    user,
    peer,
    action,
    target,
    parameters: bounded(parameters),
    result,
    upid,
    previous,
  }).slice(0, -1);
  const sum = hash(body);
  return { line: `${body},"hash":"${sum}"}\n`, hash: sum };
}

function bounded(parameters: Record<string, unknown> | undefined): Record<string, unknown> | undefined {
  if (parameters === undefined || Object.keys(parameters).length === 0) return undefined;
  const length = JSON.stringify(parameters).length;
  return length <= maxParameters ? parameters : { 'left-out': `${length} characters` };
}

/** The entry of a line without its end of line, or what is wrong with it. Whether it fits to others is not looked at. */
export function parseEntry(line: string, hash: Hash): { entry: AuditEntry } | { problem: string } {
  const mark = /,"hash":"([0-9a-f]{64})"\}$/.exec(line);
  if (!mark) return { problem: 'it is no entry' };
  if (hash(line.slice(0, mark.index)) !== mark[1]) return { problem: 'its content does not have its hash' };
  const entry = JSON.parse(line) as AuditEntry;
  return Number.isSafeInteger(entry.seq) ? { entry } : { problem: 'it has no number' };
}
