// Snapshots that the original product wrote, plain and encrypted, read whole and in ranges.

import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fixtureDatastore } from '../../test/support/fixture.ts';
import { productFile } from '../../test/support/golden.ts';
import { MemorySession } from '../backup/testing/memory-session.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { openKeyFile, parseKeyFile } from '../crypto/key-file.ts';
import { SessionPeer } from '../wire/testing/session-peer.ts';
import { ReaderClient } from './session-client.ts';

const sums = new Map(
  ['expected/sha256sums.txt', 'pxar/sha256sums.txt']
    .flatMap((name) => productFile(name).toString().trim().split('\n'))
    .map((line) => line.split(/\s+/).toReversed() as [string, string]),
);

async function key(): Promise<CryptConfig> {
  const file = parseKeyFile(productFile('keys/enc-none.key').toString(), 'enc-none.key');
  return CryptConfig.fromKey((await openKeyFile(file, async () => '')).key);
}

function session(snapshot: string): MemorySession {
  const base = fixtureDatastore();
  const served = new MemorySession();
  for (const name of readdirSync(join(base, snapshot))) {
    served.files.set(name, readFileSync(join(base, snapshot, name)));
  }
  for (const folder of readdirSync(join(base, '.chunks'))) {
    for (const name of readdirSync(join(base, '.chunks', folder))) {
      served.chunks.set(name, readFileSync(join(base, '.chunks', folder, name)));
    }
  }
  return served;
}

for (const [snapshot, encrypted, image] of [
  ['vm/100/2023-11-14T22:13:20Z', false, 'disk.img'],
  ['vm/100/2023-11-15T22:13:20Z', false, 'disk-2.img'],
  ['vm/101/2023-11-15T22:13:20Z', true, 'disk-2.img'],
  ['host/plain-host/2023-11-14T22:13:20Z', false, undefined],
  ['host/enc-host/2023-11-14T22:13:20Z', true, undefined],
] as const) {
  test(`${snapshot} comes out as it went in`, async () => {
    await using peer = await SessionPeer.start(session(snapshot).handle);
    await using h2 = await peer.connect();
    const crypt = encrypted ? await key() : undefined;
    await using client = new ReaderClient(h2, { crypt, limits: { workers: 1 } });
    const reader = await client.open(image ? 'drive-scsi0.img.fidx' : 'root.pxar.didx');
    const parts: Buffer[] = [];
    for await (const piece of reader.stream()) parts.push(Buffer.from(piece));
    const whole = Buffer.concat(parts);
    const expected = image ? sums.get(image) : sums.get('standalone.pxar');
    assert.equal(hash('sha256', whole), expected);
    for (const offset of [0, 4 * 1024 * 1024 - 3, whole.length - 10]) {
      const range = await reader.readAt(offset, 10);
      assert.ok(Buffer.from(range).equals(whole.subarray(offset, offset + 10)));
    }
    const config = await client.blob(image ? 'qemu-server.conf.blob' : 'host.conf.blob');
    assert.equal(hash('sha256', config), sums.get(image ? 'qemu-server.conf' : 'host.conf'));
  });
}
