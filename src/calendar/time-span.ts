// Time spans as configuration has them: `1d 2h`, `90d`, `30 min`, `45` (config-and-tasks.md 4).

import { GranaryError } from '../base/errors.ts';

const day = 86400;
const units: readonly [number, readonly string[]][] = [
  [1e-9, ['ns', 'nsec']],
  [1e-6, ['us', 'µs', 'usec']],
  [1e-3, ['ms', 'msec']],
  [1, ['s', 'sec', 'second', 'seconds', '']],
  [60, ['m', 'min', 'minute', 'minutes']],
  [3600, ['h', 'hr', 'hour', 'hours']],
  [day, ['d', 'day', 'days']],
  [7 * day, ['w', 'week', 'weeks']],
  [30.44 * day, ['M', 'month', 'months']],
  [365.25 * day, ['y', 'year', 'years']],
];
const seconds = new Map(units.flatMap(([length, names]) => names.map((name) => [name, length] as const)));

/** Seconds, with fractions. Units matter in their case: `m` is a minute, `M` a month. Throws `bad-request`. */
export function parseTimeSpan(text: string): number {
  const parts = [...text.matchAll(/\s*(\d+(?:\.\d+)?)\s*([a-zA-Zµ]*)\s*/gy)];
  const read = parts.reduce((length, part) => length + part[0].length, 0);
  if (parts.length === 0 || read !== text.length) {
    throw new GranaryError('bad-request', `unable to parse time span '${text}'`);
  }
  let sum = 0;
  for (const [, count, unit] of parts) {
    const length = seconds.get(unit!);
    if (length === undefined)
      throw new GranaryError('bad-request', `time span '${text}' has an unknown unit '${unit}'`);
    sum += Number(count) * length;
  }
  return sum;
}
