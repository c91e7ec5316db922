// Measures whole commands: wall time, CPU seconds and peak memory, of the command and of servers that work for it.
// Needs GNU time (Debian package `time`).

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Measured {
  /** Seconds. */
  wall: number;
  /** User and system seconds of the command. */
  cpu: number;
  /** Peak resident KiB of the command's largest process. */
  memory: number;
  /** CPU seconds that the server processes used meanwhile. */
  serverCpu: number;
  /** Peak resident KiB of the largest server process. */
  serverMemory: number;
}

const ticksPerSecond = 100;

/** A process and everything below it. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    } catch {
      // The process ended between the listing and the read.
    }
  }
  const tree = [root];
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]!) ?? []));
  return tree;
}

export function cpuSeconds(pids: number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticksPerSecond;
}

export function resetPeaks(pids: number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

export function peakKiB(pids: number[]): number {
  return Math.max(
    0,
    ...pids.map((pid) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0)),
  );
}

/** Runs a command to its end and measures it; rejects with its output when it fails. */
export async function measure(
  command: string[],
  options: { env?: Record<string, string>; cwd?: string; serverPid?: number } = {},
): Promise<Measured> {
  const report = join(tmpdir(), `granary-bench-${process.pid}-${Math.random().toString(36).slice(2)}`);
  const servers = options.serverPid === undefined ? [] : processTree(options.serverPid);
  const before = cpuSeconds(servers);
  resetPeaks(servers);
  const child = spawn('/usr/bin/time', ['-f', '%e %U %S %M', '-o', report, ...command], {
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (data: Buffer) => {
    output = (output + data.toString()).slice(-4000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${output}`);
  const [wall, user, system, memory] = readFileSync(report, 'utf8').trim().split('\n').at(-1)!.split(' ').map(Number);
  rmSync(report);
  return {
    wall: wall!,
    cpu: user! + system!,
    memory: memory!,
    serverCpu: cpuSeconds(servers) - before,
    serverMemory: peakKiB(servers),
  };
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
