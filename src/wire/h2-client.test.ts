// The client against node:http2: two implementations have to agree.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import { PeerRefusal, SessionPeer } from './testing/session-peer.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('query, JSON and raw bodies arrive, and data comes back', async () => {
  const seen: unknown[] = [];
  await using peer = await SessionPeer.start(async (call) => {
    const body = await call.body();
    seen.push([call.method, call.path, Object.fromEntries(call.query), call.headers['content-type'], body.toString()]);
    return { n: seen.length, name: 'ä' };
  });
  await using session = await peer.connect();
  assert.deepEqual(await session.request('GET', 'previous_backup_time'), { n: 1, name: 'ä' });
  await session.request('POST', 'close', { query: { wid: 1, csum: 'ab&=ü', no: undefined, yes: true } });
  await session.request('PUT', 'index', { json: { list: [1] } });
  await session.request('POST', 'chunk', { body: [Buffer.from('ab'), new Uint8Array(), Buffer.from('cd')] });
  assert.deepEqual(seen, [
    ['GET', '/previous_backup_time', {}, 'application/x-www-form-urlencoded', ''],
    ['POST', '/close', { wid: '1', csum: 'ab&=ü', yes: 'true' }, 'application/x-www-form-urlencoded', ''],
    ['PUT', '/index', {}, 'application/json', '{"list":[1]}'],
    ['POST', '/chunk', {}, 'application/octet-stream', 'abcd'],
  ]);
});

for (const [name, settings, connectionWindow] of [
  ['usual settings', {}, undefined],
  ['default frames and windows', { maxFrameSize: 16384, initialWindowSize: 65535 }, 65535],
  ['tiny windows', { initialWindowSize: 1000 }, undefined],
  ['no header table', { headerTableSize: 0 }, undefined],
  ['two streams at once', { maxConcurrentStreams: 2 }, undefined],
] as const) {
  test(`bodies of all sizes arrive whole: ${name}`, async () => {
    await using peer = await SessionPeer.start(async (call) => sha256(await call.body()), {
      settings,
      connectionWindow,
    });
    await using session = await peer.connect();
    const bodies = [0, 1, 16383, 16384, 65535, 65536, 300_000, name === 'tiny windows' ? 50_000 : 5_000_000].map((n) =>
      randomBytes(n),
    );
    const answers = await Promise.all(
      bodies.map((body) => session.request('POST', 'chunk', { body: [body.subarray(0, 12), body.subarray(12)] })),
    );
    assert.deepEqual(answers, bodies.map(sha256));
  });
}

test('answers of all sizes arrive whole: stream, target, many at once', async () => {
  const files = [0, 1, 16384, 5_000_000, 12_000_000].map((n) => randomBytes(n));
  await using peer = await SessionPeer.start((call) => files[Number(call.query.get('n'))]);
  await using session = await peer.connect();
  for (const [n, file] of files.entries()) {
    const parts: Uint8Array[] = [];
    for await (const part of await session.download('download', { n })) parts.push(part);
    assert.equal(sha256(Buffer.concat(parts)), sha256(file));
  }
  const targets = files.map((file) => new Uint8Array(file.length));
  const lengths = await Promise.all(targets.map((target, n) => session.downloadInto('download', { n }, target)));
  assert.deepEqual(
    lengths,
    files.map((file) => file.length),
  );
  assert.deepEqual(targets.map(sha256), files.map(sha256));
});

test('a refusal carries the server text and code; a long upload does not hang on it', async () => {
  await using peer = await SessionPeer.start((call) => {
    throw new PeerRefusal(Number(call.query.get('status')), `no: ${call.query.get('status')}`);
  });
  await using session = await peer.connect();
  for (const [status, code] of [
    [400, 'bad-request'],
    [401, 'auth-failed'],
    [403, 'permission-denied'],
    [404, 'not-found'],
    [503, 'bad-request'],
  ] as const) {
    await assert.rejects(
      session.request('POST', 'x', { query: { status }, body: Buffer.alloc(3_000_000) }),
      (error) => {
        assert.ok(error instanceof GranaryError);
        assert.deepEqual([error.code, error.message, error.status], [code, `no: ${status}`, status]);
        return true;
      },
    );
    await assert.rejects(session.download('x', { status }), { code, message: `no: ${status}` });
    await assert.rejects(session.downloadInto('x', { status }, new Uint8Array(2)), { code, message: `no: ${status}` });
  }
});

test('a refused upgrade carries the server text', async () => {
  for (const [status, code] of [
    [400, 'bad-request'],
    [401, 'auth-failed'],
    [403, 'permission-denied'],
  ] as const) {
    await using peer = await SessionPeer.start(() => null, {
      refuse: { status, text: 'backup owner check failed (a != b)' },
    });
    await assert.rejects(peer.connect(), { code, message: 'backup owner check failed (a != b)' });
  }
});

test('answers that are no envelope are protocol errors', async () => {
  await using peer = await SessionPeer.start((call) => Buffer.from(call.query.get('text')!));
  await using session = await peer.connect();
  await assert.rejects(session.request('GET', 'x', { query: { text: '{' } }), { code: 'protocol' });
  await assert.rejects(session.request('GET', 'x', { query: { text: '{"a":1}' } }), { code: 'protocol' });
  await assert.rejects(session.downloadInto('x', { text: 'long' }, new Uint8Array(3)), { code: 'protocol' });
  assert.equal(await session.request('GET', 'x', { query: { text: '{"data":null}' } }), null);
});

test('an abort ends one request, and the others go on', async () => {
  const cancelled = Promise.withResolvers<number>();
  await using peer = await SessionPeer.start((call) => {
    if (call.path !== '/hang') return 'fine';
    call.stream.on('close', () => cancelled.resolve(call.stream.rstCode));
    call.stream.resume();
    return undefined;
  });
  await using session = await peer.connect();
  const abort = new AbortController();
  const hanging = session.request('POST', 'hang', { body: Buffer.alloc(100), signal: abort.signal });
  assert.equal(await session.request('GET', 'other'), 'fine');
  abort.abort();
  await assert.rejects(hanging, { code: 'aborted' });
  assert.equal(await cancelled.promise, 8);
  assert.equal(await session.request('GET', 'other'), 'fine');
});

test('leaving a download early cancels it and frees the connection', async () => {
  const file = Buffer.alloc(40_000_000, 7);
  await using peer = await SessionPeer.start(() => file);
  await using session = await peer.connect();
  for (let i = 0; i < 5; i++) {
    for await (const part of await session.download('download')) {
      assert.equal(part[0], 7);
      break;
    }
  }
  assert.equal(await session.downloadInto('download', {}, new Uint8Array(file.length)), file.length);
});

test('a lost connection fails what is under way and what comes later', async () => {
  await using peer = await SessionPeer.start(() => {
    peer.cut();
    return undefined;
  });
  await using session = await peer.connect();
  const calls = await Promise.allSettled([session.request('GET', 'a'), session.request('GET', 'b')]);
  for (const call of calls) {
    assert.equal(call.status, 'rejected');
    assert.ok(call.reason instanceof GranaryError && call.reason.code === 'connection');
    assert.match(call.reason.message, /connection to localhost:8007 was lost/);
  }
  assert.ok((await session.closed) instanceof GranaryError);
  await assert.rejects(session.request('GET', 'c'), { code: 'connection' });
});

test('the signal ends the session', async () => {
  await using peer = await SessionPeer.start(() => undefined);
  const abort = new AbortController();
  const session = await peer.connect(abort.signal);
  const call = session.request('GET', 'a');
  abort.abort();
  await assert.rejects(call, { code: 'aborted' });
  assert.ok((await session.closed) instanceof GranaryError);
});

test('closing in order is seen as such on both sides', async () => {
  await using peer = await SessionPeer.start(() => null);
  const session = await peer.connect();
  await session.request('GET', 'a');
  const goaway = new Promise<number>((resolve) => {
    peer.sessions[0]!.on('goaway', resolve);
  });
  await session.close();
  assert.equal(await session.closed, undefined);
  assert.equal(await goaway, 0);
  await assert.rejects(session.request('GET', 'a'), { code: 'connection' });
});
