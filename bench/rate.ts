// How exactly limits of bandwidth are kept: bytes that the network carries between clients and a server of two processes,
// as the kernel counts them at the side that keeps the limit, in ten seconds from the first byte and in the ten that
// follow, against what was allowed. Acceptance: within 5 percent. Segments are to be as long as a network's:
// unshare -n sh -c 'ip link set lo mtu 1500 up; exec sh scripts/node.sh bench/rate.ts'
// Usage: sh scripts/node.sh bench/rate.ts [--seconds 10] [--only 'rule in 8']

import { type ChildProcess, execFile, execFileSync, fork, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { Connection } from '../src/client/connection.ts';
import { parseRepository } from '../src/client/repository.ts';
import { resolveDirectories } from '../src/config/directories.ts';
import { TrafficControlConfig } from '../src/config/traffic-control-config.ts';
import type { TrafficRule } from '../src/config/traffic-control-schema.ts';
import type { TransferLimits } from '../src/wire/rate-limit.ts';
import { CountingProxy } from '../test/support/counting-proxy.ts';
import { scratchFolder } from '../test/support/scratch.ts';

const MiB = 1024 * 1024;
const sample = { 'backup-type': 'host', 'backup-id': 'sample', 'backup-time': 1_700_000_000 };

type Direction = 'in' | 'out';

interface Load {
  env: Record<string, string>;
  direction: Direction;
  connections: number;
  limits?: TransferLimits;
}

if (process.argv[2] === '--load') load(JSON.parse(process.argv[3]!) as Load);
else await run();

/** Sessions that send or receive as much as they can, until the process is ended. */
function load({ env, direction, connections, limits }: Load): void {
  const repository = parseRepository(env['PBS_REPOSITORY']!);
  const { store } = repository;
  const body = randomBytes(MiB);
  const work = async (connection: Connection, index: number): Promise<void> => {
    const session =
      direction === 'in'
        ? await connection.openSession('backup', {
            store,
            'backup-type': 'host',
            'backup-id': `load-${process.pid}-${index}`,
            'backup-time': Math.floor(Date.now() / 1000),
          })
        : await connection.openSession('reader', { store, ...sample });
    const room = Buffer.alloc(2 * MiB);
    const transfer = async (): Promise<void> => {
      for (;;) {
        if (direction === 'in') await session.request('POST', 'speedtest', { body });
        else await session.downloadInto('speedtest', {}, room);
      }
    };
    await Promise.all([transfer(), transfer(), transfer(), transfer()]);
  };
  void Connection.open({ repository, env, ...(limits ? { limits } : {}) }).then((connection) =>
    Promise.all(Array.from({ length: connections }, (_, index) => work(connection, index))),
  );
}

interface Case {
  direction: Direction;
  connections: number;
  /** Bytes a second that are allowed, and the burst. */
  rate: number;
  burst?: number;
  /** Who keeps it. */
  by: 'rule' | 'client';
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '10' }, only: { type: 'string', default: '' } },
  });
  const seconds = Number(values.seconds);
  const home = scratchFolder('granary-rate-');
  const server = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'bench/server.ts', '--lean', '--home', home],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    const env = await announced(server);
    const port = Number(/:(\d+):/.exec(env['PBS_REPOSITORY']!)![1]);
    env['HOME'] = home;
    makeSample(env, home);
    await using proxy = await CountingProxy.start(port);
    env['PBS_REPOSITORY'] = env['PBS_REPOSITORY']!.replace(`:${port}:`, `:${proxy.port}:`);
    const config = new TrafficControlConfig(resolveDirectories(home));
    const cases: Case[] = [];
    for (const by of ['rule', 'client'] as const) {
      for (const direction of ['in', 'out'] as const) {
        for (const connections of [1, 8]) {
          for (const rate of [2 * MiB, 20 * MiB]) {
            cases.push({ direction, connections, rate, by });
          }
        }
        cases.push({ direction, connections: 1, rate: 10 * MiB, burst: 40 * MiB, by });
      }
    }
    console.log(
      '| kept by | direction | connections | processes | rate MiB/s | burst MiB | from the start, to allowed | then, to allowed |',
    );
    console.log('|---|---|---|---|---|---|---|---|');
    for (const one of cases) {
      if (!`${one.by} ${one.direction} ${one.connections} ${one.rate / MiB}`.includes(values.only)) continue;
      await measureCase(one, { env, port, proxy, config, seconds });
    }
  } finally {
    server.kill();
    await once(server, 'exit');
    rmSync(home, { recursive: true, force: true });
  }
}

interface Stand {
  env: Record<string, string>;
  proxy: CountingProxy;
  config: TrafficControlConfig;
  port: number;
  seconds: number;
}

async function measureCase(one: Case, { env, port, proxy, config, seconds }: Stand): Promise<void> {
  const { direction, connections, rate, by } = one;
  const burst = one.burst ?? rate;
  const name = `${direction}-${connections}-${rate}-${burst}`;
  if (by === 'rule') {
    const rule = {
      name,
      network: ['127.0.0.0/8'],
      [`rate-${direction}`]: String(rate),
      [`burst-${direction}`]: String(burst),
    };
    await config.create(rule as TrafficRule);
    // The processes look for changes every two seconds; a new bucket is full.
    await delay(2500);
  }
  const limits: TransferLimits =
    direction === 'in' ? { rateOut: rate, burstOut: burst } : { rateIn: rate, burstIn: burst };
  const job: Load = { env, direction, connections, ...(by === 'client' ? { limits } : {}) };
  const passed = (): number => proxy.onWire(by === 'rule' ? 'server' : 'client')[direction === 'in' ? 'up' : 'down'];
  const before = passed();
  const child = fork(import.meta.filename, ['--load', JSON.stringify(job)], { stdio: 'inherit' });
  while (passed() - before < 64 * 1024) await delay(5);
  const start = performance.now();
  await delay(seconds * 1000);
  const first = { bytes: passed() - before, seconds: (performance.now() - start) / 1000 };
  // The burst is used up now, whatever it was. Nothing is left out between: what waits meanwhile passes afterwards.
  const [from, again] = [before + first.bytes, start + first.seconds * 1000];
  const processes = await processesAt(port);
  await delay(again + seconds * 1000 - performance.now());
  const second = { bytes: passed() - from, seconds: (performance.now() - again) / 1000 };
  child.kill();
  await once(child, 'exit');
  if (by === 'rule') await config.remove(name);
  const ratios = [first.bytes / (burst + rate * first.seconds), second.bytes / (rate * second.seconds)];
  const cells = [
    by,
    direction,
    connections,
    processes,
    rate / MiB,
    burst / MiB,
    ...ratios.map((ratio) => ratio.toFixed(3)),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

/** What the server prints once it serves. */
async function announced(server: ChildProcess): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for await (const line of createInterface({ input: server.stdout! })) {
    const match = /^export (\w+)='(.*)'$/.exec(line);
    if (match) env[match[1]!] = match[2]!;
    if (env['PBS_FINGERPRINT'] !== undefined) return env;
  }
  throw new Error('the server did not start');
}

/** A snapshot for reader sessions. */
function makeSample(env: Record<string, string>, folder: string): void {
  const file = join(folder, 'sample.conf');
  writeFileSync(file, 'sample');
  const words = [
    'backup',
    `sample.conf:${file}`,
    '--backup-id',
    sample['backup-id'],
    '--backup-time',
    String(sample['backup-time']),
  ];
  execFileSync('bin/proxmox-backup-client', words, { env: { ...process.env, ...env }, stdio: 'pipe' });
}

/** How many processes of the server have connections. */
async function processesAt(port: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ss', ['-tnpH', 'state', 'established', `sport = :${port}`]);
  return new Set([...stdout.matchAll(/pid=(\d+)/g)].map((match) => match[1])).size;
}
