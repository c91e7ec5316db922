// Pulls whose remote goes away in the middle: the line is cut within a chunk, the server is killed and comes back. What
// is not whole is not to be seen, and what arrived does not come again.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { makeChunk } from '../../src/backup/testing/content.ts';
import { Relay } from '../support/relay.ts';
import { TestServer } from '../support/server.ts';
import { Stand } from './stand.ts';

const time = 1_700_000_000;
const chunkSize = 256 * 1024;
const count = 40;

let remote: Stand;
let target: TestServer;
let line: Relay;
before(async () => {
  [remote, target] = await Promise.all([Stand.start(), TestServer.start()]);
  line = await Relay.start(remote.port);
  const socket = tls.connect({ port: remote.port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const fingerprint = socket.getPeerCertificate().fingerprint256.toLowerCase();
  socket.destroy();
  const [authId, secret] = remote.authorization.replace('PBSAPIToken=', '').split(':') as [string, string];
  await target.datastore('copy');
  const words = ['--host', '127.0.0.1', '--port', String(line.port), '--fingerprint', fingerprint];
  const { code, err } = await target.manager(
    ...['remote', 'create', 'rem', '--auth-id', authId, '--password', secret, ...words],
  );
  assert.equal(code, 0, err);
});
after(async () => {
  await line[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
  await remote[Symbol.asyncDispose]();
});

const pull = (...words: string[]) => target.manager('pull', 'rem', 'store1', 'copy', ...words);
const snapshots = async (): Promise<string[]> => {
  const { out } = await target.client('copy', ['snapshots', '--output-format', 'json']);
  return (JSON.parse(out) as { 'backup-id': string; size?: number }[]).map(
    (one) => one['backup-id'] + (one.size === undefined ? ' unfinished' : ''),
  );
};

async function restart(): Promise<void> {
  await remote.restart();
  line.to = remote.port;
}

const accidents: [string, () => boolean, () => Promise<void>][] = [
  ['the line is cut within a chunk', () => true, async () => {}],
  [
    'the remote is killed',
    () => {
      remote.kill();
      return false;
    },
    restart,
  ],
];
for (const [i, [what, accident, repair]] of accidents.entries()) {
  test(`${what}: nothing half is there, and the next pull takes up the rest`, async () => {
    const id = `group${i}`;
    const chunks = Array.from({ length: count }, (_, at) => makeChunk(`${id} ${at}`, chunkSize));
    await remote.goodBackup(id, time, chunks);
    const whole = await snapshots();
    line.received = 0;
    line.onAnswer = () => {
      if (line.received < (count * chunkSize) / 2 + 1000) return false;
      line.onAnswer = () => false;
      return accident();
    };
    const broken = await pull('--group-filter', `group:host/${id}`);
    assert.equal(broken.code, 255, broken.out);
    assert.match(broken.out, new RegExp(`sync group host/${id} failed - chunk [0-9a-f]{64}: .*connection`, 'i'));
    assert.match(broken.out, /TASK ERROR: sync failed with some errors\.$/m);
    assert.deepEqual(await snapshots(), whole);
    const arrived = chunks.filter(({ digest }) => existsSync(target.path('copy/.chunks', digest.slice(0, 4), digest)));
    assert.ok(arrived.length > 0 && arrived.length < count, `${arrived.length} chunks arrived`);
    await repair();
    line.received = 0;
    const second = await pull('--group-filter', `group:host/${id}`);
    assert.equal(second.code, 0, second.out + second.err);
    const rest = (count - arrived.length) * chunkSize;
    assert.ok(line.received > rest && line.received < rest * 1.03 + 50_000, `${line.received} bytes for ${rest}`);
    assert.deepEqual(await snapshots(), [...whole, id]);
    const verified = await target.manager('verify', 'copy', '--ignore-verified', 'false');
    assert.equal(verified.code, 0, verified.out);
  });
}

test('a remote that does not answer, or that refuses, is told with its own words', async () => {
  remote.kill();
  assert.equal(await remote.died(10_000), 'SIGKILL');
  const gone = await pull();
  assert.equal(gone.code, 255);
  assert.match(gone.out, /TASK ERROR: (cannot connect|connection) to 127\.0\.0\.1:\d+/);
  await restart();
  assert.equal((await target.manager('remote', 'update', 'rem', '--password', 'wrong')).code, 0);
  assert.match((await pull()).out, /TASK ERROR: authentication failed/);
  const before = await snapshots();
  const other = Array.from({ length: 32 }, () => '0a').join(':');
  assert.equal((await target.manager('remote', 'update', 'rem', '--fingerprint', other)).code, 0);
  const changed = await pull('--remove-vanished', 'true');
  const told = `TASK ERROR: certificate validation failed - certificate fingerprint differs: expected ${other}, `;
  assert.ok(changed.out.includes(told), changed.out);
  assert.match(changed.out, /'proxmox-backup-manager remote update rem --fingerprint ([0-9a-f]{2}:){31}[0-9a-f]{2}'/);
  assert.deepEqual(await snapshots(), before);
});
