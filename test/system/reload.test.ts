// A server that is reloaded and stopped as a service manager does it, with a backup that runs across the reload.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeNode } from '../../src/os/special-files.ts';
import { DatagramReceiver } from '../../src/os/testing/datagrams.ts';
import { type Launched, launch, root, run } from '../support/launch.ts';
import { scratchFolder } from '../support/scratch.ts';
import { emptyStore } from '../support/server.ts';

let folder: string;
let home: string;
let manager: DatagramReceiver;
let server: Launched;
let port: number;
let client: Record<string, string>;

before(async () => {
  folder = scratchFolder('granary-reload-');
  home = join(folder, 'home');
  mkdirSync(home);
  manager = new DatagramReceiver(join(folder, 'notify'));
  const env = { GRANARY_HOME: home, NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '400000' };
  const words = [join(root, 'bin/proxmox-backup-proxy'), '--port', '0', '--host', '127.0.0.1', '--processes', '2'];
  server = launch(words, { env, patienceMs: 170_000 });
  await manager.next(/^READY=1\nSTATUS=Serving port/);
  port = Number(/:(\d+)\n/.exec(server.out)?.[1] ?? portOf(home));
  await manage('user', 'create', 'admin@pbs', '--password', 'admin-password');
  await manage('acl', 'update', '/', 'Admin', '--auth-id', 'admin@pbs');
  await emptyStore(join(folder, 'store1'));
  await manage('datastore', 'create', 'store1', join(folder, 'store1'));
  const fingerprint = /^Fingerprint.*: (\S+)$/m.exec(await manage('cert', 'info'))![1]!;
  client = {
    PBS_REPOSITORY: `admin@pbs@localhost:${port}:store1`,
    PBS_PASSWORD: 'admin-password',
    PBS_FINGERPRINT: fingerprint,
    HOME: folder,
  };
});
after(async () => {
  server.kill('SIGKILL');
  await server.ended;
  manager[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

const portOf = (at: string): number =>
  (JSON.parse(readFileSync(join(at, 'run', 'proxy.json'), 'utf8')) as { port: number }).port;

async function manage(...words: string[]): Promise<string> {
  const { code, out, err } = await run([join(root, 'bin/proxmox-backup-manager'), ...words], {
    env: { GRANARY_HOME: home },
  });
  assert.equal(code, 0, err);
  return out;
}

function ping(): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/api2/json/ping', rejectUnauthorized: false, agent: false };
    https.get(options, (response) => resolve(response.resume().statusCode ?? 0)).on('error', reject);
  });
}

/** The children of the server's process: `Z` for those that have ended and were not taken note of. */
function children(): Map<number, string> {
  const pids = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim().split(' ');
  const states = new Map<number, string>();
  for (const pid of pids.filter((text) => text !== '')) {
    try {
      states.set(Number(pid), / ([A-Z]) /.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))![1]!);
    } catch {}
  }
  return states;
}

const patienceMs = 30_000;

async function until(met: () => boolean): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!met()) {
    assert.ok(performance.now() < deadline, `not so in time: ${met}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a backup runs across a reload in its old process, and nobody is refused meanwhile', {
  timeout: 180_000,
}, async () => {
  // The test decides when the backup has all its bytes.
  const pipe = join(folder, 'pipe');
  makeNode(Buffer.from(pipe), constants.S_IFIFO | 0o600, 0, 0);
  const words = ['backup', `noise.img:${pipe}`, '--backup-id', 'across'];
  const backup = launch([join(root, 'bin/proxmox-backup-client'), ...words], { env: client });
  const source = await open(pipe, 'w');
  const content = randomBytes(12_000_000);
  await source.write(content, 0, content.length / 2);
  await until(() => backup.err.includes('Upload'));
  const before = [...children().keys()];
  assert.equal(before.length, 2);

  let over = false;
  const pings: Promise<number[]> = (async () => {
    const answers: number[] = [];
    while (!over) answers.push(await ping());
    return answers;
  })();
  process.kill(server.pid, 'SIGHUP');
  assert.match(await manager.next(/^RELOADING/), /^RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=/);
  // Nobody waits for the rest of the old program's turn and the whole of the new one's.
  assert.equal(await manager.next(/./), 'WATCHDOG=1');
  await manager.next(/^READY=1/);
  assert.equal(await manager.next(/./), 'WATCHDOG=1');
  over = true;
  const answers = await pings;
  assert.ok(answers.length > 0 && answers.every((status) => status === 200), String(answers));

  const after = [...children().keys()].filter((pid) => !before.includes(pid));
  assert.equal(after.length, 2);
  const running = await manage('task', 'list', '--running', '--output-format', 'json');
  const [task] = JSON.parse(running) as { upid: string }[];
  assert.ok(before.includes(Number.parseInt(task!.upid.split(':')[2]!, 16)), 'the backup goes on in an old process');
  await source.write(content, content.length / 2);
  await source.close();
  const { code, err } = await backup.ended;
  assert.equal(code, 0, err);
  await until(() => [...children().keys()].every((pid) => after.includes(pid)));
  const restored = join(folder, 'restored.img');
  const restore = ['restore', 'host/across', 'noise.img', restored];
  assert.equal((await run([join(root, 'bin/proxmox-backup-client'), ...restore], { env: client })).code, 0);
  assert.ok(readFileSync(restored).equals(content));
});

test('signs of life go on after a reload, and a broken certificate keeps the old program', async () => {
  await manager.next(/^WATCHDOG=1$/);
  const certificate = join(home, 'etc', 'proxy.pem');
  const good = readFileSync(certificate);
  writeFileSync(certificate, 'not a certificate');
  const before = [...children().keys()];
  process.kill(server.pid, 'SIGHUP');
  await manager.next(/^RELOADING/);
  await manager.next(/^READY=1/);
  assert.deepEqual([...children().keys()], before);
  await until(() => server.err.includes('reload-failed'));
  assert.match(server.err, /"event":"reload-failed","error":"[^"]*proxy\.pem holds no certificate/);
  assert.equal(await ping(), 200);
  writeFileSync(certificate, good);
});

test('a stop is announced and leaves nothing behind', async () => {
  process.kill(server.pid, 'SIGTERM');
  await manager.next(/^STOPPING=1/);
  assert.equal((await server.ended).code, 0);
  for (const name of ['proxy.json', 'proxmox-backup-proxy.pid', 'api.sock']) {
    assert.ok(!existsSync(join(home, 'run', name)), name);
  }
});
