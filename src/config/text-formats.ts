// Checks of texts that a pattern cannot express, by the name that a schema gives in `format` (rest-api.md 9,
// config-and-tasks.md 4 and 5). Browser-safe.

import { parseBytes } from '../base/human.ts';
import { calendarEventProblem } from '../calendar/calendar-event.ts';
import { parseDailyDuration } from '../calendar/daily-duration.ts';
import { parseGroupFilter } from '../model/group-filter.ts';

const noMatch = 'value does not match the regex pattern';

/** What is wrong with a text, by format; undefined when nothing is. */
export const textFormats: Readonly<Record<string, (text: string) => string | undefined>> = {
  'byte-size': (text) => (parseBytes(text) === undefined ? `unable to parse byte size '${text}'` : undefined),
  'calendar-event': calendarEventProblem,
  cidr: (text) => (isCidr(text) ? undefined : noMatch),
  'daily-duration': (text) => problemOf(() => parseDailyDuration(text)),
  'group-filter': (text) => problemOf(() => parseGroupFilter(text)),
};

function problemOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : noMatch;
  }
}

/** An IPv4 or IPv6 network, `10.0.0.0/8`. */
function isCidr(text: string): boolean {
  const match = /^([0-9A-Fa-f:.]+)\/(\d{1,3})$/.exec(text);
  if (!match) return false;
  const [, address = '', length = ''] = match;
  if (address.includes(':')) return Number(length) <= 128 && URL.canParse(`http://[${address}]/`);
  const octets = address.split('.');
  return (
    octets.length === 4 &&
    octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) <= 255) &&
    Number(length) <= 32
  );
}
