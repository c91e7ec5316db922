// Paper keys: the layout line by line, and QR codes that read back to the text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { productFile, vectors } from '../../test/support/golden.ts';
import { readQr } from '../../test/support/qr-read.ts';
import { GranaryError } from '../base/errors.ts';
import { createKeyFile, parseKeyFile, prettyKeyFile, serializeKeyFile } from './key-file.ts';
import { paperKey } from './paper-key.ts';

const { file } = vectors<Record<string, { file: string }>>('keyfiles')['scrypt']!;
const master = productFile('keys/master-private.pem').toString();
const keyLines = prettyKeyFile(parseKeyFile(file, 'x')).split('\n');
const masterLines = master.trim().split('\n');

function modulesOfText(text: string): boolean[][] {
  const lines = text.split('\n').map((line) => [...line]);
  const size = lines[0]!.length;
  return Array.from({ length: size }, (_, row) =>
    Array.from({ length: size }, (_, column) => {
      const char = lines[row >> 1]![column]!;
      return char === '\u2588' || char === (row % 2 === 0 ? '\u2580' : '\u2584');
    }),
  );
}

function modulesOfSvg(base64: string): boolean[][] {
  assert.ok(!base64.includes('='));
  const svg = Buffer.from(base64, 'base64').toString();
  const size = Number(/viewBox="0 0 (\d+) \1"/.exec(svg)![1]);
  const modules = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  for (const [, column, row, width] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)) {
    modules[Number(row)]!.fill(true, Number(column), Number(column) + Number(width));
  }
  return modules;
}

const imagesOf = (html: string): string[] =>
  [
    ...html.matchAll(
      /<center>\n<img\nwidth="500pt" height="500pt"\nsrc="data:image\/svg\+xml;base64,([^"]*)"\/>\n<\/center>\n/g,
    ),
  ].map((m) => m[1]!);

test('key file as text: markers, indented key, one code, subject on request', async () => {
  const page = await paperKey(file, { format: 'text', subject: 'vault 7' });
  const code = page.indexOf('-----END PROXMOX BACKUP KEY-----\n') + '-----END PROXMOX BACKUP KEY-----\n'.length;
  const expected = [
    'Subject: vault 7',
    '',
    '-----BEGIN PROXMOX BACKUP KEY-----',
    ...keyLines,
    '-----END PROXMOX BACKUP KEY-----',
    '',
  ];
  assert.equal(page.slice(0, code), expected.join('\n'));
  assert.match(page.slice(code), /^([ \u2580\u2584\u2588]+\n)+\n$/);
  assert.equal(readQr(modulesOfText(page.slice(code))).text, keyLines.join('\n'));
  const plain = await paperKey(file, { format: 'text' });
  assert.equal(plain, page.slice('Subject: vault 7\n\n'.length));
  assert.deepEqual(parseKeyFile(readQr(modulesOfText(page.slice(code))).text, 'x'), parseKeyFile(file, 'x'));
});

test('master key as text: five numbered lines and a code to each page', async () => {
  const page = await paperKey(`${master}\n\n`, { format: 'text' });
  const pages = page.split('\f\n');
  assert.equal(pages.pop(), '');
  assert.equal(pages.length, Math.ceil(masterLines.length / 5));
  const read = pages.map((text, p) => {
    const lines = text.split('\n');
    const block = masterLines.slice(p * 5, p * 5 + 5);
    const numbered = block.map((line, i) => `${String(p * 5 + i).padStart(2)}: ${line}`);
    assert.deepEqual(lines.slice(0, block.length), numbered);
    assert.deepEqual(lines.slice(-2), ['', '']);
    const code = readQr(modulesOfText(lines.slice(block.length, -1).join('\n'))).text;
    assert.equal(code, block.join('\n'));
    return code;
  });
  assert.equal(read.join('\n'), masterLines.join('\n'));
});

test('key file as HTML', async () => {
  const page = await paperKey(file, { format: 'html', subject: '<b>vault</b>' });
  assert.ok(page.startsWith('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'));
  assert.ok(
    page.includes(
      '</style>\n</head>\n<body>\n<p>Subject: <b>vault</b></p>\n<div style="page-break-inside: avoid">\n<p>\n-----BEGIN',
    ),
  );
  assert.ok(page.includes(`\n${keyLines.join('\n')}\n-----END PROXMOX BACKUP KEY-----\n</p>\n<center>\n`));
  assert.ok(page.endsWith('</center>\n</div>\n</body>\n</html>\n'));
  assert.deepEqual(
    imagesOf(page).map((image) => readQr(modulesOfSvg(image)).text),
    [keyLines.join('\n')],
  );
});

test('a hint with markup is shown as text', async () => {
  const keyFile = await createKeyFile(new Uint8Array(32), { kdf: 'pbkdf2', passphrase: 'secret', hint: 'a<b & "c"' });
  const page = await paperKey(serializeKeyFile(keyFile), { format: 'html' });
  assert.ok(page.includes('"hint": "a&lt;b &amp; \\"c\\""'));
  assert.deepEqual(readQr(modulesOfSvg(imagesOf(page)[0]!)).text, prettyKeyFile(keyFile));
});

test('master key as HTML: twenty numbered lines and a code to each page', async () => {
  const page = await paperKey(master.replaceAll('\n', '\r\n'), { format: 'html' });
  const images = imagesOf(page);
  assert.equal(images.length, 3);
  assert.equal(images.map((image) => readQr(modulesOfSvg(image)).text).join('\n'), masterLines.join('\n'));
  assert.equal(page.split('<div style="page-break-inside: avoid;page-break-after: always">\n<p>\n').length, 4);
  assert.ok(page.includes(`<p>\n20: ${masterLines[20]}\n21: `));
  assert.ok(page.includes(`<p>\n00: -----BEGIN ENCRYPTED PRIVATE KEY-----\n01: `));
});

test('what is no key is refused', async () => {
  const cases: [string, RegExp][] = [
    ['hello', /not a key file/],
    [master.replace('END', 'FIN'), /does not end/],
    [[...masterLines.slice(0, 10), masterLines.at(-1)].join('\n'), /has 11 lines/],
    [productFile('keys/master-public.pem').toString(), /not a key file/],
    [`${masterLines[0]}\n${`${'A'.repeat(1000)}\n`.repeat(30)}${masterLines.at(-1)}`, /do not fit into a QR code/],
  ];
  for (const [text, problem] of cases) {
    await assert.rejects(paperKey(text, { format: 'text' }), (error) => {
      assert.ok(error instanceof GranaryError, String(error));
      assert.equal(error.code, 'key-invalid');
      assert.match(error.message, problem);
      return true;
    });
  }
});
