// Parts of days, such as the hours at which a traffic rule holds: `8-17:30`, `mon..fri 22-23:59`
// (config-and-tasks.md 4).

import { GranaryError, messageOf } from '../base/errors.ts';
import { parseWeekdays } from './weekdays.ts';

/** From `start`, before `end`, both minutes of the day in local time. */
export interface DailyDuration {
  /** 0 for Sunday; undefined is every day. */
  weekdays: readonly number[] | undefined;
  start: number;
  end: number;
}

/** Throws `bad-request` with the text and what is wrong with it. */
export function parseDailyDuration(text: string): DailyDuration {
  try {
    return parse(text);
  } catch (error) {
    throw new GranaryError('bad-request', `unable to parse daily duration '${text}' - ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Whether the local time of `epoch` (seconds) is within. */
export function isWithin(duration: DailyDuration, epoch: number): boolean {
  const d = new Date(epoch * 1000);
  const minute = d.getHours() * 60 + d.getMinutes();
  const { weekdays, start, end } = duration;
  return (weekdays === undefined || weekdays.includes(d.getDay())) && minute >= start && minute < end;
}

function parse(text: string): DailyDuration {
  // Blanks around the dash are nobody's mistake.
  const words = text
    .trim()
    .replace(/\s*-\s*/g, '-')
    .split(/\s+/);
  if (words.length > 2) throw new GranaryError('bad-request', `'${words.slice(2).join(' ')}' is too much`);
  const match = /^(\d{1,2})(?::(\d{1,2}))?-(\d{1,2})(?::(\d{1,2}))?$/.exec(words.at(-1)!);
  if (!match) throw new GranaryError('bad-request', 'hours are missing, like 8-17:30');
  const start = minuteOfDay(match[1]!, match[2]);
  const end = minuteOfDay(match[3]!, match[4]);
  if (start >= end) throw new GranaryError('bad-request', 'it ends before it begins');
  return { weekdays: words.length === 2 ? parseWeekdays(words[0]!) : undefined, start, end };
}

function minuteOfDay(hour: string, minute = '0'): number {
  if (Number(hour) < 24 && Number(minute) < 60) return Number(hour) * 60 + Number(minute);
  throw new GranaryError('bad-request', `there is no time ${hour}:${minute}`);
}
