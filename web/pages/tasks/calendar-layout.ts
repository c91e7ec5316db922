// Where runs stand in a calendar: often repeated ones joined, those at the same time side by side, and who overlaps whom.

export interface Run {
  /** Job that it is a run of: runs of one job are joined where they are too close to be told apart. */
  job: string;
  label: string;
  /** Epoch seconds. */
  start: number;
  end: number;
  /** Yet to come: `end` is what is expected, or the start where nothing is known. */
  isComing: boolean;
  /** How it ended, of past ones; undefined while it runs. */
  status?: string;
  upid?: string;
  /** How many runs these are. */
  count: number;
  /** They themselves, where several are joined. */
  parts?: readonly Run[];
}

/** A run in its day: minutes from the top of it, and which of how many columns beside each other. */
export interface Placed {
  run: Run;
  top: number;
  height: number;
  lane: number;
  lanes: number;
}

/**
 * Runs of the same job and the same kind of end of which each begins less than `gap` seconds after the end of the one
 * before become one. Sorted by start.
 */
export function joinRuns(runs: readonly Run[], gap: number): Run[] {
  const open = new Map<string, Run & { parts: Run[] }>();
  const joined: Run[] = [];
  for (const run of runs.toSorted((a, b) => a.start - b.start)) {
    const key = `${run.job} ${run.isComing} ${run.isComing ? '' : (run.status ?? 'running')}`;
    const last = open.get(key);
    if (last !== undefined && run.start < last.end + gap) {
      last.end = Math.max(last.end, run.end);
      last.count += run.count;
      last.parts.push(run);
      // Several tasks have no address.
      delete last.upid;
      continue;
    }
    const own = { ...run, parts: [run] };
    open.set(key, own);
    joined.push(own);
  }
  return joined;
}

/** Labels of the runs of other jobs that go on at the same time, by run. */
export function overlapsOf(runs: readonly Run[]): Map<Run, string[]> {
  const sorted = runs.toSorted((a, b) => a.start - b.start);
  const overlaps = new Map<Run, string[]>();
  let active: Run[] = [];
  const add = (run: Run, other: Run): void => {
    const known = overlaps.get(run) ?? [];
    if (!known.includes(other.label)) overlaps.set(run, [...known, other.label]);
  };
  for (const run of sorted) {
    active = active.filter((one) => one.end > run.start || one.start === run.start);
    for (const other of active) {
      if (other.job === run.job) continue;
      add(run, other);
      add(other, run);
    }
    active.push(run);
  }
  return overlaps;
}

/** The same of joined runs: what any of their parts overlaps. */
export function overlapsOfJoined(
  joined: readonly Run[],
  overlaps: ReadonlyMap<Run, readonly string[]>,
): Map<Run, readonly string[]> {
  return new Map(
    joined.map((run) => [run, [...new Set((run.parts ?? [run]).flatMap((part) => overlaps.get(part) ?? []))]]),
  );
}

/** The runs of one day, from its first to its last moment, each at least `least` minutes high. */
export function placeDay(runs: readonly Run[], day: Date, least: number): Placed[] {
  const next = new Date(day);
  next.setDate(next.getDate() + 1);
  const from = day.getTime() / 1000;
  const to = next.getTime() / 1000;
  const placed = runs
    .filter((run) => run.start < to && (run.end > from || run.start >= from))
    .map((run): Placed => {
      const top = Math.min(run.start <= from ? 0 : minuteOf(run.start), 1440 - least);
      const bottom = run.end >= to ? 1440 : minuteOf(Math.max(run.end, from));
      return { run, top, height: Math.max(bottom - top, least), lane: 0, lanes: 1 };
    })
    .sort((a, b) => a.top - b.top || b.height - a.height);
  let group: Placed[] = [];
  let groupEnd = 0;
  const close = (): void => {
    const lanes = Math.max(0, ...group.map(({ lane }) => lane)) + 1;
    for (const one of group) one.lanes = lanes;
    group = [];
  };
  for (const one of placed) {
    if (one.top >= groupEnd) {
      close();
      groupEnd = 0;
    }
    const taken = new Set(group.filter((other) => other.top + other.height > one.top).map(({ lane }) => lane));
    while (taken.has(one.lane)) one.lane++;
    group.push(one);
    groupEnd = Math.max(groupEnd, one.top + one.height);
  }
  close();
  return placed;
}

/** Minutes since midnight on the wall clock. */
function minuteOf(seconds: number): number {
  const date = new Date(seconds * 1000);
  return date.getHours() * 60 + date.getMinutes() + date.getSeconds() / 60;
}

/** Midnight of the day, and of the Monday before for a week. */
export function firstDay(date: Date, view: 'week' | 'day'): Date {
  const first = new Date(date.getFullYear(), date.getMonth(), date.getDate());
  if (view === 'week') first.setDate(first.getDate() - ((first.getDay() + 6) % 7));
  return first;
}

export function daysFrom(first: Date, count: number): Date[] {
  return Array.from({ length: count }, (_, i) => new Date(first.getFullYear(), first.getMonth(), first.getDate() + i));
}
