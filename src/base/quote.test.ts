// Quoted paths: the forms that the product's listings show, and that nothing breaks a line or is lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { quotePath } from './quote.ts';

const text = (s: string) => quotePath(Buffer.from(s));

test('printable text stays, quotes and backslashes are escaped', () => {
  assert.equal(text('/'), '"/"');
  assert.equal(text('/names/quote"\'.txt'), '"/names/quote\\"\'.txt"');
  assert.equal(text('/names/back\\slash.txt'), '"/names/back\\\\slash.txt"');
  assert.equal(text('/names/grüße 日本語 😀.txt'), '"/names/grüße 日本語 😀.txt"');
});

test('controls and characters without a shape of their own are escaped', () => {
  assert.equal(text('tab\tnew\nline'), '"tab\\tnew\\nline"');
  assert.equal(text('\r\0\x1b\x7f'), '"\\r\\0\\u{1b}\\u{7f}"');
  assert.equal(text('e\u0301\u00a0\u2028'), '"e\\u{301}\\u{a0}\\u{2028}"');
});

test('bytes outside of UTF-8 are written one by one', () => {
  assert.equal(quotePath(Buffer.from('latin1-\xe9\xff.txt', 'latin1')), '"latin1-\\xE9\\xFF.txt"');
  assert.equal(quotePath(Buffer.from('dir-\xfc\x80', 'latin1')), '"dir-\\xFC\\x80"');
  assert.equal(quotePath(Uint8Array.of(0xe2, 0x82, 0x61)), '"\\xE2\\x82a"');
  assert.equal(quotePath(Uint8Array.of(0xed, 0xa0, 0x80)), '"\\xED\\xA0\\x80"');
  assert.equal(quotePath(Uint8Array.of(0xff, 0xe2, 0x82, 0xac, 0xe2)), '"\\xFF€\\xE2"');
});

test('any bytes give one line from which they can be read back', () => {
  const short: Record<string, string> = { t: '\t', n: '\n', r: '\r', '0': '\0' };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const quoted = quotePath(bytes);
      assert.ok(!/[\n\r\0]/.test(quoted));
      const parts: Buffer[] = [];
      const inner = quoted.slice(1, -1);
      for (const token of inner.match(/\\x..|\\u\{[0-9a-f]+\}|\\.|[^\\]/gsu) ?? []) {
        if (token.startsWith('\\x')) parts.push(Buffer.from(token.slice(2), 'hex'));
        else if (token.startsWith('\\u'))
          parts.push(Buffer.from(String.fromCodePoint(Number.parseInt(token.slice(3, -1), 16))));
        else if (token.startsWith('\\')) parts.push(Buffer.from(short[token[1]!] ?? token[1]!));
        else parts.push(Buffer.from(token));
      }
      assert.deepEqual(Buffer.concat(parts), Buffer.from(bytes));
    }),
  );
});
