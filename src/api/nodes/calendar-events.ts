// When a schedule comes due.

import { epochSeconds } from '../../base/clock.ts';
import { parseCalendarEvent } from '../../calendar/calendar-event.ts';
import { nextEvent } from '../../calendar/next-event.ts';
import { implement } from '../../wire/implement.ts';
import { calendarEvents } from './calendar-events.contract.ts';

export const calendarEventEndpoints = [
  implement(calendarEvents, async ({ schedule, after, count = 5 }, { server }) => {
    const event = parseCalendarEvent(schedule);
    const time = epochSeconds(server.clock);
    const events: number[] = [];
    let last: number | undefined = after ?? time;
    while (events.length < count) {
      last = nextEvent(event, last);
      if (last === undefined) break;
      events.push(last);
    }
    return { timezone: Intl.DateTimeFormat().resolvedOptions().timeZone, time, events };
  }),
];
