// Numbers, sizes and times as people read them, in the language of the page.

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** Three significant digits in the unit that fits: `1.46 GiB`. */
export function bytes(count: number | undefined, language: string): string {
  if (count === undefined) return '–';
  let value = count;
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 ? 0 : Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return `${number(value, language, digits)} ${units[unit]}`;
}

export function number(value: number, language: string, digits = 0): string {
  return numberFormat(language, digits).format(value);
}

// Making a format takes longer than using it a hundred times, and a table has hundreds of values.
const numberFormat = kept((language: string, digits: number) => {
  return new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
});
const dateTimeFormat = kept((language: string) => {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
});
const dateFormat = kept((language: string) => new Intl.DateTimeFormat(language, { dateStyle: 'medium' }));
const agoFormat = kept((language: string, style: 'long' | 'short') => {
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto', style });
});

/** What is made of the same values is made once. */
function kept<V extends (string | number)[], T>(make: (...values: V) => T): (...values: V) => T {
  const made = new Map<string, T>();
  return (...values) => {
    const key = values.join(' ');
    const found = made.get(key) ?? make(...values);
    made.set(key, found);
    return found;
  };
}

/** Times that no calendar has, as a damaged archive can tell, stay numbers. */
function formatted(format: Intl.DateTimeFormat, seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? String(seconds) : format.format(time);
}

/** A share between 0 and 1. */
export function percent(share: number, language: string, digits = 0): string {
  return share.toLocaleString(language, {
    style: 'percent',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** Date and time of day of epoch seconds. */
export function dateTime(seconds: number, language: string): string {
  return formatted(dateTimeFormat(language), seconds);
}

export function date(seconds: number, language: string): string {
  return formatted(dateFormat(language), seconds);
}

/** Day of the week, date and time of day in a time zone: `Sat, 28 Nov 2026, 02:00`. Epoch seconds. */
export function weekdayTime(seconds: number, language: string, timeZone?: string): string {
  return new Date(seconds * 1000).toLocaleString(language, {
    weekday: 'short',
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    // Seconds are in few schedules.
    ...(seconds % 60 === 0 ? {} : { second: '2-digit' }),
    timeZone,
  });
}

const steps: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86400],
  ['month', 30 * 86400],
  ['week', 7 * 86400],
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60],
];

/** How long ago or ahead, in one unit: `3 hours ago`, `in 2 days`; short: `3 hr. ago`. Epoch seconds. */
export function ago(seconds: number, now: number, language: string, style: 'long' | 'short' = 'long'): string {
  const difference = seconds - now;
  const format = agoFormat(language, style);
  for (const [unit, length] of steps) {
    if (Math.abs(difference) >= length) return format.format(Math.trunc(difference / length), unit);
  }
  return format.format(Math.trunc(difference), 'second');
}

/** A span in its two largest units: `2 h 5 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: [number, string][] = [
    [Math.floor(whole / 86400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}
