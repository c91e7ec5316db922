// Who holds a lock: the kernel's list of file locks, for people who wonder why something waits.

import * as fs from 'node:fs';

/** The process that holds an exclusive lock (flock or record lock) on the file; undefined when none does. */
export function lockHolder(path: string): number | undefined {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (!stat) return undefined;
  const file = `${deviceText(stat.dev)}:${stat.ino}`;
  for (const line of fs.readFileSync('/proc/locks', 'utf8').split('\n')) {
    // `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`; those that wait have an arrow behind the number.
    const [, pid] = /^\d+: (?:FLOCK|POSIX|OFDLCK) +\S+ +WRITE +(-?\d+) /.exec(line) ?? [];
    if (pid !== undefined && line.includes(` ${file} `)) return Number(pid);
  }
  return undefined;
}

/** Major and minor number of a device as the kernel's list writes them. */
function deviceText(dev: number): string {
  const device = BigInt(dev);
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  const hex = (value: bigint): string => value.toString(16).padStart(2, '0');
  return `${hex(major)}:${hex(minor)}`;
}
