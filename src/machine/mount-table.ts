// What is mounted where, as the kernel tells it in /proc/self/mountinfo.

import type { Machine } from './machine.ts';

export interface MountEntry {
  /** `major:minor` of the file system. */
  device: string;
  /** The directory of the file system that is seen at the mount point. */
  root: string;
  mountPoint: string;
  filesystem: string;
  /** Mostly a block device: `/dev/sdb1`. */
  source: string;
}

export async function readMountTable(machine: Machine): Promise<MountEntry[]> {
  return parseMountTable((await machine.read('/proc/self/mountinfo')) ?? '');
}

/** Lines that are not understood are left out. */
export function parseMountTable(text: string): MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const [facts = '', rest = ''] = line.split(' - ', 2);
    const [, , device, root, mountPoint] = facts.split(' ');
    const [filesystem, source] = rest.split(' ');
    if (device === undefined || root === undefined || mountPoint === undefined || source === undefined) return [];
    return [
      {
        device,
        root: unescaped(root),
        mountPoint: unescaped(mountPoint),
        filesystem: filesystem!,
        source: unescaped(source),
      },
    ];
  });
}

/** What is seen at a path: of several mounts one over the other the last. Undefined when none is exactly there. */
export function mountAt(table: readonly MountEntry[], path: string): MountEntry | undefined {
  return table.findLast((entry) => entry.mountPoint === path);
}

/** Blanks and the like are written as three octal digits. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
