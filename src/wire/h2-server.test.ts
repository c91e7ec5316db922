// The server end against frames made by hand, against node:http2 and against curl: what it has to take, what it has to
// refuse and with which code, and what it holds meanwhile.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { findInstalled } from '../../test/support/installed.ts';
import {
  connectionPreface,
  encodeFrame,
  encodeNumberFrame,
  encodeSettings,
  errorCode,
  frameFlag,
  frameType,
  setting,
} from './h2-frames.ts';
import { H2Server, type ServerStream } from './h2-server.ts';
import { encodeHeaders, type HeaderField, HpackDecoder } from './hpack.ts';
import { RawPeer } from './testing/raw-peer.ts';

const { endStream, endHeaders, padded, priority } = frameFlag;
const streamWindow = 4096;
const empty = Buffer.alloc(0);

type Handler = (stream: ServerStream) => Promise<unknown>;

const ping = encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8));
const acknowledgement = encodeFrame(frameType.settings, frameFlag.ack, 0, new Uint8Array());

/** Answers with what came. */
const echo: Handler = async (stream) => {
  const body = await stream.collect(16 * 1024 * 1024);
  await stream.answer([[':status', '200']], body);
};

/** Never answers. */
const silent: Handler = () => new Promise(() => {});

function serve(socket: Duplex, handler: Handler = echo): H2Server {
  const onRequest = (stream: ServerStream): Promise<void> =>
    handler(stream).then(
      () => {},
      () => {},
    );
  return new H2Server(socket, { streamWindow, onRequest });
}

function open(
  handler?: Handler,
  settings: readonly (readonly [number, number])[] = [],
): { peer: RawPeer; server: H2Server } {
  const [near, far] = duplexPair();
  const peer = new RawPeer(far, { preface: 0 });
  const server = serve(near, handler);
  peer.send(connectionPreface, encodeSettings(settings), acknowledgement);
  return { peer, server };
}

const head: readonly HeaderField[] = [
  [':method', 'POST'],
  [':scheme', 'https'],
  [':path', '/x'],
];
const request = (id: number, flags: number, fields = head): Buffer =>
  encodeFrame(frameType.headers, endHeaders | flags, id, encodeHeaders(fields));
const data = (id: number, body: Uint8Array, flags = 0): Buffer => encodeFrame(frameType.data, flags, id, body);

/** Status and body of the answer on a stream. */
async function answer(peer: RawPeer, id: number): Promise<string> {
  const headers = await peer.expect(frameType.headers, id);
  const parts: Buffer[] = [];
  for (let { flags } = headers; (flags & endStream) === 0; ) {
    const piece = await peer.expect(frameType.data, id);
    parts.push(piece.payload);
    flags = piece.flags;
  }
  return `${new HpackDecoder().decode(headers.payload)[0]![1]} ${Buffer.concat(parts)}`;
}

describe('what it takes', () => {
  test('its greeting', async () => {
    const { peer } = open();
    const { payload } = await peer.expect(frameType.settings);
    const values = Object.fromEntries(
      Array.from({ length: payload.length / 6 }, (_, i) => [
        payload.readUInt16BE(i * 6),
        payload.readUInt32BE(i * 6 + 2),
      ]),
    );
    assert.deepEqual(values, { 3: 200, 4: streamWindow, 5: 4 * 1024 * 1024, 6: 256 * 1024 });
    assert.equal((await peer.expect(frameType.windowUpdate, 0)).payload.readUInt32BE(), 32 * 1024 * 1024 - 65535);
    assert.equal((await peer.expect(frameType.settings)).flags, frameFlag.ack);
  });

  test('padding, priority, continuation, trailers, unknown frames and settings', async () => {
    const { peer } = open(echo, [[0x99, 7]]);
    const block = encodeHeaders(head);
    peer.send(
      encodeFrame(0x77, 0xff, 1, Buffer.from('whatever')),
      encodeFrame(frameType.priority, 0, 5, Buffer.alloc(5)),
      encodeFrame(
        frameType.headers,
        padded | priority,
        1,
        Buffer.concat([Buffer.of(3, 0, 0, 0, 0, 9), block.subarray(0, 2), Buffer.alloc(3)]),
      ),
      encodeFrame(frameType.continuation, 0, 1, block.subarray(2, 4)),
      encodeFrame(frameType.continuation, 0, 1, empty),
      encodeFrame(frameType.continuation, endHeaders, 1, block.subarray(4)),
      data(1, Buffer.concat([Buffer.of(4), Buffer.from('one '), Buffer.alloc(4, 0x21)]), padded),
      data(1, Buffer.of(2, 0, 0), padded),
      data(1, Buffer.from('two')),
      data(1, empty),
      encodeFrame(frameType.headers, endHeaders | endStream, 1, encodeHeaders([['x-sum', 'abc']])),
      encodeFrame(frameType.priority, 0, 1, Buffer.alloc(5)),
      encodeNumberFrame(frameType.windowUpdate, 1, 5),
      encodeNumberFrame(frameType.resetStream, 1, 8),
      encodeFrame(frameType.ping, 0, 0, Buffer.from('12345678')),
    );
    assert.equal((await peer.expect(frameType.ping)).payload.toString(), '12345678');
    const other = open();
    other.peer.send(request(1, 0), data(1, Buffer.from('abc'), endStream));
    assert.equal(await answer(other.peer, 1), '200 abc');
  });

  test('bytes in pieces of any length', async () => {
    const wire = Buffer.concat([
      request(1, 0),
      data(1, Buffer.concat([Buffer.of(2), Buffer.from('abc'), Buffer.alloc(2)]), padded),
      encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8)),
      data(1, Buffer.from('def'), endStream),
    ]);
    for (let size = 1; size <= 12; size++) {
      const { peer } = open();
      for (let at = 0; at < wire.length; at += size) peer.send(wire.subarray(at, at + size));
      assert.equal(await answer(peer, 1), '200 abcdef');
    }
  });

  test("the answer respects the peer's windows and frame size, also when they shrink below nothing", async () => {
    const { peer } = open(echo, [[setting.initialWindowSize, 10]]);
    peer.send(request(1, 0), data(1, Buffer.alloc(100, 0x61), endStream));
    await peer.expect(frameType.headers, 1);
    assert.equal((await peer.expect(frameType.data, 1)).payload.length, 10);
    peer.send(encodeSettings([[setting.initialWindowSize, 0]]), encodeNumberFrame(frameType.windowUpdate, 1, 15));
    assert.equal((await peer.expect(frameType.data, 1)).payload.length, 5);
    peer.send(encodeNumberFrame(frameType.windowUpdate, 1, 1000));
    const last = await peer.expect(frameType.data, 1);
    assert.deepEqual([last.payload.length, last.flags], [85, endStream]);
  });

  test('a goodbye lets requests end; what comes after it is refused; then the connection ends in order', async () => {
    const { peer, server } = open();
    peer.send(request(1, 0), encodeFrame(frameType.goAway, 0, 0, Buffer.alloc(8)), request(3, endStream));
    assert.equal((await peer.expect(frameType.resetStream, 3)).payload.readUInt32BE(), errorCode.refusedStream);
    peer.send(data(1, Buffer.from('last'), endStream));
    assert.equal(await answer(peer, 1), '200 last');
    await peer.end();
    assert.deepEqual(await server.closed, { greeted: true });
  });

  test('an answer before the end of the body: the rest is taken and thrown away', async () => {
    const { peer } = open((stream) => stream.answer([[':status', '400']], Buffer.from('no')));
    peer.send(request(1, 0));
    assert.equal(await answer(peer, 1), '400 no');
    let allowed = streamWindow;
    for (let sent = 0; sent < 4 * 1024 * 1024; ) {
      while (allowed < 65536) allowed += (await peer.expect(frameType.windowUpdate, 1)).payload.readUInt32BE();
      peer.send(data(1, Buffer.alloc(65536)));
      allowed -= 65536;
      sent += 65536;
    }
    peer.send(data(1, empty, endStream), encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8)));
    await peer.expect(frameType.ping);
  });
});

describe('other clients', () => {
  test('node:http2 with bodies of all lengths at once', async () => {
    const [near, far] = duplexPair();
    serve(near);
    const session = http2.connect('https://localhost', { createConnection: () => far });
    const lengths = [0, 1, 4095, 4096, 4097, 65535, 65536, 1_000_000, 5_000_000];
    const same = lengths.map(async (length) => {
      const body = randomBytes(length);
      const stream = session.request({ ':method': 'POST', ':path': '/x' });
      stream.end(body);
      const parts: Buffer[] = [];
      for await (const part of stream) parts.push(part as Buffer);
      return Buffer.concat(parts).equals(body);
    });
    assert.deepEqual(new Set(await Promise.all(same)), new Set([true]));
    session.destroy();
  });

  const curl = findInstalled('curl', 'curl');
  if (curl !== undefined) {
    test('curl', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'granary-curl-'));
      const listener = net.createServer((socket) => void serve(socket));
      listener.listen(0, '127.0.0.1');
      await once(listener, 'listening');
      const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/x`;
      try {
        const body = randomBytes(3_000_000);
        writeFileSync(join(directory, 'body'), body);
        const given = ['-sS', '--http2-prior-knowledge', '--data-binary', `@${join(directory, 'body')}`, url];
        const run = promisify(execFile)(curl, given, { encoding: 'buffer', maxBuffer: 10_000_000 });
        assert.ok((await run).stdout.equals(body));
      } finally {
        listener.close();
        rmSync(directory, { recursive: true });
      }
    });
  }
});

describe('windows', () => {
  test('a body that nobody reads has the small window, one that is read has room for all of it', async () => {
    const streams: ServerStream[] = [];
    const { peer } = open(async (stream) => void streams.push(stream));
    await peer.expect(frameType.windowUpdate, 0);
    peer.send(
      request(1, 0),
      data(1, Buffer.alloc(streamWindow, 1)),
      encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8)),
    );
    await peer.expect(frameType.ping);
    assert.equal(peer.frames.filter(({ type }) => type === frameType.windowUpdate).length, 0);
    const target = Buffer.alloc(1_000_000);
    const reading = streams[0]!.readInto(target);
    const more = (await peer.expect(frameType.windowUpdate, 1)).payload.readUInt32BE();
    assert.equal(more, target.length + 64 * 1024 - streamWindow);
    peer.send(data(1, Buffer.alloc(target.length - streamWindow, 2), endStream));
    assert.equal(await reading, target.length);
    assert.deepEqual([target[streamWindow - 1], target[streamWindow], target.at(-1)], [1, 2, 2]);
  });

  test('a body that is too long shows at once, and nothing behind the target is written', async () => {
    const target = Buffer.alloc(10);
    const { peer } = open(async (stream) => {
      const length = await stream.readInto(target.subarray(0, 5));
      await stream.answer([[':status', '400']], Buffer.from(String(length)));
    });
    peer.send(request(1, 0), data(1, Buffer.from('abcd')), data(1, Buffer.from('efgh')));
    assert.equal(await answer(peer, 1), '400 8');
    assert.equal(target.toString('latin1'), 'abcd\0\0\0\0\0\0');
  });

  test('a peer that does not know our SETTINGS yet may use the first window of every connection', async () => {
    const [near, far] = duplexPair();
    const peer = new RawPeer(far, { preface: 0 });
    const streams: ServerStream[] = [];
    const server = serve(near, async (stream) => void streams.push(stream));
    peer.send(connectionPreface, encodeSettings([]), request(1, 0), data(1, Buffer.alloc(40_000, 1)));
    peer.send(request(3, 0), data(3, Buffer.alloc(25_000, 2)), acknowledgement, data(3, empty, 0), ping);
    await peer.expect(frameType.ping);
    // The window is below nothing by now: it is filled up to the whole body.
    const target = Buffer.alloc(100_000);
    const reading = streams[0]!.readInto(target);
    const more = (await peer.expect(frameType.windowUpdate, 1)).payload.readUInt32BE();
    assert.equal(more, 100_000 + 64 * 1024 - 40_000 - (streamWindow - 40_000));
    peer.send(data(1, Buffer.alloc(60_000, 1), endStream));
    assert.equal(await reading, 100_000);
    peer.send(data(3, Buffer.of(1)));
    assert.match((await server.closed).error!.message, /stream window/);
  });

  test('whoever uses more than the first connection window knows our SETTINGS', async () => {
    const [near, far] = duplexPair();
    const peer = new RawPeer(far, { preface: 0 });
    serve(near, silent);
    peer.send(connectionPreface, encodeSettings([]));
    for (const id of [1, 3]) peer.send(request(id, 0), data(id, Buffer.alloc(40_000)));
    assert.equal((await peer.expect(frameType.goAway)).payload.readUInt32BE(4), errorCode.flowControl);
  });

  test('padding is given back', async () => {
    const { peer } = open(silent);
    await peer.expect(frameType.windowUpdate, 0);
    peer.send(request(1, 0), data(1, Buffer.concat([Buffer.of(99), Buffer.alloc(199)]), padded));
    assert.equal((await peer.expect(frameType.windowUpdate, 1)).payload.readUInt32BE(), 100);
  });

  test('what waits is held once, in its window, however small its pieces are', async () => {
    const { peer } = open(silent);
    const before = process.memoryUsage().arrayBuffers;
    for (let id = 1; id < 400; id += 2) {
      const pieces = Array.from({ length: streamWindow }, () => data(id, Buffer.of(1)));
      peer.send(request(id, 0), ...pieces);
    }
    peer.send(encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8)));
    await peer.expect(frameType.ping);
    const held = process.memoryUsage().arrayBuffers - before;
    assert.ok(held < 400 * streamWindow + 16 * 1024 * 1024, `${held} bytes`);
  });
});

test('a short body in pieces of one byte takes no more memory than its length asks for', async () => {
  let most = 0;
  const before = process.memoryUsage().arrayBuffers;
  const { peer } = open(async (stream) => {
    const body = await stream.collect(200_000);
    most = process.memoryUsage().arrayBuffers - before;
    await stream.answer([[':status', '200']], Buffer.from(String(body?.byteLength)));
  });
  peer.send(request(1, 0));
  await peer.expect(frameType.windowUpdate, 1);
  const piece = data(1, Buffer.of(1));
  for (let i = 0; i < 20; i++) peer.send(Buffer.concat(Array.from({ length: 10_000 }, () => piece)));
  peer.send(data(1, empty, endStream));
  assert.equal(await answer(peer, 1), '200 200000');
  assert.ok(most < 16 * 1024 * 1024, `${most} bytes`);
});

describe('requests that are malformed lose their stream only', () => {
  const rows: [string, readonly HeaderField[]][] = [
    ['no method', head.slice(1)],
    ['no path', head.slice(0, 2)],
    ['an empty path', [...head.slice(0, 2), [':path', '']]],
    ['no scheme', [head[0]!, head[2]!]],
    ['a pseudo field twice', [...head, [':path', '/y']]],
    ['a pseudo field that is none of a request', [...head, [':status', '200']]],
    ['a pseudo field behind others', [['a', 'b'], ...head]],
    ['capitals in a name', [...head, ['Abc', 'x']]],
    ['an empty name', [...head, ['', 'x']]],
    ['a line break in a value', [...head, ['abc', 'x\r\ny: z']]],
    ['a field of the connection', [...head, ['connection', 'close']]],
    ['te other than trailers', [...head, ['te', 'gzip']]],
    ['a length that is none', [...head, ['content-length', '1x']]],
    ['two lengths', [...head, ['content-length', '1'], ['content-length', '2']]],
  ];
  for (const [what, fields] of rows) {
    test(what, async () => {
      const { peer } = open();
      peer.send(request(1, endStream, fields), request(3, endStream));
      assert.equal((await peer.expect(frameType.resetStream, 1)).payload.readUInt32BE(), errorCode.protocol);
      assert.equal(await answer(peer, 3), '200 ');
    });
  }

  for (const [what, length, body] of [
    ['longer', '3', 'abcd'],
    ['shorter', '5', 'abcd'],
  ] as const) {
    test(`a body ${what} than its content-length`, async () => {
      const { peer } = open();
      peer.send(request(1, 0, [...head, ['content-length', length]]), data(1, Buffer.from(body), endStream));
      peer.send(request(3, endStream));
      assert.equal((await peer.expect(frameType.resetStream, 1)).payload.readUInt32BE(), errorCode.protocol);
      assert.equal(await answer(peer, 3), '200 ');
    });
  }

  test('trailers that do not end the stream; frames that were on their way are ignored', async () => {
    const { peer } = open();
    peer.send(request(1, 0), request(1, 0, [['a', 'b']]), data(1, Buffer.from('on its way')), request(3, endStream));
    assert.equal((await peer.expect(frameType.resetStream, 1)).payload.readUInt32BE(), errorCode.protocol);
    assert.equal(await answer(peer, 3), '200 ');
  });

  test('the 201st request at once', async () => {
    const { peer } = open(silent);
    for (let id = 1; id <= 401; id += 2) peer.send(request(id, 0));
    const refused = await peer.expect(frameType.resetStream);
    assert.deepEqual([refused.stream, refused.payload.readUInt32BE()], [401, errorCode.refusedStream]);
  });
});

const violations: [string, Uint8Array[], number][] = [
  ['DATA on stream 0', [data(0, Buffer.from('x'))], errorCode.protocol],
  ['DATA on an idle stream', [data(1, Buffer.from('x'))], errorCode.protocol],
  ['a request on an even stream', [request(2, endStream)], errorCode.protocol],
  ['a request on stream 0', [request(0, endStream)], errorCode.protocol],
  ['a request on a stream that is over', [request(5, endStream), request(3, endStream)], errorCode.streamClosed],
  ['DATA behind the end', [request(1, endStream), data(1, Buffer.from('x'))], errorCode.streamClosed],
  ['a request behind the end', [request(1, endStream), request(1, endStream)], errorCode.streamClosed],
  [
    'DATA behind a reset',
    [request(1, 0), encodeNumberFrame(frameType.resetStream, 1, 8), data(1, Buffer.from('x'))],
    errorCode.streamClosed,
  ],
  ['RST_STREAM of an idle stream', [encodeNumberFrame(frameType.resetStream, 1, 8)], errorCode.protocol],
  ['RST_STREAM of stream 0', [encodeNumberFrame(frameType.resetStream, 0, 8)], errorCode.protocol],
  ['a short RST_STREAM', [request(1, 0), encodeFrame(frameType.resetStream, 0, 1, empty)], errorCode.frameSize],
  ['a push', [encodeFrame(frameType.pushPromise, endHeaders, 1, Buffer.alloc(4))], errorCode.protocol],
  ['a frame inside of a header block', [encodeFrame(frameType.headers, 0, 1, empty), ping], errorCode.protocol],
  ['DATA inside of a header block', [request(1, 0), encodeFrame(frameType.headers, 0, 3, empty), data(1, empty)], 1],
  [
    'an unknown frame inside of a header block',
    [encodeFrame(frameType.headers, 0, 1, empty), encodeFrame(0x55, 0, 1, empty)],
    errorCode.protocol,
  ],
  ['CONTINUATION of nothing', [encodeFrame(frameType.continuation, 4, 1, empty)], errorCode.protocol],
  [
    'an endless header block',
    [
      encodeFrame(frameType.headers, 0, 1, empty),
      ...Array.from({ length: 20 }, () => encodeFrame(frameType.continuation, 0, 1, Buffer.alloc(16000))),
    ],
    errorCode.enhanceYourCalm,
  ],
  [
    'a header block of endless empty frames',
    [
      encodeFrame(frameType.headers, 0, 1, empty),
      ...Array.from({ length: 30_000 }, () => encodeFrame(frameType.continuation, 0, 1, empty)),
    ],
    errorCode.enhanceYourCalm,
  ],
  ['a block that is no HPACK', [encodeFrame(frameType.headers, 5, 1, Buffer.of(0xff))], errorCode.compression],
  ['bad Huffman code', [encodeFrame(frameType.headers, 5, 1, Buffer.of(0, 0x84, 255, 255, 255, 255))], 9],
  ['more padding than payload', [request(1, 0), data(1, Buffer.of(9, 1), padded)], errorCode.protocol],
  ['padded DATA without a length', [request(1, 0), data(1, empty, padded)], errorCode.frameSize],
  ['a stream that depends on itself', [encodeFrame(frameType.priority, 0, 1, Buffer.of(0, 0, 0, 1, 0))], 1],
  ['PRIORITY of a bad length', [encodeFrame(frameType.priority, 0, 1, Buffer.alloc(4))], errorCode.frameSize],
  ['PRIORITY on stream 0', [encodeFrame(frameType.priority, 0, 0, Buffer.alloc(5))], errorCode.protocol],
  ['more than the stream window allows', [request(1, 0), data(1, Buffer.alloc(streamWindow + 1))], 3],
  ['WINDOW_UPDATE of 0', [encodeNumberFrame(frameType.windowUpdate, 0, 0)], errorCode.protocol],
  ['WINDOW_UPDATE of an idle stream', [encodeNumberFrame(frameType.windowUpdate, 1, 1)], errorCode.protocol],
  ['a short WINDOW_UPDATE', [encodeFrame(frameType.windowUpdate, 0, 0, Buffer.alloc(3))], errorCode.frameSize],
  ['a window beyond 2^31 - 1', [encodeNumberFrame(frameType.windowUpdate, 0, 2 ** 31 - 1)], errorCode.flowControl],
  [
    'a window of a stream beyond 2^31 - 1',
    [request(1, 0), encodeNumberFrame(frameType.windowUpdate, 1, 2 ** 31 - 1)],
    errorCode.flowControl,
  ],
  ['SETTINGS of a bad length', [encodeFrame(frameType.settings, 0, 0, Buffer.alloc(5))], errorCode.frameSize],
  ['SETTINGS on a stream', [encodeFrame(frameType.settings, 0, 1, empty)], errorCode.protocol],
  ['an acknowledgement with content', [encodeFrame(frameType.settings, 1, 0, Buffer.alloc(6))], errorCode.frameSize],
  ['a bad frame size', [encodeSettings([[setting.maxFrameSize, 5]])], errorCode.protocol],
  ['a bad initial window', [encodeSettings([[setting.initialWindowSize, 2 ** 31]])], errorCode.flowControl],
  ['ENABLE_PUSH of 2', [encodeSettings([[setting.enablePush, 2]])], errorCode.protocol],
  ['PING of a bad length', [encodeFrame(frameType.ping, 0, 0, Buffer.alloc(7))], errorCode.frameSize],
  ['PING on a stream', [encodeFrame(frameType.ping, 0, 1, Buffer.alloc(8))], errorCode.protocol],
  ['a short GOAWAY', [encodeFrame(frameType.goAway, 0, 0, Buffer.alloc(7))], errorCode.frameSize],
  ['a frame that is too long', [Buffer.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1)], errorCode.frameSize],
  ['HEADERS that are too long', [Buffer.of(0x10, 0, 0, 1, 4, 0, 0, 0, 1)], errorCode.frameSize],
];

describe('what ends the connection, with its code', () => {
  for (const [what, frames, code] of violations) {
    test(what, async () => {
      const { peer, server } = open(silent);
      peer.send(...frames);
      assert.equal((await peer.expect(frameType.goAway)).payload.readUInt32BE(4), code);
      await peer.end();
      assert.match((await server.closed).error!.message, /^HTTP\/2: /);
    });
  }

  test('a bad preface, and another frame in front of SETTINGS', async () => {
    for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.concat([connectionPreface, ping])]) {
      const [near, far] = duplexPair();
      const peer = new RawPeer(far, { preface: 0 });
      const server = serve(near);
      peer.send(bytes);
      assert.equal((await peer.expect(frameType.goAway)).payload.readUInt32BE(4), errorCode.protocol);
      assert.equal((await server.closed).greeted, false);
    }
  });

  test('the goodbye names the last request that was taken', async () => {
    const { peer } = open(silent);
    peer.send(request(7, 0), data(0, empty));
    assert.equal((await peer.expect(frameType.goAway)).payload.readUInt32BE(0), 7);
  });
});

describe('floods are bounded', () => {
  const floods: [string, (i: number) => Buffer][] = [
    [
      'requests that are reset at once',
      (i) => Buffer.concat([request(2 * i + 3, 0), encodeNumberFrame(3, 2 * i + 3, 8)]),
    ],
    ['malformed requests', (i) => request(2 * i + 3, 0, [])],
    ['empty DATA', () => data(1, empty)],
    ['DATA that is padding only', () => data(1, Buffer.of(3, 0, 0, 0), padded)],
  ];
  for (const [what, frame] of floods) {
    test(what, async () => {
      const { peer } = open(silent);
      peer.send(request(1, 0), Buffer.concat(Array.from({ length: 1100 }, (_, i) => frame(i))));
      assert.equal((await peer.expect(frameType.goAway)).payload.readUInt32BE(4), errorCode.enhanceYourCalm);
    });
  }

  for (const [what, frame] of [
    ['PING', ping],
    ['SETTINGS', encodeSettings([])],
  ] as const) {
    test(`${what} whose answers nobody reads`, async () => {
      const [near, far] = duplexPair();
      const server = serve(near);
      far.write(Buffer.concat([connectionPreface, encodeSettings([])]));
      const flood = Buffer.concat(Array.from({ length: 500 }, () => frame));
      let over = false;
      void server.closed.then(() => {
        over = true;
      });
      for (let i = 0; i < 1000 && !over; i++) {
        far.write(flood);
        await new Promise(setImmediate);
      }
      assert.match((await server.closed).error!.message, /answers that it does not read/);
    });
  }
});

test('arbitrary frames end in a typed end or in nothing', async () => {
  const frame = fc
    .tuple(
      fc.integer({ min: 0, max: 10 }),
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0, max: 5 }),
      fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(encodeHeaders(head))),
    )
    .map(([type, flags, stream, payload]) => encodeFrame(type, flags, stream, payload));
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 12 }), async (frames) => {
      const { peer, server } = open();
      peer.send(request(1, 0), ...frames);
      await new Promise(setImmediate);
      server.drop();
      const { error } = await server.closed;
      assert.ok(error === undefined || error.message.startsWith('HTTP/2: '), error?.stack);
    }),
    { numRuns: 200 },
  );
});
