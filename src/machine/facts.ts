// What the kernel tells of the machine: memory, load, processors, boot (rest-api.md 8 "node status").

import { readFile, statfs } from 'node:fs/promises';
import os from 'node:os';
import type { Machine } from './machine.ts';

export interface HostFacts {
  memory: { total: number; used: number; free: number };
  swap: { total: number; used: number; free: number };
  root: { total: number; used: number; avail: number };
  uptime: number;
  loadavg: number[];
  cpu: number;
  wait: number;
  cpuinfo: { model: string; sockets: number; cpus: number };
  kversion: string;
  'current-kernel': { sysname: string; release: string; version: string; machine: string };
  'boot-info': { mode: 'efi' | 'legacy-bios'; secureboot?: boolean };
}

export interface CpuTimes {
  total: number;
  idle: number;
  wait: number;
}

/** Times at the last call, so that the shares are those since then; since boot at the first. */
const lastTimes = new WeakMap<Machine, CpuTimes>();

export async function readHostFacts(machine: Machine): Promise<HostFacts> {
  const [meminfo, stat, cpuinfo, root, boot] = await Promise.all([
    readFile(machine.path('/proc/meminfo'), 'utf8'),
    readFile(machine.path('/proc/stat'), 'utf8'),
    readFile(machine.path('/proc/cpuinfo'), 'utf8'),
    rootSpace(machine),
    bootInfo(machine),
  ]);
  const memory = parseMeminfo(meminfo);
  const now = parseCpuTimes(stat);
  const shares = cpuShares(lastTimes.get(machine) ?? { total: 0, idle: 0, wait: 0 }, now);
  lastTimes.set(machine, now);
  const [sysname, release, version] = [os.type(), os.release(), os.version()];
  return {
    ...memory,
    root,
    uptime: Math.floor(os.uptime()),
    loadavg: os.loadavg(),
    ...shares,
    cpuinfo: parseCpuinfo(cpuinfo),
    kversion: `${sysname} ${release} ${version}`,
    'current-kernel': { sysname, release, version, machine: os.machine() },
    'boot-info': boot,
  };
}

/** Bytes of memory and swap; memory that caches can give back counts as free. */
export function parseMeminfo(text: string): Pick<HostFacts, 'memory' | 'swap'> {
  const value = (name: string): number => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  const sizes = (total: number, free: number) => ({ total, used: total - free, free });
  return {
    memory: sizes(value('MemTotal'), value('MemAvailable')),
    swap: sizes(value('SwapTotal'), value('SwapFree')),
  };
}

export function parseCpuTimes(text: string): CpuTimes {
  const ticks = (/^cpu\s+(.+)$/m.exec(text)?.[1] ?? '').split(/\s+/).map(Number);
  // Guest time is part of user time already.
  const total = ticks.slice(0, 8).reduce((sum, n) => sum + n, 0);
  return { total, idle: ticks[3] ?? 0, wait: ticks[4] ?? 0 };
}

export function cpuShares(before: CpuTimes, now: CpuTimes): { cpu: number; wait: number } {
  const total = now.total - before.total;
  if (total <= 0) return { cpu: 0, wait: 0 };
  const wait = (now.wait - before.wait) / total;
  const idle = (now.idle - before.idle) / total;
  return { cpu: Math.max(0, 1 - idle - wait), wait: Math.max(0, wait) };
}

export function parseCpuinfo(text: string): HostFacts['cpuinfo'] {
  const sockets = new Set([...text.matchAll(/^physical id\s*:\s*(\d+)/gm)].map((match) => match[1]));
  const model = /^model name\s*:\s*(.+)$/m.exec(text)?.[1] ?? os.cpus()[0]?.model ?? 'unknown';
  return { model, sockets: Math.max(sockets.size, 1), cpus: os.cpus().length };
}

/** Space of the file system that the machine's root lies on. */
export async function rootSpace(machine: Machine): Promise<HostFacts['root']> {
  const { blocks, bfree, bavail, bsize } = await statfs(machine.path('/'));
  return { total: blocks * bsize, used: (blocks - bfree) * bsize, avail: bavail * bsize };
}

async function bootInfo(machine: Machine): Promise<HostFacts['boot-info']> {
  const variable = machine.path('/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c');
  if (!machine.exists('/sys/firmware/efi')) return { mode: 'legacy-bios' };
  const value = await readFile(variable).catch(() => undefined);
  return { mode: 'efi', ...(value === undefined ? {} : { secureboot: value.at(-1) === 1 }) };
}
