import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { readerProtocol } from '../backup/session.contract.ts';
import { chunkOf, makeChunk, noise, refused, runBackup, type TestChunk } from '../backup/testing/content.ts';
import { begin, call } from '../backup/testing/foreign-client.ts';
import { FrameClient } from '../backup/testing/frame-client.ts';
import { SessionServer, target } from '../backup/testing/session-server.ts';
import { collect } from '../base/streams.ts';
import { encodeBlob } from '../format/blob.ts';
import type { H2Session } from '../wire/h2-client.ts';
import { defaultWindow, encodeNumberFrame, frameType, maxWindow, setting } from '../wire/h2-frames.ts';
import { parallelChunks } from './session-server.ts';

const mib = 1024 * 1024;
const time = 1_700_000_000;
const stamp = '2023-11-14T22:13:20Z';
const chunks = [makeChunk('one', 4000), makeChunk('two', 5000)];
const other = makeChunk('other');
let server: SessionServer;

before(async () => {
  server = await SessionServer.start({
    stores: { store1: {}, offline: { 'maintenance-mode': 'offline' }, readonly: { 'maintenance-mode': 'read-only' } },
  });
  await server.createUser('backup@pbs', '/datastore/store1', 'DatastoreBackup');
  await server.createUser('second@pbs', '/datastore/store1', 'DatastoreBackup');
  await server.createUser('reader@pbs', '/datastore/store1', 'DatastoreReader');
  await server.createUser('audit@pbs', '/datastore/store1', 'DatastoreAudit');
  await runBackup(server, { id: 'read', time }, chunks);
  await runBackup(server, { id: 'other', time }, [other]);
  await runBackup({ backup: (params) => server.backup(params, { as: 'backup@pbs' }) }, { id: 'owned', time }, chunks);
});
after(() => server[Symbol.asyncDispose]());

const joined = async (parts: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.from(await collect(parts, 64 * mib, 'answer'));
const at = (id: string): Record<string, string | number> => ({ 'backup-id': id, 'backup-time': time });
const open = (id = 'read'): Promise<H2Session> => server.reader(at(id));
const download = async (session: H2Session, name: string): Promise<Buffer> =>
  joined(await session.download('download', { 'file-name': name }));
const chunkOfReader = async (session: H2Session, digest: string): Promise<Buffer> =>
  joined(await session.download('chunk', { digest }));
const refusedChunk = (session: H2Session, digest: string) => refused(session, 'GET', 'chunk', { query: { digest } });
const refusedFile = (session: H2Session, name: string) =>
  refused(session, 'GET', 'download', { query: { 'file-name': name } });
const taskId = (id: string): string => `host/${id}/${time.toString(16).toUpperCase()}`;

describe('checks before the upgrade', () => {
  test('1: a privilege is needed, of two', async () => {
    assert.equal(
      await server.refusal('reader', at('read'), { as: 'audit@pbs' }),
      '400 no permissions on /datastore/store1',
    );
    assert.equal(
      await server.refusal('reader', { ...at('read'), ns: 'a/b' }, { as: 'audit@pbs' }),
      '400 no permissions on /datastore/store1/a/b',
    );
    assert.equal(await server.refusal('reader', at('read'), { as: 'reader@pbs' }), 'not refused');
  });

  test('2: the datastore can be read', async () => {
    const refusal = (store: string) => server.refusal('reader', { ...at('read'), store });
    assert.equal(await refusal('nowhere'), "400 no such datastore 'nowhere'");
    assert.match(await refusal('offline'), /^400 datastore 'offline' is unavailable: offline maintenance mode:/);
    assert.equal(await refusal('readonly'), `400 snapshot host/read/${stamp} does not exist.`);
  });

  test('3: the Upgrade header names the protocol', async () => {
    const path = target('reader', at('read'));
    for (const [upgrade, text] of [
      [undefined, 'missing Upgrade header'],
      ['proxmox-backup-protocol-v1', 'invalid protocol name'],
    ] as const) {
      const headers = { ...server.credentials(), ...(upgrade ? { connection: 'upgrade', upgrade } : {}) };
      const answer = await server.plain('GET', path, headers);
      assert.equal(`${answer.status} ${answer.text}`, `400 ${text}`);
    }
    const headers = { ...server.credentials(), connection: 'upgrade', upgrade: readerProtocol };
    assert.equal((await server.plain('GET', `/${path}`, headers)).status, 101);
    const flag = await server.refusal('reader', { ...at('read'), benchmark: true });
    assert.match(flag, /^400 parameter verification failed - 'benchmark': schema does not allow additional properties/);
  });

  test('4: who may only back up reads own groups only', async () => {
    assert.equal(await server.refusal('reader', at('owned'), { as: 'backup@pbs' }), 'not refused');
    assert.equal(await server.refusal('reader', at('owned'), { as: 'second@pbs' }), '400 backup owner check failed!');
    assert.equal(
      await server.refusal('reader', at('none'), { as: 'second@pbs' }),
      `400 snapshot host/none/${stamp} does not exist.`,
    );
  });

  test('5: the snapshot is there', async () => {
    const missing = `400 snapshot host/read/${stamp} does not exist.`;
    assert.equal(await server.refusal('reader', { ...at('read'), ns: 'none' }), missing);
    assert.equal(
      await server.refusal('reader', { ...at('read'), 'backup-time': time + 1 }),
      '400 snapshot host/read/2023-11-14T22:13:21Z does not exist.',
    );
  });

  test('6: the snapshot is not being removed', async () => {
    const store = await server.store();
    const lock = await store.context.locks.snapshot([], { type: 'host', id: 'read', time });
    const refusal = await server.refusal('reader', at('read'));
    lock.release();
    assert.match(refusal, /^400 while reading snapshot 'host\/read\/.*': unable to acquire shared snapshot lock "/);
  });
});

describe('a session', () => {
  test('gives files as they are stored', async () => {
    const session = await open();
    for (const name of ['index.json.blob', 'host.conf.blob', 'root.pxar.didx']) {
      assert.deepEqual(await download(session, name), readFileSync(server.snapshotPath(`host/read/${stamp}/${name}`)));
    }
    await session.close();
    const task = await server.ended('reader', taskId('read'));
    assert.equal(task.status, 'OK');
    const folder = server.snapshotPath(`host/read/${stamp}`);
    assert.deepEqual(task.lines, [
      `starting new backup reader datastore 'store1': "${server.storePath()}"`,
      `download "${folder}/index.json.blob"`,
      `download "${folder}/host.conf.blob"`,
      `download "${folder}/root.pxar.didx"`,
      "register chunks in 'root.pxar.didx' as downloadable.",
      'reader finished successfully',
      'TASK OK',
    ]);
  });

  test('gives chunks of opened indexes only', async () => {
    const session = await open();
    const refusal = (digest: string) => `401 download chunk ${digest} not allowed`;
    const [one, two] = chunks as [TestChunk, TestChunk];
    assert.equal(await refusedChunk(session, one.digest), refusal(one.digest));
    await download(session, 'root.pxar.didx');
    assert.deepEqual(await chunkOfReader(session, one.digest), Buffer.from(one.blob));
    assert.deepEqual(await chunkOfReader(session, two.digest), Buffer.from(two.blob));
    assert.equal(await refusedChunk(session, other.digest), refusal(other.digest));
    await session.close();
    const { lines } = await server.ended('reader', taskId('read'));
    const attempt = `attempted to download chunk ${other.digest} which is not in registered chunk list`;
    assert.equal(lines.filter((line) => line === attempt).length, 1);
    assert.ok(lines.includes(`GET /chunk: 401 Unauthorized: download chunk ${other.digest} not allowed`));
  });

  test('says what it cannot give', async () => {
    const session = await open();
    assert.match(await refusedFile(session, 'none.blob'), /^404 open file ".*none.blob" failed - not found$/);
    assert.match(await refusedFile(session, 'none.didx'), /^400 Unable to open dynamic index ".*none.didx" - /);
    assert.match(await refusedFile(session, 'none.fidx'), /^400 Unable to open fixed index ".*none.fidx" - /);
    assert.equal(await refusedFile(session, 'owner'), '400 unknown archive type: "owner"');
    for (const name of ['../owner', '/etc/passwd', '.hidden.blob', '..', 'a/b.blob']) {
      assert.match(await refusedFile(session, name), /^400 parameter verification failed - 'file-name': /, name);
    }
    for (const digest of ['abc', chunks[0]!.digest.toUpperCase()]) {
      assert.match(await refusedChunk(session, digest), /^400 parameter verification failed - 'digest': /);
    }
    await session.close();
  });

  test('gives a client log that no manifest lists', async () => {
    const log = encodeBlob(Buffer.from('log'));
    writeFileSync(server.snapshotPath(`host/read/${stamp}/client.log.blob`), log);
    const session = await open();
    assert.deepEqual(await download(session, 'client.log.blob'), Buffer.from(log));
    await session.close();
  });

  test('lists its calls and measures speed', async () => {
    const session = await open();
    assert.deepEqual(await session.request('GET', ''), [
      { subdir: 'chunk' },
      { subdir: 'download' },
      { subdir: 'speedtest' },
    ]);
    const body = await joined(await session.download('speedtest'));
    assert.equal(body.length, mib);
    assert.ok(body.every((byte) => byte === 0x41));
    assert.match(await refused(session, 'POST', 'finish'), /^404 Path '\/finish' not found\.$/);
    await session.close();
  });

  test('keeps its snapshot from being removed, and several read at once', async () => {
    const sessions = await Promise.all([open(), open(), open()]);
    const store = await server.store();
    const snapshot = { type: 'host' as const, id: 'read', time };
    await assert.rejects(
      store.removeSnapshot([], snapshot),
      /while destroying snapshot ".*": unable to acquire snapshot lock/,
    );
    assert.deepEqual(await server.activeOperations('store1'), { read: 3, write: 0 });
    for (const session of sessions) await session.close();
    await server.ended('reader', taskId('read'));
    assert.deepEqual(await server.activeOperations('store1'), { read: 0, write: 0 });
  });

  test('a missing chunk, and an index that was cut, are told by name', async () => {
    const lost = makeChunk('lost');
    await runBackup(server, { id: 'damage', time }, [lost]);
    rmSync(`${server.storePath()}/.chunks/${lost.digest.slice(0, 4)}/${lost.digest}`);
    const session = await open('damage');
    const path = server.snapshotPath(`host/damage/${stamp}/root.pxar.didx`);
    await download(session, 'root.pxar.didx');
    assert.match(
      await refusedChunk(session, lost.digest),
      new RegExp(`^400 reading file "${lost.digest}" failed: .*missing`),
    );
    truncateSync(path, 4100);
    assert.match(
      await refusedFile(session, 'root.pxar.didx'),
      /^400 Unable to open dynamic index ".*root.pxar.didx" - /,
    );
    await session.close();
  });
});

describe('the end of a session', () => {
  test('a reset connection is an error, an abort ends it', async () => {
    const first = await server.foreign('reader', at('read'));
    assert.equal((await call(first.session, 'GET', '/speedtest')).body.length, mib);
    first.tcp.resetAndDestroy();
    const reset = await server.ended('reader', taskId('read'));
    assert.equal(reset.status, 'connection error: Connection reset by peer (os error 104)');
    const second = await server.foreign('reader', at('read'));
    await call(second.session, 'GET', '/speedtest');
    await server.server.tasks.abort(server.task('reader', taskId('read')).task.upid);
    const aborted = await server.ended('reader', taskId('read'));
    assert.equal(aborted.status, 'task aborted');
    assert.deepEqual(aborted.lines.slice(-2), ['received abort request ...', 'TASK ERROR: task aborted']);
    first.session.destroy();
    second.session.destroy();
    assert.deepEqual(await server.activeOperations('store1'), { read: 0, write: 0 });
  });
});

describe('many chunks at once', () => {
  const many = Array.from({ length: 24 }, (_, i) => chunkOf(noise(`many ${i}`, 2 * mib), { compress: false }));
  before(() => runBackup(server, { id: 'many', time }, many));

  test('a peer that reads nothing more can be dropped', async () => {
    const { socket, tcp } = await server.upgraded('reader', at('many'));
    const client = new FrameClient(socket, [[setting.initialWindowSize, maxWindow]]);
    client.write(encodeNumberFrame(frameType.windowUpdate, 0, maxWindow - defaultWindow));
    client.write(client.request(1, 'GET', '/download?file-name=root.pxar.didx'));
    await client.answer(1);
    tcp.pause();
    socket.pause();
    many.forEach(({ digest }, i) => {
      client.write(client.request(3 + 2 * i, 'GET', `/chunk?digest=${digest}`));
    });
    const { task } = server.task('reader', taskId('many'));
    // Another session's calls go through meanwhile: by then this one's writes are stuck.
    const other = await open('many');
    for (let i = 0; i < 20; i++) await other.request('GET', '');
    await other.close();
    await server.server.tasks.abort(task.upid);
    assert.equal(await task.done, 'task aborted');
    tcp.destroy();
  });

  test('a peer that takes nothing keeps a bounded number in memory, and the others come through', async () => {
    const { chunks: storedChunks } = await server.store();
    const openChunk = storedChunks.openChunk.bind(storedChunks);
    let opened = 0;
    storedChunks.openChunk = (digest) => {
      opened++;
      return openChunk(digest);
    };
    const { session } = await server.foreign('reader', at('many'));
    assert.equal((await call(session, 'GET', '/download?file-name=root.pxar.didx')).status, 200);
    const stuck = many.map(({ digest }) => begin(session, 'GET', '/chunk', { query: { digest } }));
    assert.equal((await call(session, 'GET', '/download?file-name=root.pxar.didx')).status, 200);
    const { session: second } = await server.foreign('reader', at('many'));
    assert.equal((await call(second, 'GET', '/download?file-name=root.pxar.didx')).status, 200);
    const answers = await Promise.all(many.map(({ digest }) => call(second, 'GET', '/chunk', { query: { digest } })));
    answers.forEach((answer, i) => {
      assert.deepEqual(answer.body, Buffer.from(many[i]!.blob));
    });
    assert.equal(opened, many.length + parallelChunks);
    storedChunks.openChunk = openChunk;
    for (const stream of stuck) stream.close(8);
    session.destroy();
    second.destroy();
    await server.ended('reader', taskId('many'));
  });

  test('cancelled downloads give their place to others', async () => {
    const { session } = await server.foreign('reader', at('many'));
    assert.equal((await call(session, 'GET', '/download?file-name=root.pxar.didx')).status, 200);
    for (let i = 0; i < 60; i++) {
      const stream = begin(session, 'GET', '/chunk', { query: { digest: many[i % many.length]!.digest } });
      setImmediate(() => stream.close(8));
    }
    const answers = await Promise.all(many.map(({ digest }) => call(session, 'GET', '/chunk', { query: { digest } })));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    session.destroy();
    await server.ended('reader', taskId('many'));
    assert.deepEqual(server.errors, []);
  });
});

test('a folder in the place of a file is an error, not a crash', async () => {
  mkdirSync(server.snapshotPath(`host/other/${stamp}/folder.blob`));
  const session = await open('other');
  assert.match(await refusedFile(session, 'folder.blob'), /^400 reading file ".*folder.blob" failed: /);
  await session.close();
});
