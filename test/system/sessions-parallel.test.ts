// Several clients at once over several server processes: none disturbs another, and what is cut off leaves nothing.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { prepareServer } from '../../src/daemon/prepare.ts';
import { type Launched, launch, root, run } from '../support/launch.ts';
import { scratchFolder } from '../support/scratch.ts';
import { emptyStore } from '../support/server.ts';

const program = (name: string): string => join(root, 'bin', name);
let folder: string;
let home: string;
let server: Launched;
let env: Record<string, string>;

before(async () => {
  folder = scratchFolder('granary-parallel-');
  home = join(folder, 'home');
  mkdirSync(home);
  await prepareServer(home, systemClock, { bits: 2048 });
  server = launch([program('proxmox-backup-proxy'), '--port', '0', '--host', '127.0.0.1', '--processes', '2'], {
    env: { GRANARY_HOME: home, HOME: folder },
  });
  const [, port] = await server.shown(/^Serving https:\/\/127\.0\.0\.1:(\d+)$/m);
  await manager('user', 'create', 'admin@pbs', '--password', 'admin-password');
  await manager('acl', 'update', '/', 'Admin', '--auth-id', 'admin@pbs');
  await emptyStore(join(folder, 'store1'));
  await manager('datastore', 'create', 'store1', join(folder, 'store1'));
  const fingerprint = /Fingerprint \(sha256\): (\S+)/.exec(await manager('cert', 'info'))![1]!;
  env = {
    PBS_REPOSITORY: `admin@pbs@127.0.0.1:${port}:store1`,
    PBS_PASSWORD: 'admin-password',
    PBS_FINGERPRINT: fingerprint,
    HOME: folder,
  };
});
after(async () => {
  server.kill('SIGTERM');
  await server.ended;
  rmSync(folder, { recursive: true, force: true });
});

async function manager(...words: string[]): Promise<string> {
  const { code, out, err } = await run([program('proxmox-backup-manager'), ...words], {
    env: { GRANARY_HOME: home, HOME: folder },
  });
  assert.equal(code, 0, err);
  return out;
}

const client = (...words: string[]) => run([program('proxmox-backup-client'), ...words], { env });

/** A backup that is held open: its image is a pipe, which ends when `finish` is called. */
async function heldBackup(group: string) {
  const pipe = join(folder, `pipe-${group}`);
  execFileSync('mkfifo', [pipe]);
  const process = launch([program('proxmox-backup-client'), 'backup', `pipe.img:${pipe}`, '--backup-id', group], {
    env,
  });
  // The pipe can be opened for writing once the client reads it, which it does within its session.
  const writer = await open(pipe, 'w');
  await writer.write(randomBytes(1_000_000));
  return { process, finish: () => writer.close() };
}

test('four clients in different groups finish over two processes, and all of it verifies', async () => {
  const shared = randomBytes(1_000_000);
  const backups = [1, 2, 3, 4].map((n) => {
    const tree = join(folder, `tree-${n}`);
    mkdirSync(tree);
    writeFileSync(join(tree, 'shared'), shared);
    writeFileSync(join(tree, 'own'), randomBytes(300_000));
    return client('backup', `tree.pxar:${tree}`, '--backup-id', `guest-${n}`);
  });
  for (const { code, err } of await Promise.all(backups)) assert.equal(code, 0, err);
  const pids = new Set(
    readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8')
      .split(' ')
      .filter((pid) => pid !== ''),
  );
  assert.ok(pids.size >= 2, 'two processes listen');
  const verified = await Promise.all([1, 2, 3, 4].map((n) => client('verify', `host/guest-${n}/latest`)));
  for (const { code, out } of verified) assert.equal(code, 0, out);
  const restored = join(folder, 'restored');
  assert.equal((await client('restore', 'host/guest-3', 'tree.pxar', restored)).code, 0);
  assert.ok(readFileSync(join(restored, 'shared')).equals(shared));
});

test('a busy group takes no second backup, and the first is not disturbed', async () => {
  const held = await heldBackup('busy');
  const conf = join(folder, 'a.conf');
  writeFileSync(conf, 'a\n');
  const words = ['backup', `a.conf:${conf}`, '--backup-id'];
  const second = await client(...words, 'busy');
  assert.equal(second.code, 255);
  assert.match(second.err, /\nError: unable to acquire backup group lock ".*busy"/);
  assert.equal((await client(...words, 'idle')).code, 0, 'other groups go on');
  const status = await client('snapshot', 'list', 'host/busy', '--output-format', 'json');
  const [running] = JSON.parse(status.out) as Record<string, unknown>[];
  assert.ok(running !== undefined && !('size' in running), 'a running backup has no size');
  await held.finish();
  const { code, err } = await held.process.ended;
  assert.equal(code, 0, err);
  assert.equal((await client(...words, 'busy')).code, 0, 'the group is free again');
});

test('a client that is killed leaves no snapshot and no lock', async () => {
  const held = await heldBackup('killed');
  held.process.kill('SIGKILL');
  assert.equal((await held.process.ended).signal, 'SIGKILL');
  const group = join(folder, 'store1', 'host', 'killed');
  const unfinished = (): string[] => (existsSync(group) ? readdirSync(group).filter((name) => /^\d/.test(name)) : []);
  while (unfinished().length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.doesNotMatch((await client('list')).out, /killed/);
  const conf = join(folder, 'b.conf');
  writeFileSync(conf, 'b\n');
  assert.equal((await client('backup', `b.conf:${conf}`, '--backup-id', 'killed')).code, 0);
  const tasks = JSON.parse((await client('task', 'list', '--all', '--output-format', 'json')).out) as {
    worker_id: string;
    status?: string;
  }[];
  const failed = tasks.filter((task) => task.worker_id.includes('killed') && task.status !== 'OK');
  assert.equal(failed.length, 1, 'the task says that the backup failed');
});
