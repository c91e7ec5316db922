// What the kernel counts: bytes of the network, operations of block devices. Rates are made of two readings
// (metrics/rates.ts).

import { readFile, stat } from 'node:fs/promises';
import type { Machine } from './machine.ts';

export interface NetworkCounters {
  /** Bytes since the interface exists. */
  received: number;
  sent: number;
}

/** Since the device exists. */
export interface DiskCounters {
  reads: number;
  readBytes: number;
  writes: number;
  writtenBytes: number;
  /** Milliseconds during which the device was busy. */
  busyMs: number;
}

/** The sum over the interfaces that lead out of the machine: bridges and the like would count the same bytes again. */
export async function readNetworkCounters(machine: Machine): Promise<NetworkCounters> {
  return sumInterfaces(await readFile(machine.path('/proc/net/dev'), 'utf8'), (name) =>
    machine.exists(`/sys/class/net/${name}/device`),
  );
}

/** Sums `/proc/net/dev` over physical interfaces; over all but the loopback where none is physical (containers). */
export function sumInterfaces(text: string, isPhysical: (name: string) => boolean): NetworkCounters {
  const rows = [...text.matchAll(/^\s*([^\s:]+):\s*(\d+)(?:\s+\d+){7}\s+(\d+)/gm)]
    .map(([, name, received, sent]) => ({ name: name!, received: Number(received), sent: Number(sent) }))
    .filter((row) => row.name !== 'lo');
  const physical = rows.filter((row) => isPhysical(row.name));
  const counted = physical.length > 0 ? physical : rows;
  return {
    received: counted.reduce((sum, row) => sum + row.received, 0),
    sent: counted.reduce((sum, row) => sum + row.sent, 0),
  };
}

/** The counters of the block device that a file lies on; undefined when it is on none that the kernel counts. */
export async function readDiskCounters(machine: Machine, file: string): Promise<DiskCounters | undefined> {
  const device = await deviceOf(machine, file);
  const text = device === undefined ? undefined : await machine.read(`/sys/dev/block/${device}/stat`);
  return text === undefined ? undefined : parseDiskStat(text);
}

/** Parses `/sys/block/NAME/stat`; sectors there are always of 512 bytes. */
export function parseDiskStat(text: string): DiskCounters | undefined {
  const fields = text.trim().split(/\s+/).map(Number);
  if (fields.length < 10 || fields.some((field) => !Number.isFinite(field))) return undefined;
  const at = (i: number): number => fields[i]!;
  return { reads: at(0), readBytes: at(2) * 512, writes: at(4), writtenBytes: at(6) * 512, busyMs: at(9) };
}

/** `MAJOR:MINOR` of the block device below a file. */
async function deviceOf(machine: Machine, file: string): Promise<string | undefined> {
  const { dev } = await stat(file);
  const [major, minor] = deviceNumbers(dev);
  if (major !== 0) return `${major}:${minor}`;
  // btrfs and the like have anonymous device numbers: the mount's source names the device.
  const mounts = (await machine.read('/proc/self/mountinfo')) ?? '';
  const source = mountSource(mounts, `${major}:${minor}`);
  if (source === undefined) return undefined;
  const { rdev } = await stat(source).catch(() => ({ rdev: 0 }));
  return rdev === 0 ? undefined : deviceNumbers(rdev).join(':');
}

/** The device path that a mount of this device number has as its source. */
export function mountSource(mountinfo: string, device: string): string | undefined {
  for (const line of mountinfo.split('\n')) {
    const fields = line.split(' ');
    const separator = fields.indexOf('-');
    if (fields[2] !== device || separator < 0) continue;
    const source = fields[separator + 2];
    if (source?.startsWith('/dev/')) return source;
  }
  return undefined;
}

/** Major and minor number as Linux packs them into a `dev_t`. */
export function deviceNumbers(dev: number): [major: number, minor: number] {
  const value = BigInt(dev);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n);
  return [Number(major), Number(minor)];
}
