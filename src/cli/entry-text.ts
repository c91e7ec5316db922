// Entries of archives as people read them: mode, kind, time.

import { formatUtc } from '../base/clock.ts';

const kinds = {
  directory: 'd',
  file: '-',
  symlink: 'l',
  device: 'b',
  fifo: 'p',
  socket: 's',
  hardlink: 'h',
} as const;
export type EntryKind = keyof typeof kinds;

const fileTypeMask = 0o170000;
const characterDevice = 0o020000;

/** `drwxr-sr-x` */
export function formatMode(kind: EntryKind, mode: number): string {
  const letter = kind === 'device' && (mode & fileTypeMask) === characterDevice ? 'c' : kinds[kind];
  const bits = [...'rwxrwxrwx'].map((char, i) => (mode & (0o400 >> i) ? char : '-'));
  const special = (at: number, bit: number, set: string): void => {
    if (mode & bit) bits[at] = bits[at] === 'x' ? set : set.toUpperCase();
  };
  special(2, 0o4000, 's');
  special(5, 0o2000, 's');
  special(8, 0o1000, 't');
  return letter + bits.join('');
}

/** Seconds since the epoch in UTC; what no date can show, as a number. */
export function formatEntryTime(seconds: bigint): string {
  const number = Number(seconds);
  return Math.abs(number) <= 8_640_000_000_000 / 1000 ? formatUtc(number) : `${seconds}s`;
}
