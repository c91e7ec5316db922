// The first contact: `npm start` on a fresh machine, interrupted, resumed, started again, stopped.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compareTrees } from '../../src/client/compare-trees.ts';
import { copyCheckout, type Launched, launch, run, shell } from '../support/launch.ts';
import { scratchFolder } from '../support/scratch.ts';

let folder: string;
let checkout: string;
let sample: string;
const running: Launched[] = [];

before(() => {
  folder = scratchFolder('granary-start-');
  checkout = copyCheckout(join(folder, "a check'out"));
  mkdirSync(join(folder, 'work'));
  sample = join(folder, 'sample');
  mkdirSync(join(sample, 'sub'), { recursive: true });
  for (let i = 0; i < 5; i++) writeFileSync(join(sample, `file-${i}`), `content ${i}\n`.repeat(1000));
  writeFileSync(join(sample, 'sub', 'empty'), '');
});
after(async () => {
  for (const process of running) process.kill('SIGKILL');
  await Promise.all(running.map((process) => process.ended));
  rmSync(folder, { recursive: true, force: true });
});

const environment = (home: string): Record<string, string> => ({
  GRANARY_HOME: home,
  HOME: join(folder, 'user'),
  TMPDIR: join(folder, 'work'),
  XDG_CACHE_HOME: join(folder, 'work', 'cache'),
});

function start(home: string, ...more: string[]): Launched {
  const words = ['sh', join(checkout, 'scripts', 'start.sh'), '--port', '0', '--host', '127.0.0.1', ...more];
  const process = launch(words, { env: environment(home), cwd: folder, group: true });
  running.push(process);
  return process;
}

/** Every file of the checkout but the installed packages, with size and time. */
function census(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return census(path);
    return entry.name === 'node_modules' ? [] : [`${path} ${statSync(path).size} ${statSync(path).mtimeMs}`];
  });
}

// One story: a data directory takes seconds to make, so that the tests share it, in this order.
let home: string;
let server: Launched;
let port: string;
let untouched: string[];

test('a first start that is killed or interrupted leaves nothing in the way', async () => {
  home = join(folder, 'home');
  untouched = census(checkout);
  const killed = start(home, '--sample', sample);
  await killed.shown(/^Making a certificate and keys in /m);
  await killed.shown(/made the administrator admin@pbs/);
  killed.kill('SIGKILL');
  assert.equal((await killed.ended).signal, 'SIGKILL');

  const interrupted = start(home, '--sample', sample);
  await interrupted.shown(/backing up/);
  interrupted.kill('SIGINT');
  const outcome = await interrupted.ended;
  assert.equal(outcome.code, 0, outcome.err);
  assert.doesNotMatch(outcome.out, /made the administrator|Password:/);
  assert.match(outcome.out, /\nStopping \.\.\.\n$/);
});

test('the next one goes on and shows a backup, a second one, a restore and the login', async () => {
  server = start(home, '--sample', sample);
  await server.shown(/^Serving\. Ctrl-C stops\.$/m);
  const { out } = server;
  assert.equal(server.err, '');
  assert.match(out, /^ {2}first backup {4}[\d.]+ KiB in 8 files and folders: [\d.]+ s, [\d.]+ \w+\/s$/m);
  assert.match(out, /^ {2}second backup {3}0 B of it new, the rest was there: /m);
  assert.match(out, /^ {2}restore {9}everything back and equal, byte for byte: [\d.]+ s, /m);
  port = /^URL: https:\/\/\S+:(\d+)$/m.exec(out)![1]!;
  assert.ok(Number(port) > 0);
  assert.match(out, /^Fingerprint: ([0-9a-f]{2}:){31}[0-9a-f]{2}$/m);
  assert.match(out, /^User: admin@pbs$/m);
  assert.match(out, /^Password: \w{5}(-\w{5}){4}$/m);
});

test('the three commands work when they are pasted', async () => {
  const pasted = server.out
    .split('\n')
    .filter((line) => /^export |\/proxmox-backup-client'? (backup|restore) /.test(line));
  assert.equal(pasted.length, 3);
  const user = join(folder, 'user');
  renameSync(sample, user);
  const work = join(folder, 'work');
  const env = { HOME: user, TMPDIR: work, XDG_CACHE_HOME: join(work, 'cache') };
  const outcome = await shell(`set -e\n${pasted.join('\n')}`, { env, cwd: work });
  assert.equal(outcome.code, 0, outcome.err);
  const { differences } = await compareTrees(user, join(work, 'restored'));
  assert.deepEqual(differences, []);
});

test('a second server on the same data or port is refused, and touches nothing', async () => {
  const words = ['sh', join(checkout, 'scripts', 'start.sh'), '--host', '127.0.0.1', '--port'];
  const again = await run([...words, '0'], { env: environment(home) });
  assert.equal(again.code, 255);
  assert.match(
    again.err,
    new RegExp(`^Error: this data directory is served already, by process \\d+ on port ${port}; `),
  );
  const taken = await run(['npm', 'start', '--silent', '--', ...words.slice(2), port], {
    env: environment(join(folder, 'other-home')),
    cwd: checkout,
  });
  assert.equal(taken.code, 255);
  assert.match(
    taken.err,
    new RegExp(`^Error: port ${port} is taken by another program; .* npm start -- --port 8007\n`),
  );
  assert.ok(!existsSync(join(folder, 'other-home')));
});

test('Ctrl-C stops the server with all its processes, and the next start goes straight to serving', async () => {
  const { out } = server;
  server.kill('SIGINT');
  assert.deepEqual(await server.ended, { code: 0, signal: null, out: `${out}\nStopping ...\n`, err: '' });
  assert.ok(!existsSync(join(home, 'run', 'proxy.json')));
  assert.throws(() => process.kill(-server.pid, 0), { code: 'ESRCH' }, 'the process group is empty');

  const second = start(home);
  await second.shown(/^Serving\. Ctrl-C stops\.$/m);
  assert.match(
    second.out,
    new RegExp(`^Serving https://${hostname()}:\\d+, fingerprint [0-9a-f:]{95}\nServing\\. Ctrl-C stops\\.\n$`),
  );
  second.kill('SIGTERM');
  assert.equal((await second.ended).code, 0);
  assert.deepEqual(census(checkout), untouched, 'nothing is written into the checkout');
});

test('Ctrl-C before the server listens stops it, too', async () => {
  const early = start(join(folder, 'early'));
  await early.shown(/^Making a certificate/);
  early.kill('SIGINT');
  assert.equal((await early.ended).code, 0, early.err);
});

test('what cannot be started with is said', async () => {
  const words = ['sh', join(checkout, 'scripts', 'start.sh')];
  const env = environment(join(folder, 'unused'));
  const help = await run([...words, '--help'], { env });
  assert.deepEqual([help.code, help.err], [0, '']);
  assert.match(help.out, /^Usage: npm start -- \[--port PORT\]/);
  const sampleFile = await run([...words, '--sample', join(checkout, 'package.json')], { env });
  assert.match(sampleFile.err, /^Error: --sample takes a directory, and there is none at .*package\.json\n$/);
  assert.match((await run([...words, '--port', 'x'], { env })).err, /^Error: --port takes a number from 0 to 65535/);
  assert.match((await run([...words, '--prot', '1'], { env })).err, /^Error: Unknown option '--prot'/);
  assert.ok(!existsSync(join(folder, 'unused')));
});
