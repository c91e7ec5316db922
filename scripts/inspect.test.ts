// The file inspector on everything that the product wrote, and on damage.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { GranaryError } from '../src/base/errors.ts';
import { CryptConfig } from '../src/crypto/crypt-config.ts';
import { parseKeyFile } from '../src/crypto/key-file.ts';
import { decodeBlob } from '../src/format/blob.ts';
import { parseIndex } from '../src/format/chunk-index.ts';
import { fixtureChunkPath, fixtureDatastore } from '../test/support/fixture.ts';
import { goldenPath, productFile, vectors } from '../test/support/golden.ts';
import { damaged, readsOrRefusesAsync } from '../test/support/mutate.ts';
import { inspectFile } from './inspect.ts';

const temporary = mkdtempSync(join(tmpdir(), 'granary-inspect-'));
after(() => rmSync(temporary, { recursive: true }));
const base = fixtureDatastore();
const crypt = CryptConfig.fromKey(parseKeyFile(productFile('keys/enc-none.key').toString(), 'key').data);
const first = '2023-11-14T22:13:20Z';

async function inspect(path: string, key?: CryptConfig): Promise<string> {
  let text = '';
  for await (const line of inspectFile(path, key)) text += `${line}\n`;
  return text;
}

function temporaryFile(name: string, content: Uint8Array | string): string {
  const path = join(temporary, name);
  writeFileSync(path, content);
  return path;
}

test('every file of the datastore is told', async () => {
  let files = 0;
  for (const file of readdirSync(base, { recursive: true, withFileTypes: true })) {
    if (!file.isFile() || !/\.(blob|[fd]idx)$|^[0-9a-f]{64}$/.test(file.name)) continue;
    const text = await inspect(join(file.parentPath, file.name));
    assert.match(text, /\nkind +(data blob|fixed index|dynamic index)/);
    assert.doesNotMatch(text, /WRONG/);
    files++;
  }
  assert.ok(files > 60);
});

test('a manifest: files and signature, with the key and without', async () => {
  const path = join(base, 'host/enc-host', first, 'index.json.blob');
  const text = await inspect(path, crypt);
  assert.match(text, /\nsnapshot +host\/enc-host\/2023-11-14T22:13:20Z\n/);
  assert.match(text, /\nsignature +121e\w+: right\n/);
  assert.match(text, /\nfile +root.pxar.didx {2}encrypt {2}11781436 bytes/);
  assert.match(await inspect(path), /\nsignature +121e\w+, not checked/);
  assert.match(await inspect(goldenPath(`pbs-3.2.4/manifests/index.json.vm_100.${first}.json`)), /\nkind +manifest\n/);
});

test('encrypted content needs the key', async () => {
  const path = join(base, 'host/enc-host', first, 'host.conf.blob');
  assert.match(await inspect(path), /needs the key/);
  assert.match(await inspect(path, crypt), /\ncontent +\d+ bytes/);
  await assert.rejects(inspect(path, CryptConfig.fromKey(new Uint8Array(32))), /cannot be decrypted/);
});

test('keys, sealed keys and master keys', async () => {
  const key = (name: string) => inspect(goldenPath(`pbs-3.2.4/keys/${name}`));
  assert.match(await key('enc-none.key'), /kdf +none null\n.*\nkey +not protected, fingerprint eb:ba:.*: right\n/s);
  assert.match(await key('enc-scrypt.key'), /kdf +scrypt .*\nhint +"the documented passphrase"\n/s);
  assert.match(await key('master-public.pem'), /length +4096 bits\nexponent +65537\n/);
  assert.match(await key('master-private.pem'), /passphrase +needed\n/);
  assert.match(
    await inspect(join(base, 'host/enc-host', first, 'rsa-encrypted.key.blob')),
    /sealed for the master key/,
  );
});

test('a catalog', async () => {
  const snapshot = join(base, 'host/plain-host', first);
  const index = parseIndex('x.didx', readFileSync(join(snapshot, 'catalog.pcat1.didx')), 'x');
  assert.equal(index.count, 1);
  const chunk = readFileSync(fixtureChunkPath(base, Buffer.from(index.digestAt(0)).toString('hex')));
  const text = await inspect(temporaryFile('catalog.pcat1', decodeBlob(chunk, { what: 'x' })));
  const dump = productFile(`cli/catalog-dump.host_plain-host.${first}.txt`).toString();
  assert.ok(text.endsWith(dump));
});

test('archives of all three kinds', async () => {
  const text = await inspect(goldenPath('pbs-3.2.4/pxar/small-dev.pxar'));
  assert.match(
    text,
    /kind +archive, version 1\n +0 ENTRY mode 40755 flags 0 uid 0 gid 0 mtime 1600000018\.123456915\n/,
  );
  assert.match(text, /\n +56 {3}FILENAME "bigdev"\n.*\n +135 {3}DEVICE 511:70000\n/);
  assert.match(text, /\n +542 GOODBYE 5 entries\n$/);
  for (const name of ['acl', 'xattr', 'many', 'home', 'empty-dir']) {
    assert.doesNotMatch(await inspect(goldenPath(`pbs-3.2.4/pxar/small-${name}.pxar`)), /WRONG/);
  }
  const split = vectors<Record<string, Record<string, unknown>>>('pxar');
  const [metadata, payload] = [hexOf(split, 'mpxar'), hexOf(split, 'ppxar')];
  assert.match(
    await inspect(temporaryFile('a.mpxar', metadata)),
    /kind +metadata stream, version 2\n.*PAYLOAD_REF offset 16, /s,
  );
  assert.match(await inspect(temporaryFile('a.ppxar', payload)), /kind +payload stream\n +0 PAYLOAD_START_MARKER/);
  const unreferenced = Buffer.concat([payload.subarray(0, 16), Buffer.alloc(40, 7)]);
  assert.match(await inspect(temporaryFile('b.ppxar', unreferenced)), /unreferenced bytes/);
  await assert.rejects(inspect(temporaryFile('b.pxar', metadata.subarray(0, -1))), /at offset \d+: an item of/);
});

/** The longest hex text below a member whose name contains `name`. */
function hexOf(tree: unknown, name: string): Buffer {
  let longest = '';
  const visit = (value: unknown, inside: boolean): void => {
    if (typeof value === 'string' && inside && /^[0-9a-f]+$/.test(value) && value.length > longest.length)
      longest = value;
    if (typeof value !== 'object' || value === null) return;
    for (const [key, item] of Object.entries(value)) visit(item, inside || key.includes(name));
  };
  visit(tree, false);
  return Buffer.from(longest, 'hex');
}

test('what is none of it is refused with its first bytes', async () => {
  const refused = async (name: string, content: string | Uint8Array, text: RegExp): Promise<void> => {
    await assert.rejects(
      inspect(temporaryFile(name, content)),
      (error) => error instanceof GranaryError && text.test(error.message),
    );
  };
  await refused('text', 'hello world', /no file that this program knows; it starts with 68656c6c6f20776f$/);
  await refused('empty', '', /starts with nothing$/);
  await refused('cert.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n', /PEM of CERTIFICATE/);
  await assert.rejects(inspect(temporary), (error) => error instanceof GranaryError && error.code === 'io');
  await assert.rejects(
    inspect(join(temporary, 'none')),
    (error) => error instanceof GranaryError && error.code === 'io',
  );
});

test('damage is told up to where it is', async () => {
  const raw = readFileSync(join(base, 'host/plain-host', first, 'host.conf.blob'));
  raw[20]! ^= 1;
  const lines: string[] = [];
  await assert.rejects(async () => {
    for await (const line of inspectFile(temporaryFile('bad.blob', raw))) lines.push(line);
  }, /wrong CRC/);
  assert.match(lines.join('\n'), /CRC .*: WRONG/);
});

test('damaged files of every kind: told or refused, never anything else', async () => {
  const snapshot = join(base, 'host/scrypt-host', first);
  const files = [
    join(snapshot, 'index.json.blob'),
    join(snapshot, 'drive-scsi0.img.fidx'),
    goldenPath('pbs-3.2.4/pxar/small-dev.pxar'),
    goldenPath('pbs-3.2.4/keys/enc-scrypt.key'),
    goldenPath('pbs-3.2.4/keys/master-public.pem'),
  ];
  for (const file of files) {
    await fc.assert(
      fc.asyncProperty(damaged(readFileSync(file)), async (bytes) => {
        await readsOrRefusesAsync(() => inspect(temporaryFile('damaged', bytes), crypt));
      }),
      { numRuns: 60 },
    );
  }
});

test('the program: output, errors and exit code', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [fileURLToPath(new URL('./inspect.ts', import.meta.url)), ...args], {
      encoding: 'utf8',
    });
  const blob = join(base, 'host/enc-host', first, 'host.conf.blob');
  const good = run(blob, '--keyfile', goldenPath('pbs-3.2.4/keys/enc-none.key'));
  assert.deepEqual([good.status, good.stderr], [0, '']);
  assert.match(good.stdout, /digest/);
  const bad = run(temporaryFile('text', 'hello'));
  assert.equal(bad.status, 1);
  assert.match(bad.stderr, /^Error: .*no file that this program knows/);
  assert.match(run().stderr, /^Error: usage/);
});
