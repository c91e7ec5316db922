// What is written below a chart: times in the language of the page, as exact as the distance between them needs.

const day = 86_400;

/**
 * A text for each mark. Marks are epoch seconds, ascending; `step` are the seconds between two of them. A second line
 * tells what has changed since the mark before: the date, or the year.
 */
export function timeTexts(marks: readonly number[], step: number, language: string, timeZone?: string): string[] {
  const formatter = (parts: Intl.DateTimeFormatOptions): ((mark: number) => string) => {
    const format = new Intl.DateTimeFormat(language, { ...parts, timeZone });
    return (mark) => format.format(mark * 1000);
  };
  const year = formatter({ year: 'numeric' });
  if (step >= 360 * day) return marks.map(year);
  const isWithin = step < day;
  const first = isWithin
    ? formatter({ hour: 'numeric', minute: '2-digit', ...(step < 60 ? { second: '2-digit' } : {}) })
    : formatter(step < 28 * day ? { day: 'numeric', month: 'short' } : { month: 'short' });
  const second = isWithin ? formatter({ day: 'numeric', month: 'short' }) : year;
  let before = '';
  return marks.map((mark) => {
    const below = second(mark);
    const text = below === before ? first(mark) : `${first(mark)}\n${below}`;
    before = below;
    return text;
  });
}
