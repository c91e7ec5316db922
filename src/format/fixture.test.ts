// The whole datastore that the product wrote: every blob, index, manifest, chunk and catalog of it, with its keys.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fixtureChunkPath, fixtureDatastore } from '../../test/support/fixture.ts';
import { productFile } from '../../test/support/golden.ts';
import { concatBytes, toHex } from '../base/bytes.ts';
import { MemoryReadAt } from '../base/io.ts';
import { CryptConfig, plainDigest } from '../crypto/crypt-config.ts';
import { openKeyFile, parseKeyFile } from '../crypto/key-file.ts';
import { archiveKind } from '../model/names.ts';
import { blobInfo, decodeBlob, encodeBlob } from './blob.ts';
import { CatalogReader, formatCatalogLine } from './catalog-reader.ts';
import { type ChunkIndex, parseIndex } from './chunk-index.ts';
import { encodeDynamicIndex } from './dynamic-index.ts';
import { encodeFixedIndex } from './fixed-index.ts';
import {
  checkManifestKey,
  decodeManifestBlob,
  type Manifest,
  manifestKeyFingerprint,
  parseManifest,
  verifyManifest,
} from './manifest.ts';

const base = fixtureDatastore();
const keys = new Map<string, CryptConfig>();

before(async () => {
  const passphrases = { 'enc-none.key': '', 'enc-scrypt.key': 'scrypt-passphrase-123' };
  for (const [name, passphrase] of Object.entries(passphrases)) {
    const keyFile = parseKeyFile(productFile(`keys/${name}`).toString(), name);
    const { key } = await openKeyFile(keyFile, async () => passphrase);
    const crypt = CryptConfig.fromKey(key);
    keys.set(crypt.fingerprint, crypt);
  }
});

interface Snapshot {
  path: string;
  manifest: Manifest;
  crypt: CryptConfig | undefined;
}

function snapshots(): Snapshot[] {
  const all = readdirSync(base, { recursive: true, withFileTypes: true });
  return all
    .filter((file) => file.name === 'index.json.blob')
    .map((file) => {
      const manifest = decodeManifestBlob(readFileSync(join(file.parentPath, file.name)), file.parentPath);
      const fingerprint = manifestKeyFingerprint(manifest);
      return {
        path: file.parentPath,
        manifest,
        crypt: fingerprint === undefined ? undefined : keys.get(fingerprint),
      };
    });
}

function readContent(index: ChunkIndex, crypt: CryptConfig | undefined, encrypted: boolean): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let i = 0; i < index.count; i++) {
    const digest = index.digestAt(i);
    const raw = readFileSync(fixtureChunkPath(base, toHex(digest)));
    const size = index.endOf(i) - index.startOf(i);
    const expect = encrypted ? 'encrypted' : 'plain';
    parts.push(decodeBlob(raw, { what: `chunk ${toHex(digest)}`, crypt, digest, size, maxSize: size, expect }));
  }
  return concatBytes(parts);
}

test('every snapshot: key, signature, sizes and checksums of all files, content of all chunks', () => {
  const found = snapshots();
  assert.equal(found.length, 13);
  let signed = 0;
  for (const { path, manifest, crypt } of found) {
    if (crypt) {
      verifyManifest(manifest, crypt);
      checkManifestKey(manifest, crypt);
      signed++;
    } else assert.equal(manifest.signature, null);
    for (const file of manifest.files) {
      const bytes = readFileSync(join(path, file.filename));
      const encrypted = file['crypt-mode'] === 'encrypt';
      if (archiveKind(file.filename) === 'blob') {
        assert.equal(bytes.byteLength, file.size);
        assert.equal(toHex(plainDigest(bytes)), file.csum);
        const isKey = file.filename === 'rsa-encrypted.key.blob';
        decodeBlob(bytes, { what: file.filename, crypt, expect: encrypted && !isKey ? 'encrypted' : 'plain' });
      } else {
        const index = parseIndex(file.filename, bytes, file.filename);
        assert.equal(index.size, file.size);
        assert.equal(toHex(index.checksum()), file.csum);
        assert.equal(readContent(index, crypt, encrypted).byteLength, file.size);
      }
    }
  }
  assert.equal(signed, 7);
});

test('indexes are written again byte for byte', () => {
  for (const { path, manifest } of snapshots()) {
    for (const { filename } of manifest.files) {
      if (archiveKind(filename) === 'blob') continue;
      const bytes = readFileSync(join(path, filename));
      const index = parseIndex(filename, bytes, filename);
      const { uuid, ctime, size } = index;
      const numbers = Array.from({ length: index.count }, (_, i) => i);
      const again =
        index.kind === 'fixed'
          ? encodeFixedIndex({ uuid, ctime, size, digests: numbers.map((i) => index.digestAt(i)) })
          : encodeDynamicIndex({
              uuid,
              ctime,
              chunks: numbers.map((i) => ({ end: index.endOf(i), digest: index.digestAt(i) })),
            });
      assert.deepEqual(Buffer.from(again), bytes, filename);
    }
  }
});

test('plain and encrypted images and configurations have the content they were made from', () => {
  const sums = new Map(
    productFile('expected/sha256sums.txt')
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/).reverse() as [string, string]),
  );
  let checked = 0;
  for (const { path, manifest, crypt } of snapshots()) {
    const image = manifest.time === 1700000000 ? 'disk.img' : 'disk-2.img';
    const encrypted = manifest.files.some((file) => file['crypt-mode'] === 'encrypt');
    for (const name of readdirSync(path)) {
      const bytes = readFileSync(join(path, name));
      if (name.endsWith('.fidx')) {
        const content = readContent(parseIndex(name, bytes, name), crypt, encrypted);
        assert.equal(toHex(plainDigest(content)), sums.get(image));
        checked++;
      } else if (/^(host\.conf|qemu-server\.conf|client\.log)\.blob$/.test(name)) {
        const content = decodeBlob(bytes, { what: name, crypt });
        assert.equal(toHex(plainDigest(content)), sums.get(name.slice(0, -5)), `${path}/${name}`);
        checked++;
      }
    }
  }
  assert.equal(checked, 6 + 7 + 4 + 2);
});

test("the client's own print of a manifest says the same as the stored one", () => {
  for (const { path, manifest } of snapshots()) {
    const [time, id, type] = path.split('/').reverse();
    const namespace = path.includes('/nested/') ? 'ns1_nested.' : path.includes('/ns1/') ? 'ns1.' : '';
    const printed = productFile(`manifests/index.json.${namespace}${type}_${id}.${time}.json`);
    assert.deepEqual(parseManifest(printed, 'printed').files, manifest.files);
    assert.equal(parseManifest(printed, 'printed').signature, manifest.signature);
  }
});

test("catalogs list what the client's catalog dump lists", async () => {
  let compared = 0;
  for (const { path, manifest, crypt } of snapshots()) {
    const [time, id, type] = path.split('/').reverse();
    if (!['plain-host', 'enc-host', 'scrypt-host', '200'].includes(id!)) continue;
    const dump = productFile(`cli/catalog-dump.${id === '200' ? 'ns1_' : ''}${type}_${id}.${time}.txt`);
    const name = 'catalog.pcat1.didx';
    const index = parseIndex(name, readFileSync(join(path, name)), name);
    const encrypted = manifest.files.some((file) => file['crypt-mode'] === 'encrypt');
    const reader = new CatalogReader(new MemoryReadAt(readContent(index, crypt, encrypted)), name);
    let text = '';
    for await (const found of reader.walk()) text += `${formatCatalogLine(found.path, found.entry)}\n`;
    assert.equal(text, dump.toString());
    compared++;
  }
  assert.equal(compared, 7);
});

test('chunks of the product and ours are interchangeable: same content, sizes that are alike', () => {
  const directories = readdirSync(join(base, '.chunks'));
  let product = 0;
  let own = 0;
  for (const directory of directories) {
    for (const name of readdirSync(join(base, '.chunks', directory))) {
      const raw = readFileSync(join(base, '.chunks', directory, name));
      const info = blobInfo(raw, name);
      assert.equal(info.crc, info.computedCrc);
      if (info.encrypted) continue;
      const content = decodeBlob(raw, { what: name, digest: Buffer.from(name, 'hex') });
      const again = encodeBlob(content);
      assert.deepEqual(Buffer.from(decodeBlob(again, { what: name })), Buffer.from(content));
      product += raw.byteLength;
      own += again.byteLength;
    }
  }
  assert.ok(own < product * 1.1, `${own} bytes instead of ${product}`);
});
