// The life of an alert: told once when a threshold is crossed, again every day while it is, and once when it is no
// longer (config-and-tasks.md 8.6).

export type Level = 'warning' | 'critical';

/** A threshold that is crossed. Epoch seconds. */
export interface Crossing {
  /** The higher one is crossed with the lower one. */
  level: Level;
  /** When the lower one was crossed. */
  since: number;
  /** When it was last told of. */
  told: number;
}

export const reminderSeconds = 86_400;

/** What is to be told, if anything, and what is known from now on. */
export interface Step {
  next: Crossing | undefined;
  tell?: 'exceeded' | 'ended';
}

/**
 * One look at a figure: `level` is what it crosses now, undefined for nothing. A figure that falls from critical to
 * warning has not ended, and is not told of before the day is over; one that rises is told of at once.
 */
export function lookAt(before: Crossing | undefined, level: Level | undefined, now: number): Step {
  if (level === undefined) return before === undefined ? { next: undefined } : { next: undefined, tell: 'ended' };
  if (before === undefined) return { next: { level, since: now, told: now }, tell: 'exceeded' };
  const risen = level === 'critical' && before.level === 'warning';
  if (risen || now - before.told >= reminderSeconds) return { next: { ...before, level, told: now }, tell: 'exceeded' };
  return { next: level === before.level ? before : { ...before, level } };
}
