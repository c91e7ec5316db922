import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fixtureChunkPath, fixtureDatastore } from '../../test/support/fixture.ts';
import { golden } from '../../test/support/golden.ts';
import { toHex } from '../base/bytes.ts';
import { formatUtc } from '../base/clock.ts';
import { decodeBlob, encodeBlob } from '../format/blob.ts';
import { parseIndex } from '../format/chunk-index.ts';
import type { H2Session } from '../wire/h2-client.ts';
import {
  appendAndClose,
  chunkQuery,
  makeChunk,
  manifestBlob,
  refused,
  runBackup,
  type TestChunk,
  uploadBlob,
  uploadDynamic,
  uploadManifest,
} from './testing/content.ts';
import { SessionServer } from './testing/session-server.ts';

const time = 1_700_000_000;
const chunks = [makeChunk('one', 4000), makeChunk('two', 5000)];
let server: SessionServer;

before(async () => {
  server = await SessionServer.start({ stores: { store1: {}, verified: { 'verify-new': true } } });
});
after(() => server[Symbol.asyncDispose]());

const start = (id: string, at = time): Promise<H2Session> => server.backup({ 'backup-id': id, 'backup-time': at });
const finish = (session: H2Session): Promise<string> => refused(session, 'POST', 'finish');
const blob = (session: H2Session, body: Uint8Array): Promise<string> =>
  refused(session, 'POST', 'blob', {
    query: { 'file-name': 'index.json.blob', 'encoded-size': body.length },
    body,
  });
const snapshotOf = (id: string, at = time): string => `host/${id}/${formatUtc(at)}`;

describe('the previous snapshot', () => {
  before(() => runBackup(server, { id: 'prev', time }, chunks));

  test('there is none for a first backup', async () => {
    const session = await start('first');
    assert.equal(await session.request('GET', 'previous_backup_time'), null);
    const query = { 'archive-name': 'index.json.blob' };
    assert.equal(await refused(session, 'GET', 'previous', { query }), '400 no valid previous backup');
    await session.close();
  });

  test('its files come as they are stored, and its chunks may be named', async () => {
    const session = await start('prev', time + 10);
    assert.equal(await session.request('GET', 'previous_backup_time'), time);
    const wid = Number(await session.request('POST', 'dynamic_index', { query: { 'archive-name': 'x.didx' } }));
    const early = { wid, 'digest-list': [chunks[0]!.digest], 'offset-list': [0] };
    assert.equal(
      await refused(session, 'PUT', 'dynamic_index', { json: early }),
      `400 no such chunk ${chunks[0]!.digest}`,
    );
    for (const name of ['root.pxar.didx', 'index.json.blob', 'host.conf.blob']) {
      const stored = readFileSync(server.snapshotPath(`${snapshotOf('prev')}/${name}`));
      const target = Buffer.alloc(stored.length);
      assert.equal(await session.downloadInto('previous', { 'archive-name': name }, target), stored.length);
      assert.deepEqual(target, stored);
    }
    await appendAndClose(session, 'x.didx', wid, chunks);
    const lines = await server.log(server.task('backup', 'host/prev').task.upid);
    const from = `from previous backup '${snapshotOf('prev')}'.`;
    const position = lines.indexOf(`register chunks in 'root.pxar.didx' ${from}`);
    assert.ok(position > 0);
    assert.equal(lines[position + 1], `download 'root.pxar.didx' ${from}`);
    await session.close();
    await server.ended('backup', 'host/prev');
  });

  test('what cannot be given has its text', async () => {
    const session = await start('prev', time + 11);
    const ask = (name: string) => refused(session, 'GET', 'previous', { query: { 'archive-name': name } });
    assert.equal(await ask('root.pxar'), '400 unknown archive type: "root.pxar"');
    assert.match(await ask('none.blob'), /^404 open file ".*none.blob" failed - not found$/);
    assert.match(await ask('none.didx'), /^400 Unable to open dynamic index ".*none.didx" - /);
    assert.match(await ask('none.fidx'), /^400 Unable to open fixed index ".*none.fidx" - /);
    assert.match(await ask('../prev/x.blob'), /^400 parameter verification failed/);
    await session.close();
  });

  test('a damaged index registers nothing', async () => {
    await runBackup(server, { id: 'damaged', time }, chunks);
    const path = server.snapshotPath(`${snapshotOf('damaged')}/root.pxar.didx`);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.length - 20));
    const session = await start('damaged', time + 1);
    const query = { 'archive-name': 'root.pxar.didx' };
    assert.match(await refused(session, 'GET', 'previous', { query }), /^400 Unable to open dynamic index /);
    const wid = Number(await session.request('POST', 'dynamic_index', { query: { 'archive-name': 'x.didx' } }));
    const json = { wid, 'digest-list': [chunks[0]!.digest], 'offset-list': [0] };
    assert.match(await refused(session, 'PUT', 'dynamic_index', { json }), /^400 no such chunk /);
    await session.close();
  });

  test('an index with a missing chunk is refused: the client has to upload it again', async () => {
    const lost = makeChunk('lost');
    await runBackup(server, { id: 'lost', time }, [lost]);
    rmSync(fixtureChunkPath(server.storePath(), lost.digest));
    const session = await start('lost', time + 1);
    const query = { 'archive-name': 'root.pxar.didx' };
    assert.match(await refused(session, 'GET', 'previous', { query }), new RegExp(`^400 .*missing.*${lost.digest}`));
    await session.close();
  });

  test('one that failed verification is not built upon, nor is an older one', async () => {
    await runBackup(server, { id: 'failed', time }, chunks);
    await runBackup(server, { id: 'failed', time: time + 1 }, chunks);
    const store = await server.store();
    await store.updateManifest([], { type: 'host', id: 'failed', time: time + 1 }, (unprotected) => {
      unprotected['verify_state'] = {
        state: 'failed',
        upid: 'UPID:n:00000001:00000001:00000000:65000000:verify:x:root@pam:',
      };
    });
    const session = await start('failed', time + 2);
    assert.equal(await session.request('GET', 'previous_backup_time'), null);
    await session.close();
  });
});

describe('finish', () => {
  test('every check has its text, and the session goes on', async () => {
    const session = await start('checks');
    assert.equal(await finish(session), '400 backup does not contain valid files (file count == 0)');
    const file = await uploadBlob(session, 'a.blob', Buffer.from('a'));
    const path = server.snapshotPath(`${snapshotOf('checks')}/index.json.blob`);
    assert.equal(
      await finish(session),
      `400 unable to update manifest blob - unable to load blob '"${path}"' - No such file or directory (os error 2)`,
    );
    const wid = Number(await session.request('POST', 'dynamic_index', { query: { 'archive-name': 'x.didx' } }));
    assert.equal(await finish(session), '400 found open index writer - unable to finish backup');
    const close = { wid, 'chunk-count': 1, size: 1, csum: '0'.repeat(64) };
    await refused(session, 'POST', 'dynamic_close', { query: close });
    assert.equal(await blob(session, encodeBlob(Buffer.from('no json'))), 'not refused: null');
    assert.match(
      await finish(session),
      /^400 unable to update manifest blob - unable to parse backup manifest json - /,
    );
    await uploadManifest(session, { id: 'checks', time }, [file]);
    assert.equal(await finish(session), 'not refused: null');
    await session.close();
    const task = await server.ended('backup', 'host/checks');
    assert.equal(task.status, 'OK');
    assert.deepEqual(task.lines.slice(-3), ['successfully finished backup', 'backup finished successfully', 'TASK OK']);
    assert.deepEqual(server.files(snapshotOf('checks')), ['a.blob', 'index.json.blob']);
  });

  test('once it is finished nothing more is taken, and it can be read', async () => {
    const session = await start('after');
    const file = await uploadDynamic(session, 'root.pxar.didx', chunks);
    await uploadManifest(session, { id: 'after', time }, [file]);
    assert.equal(await finish(session), 'not refused: null');
    const done = '400 backup already marked as finished.';
    const query = { 'archive-name': 'x.didx' };
    const append = { wid: 1, 'digest-list': [chunks[0]!.digest], 'offset-list': [0] };
    const close = { wid: 1, 'chunk-count': 1, size: 1, csum: '0'.repeat(64) };
    const chunk = { query: chunkQuery(1, chunks[0]!), body: chunks[0]!.blob };
    assert.equal(await finish(session), done);
    assert.equal(await refused(session, 'POST', 'dynamic_index', { query }), done);
    assert.equal(await refused(session, 'POST', 'fixed_index', { query: { 'archive-name': 'x.fidx', size: 1 } }), done);
    assert.equal(await refused(session, 'PUT', 'dynamic_index', { json: append }), done);
    assert.equal(await refused(session, 'POST', 'dynamic_close', { query: close }), done);
    assert.equal(await refused(session, 'POST', 'dynamic_chunk', chunk), done);
    assert.equal(await blob(session, encodeBlob(Buffer.from('late'))), done);
    // The locks are free although this connection is still open: the next snapshot and readers come in.
    await runBackup(server, { id: 'after', time: time + 1 }, chunks);
    const reader = await server.reader({ 'backup-id': 'after', 'backup-time': time });
    await reader.close();
    await session.close();
    assert.equal((await server.ended('backup', 'host/after')).status, 'OK');
  });

  test('what the manifest says beyond the known members stays, also its signature', async () => {
    const session = await start('members');
    const file = await uploadBlob(session, 'a.blob', Buffer.from('a'));
    const given = {
      'backup-type': 'host',
      'backup-id': 'members',
      'backup-time': time,
      files: [{ ...file, note: 'kept' }],
      signature: 'ab'.repeat(32),
      unprotected: { notes: 'n', other: [1, 2] },
      future: { x: 1 },
    };
    assert.equal(await blob(session, encodeBlob(Buffer.from(JSON.stringify(given)))), 'not refused: null');
    assert.equal(await finish(session), 'not refused: null');
    await session.close();
    const stored = readFileSync(server.snapshotPath(`${snapshotOf('members')}/index.json.blob`));
    const parsed = JSON.parse(Buffer.from(decodeBlob(stored, { what: 'manifest' })).toString()) as typeof given;
    const { chunk_upload_stats: stats, ...unprotected } = parsed.unprotected as Record<string, unknown>;
    assert.deepEqual({ ...parsed, unprotected }, given);
    assert.deepEqual(Object.keys(stats as object).sort(), ['compressed_size', 'count', 'duplicates', 'size']);
  });

  test('a manifest needs no files, unprotected part or signature', async () => {
    const session = await start('bare');
    const bare = { 'backup-type': 'host', 'backup-id': 'bare', 'backup-time': time, files: [] };
    await blob(session, encodeBlob(Buffer.from(JSON.stringify(bare))));
    assert.equal(await finish(session), 'not refused: null');
    await session.close();
  });

  test('the base snapshot has to be there still', async () => {
    await runBackup(server, { id: 'forgotten', time }, chunks);
    const session = await start('forgotten', time + 1);
    const store = await server.store();
    // Forgetting it in the ordinary way is refused: it is in use.
    await assert.rejects(store.removeSnapshot([], { type: 'host', id: 'forgotten', time }), { code: 'locked' });
    rmSync(server.snapshotPath(snapshotOf('forgotten')), { recursive: true });
    await uploadBlob(session, 'a.blob', Buffer.from('a'));
    await uploadManifest(session, { id: 'forgotten', time: time + 1 }, []);
    assert.equal(
      await finish(session),
      `400 base snapshot ${snapshotOf('forgotten')} was removed during backup, cannot finish as chunks might be missing`,
    );
    await session.close();
  });

  test('two at once: one finishes', async () => {
    const session = await start('twice');
    await uploadManifest(session, { id: 'twice', time }, []);
    const answers = (await Promise.all([finish(session), finish(session)])).sort();
    assert.equal(answers[1], 'not refused: null');
    assert.match(answers[0]!, /^400 backup (is already in the process of finishing|already marked as finished)\.$/);
    await session.close();
  });
});

describe('what others see of a running backup', () => {
  test('it is listed without size and manifest, counts in its group, and cannot be read', async () => {
    const session = await start('running');
    const store = await server.store();
    const listed = async () => (await store.listSnapshots([], { id: 'running' }))[0]!;
    assert.deepEqual((await listed()).files, []);
    await uploadBlob(session, 'a.blob', Buffer.from('a'));
    await blob(session, manifestBlob({ id: 'running', time }, []));
    const info = await listed();
    assert.equal(info.size, undefined);
    assert.equal(info.finished, false);
    assert.deepEqual(info.files, [{ filename: 'a.blob' }]);
    const group = (await store.listGroups([])).find(({ id }) => id === 'running')!;
    assert.equal(group.backupCount, 1);
    assert.equal(group.owner, 'admin@pbs');
    const refusal = await server.refusal('reader', { 'backup-id': 'running', 'backup-time': time });
    assert.match(refusal, /^400 while reading snapshot 'host\/running\/.*': unable to acquire shared snapshot lock /);
    const forget = store.removeSnapshot([], { type: 'host', id: 'running', time });
    await assert.rejects(forget, /while destroying snapshot ".*": unable to acquire snapshot lock/);
    await session.close();
    await server.ended('backup', 'host/running');
    assert.equal(
      (await store.listGroups([])).some(({ id }) => id === 'running'),
      false,
    );
  });
});

describe('statistics', () => {
  test('the task log and the counts are those of the product for the same upload', async () => {
    const base = fixtureDatastore();
    const folder = `${base}/ns/ns1/ns/nested/host/tiny/2023-11-15T22:13:20Z`;
    const store = await server.store();
    await store.createNamespace(await store.createNamespace([], 'ns1'), 'nested');
    const params = { ns: 'ns1/nested', 'backup-id': 'tiny', 'backup-time': 1700086400, debug: true };
    const session = await server.backup(params);
    await session.request('GET', 'previous_backup_time');
    const names = ['catalog.pcat1.didx', 'excl.pxar.didx'];
    for (const name of names) await session.request('POST', 'dynamic_index', { query: { 'archive-name': name } });
    const files = [];
    for (const [name, wid] of [
      ['excl.pxar.didx', 2],
      ['catalog.pcat1.didx', 1],
    ] as const) {
      const index = parseIndex(name, readFileSync(`${folder}/${name}`), name);
      const digest = toHex(index.digestAt(0));
      const raw = readFileSync(fixtureChunkPath(base, digest));
      const chunk: TestChunk = { data: Buffer.from(decodeBlob(raw, { what: name })), digest, blob: raw };
      await session.request('POST', 'dynamic_chunk', { query: chunkQuery(wid, chunk), body: raw });
      files.push(await appendAndClose(session, name, wid, [chunk]));
    }
    const manifest = manifestBlob({ id: 'tiny', time: 1700086400 }, files);
    await blob(session, manifest);
    await session.request('POST', 'finish');
    await session.close();

    const task = await server.ended('backup', 'host/tiny');
    const product = JSON.parse(golden('pbs-3.2.4/api/task-log-backup.json').toString()) as { data: { t: string }[] };
    const expected = product.data.map(({ t }) =>
      t
        .slice(27)
        .replace("'fixture'", "'store1'")
        .replace('/mnt/datastore/fixture', server.storePath())
        .replace('(308 bytes, comp: 308)', `(${manifest.length} bytes, comp: ${manifest.length})`)
        .replace(/^UUID: [0-9a-f]{32}$/, 'UUID'),
    );
    assert.deepEqual(
      task.lines.map((line) => line.replace(/^UUID: [0-9a-f]{32}$/, 'UUID')),
      expected,
    );
    const stats = (await store.readManifest(['ns1', 'nested'], { type: 'host', id: 'tiny', time: 1700086400 }))
      .unprotected['chunk_upload_stats'];
    assert.deepEqual(stats, { count: 2, size: 956 + manifest.length, compressed_size: 456, duplicates: 0 });
  });

  test('chunks that the client, and that the server knew are counted apart', async () => {
    const all = ['s1', 's2', 's3', 's4'].map((seed) => makeChunk(`stats ${seed}`, 1000));
    await runBackup(server, { id: 'stats', time }, all.slice(0, 2));
    const session = await start('stats', time + 1);
    await session.downloadInto('previous', { 'archive-name': 'root.pxar.didx' }, Buffer.alloc(10_000));
    const wid = Number(await session.request('POST', 'dynamic_index', { query: { 'archive-name': 'root.pxar.didx' } }));
    // One the client knows, one that only the server knows, two new ones of which one is named twice.
    for (const chunk of all.slice(1)) {
      await session.request('POST', 'dynamic_chunk', { query: chunkQuery(wid, chunk), body: chunk.blob });
    }
    const file = await appendAndClose(session, 'root.pxar.didx', wid, [...all, all[3]!]);
    await uploadManifest(session, { id: 'stats', time: time + 1 }, [file]);
    await session.request('POST', 'finish');
    await session.close();
    const { lines } = await server.ended('backup', 'host/stats');
    const at = lines.indexOf("Upload statistics for 'root.pxar.didx'");
    assert.deepEqual(lines.slice(at + 2, at + 8), [
      `Checksum: ${file.csum}`,
      'Size: 5000',
      'Chunk count: 5',
      'Upload size: 3000 (60%)',
      'Duplicates: 2+1 (60%)',
      'Compression: 101%',
    ]);
  });
});

describe('verify-new', () => {
  test('a finished backup is verified by a task of its own', async () => {
    const as = { backup: (params: object) => server.backup({ ...params, store: 'verified' }) };
    await runBackup(as, { id: 'good', time }, chunks);
    await server.ended('backup', 'verified:host/good');
    const task = await server.ended('verify', `verified:host/good/${time.toString(16).toUpperCase()}`);
    assert.equal(task.authId, 'admin@pbs');
    assert.equal(task.lines[0], 'Automatically verifying newly added snapshot');
    assert.equal(task.status, 'OK');
    const manifest = await (await server.store('verified')).readManifest([], { type: 'host', id: 'good', time });
    assert.deepEqual(manifest.unprotected['verify_state'], { state: 'ok', upid: task.upid });
  });

  test('a bad one is found, an unfinished one is not looked at', async () => {
    const lost = makeChunk('verify lost');
    const open = { 'backup-id': 'bad', 'backup-time': time, store: 'verified' };
    const session = await server.backup(open);
    const file = await uploadDynamic(session, 'root.pxar.didx', [lost]);
    rmSync(fixtureChunkPath(server.storePath('verified'), lost.digest));
    await uploadManifest(session, { id: 'bad', time }, [file]);
    await session.request('POST', 'finish');
    await session.close();
    await server.ended('backup', 'verified:host/bad');
    const id = `verified:host/bad/${time.toString(16).toUpperCase()}`;
    const task = await server.ended('verify', id);
    assert.equal(task.status, 'verification failed - please check the log for details');
    await (await server.backup({ ...open, 'backup-time': time + 1 })).close();
    await server.ended('backup', 'verified:host/bad');
    assert.throws(() => server.task('verify', id.replace(/.$/, '1')), /no task/);
  });
});

describe('benchmark', () => {
  test('uploads leave no snapshot, whether finished or not', async () => {
    const params = { 'backup-id': 'benchmark', 'backup-time': time, benchmark: true };
    for (const finishes of [false, true]) {
      const session = await server.backup(params);
      const body = Buffer.alloc(1024 * 1024, 7);
      await Promise.all(Array.from({ length: 8 }, () => session.request('POST', 'speedtest', { body })));
      if (finishes) {
        await uploadManifest(session, { id: 'benchmark', time }, []);
        assert.equal(await finish(session), 'not refused: null');
      }
      await session.close();
      const task = await server.ended('benchmark', 'host/benchmark');
      assert.equal(task.status, 'OK');
      assert.match(task.lines[0]!, /^starting new benchmark on datastore 'store1' from ::ffff:127.0.0.1: "/);
      assert.deepEqual(task.lines.slice(-2), ['benchmark finished successfully', 'TASK OK']);
      assert.throws(() => server.files(snapshotOf('benchmark')), { code: 'ENOENT' });
      const groups = await (await server.store()).listGroups([]);
      assert.equal(
        groups.some(({ id }) => id === 'benchmark'),
        false,
      );
    }
  });
});
