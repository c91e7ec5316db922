// Two sites over a real distance that pull and push: what they reach against one TLS connection on the same line, taken
// alternately, and what becomes of them when the line is cut, the other server is started anew, its certificate changes
// and its clock is off. After each accident the next run has to bring everything, and all of it has to verify.
// As root, with the program faketime:
// sh scripts/node.sh test/netem/sync.ts [--mib 32] [--rounds 2] [--delay 40] [--loss 0.005] [--rate 12500000]
// [--only 'push cut5']

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { scratchFolder } from '../support/scratch.ts';
import { Line } from './link.ts';
import { clockOff, type Ended, finish, node, readOptions, Site, start, succeed, underWay } from './site.ts';

const MiB = 1024 * 1024;
const { size, rounds, only, line: options } = readOptions({ mib: '32', rounds: '2' });
const directions = ['pull', 'push'] as const;
type Direction = (typeof directions)[number];

const folder = scratchFolder('granary-sites-');
try {
  await using line = await Line.open('granary-sites', options);
  const [here, there] = line.ends;
  await using local = new Site(here, join(folder, 'local'));
  await using remote = new Site(there, join(folder, 'remote'));
  await Promise.all([local.up(), remote.up()]);
  const access = ['--host', there.address, '--port', remote.port, '--auth-id', 'bench@pbs', '--password', 'benchmark'];
  const fingerprint = (): string => remote.env['PBS_FINGERPRINT']!;
  await succeed(local.manage('remote', 'create', 'far', ...access, '--fingerprint', fingerprint()));

  const sides = (direction: Direction): { source: Site; target: Site } =>
    direction === 'pull' ? { source: remote, target: local } : { source: local, target: remote };
  const noise = join(folder, 'noise.img');
  /** A new snapshot on the source. */
  async function backUp(direction: Direction, id: string): Promise<void> {
    writeFileSync(noise, randomBytes(size));
    await succeed(sides(direction).source.client('backup', `noise.img:${noise}`, '--backup-id', id));
  }
  const sync = (direction: Direction, id: string) => {
    const words = direction === 'pull' ? ['far', 'bench', 'bench'] : ['bench', 'far', 'bench'];
    return local.manage(direction, ...words, '--group-filter', `group:host/${id}`);
  };
  /** Finished snapshots of a group on the target. */
  async function arrived(direction: Direction, id: string): Promise<number> {
    const { target } = sides(direction);
    const { out } = await succeed(target.client('snapshot', 'list', '--output-format', 'json'));
    const list = JSON.parse(out) as { 'backup-id': string; size?: number }[];
    return list.filter((one) => one['backup-id'] === id && one.size !== undefined).length;
  }
  /** The next run brings what is missing, one more finds nothing to do, and everything verifies. */
  async function recovered(direction: Direction, id: string, count: number): Promise<string> {
    const second = await succeed(sync(direction, id));
    const moved = /^Summary: sync job (?:pulled|pushed) ([\d.]+ \w+)/m.exec(second.out)?.[1] ?? 'nothing';
    const third = await succeed(sync(direction, id));
    if (/sync archive/.test(third.out)) throw new Error(`a third run moves something: ${third.out}`);
    if ((await arrived(direction, id)) !== count) throw new Error(`${id}: not ${count} snapshots on the target`);
    await succeed(sides(direction).target.manage('verify', 'bench'));
    return moved === 'nothing'
      ? 'the next run finds nothing to do; all verifies'
      : `the next run brings the rest (${moved}), the one after it nothing; all verifies`;
  }
  const row = (direction: Direction, what: string, result: string): void =>
    console.log(`| ${direction} | ${what} | ${result} |`);

  if (rounds > 0) await throughput();
  console.log('\n| | what happens | outcome |\n|---|---|---|');
  const accidents: Record<string, (direction: Direction) => Promise<void>> = {
    cut5: (direction) => cut(direction, 5),
    cut30: (direction) => cut(direction, 30),
    restart,
    certificate: newCertificate,
    ahead: (direction) => clocksApart(direction, '+1h'),
    behind: (direction) => clocksApart(direction, '-1h'),
  };
  for (const direction of directions) {
    for (const [name, happen] of Object.entries(accidents)) {
      if (`${direction} ${name}`.includes(only)) await happen(direction);
    }
  }

  async function throughput(): Promise<void> {
    const sink = start(there, [...node, 'test/netem/raw.ts', '--serve', there.address]);
    const [port] = (await once(sink.stdout!, 'data')) as [Buffer];
    const raw = async (mode: string): Promise<number> => {
      const words = ['test/netem/raw.ts', mode, there.address, port.toString().trim(), String(size)];
      return size / Number((await succeed(start(here, [...node, ...words]))).out) / MiB;
    };
    const told = ({ out }: Ended): number => {
      const match = /(?:down|up)loaded [\d.]+ MiB \(([\d.]+) (KiB|MiB)\/s\)/.exec(out);
      if (!match) throw new Error(`no rate is told: ${out}`);
      return Number(match[1]) / (match[2] === 'KiB' ? 1024 : 1);
    };
    console.log(
      `${size / MiB} MiB, ${options.delayMs} ms and ${options.loss * 100} % loss each way, ${options.rate / 1e6} MB/s; MiB/s\n`,
    );
    console.log('| round | TLS down | pull | ratio | TLS up | push | ratio |\n|---|---|---|---|---|---|---|');
    for (let round = 1; round <= rounds; round++) {
      const cells: string[] = [];
      for (const [direction, mode] of [
        ['pull', '--fetch'],
        ['push', '--send'],
      ] as const) {
        await backUp(direction, `${direction}-round${round}`);
        const line = await raw(mode);
        const speed = told(await succeed(sync(direction, `${direction}-round${round}`)));
        cells.push(line.toFixed(2), speed.toFixed(2), (speed / line).toFixed(2));
      }
      console.log(`| ${[round, ...cells].join(' | ')} |`);
    }
    sink.kill();
    const count = 20_000;
    const { out } = await succeed(start(here, [...node, 'test/netem/known.ts', String(count)], remote.env));
    const [dynamic, fixed] = out.trim().split(' ');
    console.log(`\n${count} known chunks named: ${dynamic} s in a dynamic index, ${fixed} s in a fixed one`);
  }

  async function cut(direction: Direction, seconds: number): Promise<void> {
    const id = `${direction}-cut${seconds}`;
    await backUp(direction, id);
    const running = finish(sync(direction, id));
    await underWay(here, size / 4);
    line.cut(true);
    await delay(seconds * 1000);
    line.cut(false);
    const ended = await running;
    const before = await arrived(direction, id);
    const seen = ended.code === 0 ? '' : `, ${before} snapshots to be seen`;
    row(direction, `line cut for ${seconds} s`, `${outcome(ended)}${seen}; ${await recovered(direction, id, 1)}`);
  }

  async function restart(direction: Direction): Promise<void> {
    const id = `${direction}-restart`;
    await backUp(direction, id);
    const running = finish(sync(direction, id));
    await underWay(here, size / 4);
    await remote.kill();
    await remote.up();
    const ended = await running;
    const before = await arrived(direction, id);
    row(
      direction,
      'the other server killed and started',
      `${outcome(ended)}, ${before} snapshots to be seen; ${await recovered(direction, id, 1)}`,
    );
  }

  async function newCertificate(direction: Direction): Promise<void> {
    const id = `${direction}-certificate`;
    await backUp(direction, id);
    await succeed(sync(direction, id));
    await backUp(direction, id);
    await succeed(remote.manage('cert', 'update', '--force'));
    await remote.down();
    await remote.up();
    const ended = await finish(sync(direction, id));
    const before = await arrived(direction, id);
    await succeed(local.manage('remote', 'update', 'far', '--fingerprint', fingerprint()));
    row(
      direction,
      "the other server's certificate changed between two runs",
      `${outcome(ended)}, ${before} snapshot stays; then, with the new fingerprint, ${await recovered(direction, id, 2)}`,
    );
  }

  async function clocksApart(direction: Direction, clock: string): Promise<void> {
    const id = `${direction}-clock-${clock === '+1h' ? 'ahead' : 'behind'}`;
    await remote.down();
    await remote.up(clock);
    // The client of the source has its server's clock.
    writeFileSync(noise, randomBytes(size));
    const { source } = sides(direction);
    const words = ['bin/proxmox-backup-client', 'backup', `noise.img:${noise}`, '--backup-id', id];
    await succeed(start(source.end, words, { ...source.env, ...(source === remote ? clockOff(clock) : {}) }));
    const ended = await finish(sync(direction, id));
    row(direction, `the other clock ${clock}`, `${outcome(ended)}; ${await recovered(direction, id, 1)}`);
    await remote.down();
    await remote.up();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function outcome({ code, out, err, seconds }: Ended): string {
  if (code === 0) return `succeeds after ${seconds.toFixed(1)} s`;
  const lines = `${out}\n${err}`.split('\n').filter((text) => / failed - |TASK ERROR|^Error/.test(text));
  return `fails after ${seconds.toFixed(1)} s: ${lines.find((text) => / failed - /.test(text)) ?? lines[0]}`;
}
