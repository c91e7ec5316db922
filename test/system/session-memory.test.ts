// Memory of a server process with hundreds of uploads in flight on many connections, and of one that many read from:
// what waits for room is bounded by the windows that the process gives out, what has room by the pool, what is on its
// way to readers by pieces (docs/decisions/0001).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import tls, { type TLSSocket } from 'node:tls';
import { backupProtocol, readerProtocol } from '../../src/backup/session.contract.ts';
import { chunkOf, chunkQuery, noise } from '../../src/backup/testing/content.ts';
import { FrameClient } from '../../src/backup/testing/frame-client.ts';
import { target } from '../../src/backup/testing/session-server.ts';
import { memoryFlags } from '../../src/daemon/flock.ts';
import {
  defaultWindow,
  encodeFrame,
  encodeNumberFrame,
  frameType,
  maxWindow,
  setting,
} from '../../src/wire/h2-frames.ts';
import { Stand } from '../fault/stand.ts';

const mib = 1024 * 1024;
const limit = 300 * mib;
const time = 1_700_000_000;
let stand: Stand;

before(async () => {
  stand = await Stand.start({ execArgv: memoryFlags });
});
after(() => stand[Symbol.asyncDispose]());

/** Most resident bytes of the server since the last call. */
function peak(): number {
  const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${stand.pid}/status`, 'latin1'))!;
  writeFileSync(`/proc/${stand.pid}/clear_refs`, '5');
  return Number(kib) * 1024;
}

async function frames(
  id: string,
  kind: 'backup' | 'reader' = 'backup',
  settings: readonly (readonly [number, number])[] = [],
): Promise<{ client: FrameClient; socket: TLSSocket }> {
  const socket = tls.connect({ port: stand.port, host: '127.0.0.1', rejectUnauthorized: false });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  const path = target(kind, { 'backup-id': id, 'backup-time': time });
  const protocol = kind === 'backup' ? backupProtocol : readerProtocol;
  const fields = `authorization: ${stand.authorization}\r\nupgrade: ${protocol}\r\nconnection: upgrade`;
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n${fields}\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 101/);
  return { client: new FrameClient(socket, settings), socket };
}

/** What the server lets a stream send before it is read. */
async function firstWindow(client: FrameClient): Promise<number> {
  const { payload } = await client.until(() => client.frames.find(({ type, flags }) => type === 4 && flags === 0));
  for (let at = 0; at < payload.length; at += 6) {
    if (payload.readUInt16BE(at) === setting.initialWindowSize) return payload.readUInt32BE(at + 2);
  }
  throw new Error('no initial window');
}

test('400 uploads at once on ten connections come through', async (t) => {
  const chunks = Array.from({ length: 6 }, (_, i) => chunkOf(noise(`memory ${i}`, mib / 2), { compress: false }));
  peak();
  const sessions = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const session = await stand.backup({ 'backup-id': `many${i}`, 'backup-time': time });
      await session.request('POST', 'dynamic_index', { query: { 'archive-name': 'a.didx' } });
      return session;
    }),
  );
  const uploads = sessions.flatMap((session) =>
    Array.from({ length: 40 }, (_, i) => {
      const chunk = chunks[i % chunks.length]!;
      return session.request('POST', 'dynamic_chunk', { query: chunkQuery(1, chunk), body: chunk.blob });
    }),
  );
  await Promise.all(uploads);
  const used = peak();
  t.diagnostic(`the server had ${Math.round(used / mib)} MiB`);
  assert.ok(used < limit, `${Math.round(used / mib)} MiB`);
  await Promise.all(sessions.map((session) => session.close()));
});

test('2,400 uploads that wait behind two that never come hold their first windows, and calls get through', async (t) => {
  const holder = await frames('holder');
  await firstWindow(holder.client);
  for (const [i, stream] of [1, 3].entries()) {
    const query = { ...chunkQuery(1, chunkOf(noise(`held ${i}`, 100))), 'encoded-size': 16 * mib };
    holder.client.write(holder.client.request(stream, 'POST', uploadPath(query), { open: true }));
  }
  holder.client.write(holder.client.request(5, 'GET', '/previous_backup_time'));
  await holder.client.answer(5);
  const query = chunkQuery(1, chunkOf(noise('waiting', mib), { compress: false }));
  peak();
  let sent = 0;
  const waiting = await Promise.all(
    Array.from({ length: 12 }, async (_, i) => {
      const { client, socket } = await frames(`waiting${i}`);
      const window = await firstWindow(client);
      for (let stream = 1; stream < 400; stream += 2) {
        client.write(client.request(stream, 'POST', uploadPath(query), { open: true }));
        for (let at = 0; at < window; at += 16384) {
          client.write(encodeFrame(frameType.data, 0, stream, Buffer.alloc(Math.min(16384, window - at))));
        }
        sent += window;
      }
      const ping = encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8));
      client.write(ping);
      await client.until(() => client.frames.find(({ type }) => type === frameType.ping));
      return { client, socket };
    }),
  );
  assert.ok(sent > 30 * mib, `${sent} bytes wait`);
  const used = peak();
  t.diagnostic(`the server had ${Math.round(used / mib)} MiB`);
  assert.ok(used < limit, `${Math.round(used / mib)} MiB`);
  holder.client.write(holder.client.request(7, 'GET', '/previous_backup_time'));
  assert.equal((await holder.client.answer(7)).text, '{"data":null}');
  for (const { socket } of [holder, ...waiting]) socket.destroy();
});

test('readers that take nothing hold pieces only, and those that read beside uploads come through', async (t) => {
  const chunks = Array.from({ length: 16 }, (_, i) => chunkOf(noise(`read ${i}`, 4 * mib), { compress: false }));
  await stand.goodBackup('read', time, chunks);
  peak();
  const stuck = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const { client, socket } = await frames('read', 'reader', [[setting.initialWindowSize, maxWindow]]);
      client.write(encodeNumberFrame(frameType.windowUpdate, 0, maxWindow - defaultWindow));
      client.write(client.request(1, 'GET', '/download?file-name=root.pxar.didx'));
      await client.answer(1);
      chunks.forEach(({ digest }, i) => {
        client.write(client.request(3 + 2 * i, 'GET', `/chunk?digest=${digest}`));
      });
      await client.until(() => client.frames.find(({ type }) => type === frameType.headers));
      socket.pause();
      return socket;
    }),
  );
  const readAll = async (): Promise<void> => {
    await using session = await stand.reader({ 'backup-id': 'read', 'backup-time': time });
    await session.downloadInto('download', { 'file-name': 'root.pxar.didx' }, new Uint8Array(64 * 1024));
    const read = async ({ digest, blob }: (typeof chunks)[number]): Promise<void> => {
      const room = Buffer.alloc(blob.byteLength);
      assert.equal(await session.downloadInto('chunk', { digest }, room), blob.byteLength);
      assert.ok(room.equals(blob));
    };
    await Promise.all(chunks.map(read));
  };
  const uploadAll = async (id: string): Promise<void> => {
    await using session = await stand.backup({ 'backup-id': id, 'backup-time': time });
    await session.request('POST', 'dynamic_index', { query: { 'archive-name': 'a.didx' } });
    const upload = (chunk: (typeof chunks)[number]): Promise<unknown> =>
      session.request('POST', 'dynamic_chunk', { query: chunkQuery(1, chunk), body: chunk.blob });
    await Promise.all(chunks.map(upload));
  };
  await Promise.all([readAll(), readAll(), readAll(), uploadAll('beside1'), uploadAll('beside2')]);
  const used = peak();
  t.diagnostic(`the server had ${Math.round(used / mib)} MiB`);
  assert.ok(used < limit, `${Math.round(used / mib)} MiB`);
  for (const socket of stuck) socket.destroy();
});

function uploadPath(query: Record<string, string | number>): string {
  const pairs = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
  return `/dynamic_chunk?${new URLSearchParams(pairs)}`;
}
