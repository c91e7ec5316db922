// Keep options as they stand in an address: `?keep-last=3&keep-daily=7`.

import type { KeepName } from '../../parts/keep-fields.ts';

export type KeepOptions = Partial<Record<KeepName, number>>;

/** How far the slider of each goes; the number field takes more. */
export const sliderEnds: Readonly<Record<KeepName, number>> = {
  'keep-last': 30,
  'keep-hourly': 48,
  'keep-daily': 31,
  'keep-weekly': 52,
  'keep-monthly': 36,
  'keep-yearly': 10,
};

export function keepOptionsOf(query: URLSearchParams): KeepOptions {
  const keep: KeepOptions = {};
  for (const name of Object.keys(sliderEnds) as KeepName[]) {
    const count = Number(query.get(name) ?? '');
    if (Number.isInteger(count) && count > 0) keep[name] = count;
  }
  return keep;
}
