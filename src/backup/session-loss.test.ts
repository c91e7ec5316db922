import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { formatUtc } from '../base/clock.ts';
import { processWorkers } from '../chunk-store/workers.ts';
import { encodeBlob } from '../format/blob.ts';
import { chunkQuery, dynamicChecksum, makeChunk, manifestBlob, runBackup } from './testing/content.ts';
import { begin, call } from './testing/foreign-client.ts';
import { SessionServer } from './testing/session-server.ts';

const time = 1_700_000_000;
const chunk = makeChunk('loss', 300_000);
const note = encodeBlob(Buffer.from('content'));
const reset = 'connection error: Connection reset by peer (os error 104)';
const unfinished = 'backup ended but finished state is not set.';
let server: SessionServer;

before(async () => {
  server = await SessionServer.start();
});
after(() => server[Symbol.asyncDispose]());

afterEach(async () => {
  const { arena } = processWorkers();
  assert.equal(arena.available, arena.size, 'room for uploads is held');
  assert.deepEqual(await server.activeOperations('store1'), { read: 0, write: 0 });
  assert.deepEqual(server.errors, []);
});

const expectOk = async (answer: ReturnType<typeof call>): Promise<void> => {
  const { status, text } = await answer;
  assert.equal(status, 200, text);
};
const blobQuery = (name: string, body: Uint8Array) => ({ 'file-name': name, 'encoded-size': body.length });

/** A backup in steps; the connection is lost after each. */
const steps: [string, (session: ClientHttp2Session) => Promise<unknown>][] = [
  ['the greeting', (session) => new Promise<void>((resolve) => session.ping(() => resolve()))],
  ['a question', (session) => expectOk(call(session, 'GET', '/previous_backup_time'))],
  [
    'half a blob',
    async (session) =>
      begin(session, 'POST', '/blob', { query: blobQuery('a.blob', note), body: note.subarray(0, 9), open: true }),
  ],
  ['a blob', (session) => expectOk(call(session, 'POST', '/blob', { query: blobQuery('a.blob', note), body: note }))],
  [
    'a new index',
    (session) => expectOk(call(session, 'POST', '/dynamic_index', { query: { 'archive-name': 'x.didx' } })),
  ],
  [
    'half a chunk',
    async (session) => {
      const stream = begin(session, 'POST', '/dynamic_chunk', { query: chunkQuery(1, chunk), open: true });
      await new Promise((resolve) => stream.write(chunk.blob.subarray(0, 100_000), resolve));
      await expectOk(call(session, 'GET', '/previous_backup_time'));
    },
  ],
  [
    'a chunk',
    (session) => expectOk(call(session, 'POST', '/dynamic_chunk', { query: chunkQuery(1, chunk), body: chunk.blob })),
  ],
  [
    'an append',
    (session) => {
      const query = { wid: 1, 'digest-list': chunk.digest, 'offset-list': 0 };
      return expectOk(call(session, 'PUT', '/dynamic_index', { query }));
    },
  ],
  [
    'a closed index',
    (session) => {
      const query = { wid: 1, 'chunk-count': 1, size: chunk.data.length, csum: dynamicChecksum([chunk]) };
      return expectOk(call(session, 'POST', '/dynamic_close', { query }));
    },
  ],
  [
    'the manifest',
    (session) => {
      const body = manifestBlob({ id: 'loss', time }, []);
      return expectOk(call(session, 'POST', '/blob', { query: blobQuery('index.json.blob', body), body }));
    },
  ],
];

interface Connection {
  session: ClientHttp2Session;
  socket: TLSSocket;
  tcp: Socket;
}

const ways: [string, (connection: Connection) => void, string][] = [
  ['reset', ({ tcp }) => tcp.resetAndDestroy(), reset],
  ['closed', ({ socket }) => socket.end(), unfinished],
  ['left in order', ({ session }) => leave(session), unfinished],
];

function leave(session: ClientHttp2Session): void {
  session.close();
  // Open requests would keep the connection.
  if (!session.destroyed) session.destroy();
}

async function isGone(id: string): Promise<void> {
  assert.throws(() => server.files(`host/${id}/${formatUtc(time)}`), { code: 'ENOENT' });
  const groups = await (await server.store()).listGroups([]);
  assert.equal(
    groups.some((group) => group.id === id),
    false,
    'the group is left',
  );
}

for (const [way, lose, text] of ways) {
  describe(`a connection that is ${way}`, () => {
    for (const [i, [what]] of steps.entries()) {
      test(`after ${what}`, async () => {
        const connection = await server.foreign('backup', { 'backup-id': 'loss', 'backup-time': time });
        for (const [, step] of steps.slice(0, i + 1)) await step(connection.session);
        lose(connection);
        const task = await server.ended('backup', 'host/loss');
        connection.session.destroy();
        assert.equal(task.status, text);
        const clean = text === unfinished;
        assert.deepEqual(task.lines.slice(-3), [
          clean ? `backup ended and finish failed: ${text}` : `backup failed: ${text}`,
          clean ? 'removing unfinished backup' : 'removing failed backup',
          `TASK ERROR: ${text}`,
        ]);
        await isGone('loss');
      });
    }
  });
}

describe('before any HTTP/2 byte', () => {
  for (const way of ['reset', 'closed'] as const) {
    test(`the connection is ${way} after the 101`, async () => {
      const { tcp, socket } = await server.upgraded('backup', { 'backup-id': 'early', 'backup-time': time });
      if (way === 'reset') tcp.resetAndDestroy();
      else socket.end();
      const task = await server.ended('backup', 'host/early');
      assert.equal(task.status, reset);
      assert.deepEqual(task.lines.slice(-3), [
        `backup failed: ${reset}`,
        'removing failed backup',
        `TASK ERROR: ${reset}`,
      ]);
      await isGone('early');
    });
  }

  test('garbage instead of HTTP/2 ends the session', async () => {
    const { socket } = await server.upgraded('backup', { 'backup-id': 'early', 'backup-time': time });
    socket.write('GET / HTTP/1.1\r\n\r\n'.repeat(10));
    const task = await server.ended('backup', 'host/early');
    assert.match(task.status, /^connection error: /);
    await isGone('early');
    socket.destroy();
  });

  test('connections that go at any moment of the upgrade harm nobody', async () => {
    const { cookie } = server.credentials();
    const head = (i: number): string =>
      `GET /api2/json/backup?store=store1&backup-type=host&backup-id=quick${i}&backup-time=${time} HTTP/1.1\r\n` +
      `host: x\r\ncookie: ${cookie}\r\nconnection: upgrade\r\nupgrade: proxmox-backup-protocol-v1\r\n\r\n`;
    for (let round = 0; round < 5; round++) {
      const sockets = await Promise.all(Array.from({ length: 8 }, () => server.socket()));
      await Promise.all(
        sockets.map(async ({ tcp, socket }, i) => {
          socket.write(head(i));
          for (let turn = 0; turn < i * 3; turn++) await new Promise((resolve) => setImmediate(resolve));
          if (round % 2 === 0) tcp.resetAndDestroy();
          else socket.destroy();
          await once(tcp, 'close');
        }),
      );
      // One whole session behind them: by then the server has seen what came before.
      await runBackup(server, { id: 'behind', time: time + round }, [chunk]);
    }
    for (let i = 0; i < 8; i++) {
      try {
        assert.match((await server.ended('backup', `host/quick${i}`)).status, /^connection error: /);
      } catch (error) {
        assert.match(String(error), /no task/);
      }
      await isGone(`quick${i}`);
    }
  });
});

test('uploads that wait for room leave the line with their connection', async () => {
  const { arena } = processWorkers();
  const held = await arena.acquire(arena.size);
  const { session, tcp } = await server.foreign('backup', { 'backup-id': 'wait', 'backup-time': time });
  await expectOk(call(session, 'POST', '/dynamic_index', { query: { 'archive-name': 'x.didx' } }));
  for (let i = 0; i < 20; i++)
    begin(session, 'POST', '/dynamic_chunk', { query: chunkQuery(1, chunk), body: chunk.blob });
  await expectOk(call(session, 'GET', '/previous_backup_time'));
  tcp.resetAndDestroy();
  assert.equal((await server.ended('backup', 'host/wait')).status, reset);
  held.release();
  await runBackup(server, { id: 'wait', time }, [chunk]);
});

test('an upload that its client cancels gives its room back, and the session goes on', async () => {
  const { session } = await server.foreign('backup', { 'backup-id': 'cancel', 'backup-time': time });
  await expectOk(call(session, 'POST', '/dynamic_index', { query: { 'archive-name': 'x.didx' } }));
  const stream = begin(session, 'POST', '/dynamic_chunk', { query: chunkQuery(1, chunk), open: true });
  await new Promise((resolve) => stream.write(chunk.blob.subarray(0, 1000), resolve));
  stream.close(8);
  await once(stream, 'close');
  await expectOk(call(session, 'POST', '/dynamic_chunk', { query: chunkQuery(1, chunk), body: chunk.blob }));
  const { arena } = processWorkers();
  assert.equal(arena.available, arena.size);
  session.destroy();
  await server.ended('backup', 'host/cancel');
});

describe('the end of a finished backup', () => {
  for (const [way, lose] of ways) {
    test(`it stays when its connection is ${way}`, async () => {
      const id = `kept-${way.replaceAll(' ', '-')}`;
      const connection = await server.foreign('backup', { 'backup-id': id, 'backup-time': time });
      const { session } = connection;
      const body = manifestBlob({ id, time }, []);
      await expectOk(call(session, 'POST', '/blob', { query: blobQuery('index.json.blob', body), body }));
      await expectOk(call(session, 'POST', '/finish'));
      lose(connection);
      const task = await server.ended('backup', `host/${id}`);
      session.destroy();
      assert.equal(task.status, 'OK');
      assert.deepEqual(task.lines.slice(-2), ['backup finished successfully', 'TASK OK']);
      assert.deepEqual(server.files(`host/${id}/${formatUtc(time)}`), ['index.json.blob']);
    });
  }

  test('a connection lost during finish leaves a whole snapshot or none', async () => {
    for (let round = 0; round < 6; round++) {
      const id = `during${round}`;
      const { session, tcp } = await server.foreign('backup', { 'backup-id': id, 'backup-time': time });
      const body = manifestBlob({ id, time }, []);
      await expectOk(call(session, 'POST', '/blob', { query: blobQuery('index.json.blob', body), body }));
      begin(session, 'POST', '/finish');
      for (let turn = 0; turn < round * 2; turn++) await new Promise((resolve) => setImmediate(resolve));
      tcp.resetAndDestroy();
      const { status } = await server.ended('backup', `host/${id}`);
      if (status === 'OK') assert.deepEqual(server.files(`host/${id}/${formatUtc(time)}`), ['index.json.blob']);
      else await isGone(id);
      session.destroy();
    }
  });
});

test('an aborted task drops the connection and removes the snapshot', async () => {
  const { session } = await server.foreign('backup', { 'backup-id': 'abort', 'backup-time': time });
  await expectOk(call(session, 'POST', '/blob', { query: blobQuery('a.blob', note), body: note }));
  const { task } = server.task('backup', 'host/abort');
  const closed = once(session, 'close');
  await server.server.tasks.abort(task.upid);
  await closed;
  const ended = await server.ended('backup', 'host/abort');
  assert.equal(ended.status, 'task aborted');
  assert.deepEqual(ended.lines.slice(-4), [
    'received abort request ...',
    'backup failed: task aborted',
    'removing failed backup',
    'TASK ERROR: task aborted',
  ]);
  await isGone('abort');
});

test('a failed session does not touch the snapshots before it', async () => {
  await runBackup(server, { id: 'kept', time }, [chunk]);
  const { session, tcp } = await server.foreign('backup', { 'backup-id': 'kept', 'backup-time': time + 1 });
  await expectOk(call(session, 'POST', '/blob', { query: blobQuery('a.blob', note), body: note }));
  tcp.resetAndDestroy();
  assert.equal((await server.ended('backup', 'host/kept')).status, reset);
  session.destroy();
  const snapshots = await (await server.store()).listSnapshots([], { id: 'kept' });
  assert.deepEqual(
    snapshots.map((snapshot) => [snapshot.time, snapshot.finished]),
    [[time, true]],
  );
});
