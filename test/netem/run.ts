// Granary over a real distance: a server in one network namespace, clients in another, between them a line with delay,
// loss and a rate (link.ts). Prints what backups and restores reach against one TLS connection on the same line, taken
// alternately, and what becomes of them when the line is cut and when the server is started anew in the middle.
// As root: sh scripts/node.sh test/netem/run.ts [--mib 48] [--rounds 3] [--delay 40] [--loss 0.005] [--rate 12500000]

import { hash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { scratchFolder } from '../support/scratch.ts';
import { Line } from './link.ts';
import { type Ended, finish, node, readOptions, Site, start, succeed, underWay } from './site.ts';

const MiB = 1024 * 1024;
const { size, rounds, line: options } = readOptions({ mib: '48', rounds: '3' });
const folder = scratchFolder('granary-line-');
try {
  await using line = await Line.open('granary-line', options);
  const [here, there] = line.ends;
  await using site = new Site(there, join(folder, 'server'));
  await site.up();
  const noise = join(folder, 'noise.img');
  const back = join(folder, 'back.img');
  const fresh = (): string => {
    writeFileSync(noise, randomBytes(size));
    return hash('sha256', readFileSync(noise));
  };
  const backup = (id: string, ...more: string[]) =>
    start(here, ['bin/proxmox-backup-client', 'backup', `noise.img:${noise}`, '--backup-id', id, ...more], site.env);
  const restore = (id: string) =>
    start(here, ['bin/proxmox-backup-client', 'restore', `host/${id}/latest`, 'noise.img', back], site.env);
  const isWhole = (digest: string): boolean => hash('sha256', readFileSync(back)) === digest;

  await throughput();
  await faults();

  async function throughput(): Promise<void> {
    const sink = start(there, [...node, 'test/netem/raw.ts', '--serve', there.address]);
    const [port] = (await once(sink.stdout!, 'data')) as [Buffer];
    const raw = async (mode: string): Promise<number> => {
      const words = ['test/netem/raw.ts', mode, there.address, port.toString().trim(), String(size)];
      return size / Number((await succeed(start(here, [...node, ...words]))).out);
    };
    const show = (speed: number): string => (speed / 1e6).toFixed(2);
    console.log(
      `${size / MiB} MiB, ${options.delayMs} ms and ${options.loss * 100} % loss each way, ${options.rate / 1e6} MB/s\n`,
    );
    console.log('| round | TLS up | backup | ratio | TLS down | restore | ratio |\n|---|---|---|---|---|---|---|');
    for (let round = 1; round <= rounds; round++) {
      const digest = fresh();
      const up = await raw('--send');
      const stored = size / transferred((await succeed(backup(`round${round}`))).err);
      const down = await raw('--fetch');
      const restored = size / (await succeed(restore(`round${round}`))).seconds;
      if (!isWhole(digest)) throw new Error('the restored file differs');
      rmSync(back);
      const cells = [round, show(up), show(stored), (stored / up).toFixed(2), show(down), show(restored)];
      console.log(`| ${[...cells, (restored / down).toFixed(2)].join(' | ')} |`);
    }
    sink.kill();
  }

  async function faults(): Promise<void> {
    console.log('\n| what happens | outcome |\n|---|---|');
    const digest = fresh();
    const quiet = backup('cut');
    await underWay(here, size / 4);
    line.cut(true);
    await delay(5000);
    line.cut(false);
    const cutBackup = await finish(quiet);
    console.log(`| line cut for 5 s during a backup | ${outcome(cutBackup)} |`);
    const reading = restore('cut');
    await underWay(here, size / 4);
    line.cut(true);
    await delay(5000);
    line.cut(false);
    const cutRestore = await finish(reading);
    console.log(
      `| line cut for 5 s during a restore | ${outcome(cutRestore)}, ${isWhole(digest) ? 'whole' : 'DIFFERS'} |`,
    );
    rmSync(back, { force: true });

    fresh();
    const interrupted = backup('killed');
    await underWay(here, size / 4);
    await site.kill();
    const killed = await finish(interrupted);
    await site.up();
    const listed = await succeed(
      start(here, ['bin/proxmox-backup-client', 'snapshot', 'list', '--output-format', 'json'], site.env),
    );
    const visible = (JSON.parse(listed.out) as { 'backup-id': string; size?: number }[]).filter(
      (one) => one['backup-id'] === 'killed' && one.size !== undefined,
    );
    console.log(
      `| server killed during a backup | ${outcome(killed)}; ${visible.length} snapshots of it visible afterwards |`,
    );
    const again = await finish(backup('killed'));
    console.log(`| the same backup again | ${outcome(again)} |`);
    const checked = await finish(start(here, ['bin/proxmox-backup-client', 'verify', 'host/killed/latest'], site.env));
    console.log(`| its verification | ${outcome(checked)} |`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Seconds that an archive took, as the client tells: its start and the server's work on the end left out. */
function transferred(text: string): number {
  const match = /noise\.img: had to backup .* in ([\d.]+) ?s/.exec(text) ?? /in ([\d.]+) ?s\b/.exec(text);
  return match ? Number(match[1]) : Number.NaN;
}

function outcome({ code, err, seconds }: Ended): string {
  const last = err
    .trim()
    .split('\n')
    .filter((text) => text.startsWith('Error'))
    .at(-1);
  return code === 0
    ? `succeeds after ${seconds.toFixed(1)} s`
    : `fails after ${seconds.toFixed(1)} s: ${last ?? err.trim().split('\n').at(-1)}`;
}
