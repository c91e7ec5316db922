// The first point of a calendar event after a time (config-and-tasks.md 5.3). The search runs over the numbers on the
// wall clock, where days have 24 hours; only its result is turned into a time, with the shifts of the zone.

import type { CalendarEvent } from './calendar-event.ts';
import type { FieldList } from './field-list.ts';

const lastYear = 2199;

/**
 * The first point strictly after `after`, epoch seconds; undefined when there is none before the year 2200. Of an
 * event `now` there is none: it depends on when its text was set.
 */
export function nextEvent(event: CalendarEvent, after: number): number | undefined {
  if (event.once) return undefined;
  if (event.utc) return nextWall(event, after + 1);
  const wall = nextWall(event, wallOf(after + 1));
  if (wall === undefined) return undefined;
  const found = epochOf(wall, after);
  // An event of every hour goes on in the hour that the clock shows twice; one at a fixed hour does not come twice.
  return event.hours === undefined ? (nextInRepeatedHour(event, after, found) ?? found) : found;
}

/** Time between two points of an event of every hour, with an hour that comes twice in between. */
const repeatedHourSpan = 4 * 3600;

/** The first point between the moment at which clocks are put back and `before`, if they are put back in between. */
function nextInRepeatedHour(event: CalendarEvent, after: number, before: number): number | undefined {
  if (before - after > repeatedHourSpan || offsetAt(after + 1) <= offsetAt(before)) return undefined;
  let [low, high] = [after + 1, before];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle) === offsetAt(before)) high = middle;
    else low = middle;
  }
  const wall = nextWall(event, wallOf(high));
  return wall === undefined ? undefined : Math.min(wall - offsetAt(high), before);
}

/** Seconds by which the local clock is ahead of UTC. */
const offsetAt = (epoch: number): number => wallOf(epoch) - epoch;

/** What the local clock shows, as the epoch seconds of a UTC clock that shows the same. */
function wallOf(epoch: number): number {
  const d = new Date(epoch * 1000);
  return utc(d.getFullYear(), d.getMonth(), d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds());
}

const utc = (year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number =>
  Date.UTC(year, month, day, hour, minute, second) / 1000;

/** When the local clock shows that first after `after`; in a gap, when it would have been that late. */
function epochOf(wall: number, after: number): number {
  const d = new Date(wall * 1000);
  const [year, month, day] = [d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate()];
  const epoch = new Date(year, month, day, d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()).getTime() / 1000;
  if (epoch > after) return epoch;
  // The clock was put back, shows this for the second time, and the first is over.
  return epoch + offsetAt(epoch) - offsetAt(after + 1);
}

/** The first wall time from `from` on that matches. */
function nextWall(event: CalendarEvent, from: number): number | undefined {
  let at = from;
  for (;;) {
    const d = new Date(at * 1000);
    const [year, month, day] = [d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate()];
    const nextYear = firstFrom(event.years, year, lastYear);
    if (nextYear === undefined) return undefined;
    const nextMonth = nextYear === year ? firstFrom(event.months, month + 1, 12) : firstFrom(event.months, 1, 12);
    if (nextYear !== year || nextMonth !== month + 1) {
      at = nextMonth === undefined ? utc(year + 1, 0, 1) : utc(nextYear, nextMonth - 1, 1);
      continue;
    }
    if (!matches(event.days, day) || !matches(event.weekdays, d.getUTCDay())) {
      at = utc(year, month, day + 1);
      continue;
    }
    const time = nextTime(event, d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds());
    if (time !== undefined) return utc(year, month, day) + time;
    at = utc(year, month, day + 1);
  }
}

/** Seconds of the day, at least those given. */
function nextTime(event: CalendarEvent, hour: number, minute: number, second: number): number | undefined {
  const firstMinute = firstFrom(event.minutes, 0, 59)!;
  const firstSecond = firstFrom(event.seconds, 0, 59)!;
  if (matches(event.hours, hour)) {
    if (matches(event.minutes, minute)) {
      const s = firstFrom(event.seconds, second, 59);
      if (s !== undefined) return hour * 3600 + minute * 60 + s;
    }
    const m = firstFrom(event.minutes, minute + 1, 59);
    if (m !== undefined) return hour * 3600 + m * 60 + firstSecond;
  }
  const h = firstFrom(event.hours, hour + 1, 23);
  return h === undefined ? undefined : h * 3600 + firstMinute * 60 + firstSecond;
}

const matches = (list: FieldList, value: number): boolean => list === undefined || list.includes(value);

/** The first allowed value from `value` on, up to `last`. */
function firstFrom(list: FieldList, value: number, last: number): number | undefined {
  if (list === undefined) return value <= last ? value : undefined;
  return list.find((one) => one >= value);
}
