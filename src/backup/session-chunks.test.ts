import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { blobMagics, decodeBlob, encodeBlob } from '../format/blob.ts';
import type { H2Session } from '../wire/h2-client.ts';
import { chunkOf, chunkQuery, makeChunk, noise, refused, type TestChunk } from './testing/content.ts';
import { SessionServer } from './testing/session-server.ts';

const mib = 1024 * 1024;
let server: SessionServer;
let session: H2Session;
let time = 1_700_000_000;

before(async () => {
  server = await SessionServer.start();
});
after(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  await session?.close();
  if (session) await server.ended('backup', 'host/chunks');
  session = await server.backup({ 'backup-id': 'chunks', 'backup-time': ++time });
});

const open = (kind: 'dynamic' | 'fixed', name = 'x'): Promise<unknown> =>
  kind === 'dynamic'
    ? session.request('POST', 'dynamic_index', { query: { 'archive-name': `${name}.didx` } })
    : session.request('POST', 'fixed_index', { query: { 'archive-name': `${name}.fidx`, size: 64 * mib } });
const upload = (chunk: TestChunk, change: Record<string, string | number> = {}, body: Uint8Array = chunk.blob) =>
  refused(session, 'POST', 'dynamic_chunk', { query: { ...chunkQuery(1, chunk), ...change }, body });
const chunkFile = (digest: string): string => join(server.storePath(), '.chunks', digest.slice(0, 4), digest);
const accepted = (digest: string): string => `not refused: "${digest}"`;
const log = async (): Promise<string[]> => server.log(server.task('backup', 'host/chunks').task.upid);

describe('blobs', () => {
  const blob = (name: string, body: Uint8Array, size = body.length): Promise<string> =>
    refused(session, 'POST', 'blob', { query: { 'file-name': name, 'encoded-size': size }, body });

  test('a blob is stored as it is, and replaced by the next of its name', async () => {
    for (const text of ['first', 'second']) {
      const raw = encodeBlob(Buffer.from(text));
      assert.equal(await blob('a.blob', raw), 'not refused: null');
      const path = server.snapshotPath(`host/chunks/${new Date(time * 1000).toISOString().slice(0, 19)}Z/a.blob`);
      assert.deepEqual(readFileSync(path), Buffer.from(raw));
      assert.ok((await log()).includes(`add blob "${path}" (${raw.length} bytes, comp: ${raw.length})`));
    }
  });

  test('every check has its text', async () => {
    const good = encodeBlob(Buffer.from('content'));
    const damaged = Buffer.from(good);
    damaged[14]! ^= 1;
    const rows: [string, () => Promise<string>, string][] = [
      ['extension', () => blob('a.conf', good), "wrong blob file extension: 'a.conf'"],
      ['shorter', () => blob('a.blob', good, good.length + 2), 'got blob with unexpected length (21 != 19)'],
      ['longer', () => blob('a.blob', good, good.length - 2), 'got blob with unexpected length (17 != 19)'],
      ['magic', () => blob('a.blob', Buffer.alloc(20)), 'unable to parse raw blob - wrong magic'],
      [
        'no content',
        () => blob('a.blob', Buffer.from(blobMagics.encrypted), 12),
        'got blob with unexpected length (12 != 8)',
      ],
      ['crc', () => blob('a.blob', damaged), 'Data blob has wrong CRC checksum.'],
    ];
    for (const [what, answer, text] of rows) assert.equal(await answer(), `400 ${text}`, what);
    const short = Buffer.concat([blobMagics.encrypted, Buffer.alloc(8)]);
    assert.match(await blob('a.blob', short), /^400 encrypted blob too small/);
  });

  test('names are plain and sizes bounded', async () => {
    const body = encodeBlob(Buffer.from('x'));
    const cases: [string, number, RegExp][] = [
      ['../a.blob', body.length, /'file-name': value does not match the regex pattern$/],
      ['/etc/a.blob', body.length, /'file-name': value does not match the regex pattern$/],
      ['.hidden.blob', body.length, /'file-name': value does not match the regex pattern$/],
      ['a.blob', 11, /'encoded-size': value must have a minimum value of 12 \(got 11\)$/],
      ['a.blob', 16777216 + 45, /'encoded-size': value must have a maximum value of 16777260 \(got 16777261\)$/],
    ];
    for (const [name, size, text] of cases) {
      const answer = await blob(name, body, size);
      assert.match(answer, /^400 parameter verification failed - /, name);
      assert.match(answer, text);
    }
  });

  test('the largest blob is taken, and several at once', async () => {
    const largest = encodeBlob(noise('largest', 16 * mib), { compress: false });
    const answers = await Promise.all([
      blob('a.blob', largest),
      blob('b.blob', encodeBlob(noise('b', mib))),
      blob('c.blob', encodeBlob(noise('c', mib))),
    ]);
    assert.deepEqual(answers, Array(3).fill('not refused: null'));
  });
});

describe('chunks', () => {
  test('a chunk is stored, its answer is its digest', async () => {
    await open('dynamic');
    const chunk = makeChunk('stored', 5000);
    assert.equal(await upload(chunk), accepted(chunk.digest));
    assert.deepEqual(readFileSync(chunkFile(chunk.digest)), Buffer.from(chunk.blob));
    await open('fixed');
    const again = await refused(session, 'POST', 'fixed_chunk', { query: chunkQuery(2, chunk), body: chunk.blob });
    assert.equal(again, accepted(chunk.digest));
  });

  test('every check has its text, and nothing is stored', async () => {
    await open('dynamic');
    const chunk = makeChunk('checks', 3000);
    const other = makeChunk('other');
    const encoded = chunk.blob.length;
    const rows: [string, () => Promise<string>, string][] = [
      ['longer', () => upload(chunk, { 'encoded-size': encoded - 1 }), 'uploaded chunk is larger than announced.'],
      ['much longer', () => upload(chunk, { 'encoded-size': 20 }), 'uploaded chunk is larger than announced.'],
      ['shorter', () => upload(chunk, { 'encoded-size': encoded + 1 }), 'uploaded chunk has unexpected size.'],
      ['empty', () => upload(chunk, {}, new Uint8Array()), 'uploaded chunk has unexpected size.'],
      ['magic', () => upload(chunk, {}, Buffer.alloc(encoded, 7)), 'unable to parse raw blob - wrong magic'],
      ['digest', () => upload(chunk, { digest: other.digest }), 'detected chunk with wrong digest.'],
      ['size', () => upload(chunk, { size: 2999 }), 'detected chunk with wrong length (2999 != 3000)'],
      ['writer', () => upload(chunk, { wid: 2 }), "dynamic writer '2' not registered"],
    ];
    for (const [what, answer, text] of rows) assert.equal(await answer(), `400 ${text}`, what);
    assert.throws(() => statSync(chunkFile(other.digest)), { code: 'ENOENT' });
    const wrongKind = await refused(session, 'POST', 'fixed_chunk', { query: chunkQuery(1, chunk), body: chunk.blob });
    assert.equal(wrongKind, "400 fixed writer '1' not registered");
  });

  test('parameters are checked before the body', async () => {
    await open('dynamic');
    const chunk = makeChunk('parameters');
    const rows: [Record<string, string | number>, string][] = [
      [{ wid: 0 }, "'wid': value must have a minimum value of 1 (got 0)"],
      [{ wid: 257 }, "'wid': value must have a maximum value of 256 (got 257)"],
      [{ digest: chunk.digest.toUpperCase() }, "'digest': value does not match the regex pattern"],
      [{ digest: chunk.digest.slice(1) }, "'digest': value does not match the regex pattern"],
      [{ size: 0 }, "'size': value must have a minimum value of 1 (got 0)"],
      [{ size: 16 * mib + 1 }, "'size': value must have a maximum value of 16777216 (got 16777217)"],
      [{ 'encoded-size': 12 }, "'encoded-size': value must have a minimum value of 13 (got 12)"],
      [{ 'encoded-size': 16 * mib + 45 }, "'encoded-size': value must have a maximum value of 16777260 (got 16777261)"],
      [{ extra: 1 }, "'extra': schema does not allow additional properties."],
    ];
    for (const [change, text] of rows) {
      assert.equal(await upload(chunk, change), `400 parameter verification failed - ${text}`);
    }
    assert.equal(await upload(chunk), accepted(chunk.digest));
  });

  test('a writer that was closed takes no more', async () => {
    await open('dynamic');
    const chunk = makeChunk('closed');
    await upload(chunk);
    const json = { wid: 1, 'digest-list': [chunk.digest], 'offset-list': [0] };
    await session.request('PUT', 'dynamic_index', { json });
    const close = { wid: 1, 'chunk-count': 9, size: 1, csum: '0'.repeat(64) };
    assert.match(await refused(session, 'POST', 'dynamic_close', { query: close }), /^400 /);
    assert.equal(await upload(chunk), "400 dynamic writer '1' not registered");
  });

  test('what an encrypted chunk holds is not looked at, its CRC is written anew', async () => {
    await open('dynamic');
    const crypt = CryptConfig.fromKey(Buffer.alloc(32, 5));
    const data = noise('secret', 4000);
    for (const compress of [false, true]) {
      const content = compress ? Buffer.alloc(4000, 'secret') : data;
      const digest = Buffer.from(crypt.digest(content)).toString('hex');
      const blob = encodeBlob(content, { crypt, compress });
      const withoutCrc = Buffer.from(blob);
      withoutCrc.writeUInt32LE(0, 8);
      const chunk = { data: content, digest, blob: withoutCrc };
      assert.equal(await upload(chunk), accepted(digest));
      const stored = readFileSync(chunkFile(digest));
      assert.deepEqual(stored, Buffer.from(blob));
      assert.deepEqual(Buffer.from(decodeBlob(stored, { what: 'chunk', crypt })), content);
    }
  });

  test('a wrong CRC of a plain chunk is written anew too', async () => {
    await open('dynamic');
    const chunk = makeChunk('crc');
    const raw = Buffer.from(chunk.blob);
    raw.writeUInt32LE(0xdeadbeef, 8);
    assert.equal(await upload(chunk, {}, raw), accepted(chunk.digest));
    assert.deepEqual(readFileSync(chunkFile(chunk.digest)), Buffer.from(chunk.blob));
  });

  test('the chunk that is there stays, unless the new one is smaller', async () => {
    await open('dynamic');
    const data = Buffer.alloc(5000, 'repeat ');
    const large = chunkOf(data, { compress: false });
    const small = chunkOf(data);
    const rows: [TestChunk, TestChunk][] = [
      [large, large],
      [large, large],
      [small, small],
      [large, small],
      [small, small],
    ];
    for (const [sent, kept] of rows) {
      assert.equal(await upload(sent), accepted(small.digest));
      assert.deepEqual(readFileSync(chunkFile(small.digest)), Buffer.from(kept.blob));
    }
    const encrypted = encodeBlob(data, { crypt: CryptConfig.fromKey(Buffer.alloc(32, 1)) });
    assert.equal(
      await upload({ ...small, blob: encrypted }),
      `400 Overwriting unencrypted chunk '${small.digest}' on store 'store1' with encrypted chunk with same digest not allowed!`,
    );
  });

  test('one chunk uploaded many times at once is one chunk', async () => {
    await open('dynamic');
    const chunk = makeChunk('many', 200_000);
    const answers = await Promise.all(Array.from({ length: 20 }, () => upload(chunk)));
    assert.deepEqual(new Set(answers), new Set([accepted(chunk.digest)]));
  });

  test('the largest chunk is taken by a dynamic index, and refused by a fixed one', async () => {
    await open('dynamic');
    await open('fixed');
    const chunk = chunkOf(noise('largest chunk', 16 * mib), { compress: false });
    assert.equal(await upload(chunk), accepted(chunk.digest));
    const over = makeChunk('over', 4 * mib + 1);
    assert.equal(
      await refused(session, 'POST', 'fixed_chunk', { query: chunkQuery(2, over), body: over.blob }),
      "400 fixed writer 'x.fidx' - got large chunk (4194305 > 4194304",
    );
  });

  test('a fixed index has one short chunk', async () => {
    await open('fixed');
    const fixed = (chunk: TestChunk, wid = 1): Promise<string> =>
      refused(session, 'POST', 'fixed_chunk', { query: chunkQuery(wid, chunk), body: chunk.blob });
    assert.equal(await fixed(makeChunk('s1')), accepted(makeChunk('s1').digest));
    assert.equal(
      await fixed(makeChunk('s2')),
      "400 fixed writer '1' - detected multiple end chunks (chunk size too small)",
    );
    await open('fixed', 'other');
    assert.equal(await fixed(makeChunk('s2'), 2), accepted(makeChunk('s2').digest));
  });
});

test('speedtest takes anything and the list of calls is there', async () => {
  assert.equal(await session.request('POST', 'speedtest', { body: Buffer.alloc(mib) }), null);
  assert.equal(await session.request('POST', 'speedtest'), null);
  const calls = (await session.request('GET', '')) as { subdir: string }[];
  const names =
    'blob dynamic_chunk dynamic_close dynamic_index finish fixed_chunk fixed_close fixed_index previous previous_backup_time speedtest';
  assert.deepEqual(
    calls.map(({ subdir }) => subdir),
    names.split(' '),
  );
});
