// Sizes and spans for people, in the field's spelling (config-and-tasks.md 4).

const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `4.769 MiB`: the largest binary unit with an integer part of at least 1, up to three decimals. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < binaryUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(3))} ${binaryUnits[unit]}`;
}

const unitPowers: Record<string, number> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  p: 1e15,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
  pi: 2 ** 50,
};

/** Parses `10 MiB`, `1.5G`, `4096`; undefined when malformed. Bytes, rounded down. */
export function parseBytes(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d*)?|\.\d+)\s*([kmgtp]i?)?b?\s*$/i.exec(text);
  if (!match) return undefined;
  return Math.floor(Number(match[1]) * unitPowers[(match[2] ?? '').toLowerCase()]!);
}

/** A size as it is stored, in the unit that it was given in: `10mib` is `10 MiB`. Undefined when malformed. */
export function storedBytes(text: string): string | undefined {
  const match = /^\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:([kmgtp])(i)?)?b?\s*$/i.exec(text);
  if (!match) return undefined;
  const [, number, prefix = '', binary = ''] = match;
  return `${Number(Number(number).toFixed(3))} ${prefix.toUpperCase()}${binary.toLowerCase()}B`;
}

/** `1d 2h 3m 4.5s`: zero parts left out; years, months (30.44 days) and weeks come before days. */
export function formatSpan(seconds: number): string {
  if (seconds === 0) return '0s';
  if (seconds < 0.1) return '<0.1s';
  const parts: string[] = [];
  let rest = seconds;
  for (const [unit, length] of [
    ['y', 365.25 * 86400],
    ['M', 30.44 * 86400],
    ['w', 7 * 86400],
    ['d', 86400],
    ['h', 3600],
    ['m', 60],
  ] as const) {
    const n = Math.floor(rest / length);
    if (n > 0) parts.push(`${n}${unit}`);
    rest -= n * length;
  }
  const shown = Number(rest.toFixed(1));
  if (shown > 0) parts.push(`${shown}s`);
  return parts.length > 0 ? parts.join(' ') : '0s';
}
