// Fixed and dynamic indexes: the vectors both ways, look-up, every check of the parsers, damage.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { productFile, vectors } from '../../test/support/golden.ts';
import { damaged, readsOrRefuses } from '../../test/support/mutate.ts';
import { asBuffer, fromHex, toHex, writeU64 } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { type ChunkIndex, parseIndex } from './chunk-index.ts';
import {
  dynamicIndexMagic,
  encodeDynamicEntry,
  encodeDynamicHeader,
  encodeDynamicIndex,
  parseDynamicIndex,
} from './dynamic-index.ts';
import { encodeFixedHeader, encodeFixedIndex, fixedIndexMagic, parseFixedIndex } from './fixed-index.ts';
import { entriesChecksum } from './index-header.ts';

interface IndexVector {
  uuid: string;
  ctime: number;
  digests: string[];
  csum: string;
  file_len: number;
  sha256_of_file: string;
}
const fixed = vectors<IndexVector & { size: number; chunk_size: number; first_80_bytes: string }>('fidx');
const dynamic = vectors<IndexVector & { ends: number[]; first_64_bytes: string; entries: string }>('didx');
const uuid = fromHex(fixed.uuid, 16);
const digests = fixed.digests.map((d) => fromHex(d, 32));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const fixedFile = encodeFixedIndex({
  uuid,
  ctime: fixed.ctime,
  size: fixed.size,
  chunkSize: fixed.chunk_size,
  digests,
});
const dynamicFile = encodeDynamicIndex({
  uuid,
  ctime: dynamic.ctime,
  chunks: dynamic.ends.map((end, i) => ({ end, digest: digests[i]! })),
});

function refuses(text: RegExp, parse: () => unknown): void {
  assert.throws(parse, (error) => {
    assert.ok(error instanceof GranaryError, String(error));
    assert.equal(error.code, 'index-invalid');
    assert.match(error.message, /^x\.[fd]idx: /);
    assert.match(error.message, text);
    return true;
  });
}

test('magics are the first bytes of the hashed labels', () => {
  const magicOf = (label: string) => sha256(Buffer.from(label)).slice(0, 16);
  assert.equal(toHex(fixedIndexMagic), magicOf('Proxmox Backup fixed sized chunk index v1.0'));
  assert.equal(toHex(dynamicIndexMagic), magicOf('Proxmox Backup dynamic sized chunk index v1.0'));
});

test('the fixed vector, byte for byte', () => {
  assert.equal(toHex(fixedFile.subarray(0, 80)), fixed.first_80_bytes);
  assert.equal(fixedFile.byteLength, fixed.file_len);
  assert.equal(sha256(fixedFile), fixed.sha256_of_file);
  const index = parseFixedIndex(fixedFile, 'x.fidx');
  assert.deepEqual([index.kind, index.count, index.size, index.chunkSize], ['fixed', 3, 8400953, 4194304]);
  assert.deepEqual([toHex(index.uuid), index.ctime], [fixed.uuid, fixed.ctime]);
  assert.equal(toHex(index.checksum()), fixed.csum);
  assert.deepEqual([index.startOf(2), index.endOf(2), index.endOf(1)], [8388608, 8400953, 8388608]);
  assert.deepEqual(
    [0, 1, 2].map((i) => toHex(index.digestAt(i))),
    fixed.digests,
  );
});

test('the dynamic vector, byte for byte', () => {
  assert.equal(toHex(dynamicFile.subarray(0, 64)), dynamic.first_64_bytes);
  assert.equal(toHex(dynamicFile.subarray(4096)), dynamic.entries);
  assert.equal(dynamicFile.byteLength, dynamic.file_len);
  assert.equal(sha256(dynamicFile), dynamic.sha256_of_file);
  const index = parseDynamicIndex(dynamicFile, 'x.didx');
  assert.deepEqual([index.kind, index.count, index.size], ['dynamic', 3, 400001]);
  assert.equal(toHex(index.checksum()), dynamic.csum);
  assert.deepEqual(
    [0, 1, 2].map((i) => [index.startOf(i), index.endOf(i)]),
    [
      [0, 100000],
      [100000, 350000],
      [350000, 400001],
    ],
  );
  assert.deepEqual(
    [0, 1, 2].map((i) => toHex(index.digestAt(i))),
    dynamic.digests,
  );
});

test('the boundaries of indexes that the product wrote', () => {
  for (const name of ['stream', 'small']) {
    const index = parseIndex(`${name}.didx`, productFile(`chunker/${name}.didx`), name);
    const lines = Array.from({ length: index.count }, (_, i) => `${index.endOf(i)} ${toHex(index.digestAt(i))}\n`);
    assert.equal(lines.join(''), productFile(`chunker/${name}.boundaries.txt`).toString());
    assert.deepEqual(index.checksum(), Uint8Array.from(productFile(`chunker/${name}.didx`).subarray(32, 64)));
  }
});

test('look-up finds the chunk of each offset', () => {
  const check = (index: ChunkIndex): void => {
    for (let i = 0; i < index.count; i++) {
      assert.equal(index.find(index.startOf(i)), i);
      assert.equal(index.find(index.endOf(i) - 1), i);
      assert.equal(index.find(Math.floor((index.startOf(i) + index.endOf(i)) / 2)), i);
    }
    for (const outside of [-1, index.size, Number.NaN]) assert.throws(() => index.find(outside), RangeError);
  };
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 2 ** 40 }), { maxLength: 60 }), (lengths) => {
      let end = 0;
      const chunks = lengths.map((length) => {
        end += length;
        return { end, digest: digests[0]! };
      });
      const index = parseDynamicIndex(encodeDynamicIndex({ uuid, ctime: 0, chunks }), 'x.didx');
      assert.equal(index.size, end);
      check(index);
    }),
  );
  check(parseFixedIndex(fixedFile, 'x.fidx'));
});

test('an empty dynamic index has no content', () => {
  const index = parseDynamicIndex(encodeDynamicIndex({ uuid, ctime: 0, chunks: [] }), 'x.didx');
  assert.deepEqual([index.count, index.size], [0, 0]);
  assert.equal(toHex(index.checksum()), sha256(new Uint8Array(0)));
});

test('header builders give what the whole encoders give', () => {
  const checksum = entriesChecksum(dynamicFile.subarray(4096));
  assert.deepEqual(encodeDynamicHeader({ uuid, ctime: dynamic.ctime, checksum }), dynamicFile.slice(0, 4096));
  const header = { uuid, ctime: fixed.ctime, size: fixed.size, checksum: fromHex(fixed.csum, 32) };
  assert.deepEqual(encodeFixedHeader(header), fixedFile.slice(0, 4096));
  const entry = new Uint8Array(50);
  encodeDynamicEntry(entry, 10, 2 ** 53 - 1, digests[0]!);
  assert.equal(toHex(entry.subarray(10, 18)), 'ffffffffffff1f00');
  assert.throws(() => encodeFixedIndex({ uuid, ctime: 0, size: 0, digests: [] }), GranaryError);
  assert.throws(() => encodeFixedIndex({ uuid, ctime: 0, size: 5, digests }), GranaryError);
});

const changed = (file: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array => {
  const copy = Uint8Array.from(file);
  change(copy);
  return copy;
};

test('fixed: every field is checked', () => {
  const parse = (bytes: Uint8Array) => () => parseFixedIndex(bytes, 'x.fidx');
  refuses(/header of 4096 bytes/, parse(fixedFile.subarray(0, 4095)));
  refuses(/wrong magic/, parse(dynamicFile));
  refuses(/has 4192 bytes, the file has 4191/, parse(fixedFile.subarray(0, -1)));
  refuses(/has 4192 bytes, the file has 4193/, parse(Buffer.concat([fixedFile, Buffer.alloc(1)])));
  refuses(/size at offset 64 is 0/, parse(changed(fixedFile, (b) => writeU64(b, 64, 0))));
  refuses(/beyond 2\^53/, parse(changed(fixedFile, (b) => writeU64(b, 64, 2n ** 53n))));
  for (const chunkSize of [0n, 3n, 4194303n, 2n ** 53n, 2n ** 63n]) {
    refuses(/not a power of two/, parse(changed(fixedFile, (b) => writeU64(b, 72, chunkSize))));
  }
  refuses(/the file has 4192/, parse(changed(fixedFile, (b) => writeU64(b, 64, 2n ** 53n - 1n))));
});

test('dynamic: every field is checked', () => {
  const parse = (bytes: Uint8Array) => () => parseDynamicIndex(bytes, 'x.didx');
  refuses(/header of 4096 bytes/, parse(new Uint8Array(0)));
  refuses(/wrong magic/, parse(fixedFile));
  refuses(/119 bytes of entries/, parse(dynamicFile.subarray(0, -1)));
  refuses(/350000 of chunk 2 is not after 350000/, parse(changed(dynamicFile, (b) => writeU64(b, 4096 + 80, 350000))));
  refuses(/end offset 0 of chunk 0/, parse(changed(dynamicFile, (b) => writeU64(b, 4096, 0))));
  for (const end of [2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
    refuses(/chunk 2 is beyond 2\^53/, parse(changed(dynamicFile, (b) => writeU64(b, 4096 + 80, end))));
  }
  const largest = changed(dynamicFile, (b) => writeU64(b, 4096 + 80, 2n ** 53n - 1n));
  assert.equal(parseDynamicIndex(largest, 'x.didx').size, Number.MAX_SAFE_INTEGER);
});

test('the kind follows from the file name', () => {
  assert.equal(parseIndex('a.img.fidx', fixedFile, 'x.fidx').kind, 'fixed');
  assert.equal(parseIndex('a.pxar.didx', dynamicFile, 'x.didx').kind, 'dynamic');
  refuses(/does not name an index/, () => parseIndex('a.blob', fixedFile, 'x.fidx'));
});

test('views of shared memory are read in place', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(dynamicFile.byteLength + 1)).subarray(1);
  shared.set(dynamicFile);
  const index = parseDynamicIndex(shared, 'x.didx');
  assert.equal(toHex(index.checksum()), dynamic.csum);
  assert.equal(asBuffer(index.digestAt(0)).buffer, shared.buffer);
});

for (const [name, file] of Object.entries({ 'x.fidx': fixedFile, 'x.didx': dynamicFile })) {
  test(`damaged ${name}: refused or read, never anything else`, () => {
    // The header's zero padding is left out of the damage, so that most of it lands on fields.
    const used = Buffer.concat([file.subarray(0, 80), file.subarray(4096)]);
    fc.assert(
      fc.property(damaged(used), (bytes) => {
        const whole = Buffer.concat([bytes.subarray(0, 80), Buffer.alloc(4016), bytes.subarray(80)]);
        readsOrRefuses(() => {
          const index = parseIndex(name, whole, name);
          index.checksum();
          for (let i = 0; i < index.count; i++) assert.equal(index.find(index.startOf(i)), i);
        });
      }),
      { numRuns: 500 },
    );
  });
}
