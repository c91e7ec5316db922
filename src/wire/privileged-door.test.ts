// Handing calls on through the local socket: streams at the reader's pace, cancellation, cut answers, strangers.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import type {
  ClientRequest,
  Server as HttpServer,
  IncomingHttpHeaders,
  IncomingMessage,
  ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import { silentLogger } from '../base/log.ts';
import { collect } from '../base/streams.ts';
import { http } from '../os/node-http.ts';
import { listenLocal as openSocket } from '../os/sockets.ts';
import { type Listener, listenBacklog, listenLocal } from './listener.ts';
import { PrivilegedDoor } from './privileged-door.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let folder: string;
let socketPath: string;
let behind: Listener;
let front: HttpServer;
/** What the process behind the socket does with the next call. */
let handler: Handler;
let outcome: Promise<unknown>;

before(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'granary-door-'));
  // Longer than a socket's address may be.
  const deep = path.join(folder, 'directory'.repeat(12));
  mkdirSync(deep);
  socketPath = path.join(deep, 'api.sock');
  const socket = openSocket(socketPath, { mode: 0o666, backlog: listenBacklog });
  behind = await listenLocal(socket.fd, undefined, {
    request: (request, response) => handler(request, response),
    log: silentLogger,
  });
  const door = new PrivilegedDoor(socketPath);
  front = http.createServer((request, response) => {
    outcome = door.forward(request, response, { peer: '10.1.2.3', peerPort: 4, startedMs: 5, via: 'port' });
    outcome.catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
});
after(async () => {
  front.close();
  await behind.close(0);
  rmSync(folder, { recursive: true });
});

function call(method = 'GET'): ClientRequest {
  const { port } = front.address() as AddressInfo;
  return http.request({ host: '127.0.0.1', port, method, agent: false, path: '/api2/json/x?y=1' });
}

async function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

async function textOf(message: IncomingMessage): Promise<string> {
  return Buffer.from(await collect(message, 1000, 'body')).toString();
}

test('request and answer go through unchanged, but for what is about the connection', async () => {
  const seen = Promise.withResolvers<{ url: string; body: string; headers: IncomingHttpHeaders }>();
  handler = async (request, response) => {
    seen.resolve({ url: request.url!, body: await textOf(request), headers: request.headers });
    response.writeHead(
      418,
      [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['granary-auth-id', 'admin@pbs'],
        ['content-length', '5'],
      ].flat(),
    );
    response.end('short');
  };
  const request = call('POST');
  request.setHeader('granary-peer', '[9.9.9.9]:9');
  request.setHeader('cookie', 'c=3');
  request.end('the body');
  const response = await answerTo(request);
  assert.deepEqual([response.statusCode, response.headers['set-cookie']], [418, ['a=1', 'b=2']]);
  assert.equal(response.headers['granary-auth-id'], undefined);
  assert.equal(await textOf(response), 'short');
  const { url, body, headers } = await seen.promise;
  assert.deepEqual([url, body, headers.cookie], ['/api2/json/x?y=1', 'the body', 'c=3']);
  assert.deepEqual([headers['granary-peer'], headers['granary-started']], ['[10.1.2.3]:4', '5']);
  assert.deepEqual(await outcome, { authId: 'admin@pbs', bytes: 5 });
});

test('a reader that waits makes the writer wait', async () => {
  const piece = Buffer.alloc(64 * 1024);
  const total = 64 * 1024 * 1024;
  let written = 0;
  const stalled = Promise.withResolvers<void>();
  handler = async (_request, response) => {
    while (written < total) {
      written += piece.byteLength;
      if (response.write(piece)) continue;
      stalled.resolve();
      await once(response, 'drain');
    }
    response.end();
  };
  const request = call().end();
  const response = await answerTo(request);
  await stalled.promise;
  assert.ok(written < total / 2, `${written} bytes were taken without a reader`);
  let read = 0;
  for await (const part of response as AsyncIterable<Buffer>) read += part.byteLength;
  assert.equal(read, total);
});

test('a caller that goes away cancels the call', async () => {
  const cancelled = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  handler = (_request, response) => {
    response.once('close', () => cancelled.resolve());
    started.resolve();
  };
  const request = call().on('error', () => {});
  request.end();
  await started.promise;
  request.destroy();
  await cancelled.promise;
});

test('an answer that breaks off does not look whole', async () => {
  handler = (_request, response) => {
    response.write('half');
    setImmediate(() => response.destroy());
  };
  const response = await answerTo(call().end());
  await assert.rejects(textOf(response), /aborted/);
});

test('a refusal before the end of a body arrives', async () => {
  handler = (request, response) => {
    request.resume();
    response.writeHead(401);
    response.end('no');
  };
  const request = call('POST').on('error', () => {});
  request.setHeader('content-length', 100_000_000);
  request.flushHeaders();
  request.write(Buffer.alloc(1000));
  const response = await answerTo(request);
  assert.deepEqual([response.statusCode, response.headers.connection], [401, 'close']);
  request.destroy();
});

test('a missing socket is a connection that failed', async () => {
  const door = new PrivilegedDoor(path.join(folder, 'nothing'), 0);
  const failed = (error: unknown): boolean => error instanceof GranaryError && error.code === 'connection';
  await assert.rejects(door.checkToken('a@pbs!t', 'x'), failed);
});

if (process.getuid?.() === 0) {
  test('other users are cut off', async () => {
    chmodSync(folder, 0o755);
    let called = false;
    handler = (_request, response) => {
      called = true;
      response.end();
    };

    const script = `
      const request = require('http').get({ socketPath: 'api.sock', path: '/' });
      request.on('response', () => process.exit(1));
      request.on('error', (error) => process.exit(error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 0 : 2));`;
    const child = spawn(process.execPath, ['-e', script], {
      uid: 65534,
      gid: 65534,
      cwd: path.dirname(socketPath),
      stdio: 'inherit',
      env: { PATH: process.env['PATH'] },
    });
    const [code] = (await once(child, 'exit')) as [number];
    assert.deepEqual([code, called], [0, false]);
  });
}
