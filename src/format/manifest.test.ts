// Manifests: the vector both ways, every manifest of the product, signatures, unknown members, damage.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { goldenPath, productFile, vectors } from '../../test/support/golden.ts';
import { damaged, readsOrRefuses } from '../../test/support/mutate.ts';
import { fromHex } from '../base/bytes.ts';
import { type ErrorCode, GranaryError } from '../base/errors.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { parseKeyFile } from '../crypto/key-file.ts';
import { blobInfo, encodeBlob } from './blob.ts';
import {
  canonicalManifest,
  checkManifestKey,
  decodeManifestBlob,
  encodeManifestBlob,
  findFile,
  type Manifest,
  manifestKeyFingerprint,
  parseManifest,
  serializeManifest,
  signManifest,
  verifyManifest,
} from './manifest.ts';

const vector = vectors<{ enc_key: string; canonical: string; signature: string; pretty: string }>('manifest');
const crypt = CryptConfig.fromKey(fromHex(vector.enc_key, 32));
const otherCrypt = CryptConfig.fromKey(new Uint8Array(32));
const parse = (text: string): Manifest => parseManifest(Buffer.from(text), 'x');
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const minimal = '{"backup-type":"vm","backup-id":"100","backup-time":1,"files":[]}';

function throwsCode(code: ErrorCode, text: RegExp, fn: () => unknown): void {
  assert.throws(fn, (error) => {
    assert.ok(error instanceof GranaryError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, text);
    return true;
  });
}

test('the vector: canonical bytes, signature, stored text', () => {
  const manifest = parse(vector.pretty);
  assert.equal(textOf(canonicalManifest(manifest)), vector.canonical);
  verifyManifest(manifest, crypt);
  assert.equal(textOf(serializeManifest(manifest)), vector.pretty);
  const { signature, unprotected } = signManifest({ ...manifest, signature: null }, crypt);
  assert.equal(signature, vector.signature);
  assert.equal(unprotected['key-fingerprint'], crypt.fingerprint);
  assert.equal(unprotected['note'], 'This is not protected by the signature.');
});

test('every manifest of the product is read, written again byte for byte, and its signature holds', () => {
  const keys = ['enc-none.key'].map((name) => parseKeyFile(productFile(`keys/${name}`).toString(), name));
  const product = CryptConfig.fromKey(keys[0]!.data);
  let signed = 0;
  for (const name of readdirSync(goldenPath('pbs-3.2.4/manifests'))) {
    const text = productFile(`manifests/${name}`);
    const manifest = parseManifest(text, name);
    assert.equal(textOf(serializeManifest(manifest)), text.toString(), name);
    if (manifestKeyFingerprint(manifest) === product.fingerprint) {
      verifyManifest(manifest, product);
      checkManifestKey(manifest, product);
      throwsCode('wrong-key', /wrong key/, () => verifyManifest(manifest, otherCrypt));
      throwsCode('wrong-key', /missing key/, () => checkManifestKey(manifest, undefined));
      signed++;
    }
  }
  assert.equal(signed, 5);
});

test('any change of the signed part breaks the signature, a change of the rest does not', () => {
  const manifest = parse(vector.pretty);
  const changes: ((m: Manifest) => void)[] = [
    (m) => m.time++,
    (m) => (m.id = 'elsb'),
    (m) => (m.type = 'ct'),
    (m) => m.files.pop(),
    (m) => m.files.reverse(),
    (m) => m.files[0]!.size++,
    (m) => (m.files[0]!['crypt-mode'] = 'none'),
    (m) => (m.files[1]!.csum = `03${m.files[1]!.csum.slice(2)}`),
    (m) => (m.extra = { more: 1 }),
    (m) => (m.signature = `0${m.signature!.slice(1)}`),
  ];
  for (const change of changes) {
    const copy = structuredClone(manifest);
    change(copy);
    throwsCode('manifest-invalid', /signature is wrong/, () => verifyManifest(copy, crypt));
  }
  const noted = structuredClone(manifest);
  noted.unprotected['notes'] = 'new';
  verifyManifest(noted, crypt);
});

test('an unsigned manifest: null is written, no key is asked for', () => {
  const manifest = parse(minimal);
  assert.deepEqual(manifest, { type: 'vm', id: '100', time: 1, files: [], signature: null, unprotected: {} });
  assert.equal(
    textOf(serializeManifest(manifest)),
    '{\n  "backup-id": "100",\n  "backup-time": 1,\n  "backup-type": "vm",\n  "files": [],\n  "signature": null,\n  "unprotected": {}\n}',
  );
  verifyManifest(manifest, crypt);
  checkManifestKey(manifest, undefined);
  checkManifestKey(manifest, crypt);
});

test('an unprotected part that is null has nothing in it', () => {
  const manifest = parse('{"backup-type":"vm","backup-id":"1","backup-time":1,"files":[],"unprotected":null}');
  assert.deepEqual(manifest.unprotected, {});
});

test('unknown members and odd numbers survive, everywhere', () => {
  const text = `{
  "backup-id": "100",
  "backup-time": 1,
  "backup-type": "vm",
  "files": [
    {
      "__proto__": 5,
      "crypt-mode": "none",
      "csum": "${'ab'.repeat(32)}",
      "filename": "a.blob",
      "later": {
        "deep": [
          1,
          null,
          18446744073709551615,
          1.50
        ]
      },
      "size": 3
    }
  ],
  "future": 1e3,
  "signature": null,
  "unprotected": {
    "notes": "two\\nlines \\"quoted\\" ünï \u007f \\u0001",
    "other": {},
    "Äö": [],
    "\u{1f600}": -0.0,
    "\ufffd": 1
  }
}`;
  const manifest = parse(text);
  const sorted = text.replace('"\u{1f600}": -0.0,\n    "\ufffd": 1', '"\ufffd": 1,\n    "\u{1f600}": -0.0');
  assert.equal(textOf(serializeManifest(manifest)), sorted);
  assert.equal(findFile(manifest, 'a.blob')!.size, 3);
  assert.equal(findFile(manifest, 'b.blob'), undefined);
  throwsCode('manifest-invalid', /null/, () => canonicalManifest(manifest));
  const signable = parse(
    '{"backup-type":"vm","backup-id":"1","backup-time":1,"files":[],"z":18446744073709551615,"a":1e3}',
  );
  assert.equal(
    textOf(canonicalManifest(signable)),
    '{"a":1e3,"backup-id":"1","backup-time":1,"backup-type":"vm","files":[],"z":18446744073709551615}',
  );
  verifyManifest(parse(textOf(serializeManifest(signManifest(signable, crypt)))), crypt);
});

test('a missing crypt mode is none', () => {
  const manifest = parse(minimal.replace('[]', `[{"filename":"a.blob","size":1,"csum":"${'0'.repeat(64)}"}]`));
  assert.equal(manifest.files[0]!['crypt-mode'], 'none');
});

test('the stored blob is plain and decodes to the same manifest', () => {
  const manifest = parse(vector.pretty);
  const raw = encodeManifestBlob(manifest);
  assert.deepEqual(
    { ...blobInfo(raw, 'x'), crc: 0, computedCrc: 0 },
    {
      encrypted: false,
      compressed: true,
      headerSize: 12,
      crc: 0,
      computedCrc: 0,
    },
  );
  assert.deepEqual(decodeManifestBlob(raw, 'x'), manifest);
  throwsCode('blob-invalid', /has to be plain/, () =>
    decodeManifestBlob(encodeBlob(Buffer.from(minimal), { crypt }), 'x'),
  );
});

test('wrong members are named', () => {
  const file = `{"filename":"a.blob","size":1,"csum":"${'0'.repeat(64)}","crypt-mode":"none"}`;
  const withFiles = (files: string): string => minimal.replace('[]', `[${files}]`);
  const cases: [string, RegExp][] = [
    ['', /not valid JSON/],
    ['[]', /a manifest is a JSON object/],
    ['1e3', /a manifest is a JSON object/],
    ['\ufeff{}', /not valid JSON/],
    [minimal.replace('vm', 'lxc'), /'backup-type'/],
    [minimal.replace('"100"', '"../x"'), /'backup-id'/],
    [minimal.replace(':1,', ':0,'), /'backup-time'/],
    [minimal.replace(':1,', ':1.0,'), /'backup-time'/],
    [minimal.replace(':1,', ':9007199254740993,'), /'backup-time'/],
    [minimal.replace('[]', '{}'), /'files' is not an array/],
    [minimal.replace('[]', '[],"signature":"AA"'), /'signature'/],
    [minimal.replace('[]', '[],"unprotected":[]'), /'unprotected'/],
    [minimal.replace('[]', '[],"more":"\\ud800"'), /surrogate/],
    [minimal.replace('[]', '[],"more":1e999'), /out of range/],
    [minimal.replace('[]', `[],"more":${'['.repeat(200)}${']'.repeat(200)}`), /nested deeper/],
    [minimal.replace('[]', `[],"more":${'['.repeat(200_000)}${']'.repeat(200_000)}`), /JSON/],
    [withFiles('1'), /files\[0\]: not an object/],
    [withFiles(file.replace('a.blob', '../a.blob')), /'filename' is not a file name/],
    [withFiles(file.replace('"none"', '"rot13"')), /'crypt-mode' of a.blob/],
    [withFiles(file.replace(':1,', ':-1,')), /'size' of a.blob/],
    [withFiles(file.replace(/0{64}/, 'AB'.repeat(32))), /'csum' of a.blob/],
    [withFiles(`${file},${file}`), /'a.blob' is listed twice/],
  ];
  for (const [text, problem] of cases) throwsCode('manifest-invalid', problem, () => parse(text));
  throwsCode('manifest-invalid', /not valid JSON/, () => parseManifest(Uint8Array.of(0x22, 0xff, 0x22), 'x'));
  const oddKey = parse(minimal.replace('[]', '[],"unprotected":{"key-fingerprint":"xx"}'));
  throwsCode('manifest-invalid', /'key-fingerprint'/, () => checkManifestKey(oddKey, crypt));
});

test('damaged manifests: refused or read, never anything else', () => {
  const text = Buffer.from(vector.pretty);
  const raw = encodeBlob(text);
  fc.assert(
    fc.property(damaged(text), damaged(raw), (json, blob) => {
      readsOrRefuses(() => {
        const manifest = parseManifest(json, 'x');
        serializeManifest(manifest);
        verifyManifest(manifest, crypt);
      });
      readsOrRefuses(() => decodeManifestBlob(blob, 'x'));
    }),
    { numRuns: 300 },
  );
});

test('whatever JSON is in the unprotected part comes back', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const manifest: Manifest = { ...parse(minimal), unprotected: { value } };
      assert.deepEqual(
        parseManifest(serializeManifest(manifest), 'x').unprotected,
        JSON.parse(JSON.stringify({ value })),
      );
    }),
  );
});
