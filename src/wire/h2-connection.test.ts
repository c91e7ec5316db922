// The connection against frames made by hand: what node:http2 never sends, and what nobody should.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { GranaryError } from '../base/errors.ts';
import { H2Connection, type Receiver } from './h2-connection.ts';
import { encodeFrame, encodeNumberFrame, encodeSettings, frameFlag, frameType, setting } from './h2-frames.ts';
import { encodeHeaders } from './hpack.ts';
import { RawPeer } from './testing/raw-peer.ts';

/** Collects one answer as text. */
class Collected implements Receiver {
  readonly done: Promise<string>;
  readonly #parts: Uint8Array[] = [];
  readonly #resolve: (text: string) => void;
  readonly #reject: (error: GranaryError) => void;
  #status = 0;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    promise.catch(() => {});
  }

  headers(status: number): void {
    this.#status = status;
  }

  data(piece: Uint8Array): void {
    this.#parts.push(piece);
  }

  end(): void {
    this.#resolve(`${this.#status} ${Buffer.concat(this.#parts)}`);
  }

  fail(error: GranaryError): void {
    this.#reject(error);
  }
}

const get = [
  [':method', 'GET'],
  [':path', '/x'],
] as const;
const ok = encodeHeaders([[':status', '200']]);
const { endStream, endHeaders, padded, priority } = frameFlag;
const text = (value: string): Buffer => Buffer.from(value);

function open(settings: readonly (readonly [number, number])[] = []): { peer: RawPeer; connection: H2Connection } {
  const [near, far] = duplexPair();
  const peer = new RawPeer(far, { preface: 24 });
  const connection = new H2Connection(near, 'peer');
  peer.send(encodeSettings(settings));
  return { peer, connection };
}

test('the greeting allows large frames, no push, and wide windows', async () => {
  const { peer } = open();
  const settings = await peer.expect(frameType.settings);
  assert.equal(settings.payload.toString('hex'), '000200000000000400400000000500400000');
  const update = await peer.expect(frameType.windowUpdate, 0);
  assert.equal(update.payload.readUInt32BE(), 32 * 1024 * 1024 - 65535);
  const ack = await peer.expect(frameType.settings);
  assert.equal(ack.flags, 1);
});

test('padding, priority, continuation, informational answers, trailers and unknown frames', async () => {
  const { peer, connection } = open();
  const answer = new Collected();
  connection.request(get, [], answer);
  await peer.expect(frameType.headers, 1);
  const early = encodeHeaders([[':status', '103']]);
  const late = encodeHeaders([['x-sum', 'abc']]);
  peer.send(
    encodeFrame(0x77, 0xff, 1, text('whatever')),
    encodeFrame(frameType.headers, endHeaders, 1, early),
    encodeFrame(frameType.headers, padded | priority, 1, Buffer.concat([Buffer.of(3, 0, 0, 0, 0, 9), Buffer.alloc(3)])),
    encodeFrame(frameType.continuation, 0, 1, ok.subarray(0, 1)),
    encodeFrame(frameType.continuation, endHeaders, 1, ok.subarray(1)),
    encodeFrame(frameType.data, padded, 1, Buffer.concat([Buffer.of(4), text('one '), Buffer.alloc(4, 0x21)])),
    encodeFrame(frameType.data, padded, 1, Buffer.of(2, 0, 0)),
    encodeFrame(frameType.data, 0, 1, text('two')),
    encodeFrame(frameType.data, 0, 1, text('')),
    encodeFrame(frameType.headers, endHeaders | endStream, 1, late),
  );
  assert.equal(await answer.done, '200 one two');
});

test('the bytes may come in pieces of any length', async () => {
  const wire = Buffer.concat([
    encodeFrame(frameType.headers, endHeaders, 1, ok),
    encodeFrame(frameType.data, padded, 1, Buffer.concat([Buffer.of(2), text('abc'), Buffer.alloc(2)])),
    encodeFrame(frameType.ping, 0, 0, Buffer.from('12345678')),
    encodeFrame(frameType.data, endStream, 1, text('def')),
  ]);
  for (let size = 1; size <= 12; size++) {
    const { peer, connection } = open();
    const answer = new Collected();
    connection.request(get, [], answer);
    for (let at = 0; at < wire.length; at += size) peer.send(wire.subarray(at, at + size));
    assert.equal(await answer.done, '200 abcdef');
    assert.equal((await peer.expect(frameType.ping)).payload.toString(), '12345678');
  }
});

test('bodies respect frame size, stream window and connection window, and short ones overtake', async () => {
  const { peer, connection } = open([
    [setting.initialWindowSize, 30_000],
    [setting.maxFrameSize, 20_000],
  ]);
  await peer.expect(frameType.settings);
  await peer.expect(frameType.settings);
  const large = new Collected();
  const small = new Collected();
  connection.request(get, [Buffer.alloc(300_000, 1)], large);
  const lengths = [
    (await peer.expect(frameType.data, 1)).payload.length,
    (await peer.expect(frameType.data, 1)).payload.length,
  ];
  assert.deepEqual(lengths, [20_000, 10_000]);
  peer.send(encodeNumberFrame(frameType.windowUpdate, 1, 400_000));
  for (let sent = 30_000; sent < 65_535; ) sent += (await peer.expect(frameType.data, 1)).payload.length;
  connection.request(get, [Buffer.alloc(10, 2)], small);
  await peer.expect(frameType.headers, 3);
  peer.send(encodeNumberFrame(frameType.windowUpdate, 0, 500_000));
  const next = await peer.expect(frameType.data);
  assert.deepEqual([next.stream, next.payload.length, next.flags], [3, 10, 1]);
  let rest = 300_000 - 65_535;
  while (rest > 0) rest -= (await peer.expect(frameType.data, 1)).payload.length;
  assert.equal(rest, 0);
});

test('a frame of 4 MiB is written at once in few pieces when the peer takes it, and read too', async () => {
  const { peer, connection } = open([
    [setting.initialWindowSize, 2 ** 31 - 1],
    [setting.maxFrameSize, 4 * 1024 * 1024],
  ]);
  peer.send(encodeNumberFrame(frameType.windowUpdate, 0, 100_000_000));
  await peer.expect(frameType.settings);
  await peer.expect(frameType.settings);
  const answer = new Collected();
  connection.request(get, [Buffer.alloc(12), Buffer.alloc(4_000_000)], answer);
  const first = await peer.expect(frameType.data, 1);
  assert.equal(first.payload.length, 256 * 1024);
  peer.send(
    encodeFrame(frameType.headers, endHeaders, 1, ok),
    encodeFrame(frameType.data, endStream, 1, Buffer.alloc(4_000_000, 0x61)),
  );
  assert.equal((await answer.done).length, 4_000_004);
});

test('windows for answers are given back as they are used', async () => {
  const { peer, connection } = open();
  let received = 0;
  const stream = connection.request(get, [], {
    headers: () => {},
    data: (piece) => {
      received += piece.length;
    },
    end: () => {},
    fail: () => {},
  });
  await peer.expect(frameType.windowUpdate, 0);
  const block = Buffer.alloc(1024 * 1024);
  peer.send(encodeFrame(frameType.headers, endHeaders, 1, ok));
  for (let i = 0; i < 4; i++) peer.send(encodeFrame(frameType.data, 0, 1, block));
  while (received < 4 * block.length) await new Promise(setImmediate);
  assert.equal(
    peer.frames.some((f) => f.type === frameType.windowUpdate && f.stream === 1),
    false,
  );
  stream.credit(3 * block.length);
  assert.equal((await peer.expect(frameType.windowUpdate, 1)).payload.readUInt32BE(), 3 * block.length);
});

test('a reset and a goaway fail the requests they concern', async () => {
  const { peer, connection } = open();
  await peer.expect(frameType.settings);
  await peer.expect(frameType.settings);
  const [a, b, c] = [new Collected(), new Collected(), new Collected()];
  for (const answer of [a, b, c]) connection.request(get, [], answer);
  await peer.expect(frameType.headers, 5);
  peer.send(encodeNumberFrame(frameType.resetStream, 1, 11));
  await assert.rejects(a.done, /ended the request without an answer: ENHANCE_YOUR_CALM/);
  peer.send(encodeFrame(frameType.goAway, 0, 0, Buffer.of(0, 0, 0, 3, 0, 0, 0, 0)));
  await assert.rejects(c.done, /peer is closing the connection/);
  peer.send(encodeFrame(frameType.headers, endHeaders | endStream, 3, ok));
  assert.equal(await b.done, '200 ');
  const later = new Collected();
  connection.request(get, [], later);
  await assert.rejects(later.done, { code: 'connection' });
  peer.send(encodeFrame(frameType.goAway, 0, 0, Buffer.of(0, 0, 0, 3, 0, 0, 0, 2)));
  assert.match((await connection.closed)!.message, /gave up the connection: INTERNAL_ERROR/);
});

const headers = encodeFrame(frameType.headers, endHeaders, 1, ok);
const violations: [string, Uint8Array[], RegExp][] = [
  ['data in front of headers', [encodeFrame(frameType.data, 0, 1, text('x'))], /DATA in front of the answer/],
  ['data on stream 0', [encodeFrame(frameType.data, 0, 0, text('x'))], /DATA on stream 0/],
  ['a stream that was never opened', [encodeFrame(frameType.headers, endHeaders, 9, ok)], /never opened/],
  ['a stream of the server', [encodeFrame(frameType.headers, endHeaders, 2, ok)], /never opened/],
  ['a push', [encodeFrame(frameType.pushPromise, endHeaders, 1, Buffer.alloc(4))], /push/],
  [
    'a frame inside of a header block',
    [encodeFrame(frameType.headers, 0, 1, ok), encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8))],
    /inside of a header block/,
  ],
  ['continuation of nothing', [encodeFrame(frameType.continuation, 4, 1, ok)], /CONTINUATION of nothing/],
  [
    'an endless header block',
    [
      encodeFrame(frameType.headers, 0, 1, ok),
      ...Array.from({ length: 20 }, () => encodeFrame(frameType.continuation, 0, 1, Buffer.alloc(16000))),
    ],
    /header block of more/,
  ],
  [
    'an answer without status',
    [encodeFrame(frameType.headers, endHeaders, 1, encodeHeaders([['a', 'b']]))],
    /without status/,
  ],
  [
    'an end without an answer',
    [headers, encodeFrame(frameType.data, 0, 1, text('')), encodeFrame(frameType.data, padded, 1, Buffer.of(9, 1))],
    /more padding/,
  ],
  ['a broken header block', [encodeFrame(frameType.headers, endHeaders, 1, Buffer.of(0xff))], /malformed header block/],
  [
    'a stream window overrun',
    [headers, ...Array.from({ length: 5 }, () => encodeFrame(frameType.data, 0, 1, Buffer.alloc(1024 * 1024)))],
    /stream window/,
  ],
  ['a frame that is too long', [Buffer.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1)], /16777215 bytes/],
  ['a zero window update', [encodeNumberFrame(frameType.windowUpdate, 0, 0)], /WINDOW_UPDATE/],
  ['a window beyond 2^31 - 1', [encodeNumberFrame(frameType.windowUpdate, 0, 2 ** 31 - 1)], /2\^31/],
  ['a bad setting', [encodeSettings([[setting.maxFrameSize, 5]])], /frame size of 5/],
  ['a bad initial window', [encodeSettings([[setting.initialWindowSize, 2 ** 31]])], /initial window/],
  ['a short ping', [encodeFrame(frameType.ping, 0, 0, Buffer.alloc(7))], /PING/],
];

for (const [name, frames, message] of violations) {
  test(`violation: ${name}`, async () => {
    const { peer, connection } = open();
    const answer = new Collected();
    connection.request(get, [], answer);
    await peer.expect(frameType.headers, 1);
    peer.send(...frames);
    await assert.rejects(answer.done, { code: 'protocol', message });
    assert.equal((await connection.closed)?.code, 'protocol');
  });
}

test('violation: another frame in front of SETTINGS', async () => {
  const [near, far] = duplexPair();
  const connection = new H2Connection(near, 'peer');
  far.write(encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8)));
  assert.match((await connection.closed)!.message, /in front of its SETTINGS/);
});

test('arbitrary bytes end in a typed error or in nothing', async () => {
  const frame = fc
    .tuple(
      fc.integer({ min: 0, max: 10 }),
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0, max: 4 }),
      fc.uint8Array({ maxLength: 40 }),
    )
    .map(([type, flags, stream, payload]) => encodeFrame(type, flags, stream, payload));
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 12 }), async (frames) => {
      const { peer, connection } = open();
      const answer = new Collected();
      connection.request(get, [Buffer.alloc(100)], answer);
      peer.send(...frames);
      await new Promise(setImmediate);
      connection.destroy(new GranaryError('aborted', 'enough'));
      const error = await connection.closed;
      assert.ok(error && ['protocol', 'connection', 'aborted'].includes(error.code), error?.stack);
    }),
    { numRuns: 200 },
  );
});

test('the end of the stream with a request under way is an error, without one it is not', async () => {
  for (const busy of [true, false]) {
    const [near, far] = duplexPair();
    const peer = new RawPeer(far, { preface: 24 });
    const connection = new H2Connection(near, 'peer');
    peer.send(encodeSettings([]));
    const answer = new Collected();
    if (busy) connection.request(get, [], answer);
    far.end();
    far.resume();
    const error = await connection.closed;
    if (busy) {
      assert.equal(error?.code, 'connection');
      await assert.rejects(answer.done, /was lost/);
    } else assert.equal(error, undefined);
    if (!near.destroyed) await once(near, 'close');
  }
});
