import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GranaryError } from '../base/errors.ts';
import { encodeHeaders, type HeaderField, HpackDecoder } from './hpack.ts';
import { decodeHuffman } from './huffman.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

test('requests of RFC 7541 C.4, Huffman-coded, with a dynamic table', () => {
  const decoder = new HpackDecoder();
  assert.deepEqual(decoder.decode(hex('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff')), [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ]);
  assert.deepEqual(decoder.decode(hex('8286 84be 5886 a8eb 1064 9cbf')).slice(3), [
    [':authority', 'www.example.com'],
    ['cache-control', 'no-cache'],
  ]);
  assert.deepEqual(decoder.decode(hex('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf')), [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ]);
});

test('a table size update evicts', () => {
  const decoder = new HpackDecoder();
  decoder.decode(hex('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'));
  assert.deepEqual(decoder.decode(hex('be')), [['custom-key', 'custom-header']]);
  assert.throws(() => decoder.decode(hex('20be')), /no field has index 62/);
});

test('what is encoded decodes to the same', () => {
  const text = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((n) => String.fromCharCode(n)), maxLength: 300 });
  const name = fc.constantFrom(':method', ':path', 'content-type', 'x-unknown', 'cookie');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, fc.oneof(text, fc.constantFrom('GET', 'POST', '/'))), { maxLength: 20 }),
      (fields) => {
        assert.deepEqual(new HpackDecoder().decode(encodeHeaders(fields as HeaderField[])), fields);
      },
    ),
    { numRuns: 100 },
  );
});

test('arbitrary blocks give fields or a typed error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (block) => {
      try {
        new HpackDecoder().decode(block);
      } catch (error) {
        assert.ok(error instanceof GranaryError && error.code === 'protocol');
      }
    }),
    { numRuns: 500 },
  );
});

test('malformed strings and integers are refused', () => {
  for (const [block, text] of [
    ['80', /no field has index 0/],
    ['ff', /ends too early/],
    ['ffffffffffffffffff7f', /too large/],
    ['ff80808080808080808001', /too long/],
    ['0005616263', /ends too early/],
    ['8220', /table size update behind a field/],
    ['3fffff0f', /table size/],
  ] as const) {
    assert.throws(() => new HpackDecoder().decode(hex(block)), { code: 'protocol', message: text });
  }
  assert.throws(() => decodeHuffman(hex('ffffffff')), /end-of-string/);
  assert.throws(() => decodeHuffman(hex('1f ff')), /padding/);
  assert.throws(() => decodeHuffman(hex('18')), /padding/);
  assert.equal(decodeHuffman(hex('1f')), 'a');
});
