// Days of the week as they are written: `mon`, `Monday`, `mon..fri`, `sat,sun` (config-and-tasks.md 5.2).

import { GranaryError } from '../base/errors.ts';

const names = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

/** Whether a word can only mean days of the week. */
export function looksLikeWeekdays(word: string): boolean {
  return /^[a-z]{3,9}(?:(?:,|\.\.)[a-z]{3,9})*$/i.test(word);
}

/** The days, 0 for Sunday, in ascending order. A range may go over the end of the week. Throws `bad-request`. */
export function parseWeekdays(text: string): number[] {
  const days = new Set<number>();
  for (const range of text.split(',')) {
    const [first = '', last = first, ...rest] = range.split('..');
    if (rest.length > 0) throw new GranaryError('bad-request', `unable to parse weekdays '${range}'`);
    const end = parseDay(last);
    let day = parseDay(first);
    days.add(day);
    while (day !== end) {
      day = (day + 1) % 7;
      days.add(day);
    }
  }
  return [...days].sort((a, b) => a - b);
}

function parseDay(word: string): number {
  const lower = word.toLowerCase();
  const day = names.findIndex((name) => name === lower || name.slice(0, 3) === lower);
  if (day < 0) throw new GranaryError('bad-request', `'${word}' is no day of the week`);
  return day;
}
