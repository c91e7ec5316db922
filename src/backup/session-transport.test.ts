import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { encodeBlob } from '../format/blob.ts';
import { encodeFrame, encodeNumberFrame, frameFlag, frameType, setting } from '../wire/h2-frames.ts';
import { chunkQuery, dynamicChecksum, fixedChecksum, makeChunk, manifestBlob, runBackup } from './testing/content.ts';
import { begin, call } from './testing/foreign-client.ts';
import { FrameClient } from './testing/frame-client.ts';
import { SessionServer } from './testing/session-server.ts';

const time = 1_700_000_000;
const chunk = makeChunk('transport', 2000);
let server: SessionServer;
let serial = 0;

before(async () => {
  server = await SessionServer.start();
});
after(() => server[Symbol.asyncDispose]());

const params = () => ({ 'backup-id': `t${serial++}`, 'backup-time': time, debug: true });
const json = { 'content-type': 'application/json; charset=UTF-8' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const jsonBody = (value: unknown) => ({ body: Buffer.from(JSON.stringify(value)), headers: json });

async function frames(
  options: readonly (readonly [number, number])[] = [],
): Promise<{ client: FrameClient; tcp: Socket; id: string }> {
  const session = params();
  const { socket, tcp } = await server.upgraded('backup', session);
  return { client: new FrameClient(socket, options), tcp, id: session['backup-id'] };
}

describe('parameters', () => {
  test('a whole backup with parameters as JSON, as third-party clients send them', async () => {
    const { session } = await server.foreign('backup', { 'backup-id': 'json', 'backup-time': time });
    const ask = async (method: string, path: string, value: unknown): Promise<unknown> => {
      const { status, text } = await call(session, method, path, jsonBody(value));
      assert.equal(status, 200, text);
      return (JSON.parse(text) as { data: unknown }).data;
    };
    assert.equal(await ask('POST', '/dynamic_index', { 'archive-name': 'a.didx' }), 1);
    assert.equal(await ask('POST', '/fixed_index', { 'archive-name': 'b.fidx', size: 2000 }), 2);
    for (const [kind, wid] of [
      ['dynamic', 1],
      ['fixed', 2],
    ] as const) {
      const sent = await call(session, 'POST', `/${kind}_chunk`, { query: chunkQuery(wid, chunk), body: chunk.blob });
      assert.deepEqual(JSON.parse(sent.text), { data: chunk.digest });
      await ask('PUT', `/${kind}_index`, { wid, 'digest-list': [chunk.digest], 'offset-list': [0] });
    }
    const close = { wid: 1, 'chunk-count': 1, size: 2000, csum: dynamicChecksum([chunk]) };
    assert.equal(await ask('POST', '/dynamic_close', close), null);
    assert.equal(await ask('POST', '/fixed_close', { ...close, wid: 2, csum: fixedChecksum([chunk.digest]) }), null);
    const body = manifestBlob({ id: 'json', time }, []);
    const query = { 'file-name': 'index.json.blob', 'encoded-size': body.length };
    assert.equal((await call(session, 'POST', '/blob', { query, body })).status, 200);
    assert.equal(await ask('POST', '/finish', {}), null);
    session.close();
    assert.equal((await server.ended('backup', 'host/json')).status, 'OK');
  });

  test('a form in the body, the query, and both together', async () => {
    const { session } = await server.foreign('backup', params());
    const body = Buffer.from('archive-name=a.didx');
    assert.equal((await call(session, 'POST', '/dynamic_index', { body, headers: form })).text, '{"data":1}');
    assert.equal((await call(session, 'POST', '/dynamic_index', { body })).text, '{"data":2}');
    const both = { body: Buffer.from('archive-name=b.fidx'), query: { size: 100 }, headers: form };
    assert.equal((await call(session, 'POST', '/fixed_index', both)).text, '{"data":3}');
    await call(session, 'POST', '/dynamic_chunk', { query: chunkQuery(1, chunk), body: chunk.blob });
    const lists = `wid=1&digest-list=${chunk.digest}&offset-list=0&digest-list=${chunk.digest}&offset-list=2000`;
    assert.equal((await call(session, 'PUT', `/dynamic_index?${lists}`)).text, '{"data":null}');
    session.destroy();
  });

  test('with JSON the query does not count and types are strict', async () => {
    const { session } = await server.foreign('backup', params());
    const missing = await call(session, 'POST', '/dynamic_index', {
      query: { 'archive-name': 'a.didx' },
      body: Buffer.from('{}'),
      headers: json,
    });
    assert.equal(missing.status, 400);
    assert.match(missing.text, /^parameter verification failed - 'archive-name': property is missing/);
    const rows: [unknown, RegExp][] = [
      [{ 'archive-name': 'a.fidx', size: '100' }, /- 'size': Expected integer value\.$/],
      [{ 'archive-name': 7 }, /- 'archive-name': Expected string value\.$/],
      [['a'], /^the request body is not a JSON object$/],
    ];
    for (const [value, text] of rows) {
      const answer = await call(session, 'POST', '/fixed_index', jsonBody(value));
      assert.equal(answer.status, 400);
      assert.match(answer.text, text);
    }
    const broken = await call(session, 'POST', '/fixed_index', { body: Buffer.from('{"a'), headers: json });
    assert.match(broken.text, /^unable to parse request body as JSON: /);
    session.destroy();
  });

  test('bodies with parameters are bounded, and the connection lives on', async () => {
    const { session } = await server.foreign('backup', params());
    for (const headers of [json, form, {}]) {
      const answer = await call(session, 'PUT', '/dynamic_index', { body: Buffer.alloc(600 * 1024, 0x20), headers });
      assert.equal(`${answer.status} ${answer.text}`, '400 Request body too large');
    }
    const digests = Array.from({ length: 5000 }, () => chunk.digest);
    const list = { wid: 1, 'digest-list': digests, 'offset-list': digests.map((_, i) => i) };
    const large = await call(session, 'PUT', '/dynamic_index', jsonBody(list));
    assert.equal(large.text, `no such chunk ${chunk.digest}`);
    session.destroy();
  });

  test('uploads need no content type, and any is fine', async () => {
    const { session } = await server.foreign('backup', params());
    await call(session, 'POST', '/dynamic_index', { query: { 'archive-name': 'a.didx' } });
    for (const type of [undefined, 'application/octet-stream', 'application/json', 'text/plain']) {
      const headers = { 'content-type': type };
      const sent = await call(session, 'POST', '/dynamic_chunk', {
        query: chunkQuery(1, chunk),
        body: chunk.blob,
        headers,
      });
      assert.equal(sent.text, `{"data":"${chunk.digest}"}`);
    }
    session.destroy();
  });

  test('authentication headers inside of the session are ignored', async () => {
    const { session } = await server.foreign('backup', params());
    const headers = { authorization: 'PBSAPIToken=x@pbs!y:z', cookie: 'PBSAuthCookie=nonsense' };
    assert.equal((await call(session, 'GET', '/previous_backup_time', { headers })).text, '{"data":null}');
    session.destroy();
  });
});

describe('paths and answers', () => {
  test('what is not known is 404, hidden components are refused, slashes do not count', async () => {
    const session = params();
    const { session: client } = await server.foreign('backup', session);
    const rows: [string, string, number, string][] = [
      ['GET', '/nothing', 404, "Path '/nothing' not found."],
      ['GET', '/nothing?a=b', 404, "Path '/nothing' not found."],
      ['POST', '/previous', 404, "Path '/previous' not found."],
      ['DELETE', '/finish', 404, "Path '/finish' not found."],
      ['GET', '/blob/x', 404, "Path '/blob/x' not found."],
      ['GET', '/api2/json/previous_backup_time', 404, "Path '/api2/json/previous_backup_time' not found."],
      ['GET', '/../previous_backup_time', 400, 'path contains illegal components'],
      ['GET', '/.previous', 400, 'path contains illegal components'],
      ['GET', '//previous_backup_time/', 200, '{"data":null}'],
      ['GET', '/previous_backup_time?', 200, '{"data":null}'],
    ];
    for (const [method, path, status, text] of rows) {
      const answer = await call(client, method, path);
      assert.deepEqual([answer.status, answer.text], [status, text], `${method} ${path}`);
    }
    const lines = await server.log(server.task('backup', `host/${session['backup-id']}`).task.upid);
    assert.ok(lines.includes("GET /nothing: 404 Not Found: Path '/nothing' not found."));
    client.destroy();
  });

  test('the envelope and its headers', async () => {
    await runBackup(server, { id: 'envelope', time }, [chunk]);
    const { session } = await server.foreign('backup', { 'backup-id': 'envelope', 'backup-time': time + 1 });
    const json = await call(session, 'GET', '/previous_backup_time');
    assert.equal(json.headers['content-type'], 'application/json;charset=UTF-8');
    assert.equal(json.headers['content-length'], '19');
    assert.ok(json.headers.date);
    const raw = await call(session, 'GET', '/previous?archive-name=host.conf.blob');
    assert.equal(raw.headers['content-type'], 'application/octet-stream');
    const refused = await call(session, 'GET', '/previous?archive-name=x');
    assert.equal(refused.text, 'unknown archive type: "x"');
    session.destroy();
  });
});

describe('frames', () => {
  test('a header block in several CONTINUATION frames', async () => {
    const { client } = await frames();
    client.write(client.request(1, 'GET', '/previous_backup_time', { piece: 10 }));
    assert.deepEqual(await client.answer(1), { status: '200', text: '{"data":null}' });
    // Longer than a file name may be.
    const long = 'x'.repeat(4000);
    client.write(client.request(3, 'POST', `/dynamic_index?archive-name=${long}.didx`, { piece: 800 }));
    assert.equal((await client.answer(3)).status, '400');
  });

  test('the settings are those that clients build upon', async () => {
    const { client } = await frames();
    const settings = await client.until(() => client.frames.find(({ type, flags }) => type === 4 && flags === 0));
    const values = new Map<number, number>();
    for (let at = 0; at < settings.payload.length; at += 6) {
      values.set(settings.payload.readUInt16BE(at), settings.payload.readUInt32BE(at + 2));
    }
    assert.equal(values.get(setting.maxFrameSize), 4 * 1024 * 1024);
    assert.equal(values.get(setting.maxConcurrentStreams), 200);
    // What an upload that waits for room may hold; one that has room gets a window for all of it.
    const first = values.get(setting.initialWindowSize)!;
    assert.ok(first > 1024 && first <= 65535, `${first}`);
    const window = await client.until(() => client.frames.find(({ type }) => type === frameType.windowUpdate));
    assert.equal(window.stream, 0);
    assert.equal(window.payload.readUInt32BE(0) + 65535, 32 * 1024 * 1024);
  });

  test('PING is answered, also while an upload is open', async () => {
    const { client } = await frames();
    const query = 'file-name=a.blob&encoded-size=100';
    client.write(client.request(1, 'POST', `/blob?${query}`, { open: true }));
    client.write(encodeFrame(frameType.ping, 0, 0, Buffer.from('12345678')));
    const pong = await client.until(() => client.frames.find(({ type }) => type === frameType.ping));
    assert.equal(pong.flags, frameFlag.ack);
    assert.equal(pong.payload.toString(), '12345678');
  });

  test('DATA with padding, in frames of one byte and in one of 1 MiB', async () => {
    const { client } = await frames();
    const small = encodeBlob(Buffer.from('padded'));
    client.write(client.request(1, 'POST', `/blob?file-name=a.blob&encoded-size=${small.length}`, { open: true }));
    for (const [i, byte] of small.entries()) {
      const padded = Buffer.concat([Buffer.of(5), Buffer.of(byte), Buffer.alloc(5)]);
      const end = i === small.length - 1 ? frameFlag.endStream : 0;
      client.write(encodeFrame(frameType.data, frameFlag.padded | end, 1, padded));
    }
    assert.deepEqual(await client.answer(1), { status: '200', text: '{"data":null}' });
    const updates = () => client.frames.filter(({ type, stream }) => type === frameType.windowUpdate && stream === 3);
    client.write(client.request(3, 'POST', '/speedtest', { open: true }));
    const window = 1024 * 1024;
    await client.until(() => updates().length > 0);
    client.write(encodeFrame(frameType.data, 0, 3, Buffer.alloc(window)));
    await client.until(() => updates().length > 1);
    client.write(encodeFrame(frameType.data, frameFlag.endStream, 3, Buffer.alloc(window / 2)));
    assert.deepEqual(await client.answer(3), { status: '200', text: '{"data":null}' });
  });

  test('trailers end an upload', async () => {
    const { client } = await frames();
    const body = encodeBlob(Buffer.from('trailers'));
    client.write(client.request(1, 'POST', `/blob?file-name=a.blob&encoded-size=${body.length}`, { open: true }));
    client.write(encodeFrame(frameType.data, 0, 1, body));
    const block = Buffer.from([0x00, 0x01, 0x78, 0x01, 0x79]);
    client.write(encodeFrame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, 1, block));
    assert.deepEqual(await client.answer(1), { status: '200', text: '{"data":null}' });
  });

  test('a peer with tiny windows gets its answers byte by byte', async () => {
    const { client } = await frames([[setting.initialWindowSize, 1]]);
    client.write(client.request(1, 'GET', '/previous_backup_time'));
    const expected = '{"data":null}';
    for (let i = 1; i < expected.length; i++) {
      await client.until(() => client.frames.filter(({ type, stream }) => type === 0 && stream === 1).length >= i);
      client.write(encodeNumberFrame(frameType.windowUpdate, 1, 1));
    }
    assert.deepEqual(await client.answer(1), { status: '200', text: expected });
  });

  test('GOAWAY lets open requests end, then the session ends in order', async () => {
    const { client, id } = await frames();
    const body = encodeBlob(Buffer.from('goaway'));
    client.write(client.request(1, 'POST', `/blob?file-name=a.blob&encoded-size=${body.length}`, { open: true }));
    client.write(encodeFrame(frameType.goAway, 0, 0, Buffer.alloc(8)));
    client.write(encodeFrame(frameType.data, frameFlag.endStream, 1, body));
    assert.deepEqual(await client.answer(1), { status: '200', text: '{"data":null}' });
    const task = await server.ended('backup', `host/${id}`);
    assert.equal(task.status, 'backup ended but finished state is not set.');
  });

  test('GOAWAY with an error code is an error', async () => {
    const { client, tcp, id } = await frames();
    client.write(client.request(1, 'GET', '/previous_backup_time'));
    await client.answer(1);
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(2, 4);
    client.write(encodeFrame(frameType.goAway, 0, 0, payload));
    const task = await server.ended('backup', `host/${id}`);
    assert.match(task.status, /^connection error: /);
    tcp.destroy();
  });

  const violations: [string, (client: FrameClient) => Uint8Array][] = [
    ['DATA on stream 0', () => encodeFrame(frameType.data, 0, 0, Buffer.alloc(10))],
    ['DATA on an idle stream', () => encodeFrame(frameType.data, 0, 5, Buffer.alloc(10))],
    ['CONTINUATION of nothing', () => encodeFrame(frameType.continuation, 4, 1, Buffer.alloc(10))],
    ['a block that is no HPACK', () => encodeFrame(frameType.headers, 5, 1, Buffer.alloc(20, 0xff))],
    ['WINDOW_UPDATE of 0', () => encodeNumberFrame(frameType.windowUpdate, 0, 0)],
    ['a frame that is too long', () => encodeFrame(frameType.headers, 4, 1, Buffer.alloc(4 * 1024 * 1024 + 1))],
    [
      'another frame within a header block',
      (client) =>
        Buffer.concat([
          client.request(1, 'GET', '/previous_backup_time', { piece: 5 }).subarray(0, 14),
          encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8)),
        ]),
    ],
    ['SETTINGS of a bad length', () => encodeFrame(frameType.settings, 0, 0, Buffer.alloc(5))],
  ];
  for (const [what, make] of violations) {
    test(`${what} ends the session and harms no other`, async () => {
      const other = await server.foreign('backup', params());
      const { client, id } = await frames();
      client.write(make(client));
      const task = await server.ended('backup', `host/${id}`);
      assert.match(task.status, /^connection error: /);
      assert.equal((await call(other.session, 'GET', '/previous_backup_time')).status, 200);
      other.session.destroy();
    });
  }
});

describe('many requests at once', () => {
  test('an upload that is refused early does not disturb the others', async () => {
    const { session } = await server.foreign('backup', params());
    await call(session, 'POST', '/dynamic_index', { query: { 'archive-name': 'a.didx' } });
    const large = Buffer.alloc(5_000_000, 1);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        i % 3 === 0
          ? call(session, 'POST', '/dynamic_chunk', {
              query: { ...chunkQuery(1, chunk), 'encoded-size': 1 },
              body: large,
            })
          : i % 3 === 1
            ? call(session, 'POST', '/dynamic_chunk', {
                query: { ...chunkQuery(1, chunk), 'encoded-size': 500 },
                body: large,
              })
            : call(session, 'POST', '/dynamic_chunk', { query: chunkQuery(1, chunk), body: chunk.blob }),
      ),
    );
    for (const [i, { status }] of answers.entries()) assert.equal(status, i % 3 === 2 ? 200 : 400);
    session.destroy();
  });

  test('a request that is cancelled before its answer does not disturb the others', async () => {
    await runBackup(server, { id: 'cancel', time }, [chunk]);
    const { session } = await server.foreign('backup', { 'backup-id': 'cancel', 'backup-time': time + 1 });
    for (let i = 0; i < 20; i++) {
      const stream = begin(session, 'GET', '/previous', { query: { 'archive-name': 'root.pxar.didx' } });
      if (i % 2 === 0) await once(stream, 'response');
      stream.close(8);
    }
    assert.equal((await call(session, 'GET', '/previous_backup_time')).text, `{"data":${time}}`);
    session.destroy();
    await server.ended('backup', 'host/cancel');
    assert.deepEqual(server.errors, []);
  });
});
