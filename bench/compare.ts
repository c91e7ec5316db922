// Granary against restic and borg on the same data, in one run: whole commands, medians, ratios.
// Needs the Debian packages restic, borgbackup and time. Usage:
//   scripts/node.sh bench/data.ts DATA && scripts/node.sh bench/compare.ts DATA [--runs 3] [--only first,noise,second,restore,image] [--work DIR]

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Measured, measure, median } from './measure.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: 'first,noise,second,restore,image' },
    work: { type: 'string', default: tmpdir() },
  },
});
const data = positionals[0];
if (!data) throw new Error('usage: bench/compare.ts DATA [--runs N] [--only LIST] [--work DIR]');
const runs = Number(values.runs);
const only = new Set(values.only.split(','));
const root = new URL('..', import.meta.url).pathname;
const work = mkdtempSync(join(values.work, 'granary-compare-'));
const results = new Map<string, Measured[]>();

interface Server {
  pid: number;
  env: Record<string, string>;
  stop(): Promise<void>;
}

/** A fresh server with an empty datastore; resolves when it serves. */
async function startServer(home: string): Promise<Server> {
  const child = spawn(join(root, 'scripts/node.sh'), [join(root, 'bench/server.ts'), '--home', home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  const env = await new Promise<Record<string, string>>((resolve, reject) => {
    child.on('exit', (code) => reject(new Error(`server ended with ${code}: ${text}`)));
    child.stdout.on('data', (part: Buffer) => {
      text += part.toString();
      const found = Object.fromEntries([...text.matchAll(/^export (PBS_\w+)='(.*)'$/gm)].map((m) => [m[1]!, m[2]!]));
      if (found['PBS_REPOSITORY'] && found['PBS_PASSWORD'] && found['PBS_FINGERPRINT']) resolve(found);
    });
  });
  const stop = async () => {
    const gone = new Promise((resolve) => child.on('exit', resolve));
    child.removeAllListeners('exit');
    child.kill('SIGTERM');
    await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 5000))]);
  };
  return { pid: child.pid!, env: { ...env, XDG_RUNTIME_DIR: home, XDG_CONFIG_HOME: home }, stop };
}

/** Reads the source once, so that every timed run finds it in the page cache. */
function warm(path: string): void {
  execFileSync('sh', ['-c', `find '${path}' -type f -print0 | xargs -0 cat > /dev/null; sync`]);
}

async function run(name: string, command: string[], options: Parameters<typeof measure>[1] = {}): Promise<void> {
  const measured = await measure(command, options);
  results.set(name, [...(results.get(name) ?? []), measured]);
  const cpu = measured.cpu + measured.serverCpu;
  const memory = `${Math.round(measured.memory / 1024)}+${Math.round(measured.serverMemory / 1024)} MiB`;
  console.error(`${name.padEnd(34)} wall ${measured.wall.toFixed(2)} s  cpu ${cpu.toFixed(2)} s  ${memory}`);
}

const client = join(root, 'bin/proxmox-backup-client');
const backup = (source: string, id: string, ...more: string[]) => [
  client,
  'backup',
  source,
  '--backup-id',
  id,
  ...more,
];

async function round(index: number): Promise<void> {
  const dir = join(work, `round-${index}`);
  const tree = join(data!, 'tree');
  const noise = join(data!, 'noise');
  const image = join(data!, 'disk.img');
  const resticEnv = { RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: join(dir, 'restic-cache') };
  const borgEnv = { BORG_BASE_DIR: join(dir, 'borg-base'), BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes' };
  const restic = (repo: string, ...args: string[]) => ['restic', '-q', '-r', join(dir, repo), ...args];
  const initRestic = (repo: string) =>
    execFileSync('restic', ['-q', '-r', join(dir, repo), 'init', '--repository-version', '2'], {
      env: { ...process.env, ...resticEnv },
    });
  const initBorg = (repo: string) =>
    execFileSync('borg', ['init', '-e', 'none', join(dir, repo)], { env: { ...process.env, ...borgEnv } });
  execFileSync('mkdir', ['-p', dir]);
  const server = await startServer(join(dir, 'home'));
  const granary = { env: server.env, serverPid: server.pid };
  try {
    const needTree = only.has('first') || only.has('second') || only.has('restore');
    if (needTree) {
      warm(tree);
      await run('first: granary', backup(`tree.pxar:${tree}`, 'tree'), granary);
      initRestic('restic');
      warm(tree);
      await run('first: restic', restic('restic', 'backup', tree), { env: resticEnv });
      initBorg('borg');
      warm(tree);
      await run('first: borg zstd,1', ['borg', 'create', '--compression', 'zstd,1', `${join(dir, 'borg')}::a`, tree], {
        env: borgEnv,
      });
      if (only.has('first')) {
        const key = join(dir, 'bench.key');
        execFileSync(client, ['key', 'create', key, '--kdf', 'none'], { env: { ...process.env, ...server.env } });
        warm(tree);
        await run('first: granary encrypted', backup(`tree.pxar:${tree}`, 'tree-encrypted', '--keyfile', key), granary);
      }
    }
    if (only.has('second')) {
      warm(tree);
      await run('again: granary, all read', backup(`tree.pxar:${tree}`, 'tree'), granary);
      warm(tree);
      await run('again: restic --force', restic('restic', 'backup', '--force', tree), { env: resticEnv });
      warm(tree);
      await run(
        'first: granary metadata mode',
        backup(`tree.pxar:${tree}`, 'tree-m', '--change-detection-mode', 'metadata'),
        granary,
      );
      warm(tree);
      await run(
        'again: granary metadata mode',
        backup(`tree.pxar:${tree}`, 'tree-m', '--change-detection-mode', 'metadata'),
        granary,
      );
      warm(tree);
      await run('again: restic with parent', restic('restic', 'backup', tree), { env: resticEnv });
    }
    if (only.has('restore')) {
      // The stores are read from the page cache, whichever way they were written. Nothing is removed in between: ext4
      // looks for a long time for inodes that were not just deleted, at the cost of whoever restores next.
      warm(join(dir, 'home', 'store', '.chunks'));
      await run('restore: granary', [client, 'restore', 'host/tree', 'tree.pxar', join(dir, 'out-granary')], granary);
      warm(join(dir, 'restic'));
      await run('restore: restic', restic('restic', 'restore', 'latest', '--target', join(dir, 'out-restic')), {
        env: resticEnv,
      });
      execFileSync('mkdir', ['-p', join(dir, 'out-borg')]);
      warm(join(dir, 'borg'));
      await run('restore: borg', ['borg', 'extract', `${join(dir, 'borg')}::a`], {
        env: borgEnv,
        cwd: join(dir, 'out-borg'),
      });
    }
    if (only.has('noise')) {
      warm(noise);
      await run('noise: granary', backup(`noise.pxar:${noise}`, 'noise'), granary);
      initRestic('restic-noise');
      warm(noise);
      await run('noise: restic', restic('restic-noise', 'backup', noise), { env: resticEnv });
      initBorg('borg-noise');
      warm(noise);
      await run(
        'noise: borg zstd,1',
        ['borg', 'create', '--compression', 'zstd,1', `${join(dir, 'borg-noise')}::a`, noise],
        { env: borgEnv },
      );
    }
    if (only.has('image')) {
      warm(image);
      await run('image: granary', backup(`disk.img:${image}`, 'image'), granary);
      await run(
        'image: granary restore to pipe',
        ['sh', '-c', `'${client}' restore host/image disk.img - | cat > /dev/null`],
        granary,
      );
    }
  } finally {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

function table(): string {
  const lines = ['| what | wall s | CPU s (client + server) | peak MiB client, server |', '|---|---|---|---|'];
  for (const [name, list] of results) {
    const of = (f: (m: Measured) => number) => median(list.map(f));
    const cpu = `${of((m) => m.cpu + m.serverCpu).toFixed(1)} (${of((m) => m.cpu).toFixed(1)} + ${of((m) => m.serverCpu).toFixed(1)})`;
    const memory = `${Math.round(of((m) => m.memory) / 1024)}, ${Math.round(of((m) => m.serverMemory) / 1024)}`;
    lines.push(`| ${name} | ${of((m) => m.wall).toFixed(2)} | ${cpu} | ${memory} |`);
  }
  return lines.join('\n');
}

function ratio(a: string, b: string, f: (m: Measured) => number): string {
  const [left, right] = [results.get(a), results.get(b)];
  if (!left || !right) return '-';
  return median(left.map((m, i) => f(m) / f(right[i]!))).toFixed(2);
}

const wall = (m: Measured) => m.wall;
const cpu = (m: Measured) => m.cpu + m.serverCpu;
const goals: [string, string, string, (m: Measured) => number, string][] = [
  ['first backup, wall, to restic', 'first: granary', 'first: restic', wall, '0.60'],
  ['first backup, wall, to borg', 'first: granary', 'first: borg zstd,1', wall, '0.75'],
  ['first backup, CPU, to restic', 'first: granary', 'first: restic', cpu, '0.60'],
  ['encrypted to plain, wall', 'first: granary encrypted', 'first: granary', wall, '1.10'],
  ['incompressible, wall, to restic', 'noise: granary', 'noise: restic', wall, '0.50'],
  ['incompressible, wall, to borg', 'noise: granary', 'noise: borg zstd,1', wall, '0.90'],
  [
    'second backup all read, wall, to restic --force',
    'again: granary, all read',
    'again: restic --force',
    wall,
    '0.50',
  ],
  [
    'metadata mode, wall, to restic with parent',
    'again: granary metadata mode',
    'again: restic with parent',
    wall,
    '1.00',
  ],
  ['restore, wall, to restic', 'restore: granary', 'restore: restic', wall, '0.75'],
];

for (let i = 0; i < runs; i++) await round(i);
rmSync(work, { recursive: true, force: true });

const model = cpus()[0]?.model ?? 'unknown processor';
console.log(`${cpus().length} x ${model}, Node ${process.version}, ${runs} rounds, medians\n`);
console.log(table());
console.log('\n| ratio (median of the rounds) | reached | at most |\n|---|---|---|');
for (const [name, a, b, f, limit] of goals) console.log(`| ${name} | ${ratio(a, b, f)} | ${limit} |`);
