// Pulls whose remote goes away in the middle: the line is cut within a chunk, and the remote is away for a while. What is
// not whole is not to be seen, and what arrived does not come again, nor where it is decrypted on its way. And remotes
// with another clock, another password and another certificate.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { noise, plainChunk } from '../../src/chunk-store/testing/chunks.ts';
import { CryptConfig, plainDigest } from '../../src/crypto/crypt-config.ts';
import { parseKeyFile } from '../../src/crypto/key-file.ts';
import { Datastore } from '../../src/datastore/datastore.ts';
import { host, sealManifest, writeBackup } from '../../src/datastore/testing/temporary-store.ts';
import { encodeBlob } from '../../src/format/blob.ts';
import { Relay } from '../support/relay.ts';
import { TestServer } from '../support/server.ts';
import { must } from '../support/sync-pair.ts';

const time = 1_700_000_000;
const chunkSize = 64 * 1024;
const count = 40;
/** Nobody answers here. */
const closedPort = 1;

// One server is both sides: it pulls from itself, over a line that can be cut.
let server: TestServer;
let source: Datastore;
let line: Relay;
let crypt: CryptConfig;
before(async () => {
  server = await TestServer.start();
  for (const name of ['source', 'copy', 'plain']) await server.datastore(name);
  const lockDir = server.path('server/run/locks');
  source = await Datastore.open(
    'source',
    { path: server.path('source'), tuning: { 'sync-level': 'none' } },
    { lockDir },
  );
  line = await Relay.start(server.port);
  const words = ['--auth-id', 'admin@pbs', '--password', 'admin-password', '--fingerprint', server.fingerprint];
  await must(server.manager('remote', 'create', 'rem', '--host', '127.0.0.1', '--port', String(line.port), ...words));
  const { err } = await server.manager('encryption-key', 'create', 'key');
  const file = /is in (\S+):/.exec(err)![1]!;
  crypt = CryptConfig.fromKey(parseKeyFile(readFileSync(file, 'utf8'), file).data);
});
after(async () => {
  await line[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const pull = (to: string, ...words: string[]) => server.manager('pull', 'rem', 'source', to, ...words);
const snapshots = async (store: string): Promise<string[]> => {
  const { out } = await server.client(store, ['snapshots', '--output-format', 'json']);
  return (JSON.parse(out) as { 'backup-id': string; size?: number }[]).map(
    (one) => one['backup-id'] + (one.size === undefined ? ' unfinished' : ''),
  );
};

for (const [to, how, keys] of [
  ['copy', 'as it is', []],
  ['plain', 'decrypted', ['--decryption-keys', 'key']],
] as const) {
  test(`the remote goes away within a chunk, taken ${how}: nothing half is there, the rest comes later`, async () => {
    const contents = Array.from({ length: count }, (_, i) => noise(`${to} ${i}`, chunkSize));
    const chunks = contents.map((content) => {
      const digest = crypt.digest(content);
      return { digest, size: chunkSize, content, blob: encodeBlob(content, { crypt }) };
    });
    const archives = { 'root.pxar.didx': chunks };
    await writeBackup(source, host(to, time), { archives, edit: (manifest) => sealManifest(manifest, crypt) });
    const target = await Datastore.open(to, { path: server.path(to) }, { lockDir: server.path('server/run/locks') });
    const names = to === 'copy' ? chunks.map(({ digest }) => digest) : contents.map(plainDigest);
    const run = () => pull(to, '--group-filter', `group:host/${to}`, ...keys);
    line.received = 0;
    line.onAnswer = () => {
      if (line.received < (count * chunkSize) / 2 + 1000) return false;
      line.to = closedPort;
      return true;
    };
    const broken = await run();
    line.onAnswer = () => false;
    assert.equal(broken.code, 255, broken.out);
    assert.match(broken.out, new RegExp(`sync group host/${to} failed - chunk [0-9a-f]{64}: .*connection`, 'i'));
    assert.match(broken.out, /TASK ERROR: sync failed with some errors\.$/m);
    const away = await run();
    assert.match(away.out, /TASK ERROR: .*127\.0\.0\.1:\d+.*connection/);
    assert.deepEqual(await snapshots(to), []);
    const missing = (await target.chunks.touchMany(names)).length;
    assert.ok(missing > 0 && missing < count, `${missing} of ${count} chunks are missing`);

    line.to = server.port;
    line.received = 0;
    await must(run());
    const rest = missing * chunkSize;
    assert.ok(line.received > rest && line.received < rest * 1.03 + 50_000, `${line.received} bytes for ${rest}`);
    assert.deepEqual(await snapshots(to), [to]);
    await must(server.manager('verify', to, '--ignore-verified', 'false'));
    const index = await target.openIndex([], host(to, time), 'root.pxar.didx');
    const named = Array.from({ length: index.count }, (_, i) => toHex(index.digestAt(i)));
    assert.deepEqual(named, names.map(toHex));
  });
}

test('clocks that are an hour apart: what was backed up then is taken over, once', async () => {
  const now = Math.floor(Date.now() / 1000);
  for (const [id, at] of [
    ['ahead', now + 3600],
    ['behind', now - 3600],
  ] as const) {
    const archives = { 'root.pxar.didx': [plainChunk(noise(id, chunkSize))] };
    await writeBackup(source, host(id, at), { archives });
    const filter = ['--group-filter', `group:host/${id}`];
    assert.match(await must(pull('copy', ...filter)), /pulled 64\.0\d* KiB in 1 chunks/);
    assert.match(await must(pull('copy', ...filter)), /found no new data to pull$/m);
    // And back: what is here already does not come once more.
    assert.match(await must(server.manager('push', 'copy', 'rem', 'source', ...filter)), /found no new data to push$/m);
  }
  assert.deepEqual((await snapshots('copy')).sort(), ['ahead', 'behind', 'copy']);
});

test('a remote that does not answer, or that refuses, is told with its own words', async () => {
  const update = (...words: string[]) => must(server.manager('remote', 'update', 'rem', ...words));
  await update('--port', String(closedPort));
  assert.match((await pull('copy')).out, /TASK ERROR: .*127\.0\.0\.1:1\b.*refused/i);
  await update('--port', String(line.port), '--password', 'wrong');
  assert.match((await pull('copy')).out, /TASK ERROR: permission check failed\./);
  const other = Array.from({ length: 32 }, () => '0a').join(':');
  await update('--fingerprint', other);
  const changed = await pull('copy', '--remove-vanished', 'true');
  const told = `TASK ERROR: certificate validation failed - certificate fingerprint differs: expected ${other}, `;
  assert.ok(changed.out.includes(told), changed.out);
  const push = () => server.manager('push', 'copy', 'rem', 'source', '--group-filter', 'group:host/copy');
  assert.ok((await push()).out.includes(told), 'neither is anything pushed there');
  const [, accept] = /'proxmox-backup-manager (remote update rem --fingerprint [0-9a-f:]{95})'/.exec(changed.out) ?? [];
  assert.deepEqual((await snapshots('copy')).sort(), ['ahead', 'behind', 'copy'], 'what is here stays');
  await must(server.manager(...accept!.split(' '), '--password', 'admin-password'));
  const accepted = await pull('copy', '--group-filter', 'group:host/copy');
  assert.match(accepted.out, /no data changes$/m);
  assert.match(await must(push()), /found no new data to push$/m);
});
