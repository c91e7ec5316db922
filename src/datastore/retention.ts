// Retention: which snapshots of a group stay, and why, as a pure function of times and counts (formats.md 18).
// Buckets are local time of the server.

export const keepRules = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type KeepRule = (typeof keepRules)[number];

/** How many to keep by each rule, each at least 1. */
export type KeepOptions = Partial<Record<KeepRule, number>>;

export type PruneMark = 'keep' | 'keep-partial' | 'protected' | 'remove';

/** What decides about a snapshot. */
export interface PruneCandidate {
  /** Epoch seconds. */
  time: number;
  finished: boolean;
  protected: boolean;
}

export interface Pruned<T> {
  snapshot: T;
  mark: PruneMark;
  /** For people: `keep-daily (2026-02-11)`, `protected`, `not kept by any rule` and so on. */
  reason: string;
  /** In a dry run, for what would go: bytes on disk that this frees, those before it being gone. Absent if unknown. */
  freedBytes?: number;
}

/** Whether any rule is given; without one nothing is ever removed. */
export function hasKeepOptions(keep: KeepOptions): boolean {
  return keepRules.some((rule) => keep[rule] !== undefined);
}

/** The keep options of a job, a datastore or a request (`keep-last` and so on). */
export function keepOptionsOf(options: Readonly<Record<string, unknown>>): KeepOptions {
  const keep: KeepOptions = {};
  for (const rule of keepRules) {
    const count = options[`keep-${rule}`];
    if (typeof count === 'number') keep[rule] = count;
  }
  return keep;
}

/** `--keep-last 1 --keep-daily 7` */
export function formatKeepOptions(keep: KeepOptions): string {
  return keepRules.flatMap((rule) => (keep[rule] === undefined ? [] : [`--keep-${rule} ${keep[rule]}`])).join(' ');
}

type Decision = Pick<Pruned<unknown>, 'mark' | 'reason'>;

/** Marks all snapshots of one group, given in any order; the answer is oldest first. */
export function selectSnapshots<T extends PruneCandidate>(snapshots: readonly T[], keep: KeepOptions): Pruned<T>[] {
  const newestFirst = snapshots.toSorted((a, b) => b.time - a.time);
  const decisions = new Map<T, Decision>();
  if (hasKeepOptions(keep)) {
    decideUnfinished(newestFirst, decisions);
    for (const rule of keepRules) {
      const count = keep[rule];
      if (count !== undefined) applyRule(newestFirst, decisions, rule, count);
    }
  } else {
    for (const snapshot of newestFirst) decisions.set(snapshot, { mark: 'keep', reason: 'no keep option is given' });
  }
  return newestFirst
    .map((snapshot): Pruned<T> => {
      const decision = snapshot.protected ? isProtected : (decisions.get(snapshot) ?? notKept);
      return { snapshot, ...decision };
    })
    .reverse();
}

const isProtected: Decision = { mark: 'protected', reason: 'protected' };
const notKept: Decision = { mark: 'remove', reason: 'not kept by any rule' };

/** The newest snapshot may still be in the making; older unfinished ones never will be finished. */
function decideUnfinished<T extends PruneCandidate>(newestFirst: readonly T[], decisions: Map<T, Decision>): void {
  newestFirst.forEach((snapshot, i) => {
    if (snapshot.finished) return;
    const decision: Decision =
      i === 0
        ? { mark: 'keep-partial', reason: 'not finished, may still be running' }
        : { mark: 'remove', reason: 'not finished, and not the newest' };
    decisions.set(snapshot, decision);
  });
}

function applyRule<T extends PruneCandidate>(
  newestFirst: readonly T[],
  decisions: Map<T, Decision>,
  rule: KeepRule,
  count: number,
): void {
  const bucket = bucketOf[rule];
  const represented = new Set<string>();
  for (const [snapshot, { mark }] of decisions) if (mark === 'keep') represented.add(bucket(snapshot.time));
  const used = new Set<string>();
  for (const snapshot of newestFirst) {
    if (decisions.has(snapshot)) continue;
    if (snapshot.protected) {
      decisions.set(snapshot, isProtected);
      continue;
    }
    const key = bucket(snapshot.time);
    if (represented.has(key)) continue;
    if (used.has(key)) {
      decisions.set(snapshot, { mark: 'remove', reason: `keep-${rule} (${key}) keeps a newer one` });
      continue;
    }
    if (used.size >= count) return;
    used.add(key);
    decisions.set(snapshot, { mark: 'keep', reason: rule === 'last' ? 'keep-last' : `keep-${rule} (${key})` });
  }
}

const two = (n: number): string => String(n).padStart(2, '0');
const localMonth = (d: Date): string => `${d.getFullYear()}-${two(d.getMonth() + 1)}`;
const localDay = (d: Date): string => `${localMonth(d)}-${two(d.getDate())}`;

/** Snapshots of equal text are in one bucket; the repeated hour at the end of summer time is one. */
const bucketOf: Record<KeepRule, (time: number) => string> = {
  last: (time) => String(time),
  hourly: (time) => local(time, (d) => `${localDay(d)} ${two(d.getHours())}:00`),
  daily: (time) => local(time, localDay),
  weekly: (time) => local(time, isoWeek),
  monthly: (time) => local(time, localMonth),
  yearly: (time) => local(time, (d) => String(d.getFullYear())),
};

function local(time: number, format: (date: Date) => string): string {
  return format(new Date(time * 1000));
}

/** Week-based year and week of the local date: the week, Monday to Sunday, belongs to the year of its Thursday. */
function isoWeek(date: Date): string {
  const dayMs = 86_400_000;
  const day = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  const weekday = (new Date(day).getUTCDay() + 6) % 7;
  const thursday = day + (3 - weekday) * dayMs;
  const year = new Date(thursday).getUTCFullYear();
  return `${year}-W${two(Math.floor((thursday - Date.UTC(year, 0, 1)) / (7 * dayMs)) + 1)}`;
}
