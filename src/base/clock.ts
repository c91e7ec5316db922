// Time, passed in rather than taken, and the field's text forms of it.

/** The source of the present. Tests pass a fixed or stepping one. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** Whole epoch seconds, the unit of the protocol. */
export function epochSeconds(clock: Clock = systemClock): number {
  return Math.floor(clock.now() / 1000);
}

const two = (n: number): string => String(n).padStart(2, '0');

/** `YYYY-MM-DDTHH:MM:SSZ`: backup times in paths and listings (formats.md 1.1). */
export function formatUtc(epoch: number): string {
  const d = new Date(epoch * 1000);
  const year = d.getUTCFullYear();
  const yyyy = year >= 0 ? String(year).padStart(4, '0') : `-${String(-year).padStart(4, '0')}`;
  return `${yyyy}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}T${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}Z`;
}

/** Parses exactly what `formatUtc` writes; undefined for anything else. */
export function parseUtc(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return undefined;
  const epoch = ms / 1000;
  return formatUtc(epoch) === text ? epoch : undefined;
}

/** Local RFC 3339 with a numeric offset, never `Z`: 25 characters (task logs, key files). */
export function formatLocal(epoch: number): string {
  const d = new Date(epoch * 1000);
  const offset = -d.getTimezoneOffset();
  const sign = offset < 0 ? '-' : '+';
  const abs = Math.abs(offset);
  return (
    `${String(d.getFullYear()).padStart(4, '0')}-${two(d.getMonth() + 1)}-${two(d.getDate())}` +
    `T${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}${sign}${two(Math.floor(abs / 60))}:${two(abs % 60)}`
  );
}

/** Parses RFC 3339 with `Z` (20 characters) or a numeric offset (25); undefined for anything else. */
export function parseRfc3339(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms / 1000;
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The C library's `%c` in the C locale, local time: `Wed Feb 11 10:00:00 2026` (cli.md 2). */
export function formatCtime(epoch: number): string {
  const d = new Date(epoch * 1000);
  return (
    `${days[d.getDay()]} ${months[d.getMonth()]} ${String(d.getDate()).padStart(2, ' ')} ` +
    `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())} ${d.getFullYear()}`
  );
}
