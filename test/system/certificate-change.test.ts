// A new certificate while the server works: new connections get it, a backup that runs does not notice.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await TestServer.start();
});
after(() => server[Symbol.asyncDispose]());

function connected<T>(look: (socket: tls.TLSSocket) => T, options: tls.ConnectionOptions = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    const at = { port: server.port, host: '127.0.0.1', rejectUnauthorized: false };
    const socket = tls.connect({ ...at, ...options }, () => {
      resolve(look(socket));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

/** The fingerprint that a new connection is shown. */
const shown = (): Promise<string> =>
  connected((socket) => socket.getPeerX509Certificate()!.fingerprint256.toLowerCase());

const fingerprintIn = (text: string): string => /^Fingerprint \(sha256\): (\S+)$/m.exec(text)![1]!;

test('a certificate that is there stays unless another one is wanted', async () => {
  const { code, out, err } = await server.manager('cert', 'update');
  assert.deepEqual([code, out], [0, '']);
  assert.match(err, new RegExp(`^the certificate stays, its fingerprint is ${server.fingerprint}; --force makes`));
  const env = { GRANARY_HOME: server.path('server') };
  await server.run('proxmox-backup-manager', ['cert', 'update'], { env, answers: ['n'] });
  assert.equal(fingerprintIn((await server.manager('cert', 'info')).out), server.fingerprint);
  const asked = await server.run('proxmox-backup-manager', ['cert', 'update'], { env, answers: ['y'] });
  assert.equal(asked.code, 0);
  assert.notEqual(fingerprintIn((await server.manager('cert', 'info')).out), server.fingerprint);
});

test('a backup goes on while the certificate is replaced, and new connections get the new one', async () => {
  await server.datastore('store1');
  const before = fingerprintIn((await server.manager('cert', 'info')).out);
  assert.equal(await shown(), before);
  // The image comes through a pipe, so the backup lasts as long as the test wants.
  const pipe = server.path('disk.pipe');
  execFileSync('mkfifo', [pipe]);
  const content = randomBytes(12 * 1024 * 1024);
  const half = content.length / 2;
  const backup = server.client('store1', ['backup', `disk.img:${pipe}`, '--backup-id', 'h'], {
    env: { PBS_FINGERPRINT: before },
  });
  const writer = await open(pipe, 'w');
  await writer.writeFile(content.subarray(0, half));

  const changed = await server.manager('cert', 'update', '--force');
  const fingerprint = fingerprintIn((await server.manager('cert', 'info')).out);
  assert.equal(changed.err, `new certificate, fingerprint ${fingerprint}\n`);
  assert.notEqual(fingerprint, before);
  assert.equal(await shown(), fingerprint);
  const running = JSON.parse((await server.manager('task', 'list', '--output-format', 'json')).out) as unknown[];
  assert.equal(running.length, 1);

  await writer.writeFile(content.subarray(half));
  await writer.close();
  const { code, err } = await backup;
  assert.equal(code, 0, err);
  const target = server.path('restored.img');
  const restored = await server.client('store1', ['restore', 'host/h/latest', 'disk.img', target], {
    env: { PBS_FINGERPRINT: fingerprint },
  });
  assert.equal(restored.code, 0, restored.err);
  assert.ok(content.equals(await readFile(target)));
});

test('only the ciphers of the configuration are offered, from the moment they are set', async () => {
  const cipher = (): Promise<string> => connected((socket) => socket.getCipher().name, { maxVersion: 'TLSv1.2' });
  const wanted = 'ECDHE-RSA-CHACHA20-POLY1305';
  assert.notEqual(await cipher(), wanted);
  assert.equal((await server.manager('node', 'update', '--ciphers-tls-1.2', wanted)).code, 0);
  while ((await cipher()) !== wanted);
  const refused = await server.manager('node', 'update', '--ciphers-tls-1.2', 'NO-SUCH');
  assert.equal(refused.code, 255);
  assert.match(refused.err, /'ciphers-tls-1.2': OpenSSL does not take 'NO-SUCH'/);
  assert.equal(await cipher(), wanted);
});
