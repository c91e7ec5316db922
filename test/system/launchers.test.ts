// The programs as users start them: from anywhere, through links, with whatever `node` the PATH has, in pipes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { TestServer } from '../support/server.ts';

const bin = resolve(import.meta.dirname, '../../bin');
let server: TestServer;
let path: string;

before(async () => {
  server = await TestServer.start();
  await server.datastore('launch');
  // A `node` that must not be used.
  path = server.path('path');
  mkdirSync(path);
  writeFileSync(join(path, 'node'), '#!/bin/sh\necho wrong node >&2\nexit 99\n');
  chmodSync(join(path, 'node'), 0o755);
  mkdirSync(server.path('links'));
  symlinkSync(join(bin, 'proxmox-backup-client'), server.path('links/first'));
  symlinkSync('first', server.path('links/second'));
});
after(() => server[Symbol.asyncDispose]());

interface Ended {
  code: number | null;
  out: Buffer;
  err: string;
}

function run(program: string, words: string[], o: { cwd?: string; env?: Record<string, string> } = {}): Promise<Ended> {
  return new Promise((done, reject) => {
    const child = spawn(program, words, {
      cwd: o.cwd ?? '/',
      env: { ...server.env('launch'), PATH: `${path}:${process.env['PATH']}`, LC_ALL: 'C.UTF-8', ...o.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    let err = '';
    child.stdout.on('data', (data: Buffer) => out.push(data));
    child.stderr.on('data', (data: Buffer) => {
      err += data.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => done({ code, out: Buffer.concat(out), err }));
  });
}

test('every program starts from anywhere and names its commands', async () => {
  for (const name of readdirSync(bin)) {
    const { code, out, err } = await run(join(bin, name), ['--help']);
    assert.equal(code, 0, `${name}: ${err}`);
    assert.ok(out.toString().includes(name), name);
  }
});

test('links of links lead to the program', async () => {
  const { code, err } = await run(server.path('links/second'), ['status']);
  assert.equal(code, 0, err);
  const relative = await run('./second', ['status'], { cwd: server.path('links') });
  assert.equal(relative.code, 0, relative.err);
});

test('granary has every program as a sub-command, by short and by full name', async () => {
  for (const words of [['client'], ['proxmox-backup-client'], ['cl']]) {
    const { code, out } = await run(join(bin, 'granary'), [...words, 'snapshot', 'list', '--output-format', 'json']);
    assert.deepEqual([code, out.toString()], [0, '[]\n']);
  }
  const unknown = await run(join(bin, 'granary'), ['nonsense']);
  assert.equal(unknown.code, 255);
  assert.match(unknown.err, /^Error: no such command 'nonsense'\n\nUsage:\n\ngranary client backup /);
});

test('binary content goes through pipes unchanged, and a closed pipe ends quietly', async () => {
  const image = server.path('noise.img');
  const content = randomBytes(5_000_000);
  writeFileSync(image, content);
  const client = join(bin, 'proxmox-backup-client');
  const backup = await run(client, ['backup', `noise.img:${image}`, '--backup-id', 'pipes']);
  assert.equal(backup.code, 0, backup.err);
  assert.equal(backup.out.byteLength, 0);
  const { out, code } = await run(client, ['restore', 'host/pipes', 'noise.img', '-']);
  assert.equal(code, 0);
  assert.equal(hash('sha256', out), hash('sha256', content));
  const cut = await run('/bin/sh', ['-c', `"${client}" restore host/pipes noise.img - | head -c 10`]);
  assert.equal(cut.out.byteLength, 10);
  assert.doesNotMatch(cut.err, /EPIPE|at /);
});

test('exit codes and streams are those of the field', async () => {
  const client = join(bin, 'proxmox-backup-client');
  const failed = await run(client, [
    'snapshot',
    'list',
    '--repository',
    `admin@pbs@localhost:${server.port}:nosuchstore`,
  ]);
  assert.deepEqual(
    [failed.code, failed.out.toString(), failed.err],
    [255, '', "Error: no such datastore 'nosuchstore'\n"],
  );
  const usage = await run(client, ['restore']);
  assert.equal(usage.code, 255);
  assert.match(usage.err, /'snapshot': missing argument\n[\s\S]*\nUsage: proxmox-backup-client restore <snapshot> /);
  const ascii = await run(client, ['list'], { env: { LC_ALL: 'C' } });
  assert.match(ascii.out.toString(), /^\+=+\+/);
});

test('a backup that is interrupted leaves nothing', async () => {
  const tree = server.path('slow');
  mkdirSync(tree);
  writeFileSync(join(tree, 'noise'), randomBytes(8_000_000));
  const child = spawn(
    join(bin, 'proxmox-backup-client'),
    ['backup', `t.pxar:${tree}`, '--backup-id', 'interrupted', '--rate', '1000000', '--burst', '1000'],
    { env: { ...server.env('launch') }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let err = '';
  const ended = new Promise<number | null>((done) => child.on('close', done));
  await new Promise<void>((seen) => {
    child.stderr.on('data', (data: Buffer) => {
      err += data.toString();
      if (err.includes('Upload directory')) seen();
    });
  });
  child.kill('SIGINT');
  assert.equal(await ended, 255);
  assert.match(err, /\nError: interrupted\n$/);
  assert.doesNotMatch((await server.client('launch', ['list'])).out, /interrupted/);
});
