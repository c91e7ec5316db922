// Calendar events, the texts of every `schedule` (config-and-tasks.md 5): keywords, the grammar that systemd's timers
// have too, and the spellings of the guide. The text is stored as it was given; this is its meaning.

import { GranaryError, messageOf } from '../base/errors.ts';
import { type FieldList, type FieldRange, parseFieldList } from './field-list.ts';
import { looksLikeWeekdays, parseWeekdays } from './weekdays.ts';

/** Points in time, to the second. A field that is undefined matches any value. */
export interface CalendarEvent {
  /** 0 for Sunday. Day of the month and day of the week have to match both. */
  weekdays: FieldList;
  years: FieldList;
  /** From 1. */
  months: FieldList;
  days: FieldList;
  hours: FieldList;
  minutes: FieldList;
  seconds: FieldList;
  /** Whether the fields are UTC, not local time. */
  utc: boolean;
  /** `now`: one run as soon as possible after the text was set, then none. The fields mean nothing then. */
  once: boolean;
}

const ranges = {
  years: { name: 'year', first: 0, last: 2199, origin: 0 },
  months: { name: 'month', first: 1, last: 12, origin: 1 },
  days: { name: 'day', first: 1, last: 31, origin: 1 },
  hours: { name: 'hour', first: 0, last: 23, origin: 0 },
  minutes: { name: 'minute', first: 0, last: 59, origin: 0 },
  seconds: { name: 'second', first: 0, last: 59, origin: 0 },
} as const satisfies Record<string, FieldRange>;

const keywords: Record<string, string> = {
  minutely: '*-*-* *:*:00',
  hourly: '*-*-* *:00:00',
  daily: '*-*-* 00:00:00',
  weekly: 'mon *-*-* 00:00:00',
  monthly: '*-*-1 00:00:00',
  quarterly: '*-1,4,7,10-1 00:00:00',
  semiannually: '*-1,7-1 00:00:00',
  'semi-annually': '*-1,7-1 00:00:00',
  yearly: '*-1-1 00:00:00',
  annually: '*-1-1 00:00:00',
};

/** Throws `bad-request` with the text and what is wrong with it. */
export function parseCalendarEvent(text: string): CalendarEvent {
  try {
    return parse(text);
  } catch (error) {
    throw new GranaryError('bad-request', `unable to parse calendar event '${text}' - ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** What is wrong with the text of a calendar event; undefined when nothing is. */
export function calendarEventProblem(text: string): string | undefined {
  try {
    parseCalendarEvent(text);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function parse(text: string): CalendarEvent {
  const words = text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '');
  const utc = words.length > 1 && words.at(-1)!.toUpperCase() === 'UTC';
  if (utc) words.pop();
  if (words.length === 0) throw new GranaryError('bad-request', 'it is empty');
  if (words.length === 1 && words[0]!.toLowerCase() === 'now' && !utc) return { ...everySecond, once: true };
  return { ...parseFields(translate(words)), utc };
}

const everySecond: CalendarEvent = {
  weekdays: undefined,
  years: undefined,
  months: undefined,
  days: undefined,
  hours: undefined,
  minutes: undefined,
  seconds: undefined,
  utc: false,
  once: false,
};

/** Keywords, alone or in the guide's way before a time, as words of the grammar. */
function translate(words: readonly string[]): string[] {
  const [first = '', ...rest] = words;
  const keyword = first.toLowerCase();
  const meaning = Object.hasOwn(keywords, keyword) ? keywords[keyword] : undefined;
  if (meaning === undefined) return [...words];
  if (rest.length === 0) return meaning.split(' ');
  switch (keyword) {
    case 'daily':
      return rest;
    case 'weekly':
      return looksLikeWeekdays(rest[0]!) ? rest : ['mon', ...rest];
    case 'monthly':
      return ['*-1', ...rest];
    case 'hourly':
      return rest.length === 1 ? [`*:${rest[0]!.replace(/^:/, '')}`] : rest;
    default:
      throw new GranaryError('bad-request', `'${keyword}' stands alone`);
  }
}

/** `[weekdays] [date] [time]`. */
function parseFields(words: readonly string[]): CalendarEvent {
  const rest = [...words];
  const event: CalendarEvent = { ...everySecond, hours: [0], minutes: [0], seconds: [0] };
  if (looksLikeWeekdays(rest[0]!)) event.weekdays = parseWeekdays(rest.shift()!);
  if (rest[0]?.includes('-')) parseDate(rest.shift()!, event);
  if (rest.length > 0) parseTime(rest.shift()!, event);
  if (rest.length > 0) throw new GranaryError('bad-request', `'${rest.join(' ')}' is too much`);
  return event;
}

/** `year-month-day` or `month-day`. */
function parseDate(text: string, event: CalendarEvent): void {
  const parts = text.split('-');
  if (parts.length < 2 || parts.length > 3) throw new GranaryError('bad-request', `unable to parse date '${text}'`);
  const [day, month, year = '*'] = parts.toReversed();
  event.years = parseFieldList(year, ranges.years);
  event.months = parseFieldList(month!, ranges.months);
  event.days = parseFieldList(day!, ranges.days);
}

/** `hour:minute:second`, `hour:minute`, or minutes of every hour. */
function parseTime(text: string, event: CalendarEvent): void {
  const parts = text.split(':');
  if (parts.length > 3) throw new GranaryError('bad-request', `unable to parse time '${text}'`);
  const [hour, minute, second] = parts.length === 1 ? ['*', parts[0]!] : parts;
  event.hours = parseFieldList(hour!, ranges.hours);
  event.minutes = parseFieldList(minute!, ranges.minutes);
  event.seconds = second === undefined ? [0] : parseFieldList(second, ranges.seconds);
}
