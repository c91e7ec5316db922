import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calendarEventProblem, parseCalendarEvent } from './calendar-event.ts';

const fields = (text: string): string => {
  const { weekdays, years, months, days, hours, minutes, seconds, utc } = parseCalendarEvent(text);
  const list = (values: readonly number[] | undefined): string => values?.join(',') ?? '*';
  return `${list(weekdays)} ${list(years)}-${list(months)}-${list(days)} ${list(hours)}:${list(minutes)}:${list(seconds)}${utc ? ' UTC' : ''}`;
};

test('keywords', () => {
  assert.equal(fields('minutely'), '* *-*-* *:*:0');
  assert.equal(fields('hourly'), '* *-*-* *:0:0');
  assert.equal(fields('Daily'), '* *-*-* 0:0:0');
  assert.equal(fields('weekly'), '1 *-*-* 0:0:0');
  assert.equal(fields('monthly'), '* *-*-1 0:0:0');
  assert.equal(fields('quarterly'), '* *-1,4,7,10-1 0:0:0');
  assert.equal(fields('semiannually'), fields('semi-annually'));
  assert.equal(fields('semi-annually'), '* *-1,7-1 0:0:0');
  assert.equal(fields('yearly'), fields('annually'));
  assert.equal(fields('yearly'), '* *-1-1 0:0:0');
  assert.equal(fields('daily utc'), '* *-*-* 0:0:0 UTC');
});

test('the forms of the grammar', () => {
  assert.equal(fields('sat 02:00'), '6 *-*-* 2:0:0');
  assert.equal(fields('mon..fri 8..17,22:0/15'), '1,2,3,4,5 *-*-* 8,9,10,11,12,13,14,15,16,17,22:0,15,30,45:0');
  assert.equal(fields('*/10'), '* *-*-* *:0,10,20,30,40,50:0');
  assert.equal(fields('2:*'), '* *-*-* 2:*:0');
  assert.equal(fields('*-1..7 02:00'), '* *-*-1,2,3,4,5,6,7 2:0:0');
  assert.equal(fields('2026-12-31 23:59'), '* 2026-12-31 23:59:0');
  assert.ok(fields('0/4-2-29').startsWith('* 0,4,8,'));
  assert.equal(fields('12-31'), '* *-12-31 0:0:0');
  assert.equal(fields('SAT..tue'), '0,1,2,6 *-*-* 0:0:0');
  assert.equal(fields('Sunday,wed'), '0,3 *-*-* 0:0:0');
  assert.equal(fields('30'), '* *-*-* *:30:0');
  assert.equal(fields('5/20'), '* *-*-* *:5,25,45:0');
  assert.equal(fields('5/0'), '* *-*-* *:5:0');
  assert.equal(fields('*-*/3-1'), '* *-1,4,7,10-1 0:0:0');
  assert.equal(fields('1:2:3..5'), '* *-*-* 1:2:3,4,5');
  assert.equal(fields('  sat   2:0  UTC '), '6 *-*-* 2:0:0 UTC');
});

test("the guide's spellings", () => {
  assert.equal(fields('daily 02:00'), fields('02:00'));
  assert.equal(fields('weekly sat 08:00'), fields('sat 08:00'));
  assert.equal(fields('weekly sat'), fields('sat'));
  assert.equal(fields('weekly 08:00'), fields('mon 08:00'));
  assert.equal(fields('monthly 02:00'), fields('*-1 02:00'));
  assert.equal(fields('hourly :30'), fields('*:30'));
  assert.equal(fields('hourly 30'), fields('*:30'));
  assert.equal(parseCalendarEvent('Now').once, true);
  assert.equal(parseCalendarEvent('daily').once, false);
});

test('everything else is refused with what is wrong', () => {
  const problems: Record<string, RegExp> = {
    '': /it is empty/,
    UTC: /unable to parse calendar event 'UTC' - /,
    'fri 1..7 02:00': /'02:00' is too much/,
    'sat 24:00': /hour 24 is not within 0 and 23/,
    '60': /minute 60/,
    '*-13-1': /month 13/,
    '2200-1-1': /year 2200/,
    '1-2-3-4': /unable to parse date/,
    '5..2': /ends before it begins/,
    'foo 1:0': /'foo' is no day of the week/,
    'mon...fri': /./,
    'now 1:00': /./,
    'yearly 2:00': /'yearly' stands alone/,
    '1:2:3:4': /unable to parse time/,
    '99999999': /too large/,
    '1,': /unable to parse minute ''/,
    '-': /./,
  };
  for (const [text, pattern] of Object.entries(problems)) assert.match(calendarEventProblem(text) ?? '', pattern, text);
  assert.equal(calendarEventProblem('daily 02:00'), undefined);
});
