import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { processWorkers } from '../chunk-store/workers.ts';
import { chunkOf, chunkQuery, noise, type TestChunk } from './testing/content.ts';
import { call } from './testing/foreign-client.ts';
import { SessionServer } from './testing/session-server.ts';

const mib = 1024 * 1024;
const time = 1_700_000_000;
let server: SessionServer;
let large: TestChunk[];
let largest: TestChunk;

before(async () => {
  server = await SessionServer.start();
  large = Array.from({ length: 12 }, (_, i) => chunkOf(noise(`large ${i}`, 4 * mib), { compress: false }));
  largest = chunkOf(noise('largest', 16 * mib), { compress: false });
});
after(() => server[Symbol.asyncDispose]());

/** Leaves only this much room for uploads. */
async function leaveRoom(bytes: number): Promise<{ release(): void }> {
  const { arena } = processWorkers();
  assert.equal(arena.available, arena.size);
  return arena.acquire(arena.size - bytes);
}

/** Most memory of this process, client's and server's, while `work` ran, beyond what it had before. */
async function memoryOf(work: () => Promise<void>): Promise<number> {
  const used = (): number => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const start = used();
  let most = start;
  const timer = setInterval(() => {
    most = Math.max(most, used());
  }, 50);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return most - start;
}

/** What is uploaded: many chunks of 4 MiB, and some of 16 MiB in between. */
const wanted = (count: number): TestChunk[] =>
  Array.from({ length: count }, (_, i) => (i % 50 === 7 ? largest : large[i % large.length]!));

describe('uploads with room for a few', () => {
  test('200 at once through our client: none stands still, memory is bounded', async () => {
    const room = await leaveRoom(20 * mib);
    const session = await server.backup({ 'backup-id': 'ours', 'backup-time': time });
    await session.request('POST', 'dynamic_index', { query: { 'archive-name': 'a.didx' } });
    const memory = await memoryOf(async () => {
      const answers = await Promise.all(
        wanted(200).map((chunk) =>
          session.request('POST', 'dynamic_chunk', { query: chunkQuery(1, chunk), body: chunk.blob }),
        ),
      );
      assert.deepEqual(
        answers,
        wanted(200).map(({ digest }) => digest),
      );
    });
    // Client and server: what waits here at most, and what is in flight.
    assert.ok(memory < 300 * mib, `${Math.round(memory / mib)} MiB`);
    await session.close();
    await server.ended('backup', 'host/ours');
    room.release();
  });

  test('40 at once through another HTTP/2 client', async () => {
    const room = await leaveRoom(20 * mib);
    const { session } = await server.foreign('backup', { 'backup-id': 'other', 'backup-time': time });
    await call(session, 'POST', '/dynamic_index', { query: { 'archive-name': 'a.didx' } });
    const memory = await memoryOf(async () => {
      const answers = await Promise.all(wanted(40).map((chunk) => upload(session, chunk)));
      assert.deepEqual(new Set(answers), new Set([200]));
    });
    assert.ok(memory < 350 * mib, `${Math.round(memory / mib)} MiB`);
    session.destroy();
    await server.ended('backup', 'host/other');
    room.release();
  });

  test('small calls get through while uploads wait', async () => {
    const { arena } = processWorkers();
    const room = await leaveRoom(0);
    const { session } = await server.foreign('backup', { 'backup-id': 'small', 'backup-time': time });
    await call(session, 'POST', '/dynamic_index', { query: { 'archive-name': 'a.didx' } });
    const uploads = Promise.all(wanted(40).map((chunk) => upload(session, chunk)));
    for (let i = 0; i < 5; i++) {
      assert.equal((await call(session, 'GET', '/previous_backup_time')).text, '{"data":null}');
      assert.equal((await call(session, 'POST', '/speedtest', { body: Buffer.alloc(mib) })).status, 200);
    }
    assert.equal(arena.available, 0);
    room.release();
    assert.deepEqual(new Set(await uploads), new Set([200]));
    session.destroy();
    await server.ended('backup', 'host/small');
  });

  test('two sessions share the room', async () => {
    const room = await leaveRoom(20 * mib);
    await Promise.all(
      ['one', 'two'].map(async (id) => {
        const { session } = await server.foreign('backup', { 'backup-id': id, 'backup-time': time });
        await call(session, 'POST', '/dynamic_index', { query: { 'archive-name': 'a.didx' } });
        const answers = await Promise.all(wanted(20).map((chunk) => upload(session, chunk)));
        assert.deepEqual(new Set(answers), new Set([200]));
        session.destroy();
        await server.ended('backup', `host/${id}`);
      }),
    );
    room.release();
  });
});

async function upload(session: ClientHttp2Session, chunk: TestChunk): Promise<number> {
  return (await call(session, 'POST', '/dynamic_chunk', { query: chunkQuery(1, chunk), body: chunk.blob })).status;
}
