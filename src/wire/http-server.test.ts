// What goes over the wire: methods, paths, lengths, authentication, delays, upgrades (rest-api.md 1 to 4).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { TestApi, type TestApiOptions } from '../api/testing/api-server.ts';
import { GranaryError } from '../base/errors.ts';
import { ensureIdentity } from '../certificates/identity.ts';
import { defineEndpoint } from '../model/endpoint.ts';
import { Type } from '../model/type.ts';
import type { UpgradeRequest } from './h2-upgrade.ts';
import { type Endpoint, implement, implementDownload } from './implement.ts';

const any = { kind: 'any' } as const;
const world = { kind: 'world' } as const;
const empty = Type.Object({});

function endpoint(
  method: 'GET' | 'POST',
  name: string,
  access: typeof any | typeof world,
  handler: (parameters: object) => Promise<unknown>,
): Endpoint {
  const parameters = name === 'echo' ? Type.Object({ text: Type.String() }) : empty;
  const result = Type.Unknown();
  return implement(defineEndpoint({ method, path: name, summary: name, parameters, result, access }), handler);
}

async function* pieces(count: number, failAfter: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    if (i === failAfter) throw new Error('the disk is gone');
    yield Buffer.alloc(100_000, i);
  }
}
const stream = (name: string, count: number, failAfter: number): Endpoint =>
  implementDownload(
    defineEndpoint({
      method: 'GET',
      path: name,
      summary: name,
      parameters: empty,
      result: Type.Null(),
      access: world,
      answer: 'download',
    }),
    async () => ({ contentType: 'application/octet-stream', body: pieces(count, failAfter) }),
  );

const endpoints = [
  endpoint('GET', 'ping', world, async () => ({ pong: true })),
  endpoint('GET', 'echo', any, async (parameters) => parameters),
  endpoint('POST', 'echo', any, async (parameters) => parameters),
  endpoint('GET', 'many', world, async () => Array.from({ length: 5000 }, (_, i) => ({ i, text: 'x'.repeat(100) }))),
  endpoint('GET', 'refused', any, async () => {
    throw new GranaryError('not-found', 'no such thing');
  }),
  endpoint('GET', 'defect', any, async () => {
    throw new TypeError('secret detail');
  }),
  stream('stream', 50, -1),
  stream('stream-fails-first', 1, 0),
  stream('stream-fails-late', 50, 20),
];
const start = (options: TestApiOptions = {}) => TestApi.start({ endpoints, ...options });

/** Sends bytes over TLS and collects what comes until the other side closes or `enough` says so. */
function exchange(port: number, text: string, enough = (_answer: string) => false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => socket.write(text));
    let answer = '';
    socket.on('data', (part) => {
      answer += part.toString('latin1');
      if (enough(answer)) {
        socket.destroy();
        resolve(answer);
      }
    });
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
  });
}

test('answers have the two formats, errors the status of their kind', async () => {
  await using api = await start();
  const as = 'admin@pbs';
  const ok = await api.call('GET', 'echo', { as, params: { text: 'a b' } });
  assert.deepEqual([ok.status, ok.text], [200, '{"data":{"text":"a b"}}']);
  assert.equal(ok.headers['content-type'], 'application/json;charset=UTF-8');
  const extjs = await api.call('GET', 'echo', { as, params: { text: 'x' }, format: 'extjs' });
  assert.deepEqual(extjs.json, { data: { text: 'x' }, success: true, status: 200 });
  const refused = await api.call('GET', 'refused', { as });
  assert.deepEqual([refused.status, refused.text], [404, 'no such thing']);
  const refusedExtjs = await api.call('GET', 'refused', { as, format: 'extjs' });
  assert.equal(refusedExtjs.status, 200);
  assert.deepEqual(refusedExtjs.json as unknown, { message: 'no such thing', errors: {}, success: false, status: 404 });
  const missing = await api.call('GET', 'echo', { as, format: 'extjs' });
  assert.deepEqual(missing.json as unknown, {
    message: 'parameter verification errors',
    errors: { text: 'parameter is missing and it is not optional.' },
    success: false,
    status: 400,
  });
});

test('a defect is a 500 that tells nothing and is logged with its stack', async () => {
  await using api = await start();
  const answer = await api.call('GET', 'defect', { as: 'admin@pbs' });
  assert.deepEqual([answer.status, answer.text], [500, 'internal server error']);
  assert.equal(api.errors.length, 1);
  assert.match(String(api.errors[0]!.facts['stack']), /secret detail[\s\S]*http-server\.test\.ts/);
});

test('paths, formats and methods', async () => {
  await using api = await start();
  const as = 'admin@pbs';
  const cases: [string, string, number, string][] = [
    ['GET', '//api2/json//ping/?', 200, '{"data":{"pong":true}}'],
    ['GET', '/api2/xml/ping', 400, "Unsupported output format 'xml'."],
    ['GET', '/api2', 404, "invalid api path '/api2'"],
    ['GET', '/api2/json/.git', 400, 'path contains illegal components'],
    ['GET', '/api2/json/%2e%2e/ping', 400, 'path contains illegal components'],
    ['GET', '/api2/json/nosuch', 404, "Path '/api2/json/nosuch' not found."],
    ['PUT', '/api2/json/ping', 404, "Path '/api2/json/ping' not found."],
    ['PATCH', '/api2/json/ping', 404, "Path '/api2/json/ping' not found."],
    ['OPTIONS', '/api2/json/ping', 404, "Path '/api2/json/ping' not found."],
  ];
  for (const [method, target, status, text] of cases) {
    const answer = await api.call(method, target, { as });
    assert.deepEqual([answer.status, answer.text], [status, text], `${method} ${target}`);
  }
  const head = await api.call('HEAD', 'ping', { as });
  assert.equal(head.status, 404);
  const long = await api.call('GET', `/api2/json/ping?${'x'.repeat(3072)}`);
  assert.deepEqual([long.status, long.text], [414, '']);
  const unknown = await api.call('GET', 'nosuch', { as, format: 'extjs' });
  assert.equal(unknown.status, 200);
  assert.equal(unknown.json['status'], 404);
  const root = await api.call('GET', '', { as });
  const names = (root.json.data as { subdir: string }[]).map((one) => one.subdir);
  assert.ok(names.includes('backup') && names.includes('reader') && names.includes('ping'));
});

test('unknown paths are told to authenticated callers only', async () => {
  await using api = await start();
  for (const format of ['json', 'extjs'] as const) {
    const answer = await api.call('GET', 'nosuch', { format });
    assert.equal(answer.status, 401);
    assert.equal(answer.text, 'authentication failed - no authentication credentials provided.');
    assert.equal(answer.headers['content-type'], undefined);
  }
});

test('bodies: form, JSON, too long, of another type', async () => {
  await using api = await start();
  const as = 'admin@pbs';
  assert.deepEqual((await api.call('POST', 'echo', { as, params: { text: 'ü&=' } })).json.data, { text: 'ü&=' });
  assert.deepEqual((await api.call('POST', 'echo', { as, json: { text: 'ü' } })).json.data, { text: 'ü' });
  const byQuery = await api.call('POST', 'echo?text=q', { as, headers: { 'content-length': '0' } });
  assert.deepEqual(byQuery.json.data, { text: 'q' });
  const long = await api.call('POST', 'echo', { as, json: { text: 'x'.repeat(600 * 1024) } });
  assert.deepEqual([long.status, long.text], [400, 'Request body too large']);
  const fits = await api.call('POST', 'echo', { as, json: { text: 'x'.repeat(500 * 1024) } });
  assert.equal(fits.status, 200);
  const other = await api.call('POST', 'echo', {
    as,
    raw: Buffer.from('x'),
    headers: { 'content-type': 'text/plain' },
  });
  assert.deepEqual([other.status, other.text], [400, "unsupported content type 'text/plain'"]);
});

test('failed authentication and missing privileges are answered late', async () => {
  const denied = implement(
    defineEndpoint({
      method: 'GET',
      path: 'denied',
      summary: 'denied',
      parameters: empty,
      result: Type.Null(),
      access: { kind: 'privilege', path: '/', all: ['Sys.Modify'] },
    }),
    async () => null,
  );
  await using api = await start({ endpoints: [denied], delays: { unauthorized: 120, forbidden: 60 } });
  const timed = async (options: Parameters<TestApi['call']>[2]): Promise<[number, number]> => {
    const from = performance.now();
    const answer = await api.call('GET', 'denied', options);
    return [answer.status, performance.now() - from];
  };
  const [unauthorized, unauthorizedMs] = await timed({});
  const [forbidden, forbiddenMs] = await timed({ as: 'nobody@pbs' });
  assert.deepEqual([unauthorized, forbidden], [401, 403]);
  assert.ok(unauthorizedMs >= 119, `${unauthorizedMs} ms`);
  assert.ok(forbiddenMs >= 59, `${forbiddenMs} ms`);
});

test('long lists and streams arrive whole; a stream that fails late is cut', async () => {
  await using api = await start();
  const many = await api.call('GET', 'many');
  assert.equal((many.json.data as unknown[]).length, 5000);
  assert.equal(many.headers['transfer-encoding'], 'chunked');
  assert.equal((await api.call('GET', 'stream')).body.byteLength, 5_000_000);
  const first = await api.call('GET', 'stream-fails-first');
  assert.equal(first.status, 500);
  await assert.rejects(api.call('GET', 'stream-fails-late'));
});

test('plain HTTP is sent to https; requests without Host are served; connections are kept', async () => {
  await using api = await start();
  const redirect = await new Promise<string>((resolve, reject) => {
    const socket = net.connect(api.port, '127.0.0.1', () =>
      socket.write('GET /x HTTP/1.1\r\nhost: backup:8007\r\n\r\n'),
    );
    let text = '';
    socket.on('data', (part) => {
      text += part.toString();
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
  assert.match(redirect, /^HTTP\/1\.1 301 /);
  assert.match(redirect, /location: https:\/\/backup:8007\/x\r\n/);
  const two = 'GET /api2/json/ping HTTP/1.1\r\n\r\nGET /api2/json/ping HTTP/1.1\r\nconnection: close\r\n\r\n';
  assert.equal((await exchange(api.port, two)).split('{"data":{"pong":true}}').length, 3);
  assert.match(await exchange(api.port, 'NONSENSE\r\n\r\n'), /^HTTP\/1\.1 400 /);
});

test('sessions get checked parameters and the connection, with and without Connection header', async () => {
  const seen: UpgradeRequest[] = [];
  await using api = await start({
    session: async (_server, request) => {
      seen.push(request);
      if (request.upgrade === undefined) throw new GranaryError('bad-request', 'missing Upgrade header');
      if (request.params['backup-id'] === 'refused') throw new GranaryError('not-found', 'namespace not found');
      request.socket!.end('HTTP/1.1 101 Switching Protocols\r\n\r\nyours');
    },
  });
  const { cookie } = api.login('admin@pbs');
  const query = (id: string) => `store=ds1&backup-type=host&backup-id=${id}&backup-time=1&debug=true`;
  const request = (id: string, ...headers: string[]) =>
    [`GET //api2/json/backup?${query(id)} HTTP/1.1`, `cookie: ${cookie}`, ...headers, '', ''].join('\r\n');
  const upgrade = 'upgrade: proxmox-backup-protocol-v1';
  for (const headers of [['connection: Upgrade', upgrade], [upgrade]]) {
    const answer = await exchange(api.port, request('h1', ...headers));
    assert.match(answer, /^HTTP\/1\.1 101 .*yours$/s);
    const last = seen.at(-1)!;
    assert.equal(last.authId, 'admin@pbs');
    assert.equal(last.peer, '::ffff:127.0.0.1');
    assert.deepEqual(
      { ...last.params },
      {
        store: 'ds1',
        'backup-type': 'host',
        'backup-id': 'h1',
        'backup-time': 1,
        debug: true,
      },
    );
  }
  const plain = await api.call('GET', `backup?${query('h1')}`, { as: 'admin@pbs' });
  assert.deepEqual([plain.status, plain.text], [400, 'missing Upgrade header']);
  for (const headers of [['connection: upgrade', upgrade], [upgrade]]) {
    const refused = await exchange(api.port, request('refused', ...headers));
    assert.match(refused, /^HTTP\/1\.1 404 Not Found\r\n[\s\S]*\r\n\r\nnamespace not found$/);
    const unknown = await exchange(api.port, request('h1&bogus=1', ...headers));
    assert.match(unknown, /^HTTP\/1\.1 400 [\s\S]*'bogus': schema does not allow additional properties\.$/);
    const nobody = request('h1', ...headers).replace(/cookie: .*\r\n/, '');
    assert.match(await exchange(api.port, nobody), /^HTTP\/1\.1 401 [\s\S]*no authentication credentials provided\.$/);
  }
  const elsewhere = `GET /api2/json/ping HTTP/1.1\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n`;
  assert.match(await exchange(api.port, elsewhere, (answer) => answer.includes('pong')), /^HTTP\/1\.1 200 /);
  const log = readFileSync(path.join(api.home, 'log', 'api', 'access.log'), 'utf8');
  assert.match(
    log,
    /^::ffff:127\.0\.0\.1 - admin@pbs \[\d\d\/\d\d\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \/\/api2\/json\/backup\?store=ds1.*" 101 0 -$/m,
  );
});

test('a changed certificate is for new connections; open ones go on', async () => {
  await using api = await start();
  const fingerprint = (): Promise<{ socket: tls.TLSSocket; print: string }> =>
    new Promise((resolve, reject) => {
      const socket = tls.connect({ host: '127.0.0.1', port: api.port, rejectUnauthorized: false }, () =>
        resolve({ socket, print: socket.getPeerX509Certificate()!.fingerprint256 }),
      );
      socket.on('error', reject);
    });
  const old = await fingerprint();
  const { config } = api.server.directories;
  const identity = await ensureIdentity(config, { clock: api.server.clock, bits: 2048, force: true });
  api.setTls(identity);
  const fresh = await fingerprint();
  assert.equal(fresh.print.toLowerCase(), identity.fingerprint);
  assert.notEqual(old.print, fresh.print);
  const answer = new Promise<string>((resolve) => old.socket.once('data', (part) => resolve(part.toString())));
  old.socket.write('GET /api2/json/ping HTTP/1.1\r\n\r\n');
  assert.match(await answer, /^HTTP\/1\.1 200 /);
  old.socket.destroy();
  fresh.socket.destroy();
});

test('noise, resets and half requests do not harm the others', async () => {
  await using api = await start();
  const noise = [
    Buffer.alloc(0),
    Buffer.of(0x16),
    Buffer.of(0x16, 3, 1, 0xff, 0xff, 1, 2, 3),
    Buffer.concat([Buffer.of(0x16, 3, 1, 2, 0), Buffer.alloc(512, 7)]),
    Buffer.from('GET / HTTP/1.1\r\nx'),
    Buffer.from('\u0000\u0001\u0002 nonsense\r\n\r\n'),
  ];
  for (const bytes of noise) {
    await new Promise<void>((resolve) => {
      const socket = net.connect(api.port, '127.0.0.1', () => {
        socket.write(bytes, () => socket.resetAndDestroy());
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    });
  }
  const { cookie, csrfpreventiontoken: csrf } = api.login('admin@pbs');
  const credentials = `cookie: ${cookie}\r\ncsrfpreventiontoken: ${csrf}\r\n`;
  const half = [
    `POST /api2/json/echo HTTP/1.1\r\n${credentials}content-length: 10\r\n\r\nab`,
    'GET /api2/json/stream HTTP/1.1\r\n\r\n',
    'POST /api2/json/echo HTTP/1.1\r\ncontent-length: 10\r\n\r\nab',
  ];
  for (const text of half) {
    await new Promise<void>((resolve) => {
      const socket = tls.connect({ host: '127.0.0.1', port: api.port, rejectUnauthorized: false }, () => {
        socket.write(text, () => setTimeout(() => socket.destroy(), 5));
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    });
  }
  assert.equal((await api.call('GET', 'ping')).text, '{"data":{"pong":true}}');
  assert.deepEqual(api.errors, []);
});
