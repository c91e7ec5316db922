import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, describe, test } from 'node:test';
import { toHex } from '../base/bytes.ts';
import { formatUtc } from '../base/clock.ts';
import { parseIndex } from '../format/chunk-index.ts';
import type { H2Session } from '../wire/h2-client.ts';
import {
  chunkOf,
  chunkQuery,
  dynamicChecksum,
  fixedChecksum,
  makeChunk,
  refused,
  type TestChunk,
  uploadManifest,
} from './testing/content.ts';
import { SessionServer } from './testing/session-server.ts';

const full = 4 * 1024 * 1024;
const zero = chunkOf(Buffer.alloc(full));
const one = chunkOf(Buffer.alloc(full, 1));
const two = chunkOf(Buffer.alloc(full, 2));
const rest = chunkOf(Buffer.alloc(1000, 3));
const a = makeChunk('a', 500);
const b = makeChunk('b', 700);
let server: SessionServer;
let session: H2Session;
let time = 1_700_000_000;

before(async () => {
  server = await SessionServer.start();
});
after(() => server[Symbol.asyncDispose]());

const start = async (): Promise<void> => {
  await session?.close();
  if (session) await server.ended('backup', 'host/index');
  session = await server.backup({ 'backup-id': 'index', 'backup-time': ++time });
};
beforeEach(start);

type Kind = 'dynamic' | 'fixed';
const create = (kind: Kind, query: Record<string, string | number>): Promise<string> =>
  refused(session, 'POST', `${kind}_index`, { query });
const upload = async (kind: Kind, wid: number, ...chunks: TestChunk[]): Promise<void> => {
  for (const chunk of chunks) {
    await session.request('POST', `${kind}_chunk`, { query: chunkQuery(wid, chunk), body: chunk.blob });
  }
};
const append = (kind: Kind, wid: number, chunks: readonly TestChunk[], offsets: readonly number[]): Promise<string> => {
  const json = { wid, 'digest-list': chunks.map(({ digest }) => digest), 'offset-list': offsets };
  return refused(session, 'PUT', `${kind}_index`, { json });
};
const close = (kind: Kind, wid: number, count: number, size: number, csum = '0'.repeat(64)): Promise<string> =>
  refused(session, 'POST', `${kind}_close`, { query: { wid, 'chunk-count': count, size, csum } });
const snapshot = (): string => `host/index/${formatUtc(time)}`;
const stored = (name: string) => parseIndex(name, readFileSync(server.snapshotPath(`${snapshot()}/${name}`)), name);
const fine = 'not refused: null';

describe('creation', () => {
  test('ids are counted over both kinds, and failed creations take none', async () => {
    const answers = [
      await create('dynamic', { 'archive-name': 'a.didx' }),
      await create('dynamic', { 'archive-name': 'a.fidx' }),
      await create('fixed', { 'archive-name': 'b.fidx', size: full }),
      await create('fixed', { 'archive-name': 'b.didx', size: full }),
      await create('dynamic', { 'archive-name': 'a.didx' }),
    ];
    assert.deepEqual(answers, [
      'not refused: 1',
      "400 wrong archive extension: 'a.fidx'",
      'not refused: 2',
      "400 wrong archive extension: 'b.didx'",
      'not refused: 3',
    ]);
    const lines = await server.log(server.task('backup', 'host/index').task.upid);
    assert.ok(lines.includes(`created new fixed index 2 ("${snapshot()}/b.fidx")`), lines.join('\n'));
    assert.ok(lines.includes(`created new dynamic index 3 ("${snapshot()}/a.didx")`));
  });

  test('the temporary file has a name of its own and goes with the session', async () => {
    await create('dynamic', { 'archive-name': 'a.pxar.didx' });
    await create('fixed', { 'archive-name': 'b.img.fidx', size: full });
    assert.deepEqual(server.files(snapshot()), ['a.pxar.tmp_didx', 'b.img.tmp_fidx']);
    await session.close();
    await server.ended('backup', 'host/index');
    assert.throws(() => server.files(snapshot()), { code: 'ENOENT' });
  });

  test('names and sizes are checked', async () => {
    const verification = '400 parameter verification failed - ';
    const rows: [Kind, Record<string, string | number>, string][] = [
      ['dynamic', {}, "'archive-name': parameter is missing and it is not optional."],
      ['dynamic', { 'archive-name': '../a.didx' }, "'archive-name': value does not match the regex pattern"],
      ['fixed', { 'archive-name': 'a.fidx', size: 0 }, "'size': value must have a minimum value of 1 (got 0)"],
      [
        'fixed',
        { 'archive-name': 'a.fidx', size: 9, 'reuse-csum': 'x' },
        "'reuse-csum': value does not match the regex pattern",
      ],
    ];
    for (const [kind, query, text] of rows) assert.equal(await create(kind, query), verification + text);
  });
});

describe('dynamic indexes', () => {
  test('chunks follow each other and may repeat', async () => {
    await create('dynamic', { 'archive-name': 'a.didx' });
    await upload('dynamic', 1, a, b);
    assert.equal(await append('dynamic', 1, [a, b, a], [0, 500, 1200]), fine);
    assert.equal(await append('dynamic', 1, [b], [1700]), fine);
    assert.equal(await close('dynamic', 1, 4, 2400, dynamicChecksum([a, b, a, b])), fine);
    const index = stored('a.didx');
    assert.deepEqual(
      Array.from({ length: index.count }, (_, i) => [toHex(index.digestAt(i)), index.endOf(i)]),
      [
        [a.digest, 500],
        [b.digest, 1200],
        [a.digest, 1700],
        [b.digest, 2400],
      ],
    );
  });

  test('a chunk of one writer may stand in another', async () => {
    await create('dynamic', { 'archive-name': 'a.didx' });
    await create('dynamic', { 'archive-name': 'b.didx' });
    await upload('dynamic', 1, a);
    assert.equal(await append('dynamic', 2, [a], [0]), fine);
    assert.equal(await close('dynamic', 2, 1, 500, dynamicChecksum([a])), fine);
  });

  test('every check of an append has its text; what was named before it stays', async () => {
    await create('dynamic', { 'archive-name': 'a.didx' });
    await create('fixed', { 'archive-name': 'b.fidx', size: full });
    await upload('dynamic', 1, a, b);
    const unknown = makeChunk('unknown');
    const rows: [string, () => Promise<string>, string][] = [
      ['lengths', () => append('dynamic', 1, [a, b], [0]), 'offset list has wrong length (1 != 2)'],
      ['unknown', () => append('dynamic', 1, [unknown], [0]), `no such chunk ${unknown.digest}`],
      ['writer', () => append('dynamic', 3, [a], [0]), "dynamic writer '3' not registered"],
      ['kind', () => append('dynamic', 2, [a], [0]), "dynamic writer '2' not registered"],
      [
        'offset',
        () => append('dynamic', 1, [a], [1]),
        "dynamic writer 'a.didx' append chunk failed - got strange chunk offset (0 != 1)",
      ],
      ['the second', () => append('dynamic', 1, [a, unknown], [0, 500]), `no such chunk ${unknown.digest}`],
      [
        'after the first',
        () => append('dynamic', 1, [a], [0]),
        "dynamic writer 'a.didx' append chunk failed - got strange chunk offset (500 != 0)",
      ],
    ];
    for (const [what, answer, text] of rows) assert.equal(await answer(), `400 ${text}`, what);
    assert.equal(await append('dynamic', 9, [], []), fine);
    assert.equal(await append('dynamic', 1, [b], [500]), fine);
    assert.equal(await close('dynamic', 1, 2, 1200, dynamicChecksum([a, b])), fine);
  });

  test('every check of a close has its text and drops the writer', async () => {
    const rows: [string, number, number, string, string][] = [
      ['count', 2, 500, '0'.repeat(64), 'unexpected chunk count (1 != 2)'],
      ['size', 1, 501, '0'.repeat(64), 'unexpected file size (500 != 501)'],
      ['checksum', 1, 500, '0'.repeat(64), 'got unexpected checksum'],
    ];
    let wid = 0;
    for (const [what, count, size, csum, text] of rows) {
      wid++;
      assert.equal(await create('dynamic', { 'archive-name': 'a.didx' }), `not refused: ${wid}`);
      await upload('dynamic', wid, a);
      await append('dynamic', wid, [a], [0]);
      assert.equal(
        await close('dynamic', wid, count, size, csum),
        `400 dynamic writer 'a.didx' close failed - ${text}`,
        what,
      );
      assert.equal(
        await close('dynamic', wid, 1, 500, dynamicChecksum([a])),
        `400 dynamic writer '${wid}' not registered`,
      );
      assert.equal(await append('dynamic', wid, [a], [500]), `400 dynamic writer '${wid}' not registered`);
      assert.deepEqual(server.files(snapshot()), []);
    }
    const parameter = '400 parameter verification failed - ';
    assert.equal(
      await close('dynamic', 9, 0, 1),
      `${parameter}'chunk-count': value must have a minimum value of 1 (got 0)`,
    );
    assert.equal(await close('dynamic', 9, 1, 0), `${parameter}'size': value must have a minimum value of 1 (got 0)`);
    assert.equal(await close('dynamic', 9, 1, 1, 'abc'), `${parameter}'csum': value does not match the regex pattern`);
    assert.equal(await close('dynamic', 9, 1, 1), "400 dynamic writer '9' not registered");
  });

  test('a closed writer is gone', async () => {
    await create('dynamic', { 'archive-name': 'a.didx' });
    await upload('dynamic', 1, a);
    await append('dynamic', 1, [a], [0]);
    assert.equal(await close('dynamic', 1, 1, 500, dynamicChecksum([a])), fine);
    assert.equal(await close('dynamic', 1, 1, 500, dynamicChecksum([a])), "400 dynamic writer '1' not registered");
    assert.equal(await append('dynamic', 1, [a], [500]), "400 dynamic writer '1' not registered");
  });

  test('of two writers of one name the last close wins', async () => {
    await create('dynamic', { 'archive-name': 'a.didx' });
    await create('dynamic', { 'archive-name': 'a.didx' });
    await upload('dynamic', 1, a, b);
    await append('dynamic', 1, [a], [0]);
    await append('dynamic', 2, [b], [0]);
    assert.equal(await close('dynamic', 2, 1, 700, dynamicChecksum([b])), fine);
    assert.equal(await close('dynamic', 1, 1, 500, dynamicChecksum([a])), fine);
    assert.equal(toHex(stored('a.didx').digestAt(0)), a.digest);
    await create('dynamic', { 'archive-name': 'a.didx' });
    await append('dynamic', 3, [b], [0]);
    assert.equal(await close('dynamic', 3, 1, 700, dynamicChecksum([b])), fine);
    assert.equal(toHex(stored('a.didx').digestAt(0)), b.digest);
    assert.deepEqual(server.files(snapshot()), ['a.didx']);
  });
});

describe('fixed indexes', () => {
  const size = 2 * full + 1000;
  const image = [zero, one, rest];

  test('chunks come in any order and may be overwritten', async () => {
    await create('fixed', { 'archive-name': 'd.fidx', size });
    await upload('fixed', 1, ...image);
    assert.equal(await append('fixed', 1, [rest, zero], [2 * full, 0]), fine);
    assert.equal(await append('fixed', 1, [one], [full]), fine);
    const csum = fixedChecksum(image.map(({ digest }) => digest));
    assert.equal(await close('fixed', 1, 3, size, csum), fine);
    const index = stored('d.fidx');
    assert.deepEqual([index.count, index.size], [3, size]);
    assert.deepEqual(
      [0, 1, 2].map((i) => toHex(index.digestAt(i))),
      image.map(({ digest }) => digest),
    );
  });

  test('every check of an append has its text', async () => {
    await create('fixed', { 'archive-name': 'd.fidx', size });
    await upload('fixed', 1, ...image);
    const rows: [string, () => Promise<string>, string][] = [
      ['unaligned', () => append('fixed', 1, [zero], [1000]), 'got unaligned chunk (pos = 1000)'],
      ['beyond', () => append('fixed', 1, [zero], [2 * full]), `chunk data exceeds size (${3 * full} >= ${size})`],
      ['short', () => append('fixed', 1, [rest], [0]), 'chunk with unexpected length (1000 != 4194304'],
      ['writer', () => append('fixed', 2, [rest], [0]), "fixed writer '2' not registered"],
      ['lengths', () => append('fixed', 1, [], [0]), 'offset list has wrong length (1 != 0)'],
      ['unknown', () => append('fixed', 1, [two], [0]), `no such chunk ${two.digest}`],
    ];
    for (const [what, answer, text] of rows) assert.equal(await answer(), `400 ${text}`, what);
  });

  test('every check of a close has its text and drops the writer', async () => {
    const csum = fixedChecksum(image.map(({ digest }) => digest));
    const rows: [string, number, TestChunk[], number, number, string, string][] = [
      ['count', size, image, 2, size, csum, 'received wrong number of chunk (3 != 2)'],
      ['not all', size, [zero, one], 2, size, csum, 'unexpected chunk count (3 != 2)'],
      ['size', size, image, 3, size + 1, csum, `unexpected file size (${size} != ${size + 1})`],
      ['checksum', size, image, 3, size, '0'.repeat(64), 'got unexpected checksum'],
    ];
    await create('fixed', { 'archive-name': 'd.fidx', size });
    await upload('fixed', 1, ...image);
    let wid = 1;
    for (const [what, given, chunks, count, claimed, sum, text] of rows) {
      wid++;
      await create('fixed', { 'archive-name': 'e.fidx', size: given });
      await append(
        'fixed',
        wid,
        chunks,
        chunks.map((_, i) => i * full),
      );
      assert.equal(
        await close('fixed', wid, count, claimed, sum),
        `400 fixed writer 'e.fidx' close failed - ${text}`,
        what,
      );
      assert.equal(await close('fixed', wid, count, claimed, sum), `400 fixed writer '${wid}' not registered`);
    }
    assert.deepEqual(server.files(snapshot()), ['d.tmp_fidx']);
  });

  test('a place that was never written is found, whatever the count', async () => {
    await create('fixed', { 'archive-name': 'd.fidx', size });
    await upload('fixed', 1, ...image);
    await append('fixed', 1, [zero, zero, rest], [0, 0, 2 * full]);
    assert.match(await close('fixed', 1, 3, size), /^400 fixed writer 'd.fidx' close failed - /);
  });

  test('an image without size grows until its first short chunk', async () => {
    await create('fixed', { 'archive-name': 'd.fidx' });
    await upload('fixed', 1, ...image);
    assert.equal(await append('fixed', 1, [zero, one], [0, full]), fine);
    assert.equal(await append('fixed', 1, [rest], [2 * full]), fine);
    assert.equal(await append('fixed', 1, [zero], [3 * full]), `400 refusing to resize from ${size} to ${4 * full}`);
    assert.equal(await append('fixed', 1, [zero], [0]), fine);
    const csum = fixedChecksum(image.map(({ digest }) => digest));
    assert.equal(
      await close('fixed', 1, 4, size, csum),
      "400 fixed writer 'd.fidx' close failed - unexpected chunk count (3 != 4)",
    );
    await create('fixed', { 'archive-name': 'd.fidx' });
    await append('fixed', 2, image, [0, full, 2 * full]);
    assert.equal(
      await close('fixed', 2, 3, size + 1, csum),
      `400 fixed writer 'd.fidx' close failed - unexpected size (${size} != ${size + 1})`,
    );
    await create('fixed', { 'archive-name': 'd.fidx' });
    await append('fixed', 3, image, [0, full, 2 * full]);
    assert.equal(await close('fixed', 3, 3, size, csum), fine);
    assert.equal(stored('d.fidx').size, size);
  });
});

describe('incremental fixed indexes', () => {
  const size = 3 * full;
  const old = [zero, one, two];
  const oldSum = fixedChecksum(old.map(({ digest }) => digest));

  beforeEach(async () => {
    await create('fixed', { 'archive-name': 'disk.fidx', size });
    await upload('fixed', 1, ...old);
    await append('fixed', 1, old, [0, full, 2 * full]);
    assert.equal(await close('fixed', 1, 3, size, oldSum), fine);
    const file = { filename: 'disk.fidx', 'crypt-mode': 'none' as const, size, csum: oldSum };
    await uploadManifest(session, { id: 'index', time }, [file]);
    await session.request('POST', 'finish');
    await start();
  });

  test('every precondition has its text', async () => {
    const name = { 'archive-name': 'disk.fidx', 'reuse-csum': oldSum };
    const wrong = '1'.repeat(64);
    const rows: [string, Record<string, string | number>, string][] = [
      ['size', name, 'size is required for incremental backups'],
      [
        'name',
        { ...name, 'archive-name': 'other.fidx', size },
        'cannot reuse index - no previous backup exists for archive',
      ],
      [
        'checksum',
        { ...name, 'reuse-csum': wrong, size },
        `expected csum (${wrong}) doesn't match last backup's (${oldSum}), cannot do incremental backup`,
      ],
      ['length', { ...name, size: size + 1 }, 'cannot reuse index - index sizes not equal (3 != 4)'],
    ];
    for (const [what, query, text] of rows) assert.equal(await create('fixed', query), `400 ${text}`, what);
    const first = await server.backup({ 'backup-id': 'nothing-before', 'backup-time': time });
    assert.equal(
      await refused(first, 'POST', 'fixed_index', { query: { ...name, size } }),
      '400 cannot reuse index - no valid previous backup exists',
    );
    await first.close();
  });

  test('the old digests are there, and what was written lies over them', async () => {
    const query = { 'archive-name': 'disk.fidx', size, 'reuse-csum': oldSum };
    assert.equal(await create('fixed', query), 'not refused: 1');
    // Old chunks may be named only after `previous`, or once they were uploaded anew.
    assert.equal(await append('fixed', 1, [zero], [0]), `400 no such chunk ${zero.digest}`);
    const fresh = chunkOf(Buffer.alloc(full, 9));
    await upload('fixed', 1, zero, fresh);
    assert.equal(await append('fixed', 1, [fresh], [full]), fine);
    const merged = [zero, fresh, two].map(({ digest }) => digest);
    assert.equal(await close('fixed', 1, 1, full, fixedChecksum(merged)), fine);
    const index = stored('disk.fidx');
    assert.deepEqual(
      [0, 1, 2].map((i) => toHex(index.digestAt(i))),
      merged,
    );
    assert.equal(index.size, size);
  });

  test('nothing changed: no chunk, no size', async () => {
    const query = { 'archive-name': 'disk.fidx', size, 'reuse-csum': oldSum };
    await create('fixed', query);
    assert.equal(await close('fixed', 1, 0, 0, oldSum), fine);
    await create('fixed', query);
    assert.equal(
      await close('fixed', 2, 1, 0, oldSum),
      "400 fixed writer 'disk.fidx' close failed - received wrong number of chunk (0 != 1)",
    );
    await create('fixed', query);
    assert.equal(await close('fixed', 3, 0, 0), "400 fixed writer 'disk.fidx' close failed - got unexpected checksum");
  });
});
