import assert from 'node:assert/strict';
import { createHash, scryptSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { quotePath } from '../../../src/base/quote.ts';
import { openKeyFile as openOnServer, parseKeyFile as parseOnServer } from '../../../src/crypto/key-file.ts';
import { encodeBlob } from '../../../src/format/blob.ts';
import { formatCatalogLine } from '../../../src/format/catalog-reader.ts';
import { canonicalJson } from '../../../src/format/json.ts';
import { fixtureChunkPath, fixtureDatastore } from '../../../test/support/fixture.ts';
import { productFile, vectors } from '../../../test/support/golden.ts';
import { DamageError, openBlob } from './blob.ts';
import { type Bytes, crc32, fromBase64, toBase64, toHex } from './bytes.ts';
import { openIndex } from './chunk-index.ts';
import { createKeyFile, Key, KeyError, openKeyFile, parseKeyFile, writeKeyFile } from './key.ts';
import { scrypt } from './scrypt.ts';
import { SealedSnapshot, type StoredParts, statedFingerprint } from './sealed-snapshot.ts';

const bytesOf = (text: string): Bytes => new TextEncoder().encode(text);
const keyText = (name: string): string => productFile(`keys/${name}`).toString();

test('scrypt gives the vectors of RFC 7914 and what Node gives', async () => {
  for (const [passphrase, salt, parameters, expected] of [
    ['', '', { n: 16, r: 1, p: 1 }, '77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442'],
    ['password', 'NaCl', { n: 1024, r: 8, p: 16 }, 'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162'],
  ] as const) {
    const derived = await scrypt(bytesOf(passphrase), bytesOf(salt), parameters, 64);
    assert.equal(toHex(derived.subarray(0, 32)), expected);
    const { n, r, p } = parameters;
    assert.deepEqual(Buffer.from(derived), scryptSync(passphrase, salt, 64, { N: n, r, p, maxmem: 2 ** 28 }));
  }
});

test('key files of the product and of the vectors are opened, each with its passphrase', async () => {
  const { enc_key } = vectors<{ enc_key: string }>('key');
  const files = vectors<Record<string, { passphrase: string | null; file: string }>>('keyfiles');
  const expected = await Key.from(Uint8Array.from(Buffer.from(enc_key, 'hex')));
  for (const { passphrase, file } of Object.values(files).filter((one) => typeof one.file === 'string')) {
    const opened = await openKeyFile(parseKeyFile(file), passphrase ?? '');
    assert.equal(opened.fingerprint, expected.fingerprint);
  }
  for (const [name, passphrase] of [
    ['enc-none.key', ''],
    ['enc-scrypt.key', 'scrypt-passphrase-123'],
    ['enc-pbkdf2.key', 'pbkdf2-passphrase-456'],
  ] as const) {
    const file = parseKeyFile(keyText(name));
    assert.equal((await openKeyFile(file, passphrase)).fingerprint, file.fingerprint);
    assert.equal(writeKeyFile(file), keyText(name));
    assert.equal(toBase64(fromBase64(toBase64(file.data))!), toBase64(file.data));
  }
  await assert.rejects(openKeyFile(parseKeyFile(keyText('enc-scrypt.key')), 'another one'), {
    message: 'the passphrase does not open the key (hint: the documented passphrase)',
  });
});

test('a key made here is one that the client opens', async () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  const made = await createKeyFile({ passphrase: 'long enough', hint: 'the long one', now });
  const file = parseOnServer(writeKeyFile(made), 'made');
  assert.equal(file.created, now / 1000);
  const opened = await openOnServer(file, async () => 'long enough');
  assert.equal(opened.fingerprint, made.fingerprint);
  const plain = await createKeyFile({ now });
  assert.equal((await openOnServer(parseOnServer(writeKeyFile(plain), 'made'), async () => '')).key.byteLength, 32);
  await assert.rejects(createKeyFile({ passphrase: 'four', now }), KeyError);
  await assert.rejects(createKeyFile({ hint: 'x', now }), KeyError);
});

test('a key file that asks for too much, or is damaged, is refused by the member', async () => {
  const file = JSON.parse(keyText('enc-scrypt.key')) as { kdf: { Scrypt: Record<string, unknown> } };
  for (const n of [2 ** 30, 3, 0, 1.5, '16']) {
    const text = JSON.stringify({ ...file, kdf: { Scrypt: { ...file.kdf.Scrypt, n } } });
    assert.throws(() => parseKeyFile(text), KeyError);
  }
  const text = keyText('enc-pbkdf2.key');
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), (at, change) => {
      try {
        parseKeyFile(text.slice(0, at) + change + text.slice(at + 1));
      } catch (error) {
        assert.ok(error instanceof KeyError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

/** What the server would give out of the fixture. */
function storedParts(snapshot: string): StoredParts & { chunks: number } {
  const base = fixtureDatastore();
  const file = async (name: string): Promise<Bytes> => Uint8Array.from(readFileSync(path.join(base, snapshot, name)));
  const parts = {
    chunks: 0,
    file,
    async chunk(name: string, position: number): Promise<Bytes> {
      parts.chunks++;
      const raw = await file(name);
      const at = name.endsWith('.fidx') ? 4096 + 32 * position : 4096 + 40 * position + 8;
      return Uint8Array.from(readFileSync(fixtureChunkPath(base, toHex(raw.subarray(at, at + 32)))));
    },
  };
  return parts;
}

const enc = 'host/enc-host/2023-11-15T22:13:20Z';
const keyOf = async (name: string, passphrase = ''): Promise<Key> =>
  await openKeyFile(parseKeyFile(keyText(name)), passphrase);

test("an encrypted snapshot's catalog and files are the ones that were backed up", async () => {
  const snapshot = await SealedSnapshot.open(storedParts(enc), await keyOf('enc-none.key'));
  const catalog = await snapshot.catalog();
  const lines: string[] = [];
  for await (const { path: at, entry } of catalog!.walk()) lines.push(formatCatalogLine(at, entry));
  const plainLines = productFile('cli/catalog-dump.host_plain-host.2023-11-15T22:13:20Z.txt').toString().trim();
  assert.equal(lines.join('\n'), plainLines);

  const accessor = await snapshot.archive('root.pxar.didx');
  const tree = productFile('expected/tree-T2.jsonl').toString().trim().split('\n');
  let files = 0;
  for (const line of tree) {
    const one = JSON.parse(line) as { path: string | null; type: string; sha256: string };
    if (one.type !== 'file' || one.path === null) continue;
    const node = await accessor.follow((await accessor.lookup(bytesOf(one.path)))!);
    assert.equal(node.kind, 'file', quotePath(bytesOf(one.path)));
    const content = await accessor.content(node as typeof node & { kind: 'file' });
    const hash = createHash('sha256').update(await content.readAt(0, content.size));
    assert.equal(hash.digest('hex'), one.sha256);
    files++;
  }
  assert.ok(files > 100, `${files} files`);
  assert.deepEqual(Buffer.from(await snapshot.blob('host.conf.blob')), productFile('expected/host.conf'));
});

test('an encrypted image streams as it was, under a key with a passphrase', async () => {
  const parts = storedParts('host/scrypt-host/2023-11-14T22:13:20Z');
  const snapshot = await SealedSnapshot.open(parts, await keyOf('enc-scrypt.key', 'scrypt-passphrase-123'));
  const hash = createHash('sha256');
  const image = await snapshot.content('drive-scsi0.img.fidx');
  for await (const piece of image.stream()) hash.update(piece);
  const sums = productFile('expected/sha256sums.txt').toString();
  assert.equal(hash.digest('hex'), /^([0-9a-f]{64}) .*disk\.img$/m.exec(sums)![1]);
});

test('another key is refused by fingerprint before anything is asked for', async () => {
  const parts = storedParts(enc);
  const other = await keyOf('enc-pbkdf2.key', 'pbkdf2-passphrase-456');
  await assert.rejects(SealedSnapshot.open(parts, other), (error: Error) => {
    assert.ok(error instanceof KeyError);
    assert.match(error.message, /^wrong key: the snapshot was made with eb:ba:5e.*, this key is 0f:98:c5/);
    return true;
  });
  assert.equal(parts.chunks, 0);
});

test('a manifest, index, blob or chunk that was changed on the server is refused', async () => {
  const key = await keyOf('enc-none.key');
  const honest = storedParts(enc);
  const changedManifest = async (name: string): Promise<Bytes> => {
    if (name !== 'index.json.blob') return honest.file(name);
    const text = new TextDecoder().decode(await openBlob(await honest.file(name), { what: name }));
    return encodeBlob(bytesOf(text.replace(/"size": (\d)/, '"size": 1$1')));
  };
  await assert.rejects(SealedSnapshot.open({ ...honest, file: changedManifest }, key), /signature is wrong/);
  const nameless = async (name: string): Promise<Bytes> => {
    if (name !== 'index.json.blob') return honest.file(name);
    const text = new TextDecoder().decode(await openBlob(await honest.file(name), { what: name }));
    return encodeBlob(bytesOf(text.replace(/"key-fingerprint": "[^"]*"/, '"key-fingerprint": null')));
  };
  assert.equal(await statedFingerprint({ ...honest, file: nameless }), null);
  assert.equal(await statedFingerprint(honest), key.fingerprint);
  await SealedSnapshot.open({ ...honest, file: nameless }, key);
  const other = await keyOf('enc-pbkdf2.key', 'pbkdf2-passphrase-456');
  await assert.rejects(SealedSnapshot.open({ ...honest, file: nameless }, other), /is not the snapshot's/);
  const flipped = (bytes: Bytes, at: number): Bytes => {
    const copy = bytes.slice();
    copy[at]! ^= 1;
    return copy;
  };
  for (const [name, at] of [
    ['root.pxar.didx', 4110],
    ['host.conf.blob', 50],
  ] as const) {
    const file = async (asked: string): Promise<Bytes> =>
      asked === name ? flipped(await honest.file(asked), at) : honest.file(asked);
    const snapshot = await SealedSnapshot.open({ ...honest, file }, key);
    const open = name.endsWith('.blob') ? snapshot.blob(name) : snapshot.content(name);
    await assert.rejects(open, DamageError);
  }
  const chunk = async (name: string, position: number): Promise<Uint8Array> =>
    honest.chunk(name, position === 0 ? 1 : position);
  const swapped = await SealedSnapshot.open({ ...honest, chunk }, key);
  await assert.rejects((await swapped.content('root.pxar.didx')).readAt(0, 10), DamageError);
});

test('damaged blobs and indexes are errors, never more memory and never other bytes', async () => {
  const key = await keyOf('enc-none.key');
  const parts = storedParts(enc);
  const content = Uint8Array.from({ length: 5000 }, (_, i) => i % 7);
  const plain = encodeBlob(content);
  const index = await parts.file('root.pxar.didx');
  await fc.assert(
    fc.asyncProperty(
      fc.nat(plain.byteLength - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (at, x, cut) => {
        const damaged = cut ? plain.slice(0, at) : plain.map((byte, i) => (i === at ? byte ^ x : byte));
        // With a right CRC, the decompressor itself is tried.
        if (damaged.byteLength >= 12) new DataView(damaged.buffer).setUint32(8, crc32(damaged.subarray(12)), true);
        for (const size of [undefined, content.byteLength]) {
          try {
            const opened = await openBlob(damaged, { what: 'blob', ...(size === undefined ? {} : { size }) });
            assert.ok(opened.byteLength <= 128 * 1024 * 1024);
          } catch (error) {
            assert.ok(error instanceof DamageError || error instanceof KeyError, String(error));
          }
        }
        const stated = { filename: 'root.pxar.didx', size: 1, csum: '' };
        const changed = cut ? index.slice(0, at) : index.map((byte, i) => (i === at ? byte ^ x : byte));
        await assert.rejects(openIndex(changed, stated), DamageError);
      },
    ),
    { numRuns: 200 },
  );
  const chunk = Uint8Array.from(await parts.chunk('root.pxar.didx', 0));
  await assert.rejects(openBlob(chunk, { what: 'chunk' }), /is encrypted: its key is needed/);
  const other = await keyOf('enc-pbkdf2.key', 'pbkdf2-passphrase-456');
  await assert.rejects(openBlob(chunk, { what: 'chunk', key: other }), KeyError);
  assert.ok((await openBlob(chunk, { what: 'chunk', key })).byteLength > 0);
});

test('members are sorted by their bytes, where surrogates sort otherwise', () => {
  const names = ['\u{10000}', '\uffff', 'a', 'ab', '\u{1f600}', '\u{1f601}', ''];
  const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const text = canonicalJson(Object.fromEntries(names.map((name) => [name, 1])));
  assert.equal(text, `{${sorted.map((name) => `${JSON.stringify(name)}:1`).join(',')}}`);
});
