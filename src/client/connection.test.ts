import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { certificateFingerprint } from '../certificates/describe.ts';
import { makeSelfSigned } from '../certificates/self-signed.ts';
import { Connection, type ConnectionOptions, type Prompter } from './connection.ts';

type Seen = { method: string; url: string; headers: IncomingMessage['headers']; body: string };

let server: Server;
let fingerprint: string;
let seen: Seen[] = [];
type Answer = [status: number, body: unknown];
let answer: (call: Seen) => Answer | Promise<Answer>;
const dir = mkdtempSync(join(tmpdir(), 'granary-connection-'));
let runDir: string;

before(async () => {
  const now = new Date();
  const identity = await makeSelfSigned({
    organization: 'o',
    organizationalUnit: 'u',
    commonName: 'localhost',
    alternativeNames: ['localhost'],
    notBefore: now,
    notAfter: new Date(now.getTime() + 86_400_000),
    bits: 2048,
  });
  fingerprint = certificateFingerprint(identity.certificate);
  server = createServer({ cert: identity.certificate, key: identity.key }, handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  seen = [];
  runDir = mkdtempSync(join(dir, 'run-'));
  answer = (call) =>
    call.url.endsWith('access/ticket')
      ? [200, { data: { ticket: 'PBS:T', CSRFPreventionToken: 'C', username: 'u@pbs' } }]
      : [200, { data: 'ok', total: 3 }];
});

function handle(request: IncomingMessage, response: ServerResponse): void {
  let body = '';
  request.on('data', (data: Buffer) => {
    body += data.toString();
  });
  request.on('end', async () => {
    const call = { method: request.method!, url: request.url!, headers: request.headers, body };
    seen.push(call);
    const [status, data] = await answer(call);
    response.statusCode = status;
    response.end(typeof data === 'string' ? data : JSON.stringify(data));
  });
}

const port = (): number => (server.address() as AddressInfo).port;
const open = (o: Partial<ConnectionOptions> = {}, authId = 'u@pbs'): Promise<Connection> =>
  Connection.open({
    repository: { authId, host: 'localhost', port: port() },
    ...o,
    env: { PBS_PASSWORD: 'secret', PBS_FINGERPRINT: fingerprint, XDG_CONFIG_HOME: runDir, ...o.env },
  });

function answering(...answers: string[]): Prompter & { asked: string[]; messages: string[] } {
  const asked: string[] = [];
  const messages: string[] = [];
  const ask = async (question: string): Promise<string> => {
    asked.push(question);
    return answers.shift()!;
  };
  return { canAsk: true, asked, messages, ask, askSecret: ask, message: (line) => messages.push(line) };
}

test('a call logs in and sends ticket and CSRF token', async () => {
  await using connection = await open();
  const result = await connection.callForAnswer('GET', 'admin/datastore/x/snapshots', { ns: 'a b', 'backup-id': 1 });
  assert.deepEqual(result, { data: 'ok', attributes: { total: 3 } });
  assert.equal(seen[0]!.url, '/api2/json/access/ticket');
  assert.deepEqual(JSON.parse(seen[0]!.body), { username: 'u@pbs', password: 'secret' });
  assert.equal(seen[1]!.url, '/api2/json/admin/datastore/x/snapshots?backup-id=1&ns=a+b');
  assert.equal(seen[1]!.headers.cookie, 'PBSAuthCookie=PBS:T');
  assert.equal(seen[1]!.headers['csrfpreventiontoken'], 'C');
  await connection.call('POST', 'x', { a: [1, 2], b: undefined });
  assert.deepEqual(JSON.parse(seen[2]!.body), { a: [1, 2] });
  await connection.call('PUT', 'x', { list: ['p', 'q'] });
  assert.equal(seen[3]!.url, '/api2/json/x?list=p&list=q');
});

test('a login that was begun early is one login, and a refusal of it is told by the next call', async () => {
  const held = Promise.withResolvers<Answer>();
  answer = (call) => (call.url.includes('ticket') ? held.promise : [200, { data: 'ok' }]);
  await using connection = await open();
  // Resolves though there is no answer yet.
  await connection.startLogin();
  const result = connection.call('GET', 'version');
  held.resolve([200, { data: { ticket: 'PBS:T', CSRFPreventionToken: 'C' } }]);
  assert.equal(await result, 'ok');
  await connection.startLogin();
  assert.deepEqual(
    seen.map(({ url }) => url),
    ['/api2/json/access/ticket', '/api2/json/version'],
  );

  answer = (call) => (call.url.includes('ticket') ? [401, 'permission check failed.'] : [200, { data: 'ok' }]);
  await using refused = await open();
  await refused.startLogin();
  await assert.rejects(refused.call('GET', 'version'), { message: 'permission check failed.' });
  await using token = await open({}, 'u@pbs!tok');
  seen = [];
  await token.startLogin();
  assert.deepEqual(seen, []);
});

test('an API token goes with each call, without login', async () => {
  await using connection = await open({}, 'u@pbs!tok');
  await connection.call('GET', 'version');
  assert.equal(seen.length, 1);
  assert.equal(seen[0]!.headers.authorization, 'PBSAPIToken u@pbs!tok:secret');
});

test("a refusal is an error with the server's text", async () => {
  await using connection = await open();
  answer = (call) => (call.url.includes('ticket') ? [401, 'permission check failed.'] : [400, 'x']);
  await assert.rejects(connection.call('GET', 'x'), { code: 'auth-failed', message: 'permission check failed.' });
  answer = (call) =>
    call.url.includes('ticket')
      ? [200, { data: { ticket: 'T', CSRFPreventionToken: 'C' } }]
      : [400, "no such datastore 'x'\n"];
  await assert.rejects(connection.call('GET', 'x'), { code: 'bad-request', message: "no such datastore 'x'" });
});

test('a certificate that differs from the pinned one is refused, both named', async () => {
  const wrong = `${'AA:'.repeat(31)}AA`;
  await using connection = await open({ env: { PBS_FINGERPRINT: wrong } });
  await assert.rejects(connection.call('GET', 'x'), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'certificate');
    assert.match(error.message, /^certificate validation failed - certificate fingerprint differs: expected aa:/);
    assert.ok(error.message.endsWith(`set PBS_FINGERPRINT=${fingerprint}`));
    return true;
  });
  assert.equal(seen.length, 0);
});

test('the pinned fingerprint may be written in any case', async () => {
  await using connection = await open({ env: { PBS_FINGERPRINT: fingerprint.toUpperCase() } });
  assert.equal(await connection.call('GET', 'x'), 'ok');
});

test('without a pin somebody is asked once, and the answer is remembered', async () => {
  const prompter = answering('maybe', 'y');
  const env = { PBS_FINGERPRINT: undefined };
  {
    await using connection = await open({ prompter, env });
    assert.equal(await connection.call('GET', 'x'), 'ok');
  }
  assert.equal(prompter.asked.length, 2);
  assert.deepEqual(prompter.messages, [`fingerprint: ${fingerprint}`]);
  assert.equal(readFileSync(join(runDir, 'proxmox-backup/fingerprints'), 'utf8'), `localhost ${fingerprint}\n`);
  await using again = await open({ env });
  assert.equal(await again.call('GET', 'x'), 'ok');
});

test('without a pin and nobody to ask the fingerprint is told', async () => {
  await using connection = await open({ env: { PBS_FINGERPRINT: undefined } });
  await assert.rejects(
    connection.call('GET', 'x'),
    new RegExp(`is not trusted .* its fingerprint is ${fingerprint}; .*PBS_FINGERPRINT=${fingerprint}`),
  );
  await using refused = await open({ env: { PBS_FINGERPRINT: undefined }, prompter: answering('no') });
  await assert.rejects(refused.call('GET', 'x'), /was not accepted/);
});

test('a ticket is kept after a password was typed, and replaced when it is refused', async () => {
  const env = { PBS_PASSWORD: undefined, XDG_RUNTIME_DIR: runDir };
  const prompter = answering('typed', 'typed again');
  {
    await using connection = await open({ env, prompter });
    await connection.call('GET', 'x');
  }
  {
    await using connection = await open({ env, prompter });
    await connection.call('GET', 'x');
    assert.deepEqual(prompter.asked, ['Password for "u@pbs": ']);
  }
  let refuse = true;
  answer = (call) => {
    if (call.url.endsWith('ticket')) return [200, { data: { ticket: 'T2', CSRFPreventionToken: 'C' } }];
    return refuse ? [401, 'authentication failed - ticket'] : [200, { data: 1 }];
  };
  await using connection = await open({ env, prompter });
  const call = connection.call('GET', 'x');
  refuse = true;
  await assert.rejects(call, { code: 'auth-failed' });
  refuse = false;
  assert.equal(await connection.call('GET', 'x'), 1);
  assert.equal(seen.at(-1)!.headers.cookie, 'PBSAuthCookie=T2');
});

test('an old ticket is renewed with itself', async () => {
  let now = 1_000_000;
  await using connection = await open({ clock: { now: () => now * 1000 } });
  await connection.call('GET', 'x');
  now += 1000;
  await connection.call('GET', 'x');
  assert.equal(seen.length, 4);
  assert.equal((JSON.parse(seen[2]!.body) as { password: string }).password, 'PBS:T');
});

test('nobody to ask for a password is an error that says what to set', async () => {
  await using connection = await open({ env: { PBS_PASSWORD: undefined } });
  await assert.rejects(connection.call('GET', 'x'), { code: 'usage' });
});

test('a server that is not there is named', async () => {
  await using connection = await Connection.open({
    repository: { authId: 'u@pbs', host: '127.0.0.1', port: 1 },
    env: { PBS_PASSWORD: 'x', PBS_FINGERPRINT: fingerprint },
  });
  await assert.rejects(connection.call('GET', 'x'), {
    code: 'connection',
    message: 'cannot connect to 127.0.0.1:1: connection refused',
  });
});

test('ALL_PROXY is asked for a tunnel', async () => {
  const heads: string[] = [];
  const proxy = createTcpServer((socket) => {
    socket.once('data', (data) => {
      heads.push(data.toString());
      const upstream = connect(port(), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 ok\r\n\r\n');
        socket.pipe(upstream).pipe(socket);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const at = (proxy.address() as AddressInfo).port;
  {
    await using connection = await open({ env: { ALL_PROXY: `http://me:pw@127.0.0.1:${at}` } });
    assert.equal(await connection.call('GET', 'x'), 'ok');
  }
  proxy.close();
  assert.match(heads[0]!, new RegExp(`^CONNECT localhost:${port()} HTTP/1.1\r\n`));
  assert.match(heads[0]!, /Proxy-Authorization: Basic bWU6cHc=\r\n/);
});
