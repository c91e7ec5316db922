// Sends a server everything that is wrong. It has to say so, stay alive, and keep its store as it was.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import {
  chunkQuery,
  dynamicChecksum,
  makeChunk,
  manifestBlob,
  refused,
  sha256,
} from '../../src/backup/testing/content.ts';
import { blobHeader, blobMagics, encodeBlob } from '../../src/format/blob.ts';
import type { H2Session, RequestOptions } from '../../src/wire/h2-client.ts';
import { damaged } from '../support/mutate.ts';
import { Stand } from './stand.ts';

const start = 1_700_000_000;
const mib = 1024 * 1024;
const chunk = makeChunk('good', 5000);
const other = makeChunk('other', 3000);
let stand: Stand;
let session: H2Session;
let tried = 0;

before(async () => {
  stand = await Stand.start();
  await stand.goodBackup('kept', start, [chunk]);
  session = await stand.backup({ 'backup-id': 'kept', 'backup-time': start + 1 });
  await session.request('POST', 'dynamic_index', { query: { 'archive-name': 'a.didx' } });
  await session.request('POST', 'fixed_index', { query: { 'archive-name': 'b.fidx', size: 8 * mib } });
  await session.request('POST', 'dynamic_chunk', { query: chunkQuery(1, chunk), body: chunk.blob });
});
after(() => stand[Symbol.asyncDispose]());

/** One malformed request: refused with a 4xx and a text. */
async function refuse(
  what: string,
  method: string,
  path: string,
  options: RequestOptions,
  text: RegExp,
): Promise<void> {
  tried++;
  const answer = await refused(session, method, path, options);
  assert.match(answer, /^4\d\d ./s, `${what}: ${answer}`);
  assert.match(answer, text, what);
}

describe('malformed requests of a session', () => {
  const upload = (change: object, body: Uint8Array = chunk.blob): RequestOptions => ({
    query: { ...chunkQuery(1, chunk), ...change },
    body,
  });

  test('chunks', async () => {
    /** Claims 100 bytes of content, and is 64 MiB of zeros. */
    const content = zstdCompressSync(Buffer.alloc(64 * mib));
    const bomb = Buffer.concat([blobHeader({ compressed: true, crc: 0 }), content]);
    const cut = encodeBlob(Buffer.alloc(9000, 'text')).subarray(0, 20);
    const rows: [string, RequestOptions, RegExp][] = [
      ['wrong digest', upload({ digest: other.digest }), /detected chunk with wrong digest/],
      ['wrong size', upload({ size: 4999 }), /detected chunk with wrong length/],
      ['larger than announced', upload({ 'encoded-size': 100 }), /larger than announced/],
      ['smaller than announced', upload({ 'encoded-size': 9000 }), /unexpected size/],
      ['no body', upload({}, new Uint8Array()), /unexpected size/],
      ['wrong magic', upload({}, Buffer.alloc(chunk.blob.length)), /wrong magic/],
      ['zstd that was cut', upload({ 'encoded-size': 20 }, cut), /./],
      ['a bomb', upload({ 'encoded-size': bomb.length, size: 100 }, bomb), /./],
      [
        'encrypted, too short',
        upload({ 'encoded-size': 20 }, Buffer.concat([blobMagics.encrypted, Buffer.alloc(12)])),
        /too small/,
      ],
      ['a writer that is not', upload({ wid: 7 }), /not registered/],
      ['a writer of the other kind', upload({ wid: 2 }), /not registered/],
      ['no parameters', { body: chunk.blob }, /parameter verification failed/],
      ['upper case', upload({ digest: chunk.digest.toUpperCase() }), /regex/],
      ['a negative size', upload({ size: -1 }), /minimum/],
      ['a size that is no number', upload({ size: '1e3' }), /invalid digit/],
      ['an unknown parameter', upload({ 'x-path': '/etc' }), /additional properties/],
    ];
    for (const [what, options, text] of rows) await refuse(what, 'POST', 'dynamic_chunk', options, text);
  });

  test('a hundred damaged chunks: none is stored under its digest', async () => {
    const valid = encodeBlob(Buffer.alloc(6000, 'some text that compresses'));
    const digest = sha256(Buffer.alloc(6000, 'some text that compresses')).toString('hex');
    for (const bytes of fc.sample(damaged(valid), 100)) {
      tried++;
      const body = bytes.length < 13 ? Buffer.concat([bytes, Buffer.alloc(13)]) : bytes;
      const query = { wid: 1, digest, size: 6000, 'encoded-size': body.length };
      const answer = await refused(session, 'POST', 'dynamic_chunk', { query, body });
      // Damage of the CRC alone does no harm: it is computed anew.
      if (answer !== `not refused: "${digest}"`) assert.match(answer, /^4\d\d ./s);
    }
    const again = await refused(session, 'POST', 'dynamic_chunk', {
      query: { wid: 1, digest, size: 6000, 'encoded-size': valid.length },
      body: valid,
    });
    assert.equal(again, `not refused: "${digest}"`);
  });

  test('appends', async () => {
    const append = (wid: unknown, digests: unknown, offsets: unknown): RequestOptions => ({
      json: { wid, 'digest-list': digests, 'offset-list': offsets },
    });
    const good = [chunk.digest];
    const rows: [string, string, RequestOptions, RegExp][] = [
      ['an unregistered chunk', 'dynamic', append(1, [other.digest], [0]), /no such chunk/],
      ['out of order', 'dynamic', append(1, good, [5000]), /strange chunk offset/],
      ['a huge offset', 'dynamic', append(1, good, [2 ** 52]), /strange chunk offset/],
      ['a negative offset', 'dynamic', append(1, good, [-1]), /minimum/],
      ['an offset that is no integer', 'dynamic', append(1, good, [0.5]), /integer/],
      ['lists of different length', 'dynamic', append(1, good, [0, 5000]), /wrong length/],
      ['a digest that is none', 'dynamic', append(1, ['../../etc/passwd'], [0]), /regex/],
      ['a list that is none', 'dynamic', append(1, 'x', [0]), /array/],
      ['null', 'dynamic', append(null, null, null), /./],
      ['a writer that is not', 'dynamic', append(9, good, [0]), /not registered/],
      ['a short chunk in an image', 'fixed', append(2, good, [0]), /unexpected length/],
      ['unaligned', 'fixed', append(2, good, [1]), /unaligned/],
      ['beyond the image', 'fixed', append(2, good, [2 ** 40]), /exceeds size/],
    ];
    for (const [what, kind, options, text] of rows) await refuse(what, 'PUT', `${kind}_index`, options, text);
    const raw = (body: string | Uint8Array): RequestOptions => ({ body: Buffer.from(body) });
    for (const body of ['{', 'null', '[]', '"x"', '\xff\xfe', '{"wid":1}', `[${'['.repeat(20_000)}`]) {
      await refuse(`body ${body.slice(0, 10)}`, 'PUT', 'dynamic_index', raw(body), /./);
    }
  });

  test('names', async () => {
    const names = ['../x', '/etc/x', '..', '.', '.x', 'a/b', 'a\\b', 'a\0b', 'a b', 'ä', '%2e%2e', '', 'x'.repeat(300)];
    const body = encodeBlob(Buffer.from('x'));
    for (const name of names) {
      const blob = {
        query: { 'file-name': `${name}.blob`.replace('..blob', '../.blob'), 'encoded-size': body.length },
        body,
      };
      await refuse(`blob ${name}`, 'POST', 'blob', blob, /./);
      await refuse(`index ${name}`, 'POST', 'dynamic_index', { query: { 'archive-name': `${name}.fidx` } }, /./);
      await refuse(`image ${name}`, 'POST', 'fixed_index', { query: { 'archive-name': `${name}.didx`, size: 1 } }, /./);
      await refuse(`previous ${name}`, 'GET', 'previous', { query: { 'archive-name': `${name}.none` } }, /./);
    }
  });

  test('blobs and manifests', async () => {
    const good = encodeBlob(Buffer.from('content'));
    const blob = (name: string, body: Uint8Array, length = body.length): RequestOptions => ({
      query: { 'file-name': name, 'encoded-size': length },
      body,
    });
    const wrongCrc = Buffer.from(good);
    wrongCrc[8]! ^= 1;
    await refuse('crc', 'POST', 'blob', blob('a.blob', wrongCrc), /wrong CRC/);
    await refuse('length', 'POST', 'blob', blob('a.blob', good, 30), /unexpected length/);
    await refuse('magic', 'POST', 'blob', blob('a.blob', Buffer.alloc(30)), /wrong magic/);
    await refuse('extension', 'POST', 'blob', blob('a.didx', good), /wrong blob file extension/);
    const closes: [string, object][] = [
      ['count', { 'chunk-count': 2 }],
      ['size', { size: 4999 }],
      ['checksum', { csum: 'f'.repeat(64) }],
    ];
    for (const [what, change] of closes) {
      const wid = Number(await session.request('POST', 'dynamic_index', { query: { 'archive-name': 'c.didx' } }));
      await session.request('PUT', 'dynamic_index', {
        json: { wid, 'digest-list': [chunk.digest], 'offset-list': [0] },
      });
      const close = { wid, 'chunk-count': 1, size: 5000, csum: dynamicChecksum([chunk]), ...change };
      await refuse(`close: ${what}`, 'POST', 'dynamic_close', { query: close }, /close failed/);
    }
    await refuse('finish with open indexes', 'POST', 'finish', {}, /found open index writer/);
    for (const [kind, wid] of [
      ['dynamic', 1],
      ['fixed', 2],
    ] as const) {
      const close = { wid, 'chunk-count': 9, size: 9, csum: '0'.repeat(64) };
      await refuse('drop it', 'POST', `${kind}_close`, { query: close }, /close failed/);
    }
    await session.request('POST', 'blob', blob('a.blob', good));
    await refuse('finish without manifest', 'POST', 'finish', {}, /unable to load blob/);
    const files = (value: unknown): string =>
      JSON.stringify({ 'backup-type': 'host', 'backup-id': 'kept', 'backup-time': start + 1, files: value });
    const csum = '0'.repeat(64);
    const manifests: [string, string | Uint8Array][] = [
      ['no JSON', 'nonsense'],
      ['a list', '[]'],
      ['null', 'null'],
      ['empty', ''],
      ['deep', `${'['.repeat(50_000)}`],
      ['no files', files(undefined)],
      ['a path as file', files([{ filename: '../../etc/passwd', size: 1, csum }])],
      [
        'twice the same',
        files([
          { filename: 'a.blob', size: 1, csum },
          { filename: 'a.blob', size: 1, csum },
        ]),
      ],
      ['a size that is none', files([{ filename: 'a.blob', size: -1, csum }])],
      ['a file that was not uploaded', files([{ filename: 'b.blob', size: 1, csum }])],
      ['a wrong checksum', files([{ filename: 'a.blob', size: good.length, csum }])],
      ['a bomb', Buffer.alloc(200 * mib)],
    ];
    for (const [what, text] of manifests) {
      const crc = { compressed: true, crc: 0 };
      const content = zstdCompressSync(text);
      const raw =
        what === 'a bomb' ? withCrc(Buffer.concat([blobHeader(crc), content])) : encodeBlob(Buffer.from(text));
      await session.request('POST', 'blob', blob('index.json.blob', raw));
      await refuse(`manifest: ${what}`, 'POST', 'finish', {}, /^400 unable to update manifest blob - /);
    }
  });

  test('after all that the session can still finish', async () => {
    const body = manifestBlob({ id: 'kept', time: start + 1 }, []);
    const query = { 'file-name': 'index.json.blob', 'encoded-size': body.length };
    await session.request('POST', 'blob', { query, body });
    await session.request('POST', 'finish');
    await session.close();
    stand.remember('kept', start + 1);
  });
});

describe('malformed connections', () => {
  const path = (params: string): string => `/api2/json/backup?${params}`;
  const requests: [string, string][] = [
    ['no credentials', `GET ${path('store=store1')} HTTP/1.1\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n`],
    ['a long URL', `GET ${path(`store=${'x'.repeat(20_000)}`)} HTTP/1.1\r\n\r\n`],
    ['long headers', `GET ${path('store=x')} HTTP/1.1\r\nx: ${'y'.repeat(200_000)}\r\n\r\n`],
    ['many headers', `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(5000)}\r\n`],
    ['a path that leads out', 'GET /api2/json/../../etc/passwd HTTP/1.1\r\n\r\n'],
    ['HTTP/2 at once', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/0.9', 'GET /\r\n'],
    [
      'a body of two lengths',
      'POST /api2/json/access/ticket HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!',
    ],
    ['chunked and length', 'POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n0\r\n\r\nX'],
    ['bad escapes', `GET ${path('store=%zz&backup-id=%00&ns=%2e%2e')} HTTP/1.1\r\nupgrade: x\r\n\r\n`],
    ['bytes', Buffer.alloc(5000, 0xa5).toString('latin1')],
  ];
  for (const [what, text] of requests) {
    test(what, async () => {
      tried++;
      const socket = tls.connect({ port: stand.port, host: '127.0.0.1', rejectUnauthorized: false });
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      socket.end(Buffer.from(text, 'latin1'));
      socket.resume();
      await closed(socket);
      assert.ok(stand.alive);
    });
  }

  test('what is no TLS', async () => {
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.of(0x16, 3, 1, 0xff, 0xff, 0),
      Buffer.alloc(100),
    ]) {
      tried++;
      const socket = connect(stand.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.end(bytes);
      socket.resume();
      await closed(socket);
    }
    assert.ok(stand.alive);
  });

  test('a connection that ends in the middle of a chunk', async () => {
    for (const part of [0, 1, 8, 12, 100, chunk.blob.length - 1]) {
      tried++;
      const broken = await stand.backup({ 'backup-id': 'kept', 'backup-time': start + 2 });
      await broken.request('POST', 'dynamic_index', { query: { 'archive-name': 'a.didx' } });
      const body = [chunk.blob.subarray(0, part), chunk.blob.subarray(part)];
      const upload = broken.request('POST', 'dynamic_chunk', { query: chunkQuery(1, chunk), body });
      upload.catch(() => {});
      await broken.close();
    }
  });
});

test('the server is alive, its store whole, the next backup succeeds', async (t) => {
  assert.ok(stand.alive);
  for (const end = performance.now() + 10_000; (await stand.listed()).some(({ size }) => size === undefined); ) {
    assert.ok(performance.now() < end, 'an unfinished snapshot is left');
  }
  await stand.checkIntact();
  await stand.goodBackup('kept', start + 10, [chunk, other]);
  await stand.checkIntact();
  await stand.checkNoTemporaryFiles();
  t.diagnostic(`malformed inputs tried: ${tried}`);
});

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

function withCrc(raw: Buffer): Buffer {
  const own = encodeBlob(raw.subarray(12), { compress: false });
  raw.set(own.subarray(8, 12), 8);
  return raw;
}
