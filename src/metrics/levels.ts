// How long values are kept, and how finely: one level of resolution for each pair of time frames (rest-api.md 7.6
// "rrd"). Browser-safe.

export const timeframes = ['hour', 'day', 'week', 'month', 'year', 'decade'] as const;
export type Timeframe = (typeof timeframes)[number];

export const consolidations = ['AVERAGE', 'MAX'] as const;
export type Consolidation = (typeof consolidations)[number];

/** A ring of `slots` slots, each of `step` seconds. */
export interface Level {
  step: number;
  slots: number;
}

const day = 86_400;

/** Every sample goes into a slot of each level. */
export const levels = [
  { step: 60, slots: 1440 },
  { step: 1800, slots: 1440 },
  { step: 21_600, slots: 1460 },
  { step: 7 * day, slots: 522 },
] as const satisfies readonly Level[];

/** What a time frame shows: so many seconds back, out of this level. */
export const frames: Readonly<Record<Timeframe, { level: number; seconds: number }>> = {
  hour: { level: 0, seconds: 3600 },
  day: { level: 0, seconds: day },
  week: { level: 1, seconds: 7 * day },
  month: { level: 1, seconds: 30 * day },
  year: { level: 2, seconds: 365 * day },
  decade: { level: 3, seconds: 522 * 7 * day },
};
