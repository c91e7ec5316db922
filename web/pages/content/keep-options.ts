// Keep options as they stand in an address: `?keep-last=3&keep-daily=7`.

export const keepRules = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type KeepRule = (typeof keepRules)[number];
export type KeepOptions = Partial<Record<`keep-${KeepRule}`, number>>;

/** How far the slider of each goes; the number field takes more. */
export const sliderEnds: Record<KeepRule, number> = {
  last: 30,
  hourly: 48,
  daily: 31,
  weekly: 52,
  monthly: 36,
  yearly: 10,
};

export function keepOptionsOf(query: URLSearchParams): KeepOptions {
  const keep: KeepOptions = {};
  for (const rule of keepRules) {
    const count = Number(query.get(`keep-${rule}`) ?? '');
    if (Number.isInteger(count) && count > 0) keep[`keep-${rule}`] = count;
  }
  return keep;
}
