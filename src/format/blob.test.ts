// Data blobs: the vectors both ways, every blob of the product's datastore, limits, damage.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { crc32, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { vectors } from '../../test/support/golden.ts';
import { damaged, readsOrRefuses } from '../../test/support/mutate.ts';
import { asBuffer, bytesEqual, fromHex, toHex } from '../base/bytes.ts';
import { type ErrorCode, GranaryError } from '../base/errors.ts';
import { CryptConfig, plainDigest } from '../crypto/crypt-config.ts';
import {
  blobHeader,
  blobInfo,
  blobMagics,
  checkBlob,
  decodeBlob,
  encodeBlob,
  encodeBlobInto,
  encodeBlobParts,
  encryptedHeaderSize,
  isBlob,
  sealBlob,
  unsealBlob,
  writeBlobCrc,
} from './blob.ts';

interface BlobVector {
  name: string;
  plaintext_hex: string;
  raw_hex: string;
  crc32: string;
  sha256_of_raw: string;
  chunk_digest_plain: string;
  chunk_digest_keyed: string;
}
const blobs = vectors<BlobVector[]>('blobs');
const crypt = CryptConfig.fromKey(fromHex(vectors<{ enc_key: string }>('key').enc_key, 32));
const otherCrypt = CryptConfig.fromKey(new Uint8Array(32).fill(9));
const iv = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i);
const hex = (text: string): Uint8Array => Buffer.from(text, 'hex');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function throwsCode(code: ErrorCode, text: string | RegExp, fn: () => unknown): void {
  assert.throws(fn, (error) => {
    assert.ok(error instanceof GranaryError, String(error));
    assert.equal(error.code, code);
    if (typeof text === 'string') assert.equal(error.message, text);
    else assert.match(error.message, text);
    return true;
  });
}

test('magics are the first bytes of the hashed labels', () => {
  const labels = {
    plain: 'Proxmox Backup uncompressed blob v1.0',
    compressed: 'Proxmox Backup zstd compressed blob v1.0',
    encrypted: 'Proxmox Backup encrypted blob v1.0',
    encryptedCompressed: 'Proxmox Backup zstd compressed encrypted blob v1.0',
  };
  for (const [name, label] of Object.entries(labels)) {
    assert.equal(toHex(blobMagics[name as keyof typeof labels]), sha256(Buffer.from(label)).slice(0, 16));
  }
});

for (const vector of blobs) {
  test(`vector ${vector.name}: decodes to its content`, () => {
    const raw = hex(vector.raw_hex);
    const content = hex(vector.plaintext_hex);
    const info = checkBlob(raw, 'vector');
    assert.equal(info.crc.toString(16).padStart(8, '0'), vector.crc32);
    assert.equal(sha256(raw), vector.sha256_of_raw);
    assert.equal(toHex(plainDigest(content)), vector.chunk_digest_plain);
    assert.equal(toHex(crypt.digest(content)), vector.chunk_digest_keyed);
    const digest = hex(info.encrypted ? vector.chunk_digest_keyed : vector.chunk_digest_plain);
    const options = { what: 'vector', crypt, digest, size: content.byteLength };
    assert.deepEqual(asBuffer(decodeBlob(raw, options)), content);
  });

  test(`vector ${vector.name}: encodes to the same container, apart from compressed bytes`, () => {
    const raw = hex(vector.raw_hex);
    const { encrypted, compressed, headerSize } = blobInfo(raw, 'vector');
    const encoded = encodeBlob(hex(vector.plaintext_hex), {
      compress: compressed,
      ...(encrypted ? { crypt, iv } : {}),
    });
    if (!compressed) assert.equal(toHex(encoded), vector.raw_hex);
    assert.deepEqual(encoded.subarray(0, 8), Uint8Array.from(raw.subarray(0, 8)));
    assert.equal(blobInfo(encoded, 'encoded').headerSize, headerSize);
    assert.equal(toHex(decodeBlob(encoded, { what: 'encoded', crypt })), vector.plaintext_hex);
  });
}

test('any content survives all four kinds, in memory of its own, in parts and in shared memory', () => {
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 3000 }),
    fc.tuple(fc.nat(255), fc.nat(70_000)).map(([byte, n]) => new Uint8Array(n).fill(byte)),
  );
  fc.assert(
    fc.property(content, fc.boolean(), fc.boolean(), fc.integer({ min: 1, max: 4 }), (data, compress, seal, level) => {
      const options = { compress, level, iv, ...(seal ? { crypt } : {}) };
      const raw = encodeBlob(data, options);
      const size = data.byteLength;
      const digest = seal ? crypt.digest(data) : plainDigest(data);
      const expect = seal ? 'encrypted' : 'plain';
      assert.deepEqual(asBuffer(decodeBlob(raw, { what: 'x', crypt, digest, size, expect })), Buffer.from(data));
      assert.ok(raw.byteLength <= size + encryptedHeaderSize);
      const { header, body } = encodeBlobParts(data, options);
      assert.deepEqual(Buffer.concat([header, body]), Buffer.from(raw));
      const shared = new Uint8Array(new SharedArrayBuffer(2 * size + 100));
      shared.set(data);
      const target = shared.subarray(size);
      const length = encodeBlobInto(target, shared.subarray(0, size), options);
      assert.deepEqual(Buffer.from(target.subarray(0, length)), Buffer.from(raw));
      assert.deepEqual(Buffer.from(decodeBlob(target.subarray(0, length), { what: 'x', crypt })), Buffer.from(data));
    }),
    { numRuns: 60 },
  );
});

test('the encryption of a container comes off and on again, and nothing is compressed anew', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), fc.boolean(), (content, compress) => {
      const sealed = encodeBlob(content, { crypt, compress });
      const o = { what: 'x', crypt, digest: crypt.digest(content), size: content.byteLength };
      const { header, body, digest } = unsealBlob(sealed, o);
      assert.deepEqual(Buffer.concat([header, body]), Buffer.from(encodeBlob(content, { compress })));
      assert.deepEqual(digest, plainDigest(content));
      const again = sealBlob(Buffer.concat([header, body]), { ...o, digest });
      assert.deepEqual(again.digest, o.digest);
      assert.equal(again.header.length + again.body.length, sealed.length);
      const opened = decodeBlob(Buffer.concat([again.header, again.body]), o);
      assert.ok(bytesEqual(opened, content));
      assert.throws(() => sealBlob(sealed, o), /^GranaryError: x: is encrypted, but has to be plain$/);
      assert.throws(() => unsealBlob(encodeBlob(content), o), /^GranaryError: x: is plain, but has to be encrypted$/);
      assert.throws(() => unsealBlob(sealed, { ...o, digest: plainDigest(content) }), /wrong digest/);
      sealed[sealed.byteLength - 1]! ^= 1;
      assert.throws(() => unsealBlob(sealed, o), /wrong CRC/);
    }),
  );
});

test('incompressible content is stored as it is, without a copy', () => {
  const data = randomBytes(10_000);
  const { header, body } = encodeBlobParts(data);
  assert.equal(body, data);
  assert.deepEqual(header, blobHeader({ compressed: false, crc: crc32(data) }));
  assert.equal(encodeBlob(Buffer.from('a')).byteLength, 13);
});

/** `length` bytes of noise in which each run of `text` bytes out of `every` is text. */
function mixed(length: number, text: number, every: number): Buffer {
  const data = randomBytes(length);
  for (let at = 0; at < length; at += every) data.fill('the same words over and over, ', at, at + text);
  return data;
}

test('large content is compressed if any sample of it gets smaller', () => {
  const MiB = 1024 * 1024;
  const noise = randomBytes(4 * MiB);
  assert.equal(encodeBlobParts(noise).body, noise);
  const repeated = Buffer.concat(Array.from({ length: 100 }, () => noise.subarray(0, 40_000)));
  for (const data of [
    // A quarter of it, in one piece at any place, in two, and scattered in ways that fall between small pieces.
    ...[0, 1, 2, 3].map((n) =>
      Buffer.concat([noise.subarray(0, n * MiB), mixed(MiB, MiB, MiB), noise.subarray(n * MiB)]),
    ),
    mixed(4 * MiB, MiB / 2, 2 * MiB),
    mixed(4 * MiB, 16_384, 65_536),
    mixed(4 * MiB, 1000, 4000),
    repeated,
  ]) {
    assert.ok(encodeBlobParts(data).body.byteLength < data.byteLength * 0.9);
    assert.deepEqual(decodeBlob(encodeBlob(data), { what: 'x' }), data);
  }
});

test('an IV is drawn for each encrypted blob', () => {
  const [a, b] = [encodeBlob(iv, { crypt }), encodeBlob(iv, { crypt })];
  assert.notEqual(toHex(a.subarray(12, 28)), toHex(b.subarray(12, 28)));
});

test('structure errors carry the texts of the protocol', () => {
  throwsCode('blob-invalid', 'blob too small (11 bytes).', () => blobInfo(new Uint8Array(11), ''));
  throwsCode('blob-invalid', 'f.blob: unable to parse raw blob - wrong magic', () =>
    blobInfo(new Uint8Array(12), 'f.blob'),
  );
  throwsCode('blob-invalid', 'encrypted blob too small (43 bytes).', () =>
    blobInfo(encodeBlob(iv, { crypt }).subarray(0, 43), ''),
  );
  const raw = encodeBlob(Buffer.from('hello'));
  raw[14]! ^= 1;
  throwsCode('blob-invalid', 'x: Data blob has wrong CRC checksum.', () => decodeBlob(raw, { what: 'x' }));
  assert.ok(isBlob(raw));
  assert.ok(!isBlob(Buffer.from('{"no": "blob"}')));
});

test('a chunk that is uploaded with any CRC is decoded, and gets the right one', () => {
  const raw = encodeBlob(Buffer.from('hello'));
  const right = Buffer.from(raw);
  writeBlobCrc(raw, 0);
  const digest = plainDigest(Buffer.from('hello'));
  assert.equal(Buffer.from(decodeBlob(raw, { what: '', ignoreCrc: true, digest, size: 5 })).toString(), 'hello');
  writeBlobCrc(raw, blobInfo(raw, '').computedCrc);
  assert.deepEqual(Buffer.from(raw), right);
  throwsCode('digest-mismatch', 'detected chunk with wrong digest.', () =>
    decodeBlob(raw, { what: '', digest: new Uint8Array(32) }),
  );
  throwsCode('blob-invalid', 'detected chunk with wrong length (6 != 5)', () =>
    decodeBlob(raw, { what: '', digest, size: 6 }),
  );
});

const withFrames = (...frames: Uint8Array[]): Uint8Array => {
  const body = Buffer.concat(frames);
  return Buffer.concat([blobHeader({ compressed: true, crc: crc32(body) }), body]);
};

test('a digest stands for the CRC, which only tells what is wrong', () => {
  for (const data of [Buffer.from('hello hello hello hello hello hello'), randomBytes(100)]) {
    for (const key of [undefined, crypt]) {
      const digest = key ? key.digest(data) : plainDigest(data);
      const raw = Buffer.concat(Object.values(encodeBlobParts(data, { crypt: key, crc: false })));
      assert.equal(blobInfo(raw, '').crc, 0);
      throwsCode('blob-invalid', /wrong CRC/, () => decodeBlob(raw, { what: 'x', crypt: key }));
      assert.deepEqual(Buffer.from(decodeBlob(raw, { what: 'x', crypt: key, digest })), data);
      for (let at = key ? encryptedHeaderSize : 12; at < raw.length; at += 7) {
        const bad = Buffer.from(raw.map((byte, i) => (i === at ? byte ^ 4 : byte)));
        throwsCode('blob-invalid', 'x: Data blob has wrong CRC checksum.', () =>
          decodeBlob(bad, { what: 'x', crypt: key, digest }),
        );
      }
    }
  }
});

test('what is decompressed comes into the room that is given, if it is as long as the content', () => {
  const data = Buffer.concat([randomBytes(1000), Buffer.alloc(200_000, 'room '), randomBytes(1000)]);
  const digest = plainDigest(data);
  for (const key of [undefined, crypt]) {
    const raw = encodeBlob(data, key ? { crypt: key } : {});
    const expected = key ? key.digest(data) : digest;
    const options = { what: 'x', crypt: key, digest: expected, size: data.length };
    const room = new Uint8Array(new SharedArrayBuffer(data.length + 100), 50, data.length);
    const content = decodeBlob(raw, { ...options, room });
    assert.equal(content.buffer, room.buffer);
    assert.ok(bytesEqual(content, data));
    const other = decodeBlob(raw, { ...options, room: room.subarray(1) });
    assert.notEqual(other.buffer, room.buffer);
    assert.ok(bytesEqual(other, data));
  }
  // Whatever came before: damage, a content of another length, several frames.
  const body = zstdCompressSync(data);
  const half = (from: number, to?: number) => zstdCompressSync(data.subarray(from, to));
  const room = new Uint8Array(data.length);
  const options = { what: 'x', digest, size: data.length, room };
  for (const [raw, text] of [
    [withFrames(body), undefined],
    [withFrames(body.subarray(0, -3)), /damaged/],
    [withFrames(body), undefined],
    [withFrames(zstdCompressSync(data.subarray(1))), /wrong digest/],
    [withFrames(zstdCompressSync(Buffer.concat([data, data]))), /larger than|wrong digest/],
    [withFrames(Buffer.from('28b52ffd00', 'hex')), /damaged/],
    [withFrames(half(0, 500), half(500)), undefined],
    [withFrames(body, Buffer.from('xyz')), /damaged/],
    [withFrames(body), undefined],
  ] as const) {
    const decode = () => decodeBlob(raw, { ...options, maxSize: data.length });
    if (text) assert.throws(decode, text);
    else assert.ok(bytesEqual(decode(), data));
  }
});

test('the wrong key, no key and the wrong kind are refused', () => {
  const sealed = encodeBlob(Buffer.from('secret'), { crypt });
  throwsCode('wrong-key', /no key/, () => decodeBlob(sealed, { what: 'x' }));
  throwsCode('blob-invalid', /cannot be decrypted/, () => decodeBlob(sealed, { what: 'x', crypt: otherCrypt }));
  throwsCode('blob-invalid', /has to be plain/, () => decodeBlob(sealed, { what: 'x', crypt, expect: 'plain' }));
  throwsCode('blob-invalid', /has to be encrypted/, () =>
    decodeBlob(encodeBlob(Buffer.from('open')), { what: 'x', crypt, expect: 'encrypted' }),
  );
  for (const at of [12, 28, 44]) {
    const bad = Uint8Array.from(sealed);
    bad[at]! ^= 0x80;
    throwsCode('blob-invalid', /cannot be decrypted/, () => decodeBlob(bad, { what: 'x', crypt, ignoreCrc: true }));
  }
});

test('decompression is bounded, whatever the frame claims', () => {
  const bomb = withFrames(zstdCompressSync(Buffer.alloc(1_000_000)));
  assert.equal(decodeBlob(bomb, { what: 'x', maxSize: 1_000_000 }).byteLength, 1_000_000);
  throwsCode('blob-invalid', 'x: content is larger than 999999 bytes', () =>
    decodeBlob(bomb, { what: 'x', maxSize: 999_999 }),
  );
  throwsCode('blob-invalid', /larger than 10 bytes/, () => decodeBlob(bomb, { what: 'x', maxSize: 10, size: 2 ** 50 }));
  throwsCode('blob-invalid', /larger than 10 bytes/, () =>
    decodeBlob(encodeBlob(new Uint8Array(11), { compress: false }), { what: 'x', maxSize: 10 }),
  );
  const claims = Buffer.from('28b52ffde0ffffffffffffff3f010000', 'hex');
  throwsCode('blob-invalid', /x: /, () => decodeBlob(withFrames(claims), { what: 'x' }));
});

test('several frames are one content; leftovers and cut frames are damage', () => {
  const [a, b] = [zstdCompressSync(Buffer.from('hello ')), zstdCompressSync(Buffer.from('world'))];
  const empty = zstdCompressSync(Buffer.alloc(0));
  assert.equal(Buffer.from(decodeBlob(withFrames(a, b), { what: 'x', maxSize: 11 })).toString(), 'hello world');
  assert.equal(decodeBlob(withFrames(empty), { what: 'x', size: 0 }).byteLength, 0);
  assert.equal(decodeBlob(withFrames(empty, empty), { what: 'x', maxSize: 0 }).byteLength, 0);
  throwsCode('blob-invalid', /compressed data is damaged/, () =>
    decodeBlob(withFrames(a, Buffer.from('xyz')), { what: 'x' }),
  );
  throwsCode('blob-invalid', /compressed data is damaged/, () =>
    decodeBlob(withFrames(a.subarray(0, -1)), { what: 'x' }),
  );
  throwsCode('blob-invalid', /compressed data is damaged/, () => decodeBlob(withFrames(), { what: 'x' }));
  throwsCode('blob-invalid', /larger than 10 bytes/, () => decodeBlob(withFrames(a, b), { what: 'x', maxSize: 10 }));
});

test('content and targets beyond the limits are refused', () => {
  throwsCode('bad-request', /larger than 134217728/, () => encodeBlob(new Uint8Array(128 * 1024 * 1024 + 1)));
  throwsCode('internal', /no room/, () => encodeBlobInto(new Uint8Array(49), new Uint8Array(6)));
});

for (const vector of blobs) {
  test(`damaged ${vector.name}: refused or read, never anything else`, () => {
    fc.assert(
      fc.property(damaged(hex(vector.raw_hex)), fc.boolean(), (raw, ignoreCrc) => {
        readsOrRefuses(() => decodeBlob(raw, { what: 'x', crypt, ignoreCrc, maxSize: 1 << 20 }));
      }),
      { numRuns: 300 },
    );
  });
}
