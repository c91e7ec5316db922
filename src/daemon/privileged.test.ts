// The two parts of an installation beside each other: what is handed on, what comes back, and who may use the socket.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { endpoints } from '../api/index.ts';
import { silentLogger } from '../base/log.ts';
import { tellOfJob } from '../jobs/job-notice.ts';
import { consoleSocketPath } from '../machine/terminal-door.ts';
import { FakeMachine } from '../machine/testing/fake-machine.ts';
import { rootUser } from '../model/auth-id.ts';
import { http } from '../os/node-http.ts';
import { type PrivilegedServer, startPrivileged } from './privileged.ts';
import { type ProxyServer, startProxy } from './proxy.ts';
import { type Supervisor, superviseServer } from './supervisor.ts';

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

let home: string;
let privileged: PrivilegedServer;
let proxy: ProxyServer;
let whole: ProxyServer;
const machine = new FakeMachine({}, {}, '/');

before(async () => {
  home = mkdtempSync(path.join(os.tmpdir(), 'granary-privileged-'));
  const common = { log: silentLogger, certificateBits: 2048, delays: { unauthorized: 40, forbidden: 20 } };
  privileged = await startPrivileged({ home: path.join(home, 'parts'), machine, ...common });
  proxy = await startProxy({
    home: path.join(home, 'parts'),
    port: 0,
    host: '127.0.0.1',
    unprivileged: true,
    ...common,
  });
  whole = await startProxy({ home: path.join(home, 'whole'), port: 0, host: '127.0.0.1', machine, ...common });
  for (const { access } of [privileged.server, whole.server]) {
    await access.users.create({ userid: 'admin@pbs' }, 'admin-password');
    await access.updateAcl(rootUser, { path: '/', role: 'Admin', authId: 'admin@pbs' });
    await access.users.create({ userid: 'plain@pbs' }, 'plain-password');
  }
});
after(async () => {
  await proxy.stop(0);
  await whole.stop(0);
  await privileged.stop(0);
  machine[Symbol.dispose]();
  rmSync(home, { recursive: true });
});

function send(
  port: number,
  method: string,
  callPath: string,
  o: { headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, method, path: callPath, rejectUnauthorized: false, agent: false };
    const request = https.request({ ...options, headers: o.headers ?? {} }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, text: Buffer.concat(parts).toString() });
      });
    });
    request.on('error', reject);
    request.end(o.body);
  });
}

const form = { 'content-type': 'application/x-www-form-urlencoded' };

async function login(port: number, user: string): Promise<Record<string, string>> {
  const body = `username=${user}@pbs&password=${user}-password`;
  const answer = await send(port, 'POST', '/api2/json/access/ticket', { headers: form, body });
  assert.equal(answer.status, 200, answer.text);
  const { data } = JSON.parse(answer.text) as { data: { ticket: string; CSRFPreventionToken: string } };
  return {
    ...form,
    cookie: `PBSAuthCookie=${encodeURIComponent(data.ticket)}`,
    csrfpreventiontoken: data.CSRFPreventionToken,
  };
}

test('what the unprivileged part has to tell is sent by the privileged one, and targets are tried there', async () => {
  const arrived = Promise.withResolvers<string>();
  const phone = http.createServer((request, response) => {
    request.on('data', (body: Buffer) => {
      const { title } = JSON.parse(body.toString()) as { title: string };
      if (title !== 'Test notification') arrived.resolve(title);
    });
    request.on('end', () => response.end());
  });
  phone.listen(0, '127.0.0.1');
  await once(phone, 'listening');
  const { port } = phone.address() as AddressInfo;
  const { config } = proxy.server.directories;
  writeFileSync(path.join(config, 'notifications.cfg'), `gotify: phone\n\tserver http://127.0.0.1:${port}\n`);
  writeFileSync(path.join(config, 'notifications-priv.cfg'), 'gotify: phone\n\ttoken secret\n');
  appendFileSync(path.join(config, 'notifications.cfg'), '\nmatcher: all\n\ttarget phone\n');
  const headers = await login(proxy.port, 'admin');
  const tried = await send(proxy.port, 'POST', '/api2/json/config/notifications/targets/phone/test', { headers });
  assert.equal(tried.text, '{"data":null}');
  await tellOfJob(proxy.server, { type: 'acme' }, { task: { upid: 'UPID:x', warnings: 0 }, error: new Error('x') });
  assert.equal(await arrived.promise, 'Could not renew certificate');
  phone.close();
});

test('calls that are handed on are answered as by one process', async () => {
  const paths: [string, string, string?][] = [
    ['POST', '/api2/json/access/users', 'userid=new@pbs&comment=x'],
    ['POST', '/api2/json/access/users', 'userid=new@pbs'],
    ['POST', '/api2/json/access/users', 'userid=bad&enable=maybe'],
    ['POST', '/api2/extjs/access/users', 'userid=bad&enable=maybe'],
    ['PUT', '/api2/json/access/users/new@pbs?comment=y'],
    ['PUT', '/api2/json//access/users/none@pbs?comment=y'],
    ['PUT', `/api2/json/access/users/new@pbs?comment=z&digest=${'0'.repeat(64)}`],
    ['POST', '/api2/json/access/users', `userid=big@pbs&comment=${'x'.repeat(600_000)}`],
    ['PUT', '/api2/json/access/acl', 'path=/&role=NoSuch&auth-id=new@pbs'],
    ['DELETE', '/api2/json/access/users/new@pbs'],
  ];
  for (const user of ['admin', 'plain']) {
    const logins = [await login(proxy.port, user), await login(whole.port, user)] as const;
    for (const [method, callPath, body] of paths) {
      const options = (headers: Record<string, string>) => ({ headers, ...(body === undefined ? {} : { body }) });
      const forwarded = await send(proxy.port, method, callPath, options(logins[0]));
      const direct = await send(whole.port, method, callPath, options(logins[1]));
      const plain = ({ status, text, headers: { date: _date, ...headers } }: Answer): object => ({
        status,
        text,
        headers,
      });
      assert.deepEqual(plain(forwarded), plain(direct), `${user} ${method} ${callPath}`);
    }
  }
});

test('whoever calls is found out where the rights are: headers of the port do not count', async () => {
  const forged = { ...form, 'granary-peer': '[10.0.0.1]:1', 'granary-auth-id': 'root@pam', 'granary-started': '0' };
  const stranger = await send(proxy.port, 'POST', '/api2/json/access/users', {
    headers: forged,
    body: 'userid=evil@pbs',
  });
  assert.equal(stranger.status, 401);
  assert.equal(stranger.headers['granary-auth-id'], undefined);
  const log = readFileSync(path.join(home, 'parts', 'log', 'api', 'auth.log'), 'utf8');
  assert.match(log, /authentication failure; rhost=\[::ffff:127\.0\.0\.1\]:\d+ msg=no authentication credentials/);
  assert.doesNotMatch(log, /10\.0\.0\.1/);
});

test('a failure takes its time once, from when the request came', async () => {
  const started = performance.now();
  const body = 'username=admin@pbs&password=wrong-password';
  const answer = await send(proxy.port, 'POST', '/api2/json/access/ticket', { headers: form, body });
  assert.deepEqual([answer.status, answer.text], [401, 'permission check failed.']);
  assert.ok(performance.now() - started >= 40);
});

test('the unprivileged part checks tokens without reading their hashes', async () => {
  const admin = await login(proxy.port, 'admin');
  const made = await send(proxy.port, 'POST', '/api2/json/access/users/admin@pbs/token/t123', { headers: admin });
  const { data } = JSON.parse(made.text) as { data: { value: string } };
  const asToken = (secret: string) =>
    send(proxy.port, 'GET', '/api2/json/version', {
      headers: { authorization: `PBSAPIToken=admin@pbs!t123:${secret}` },
    });
  assert.equal((await asToken(data.value)).status, 200);
  assert.equal((await asToken(data.value)).status, 200);
  assert.equal((await asToken('wrong')).status, 401);
  const bySecret = (secret: string) =>
    send(proxy.port, 'GET', '/api2/json/status/metrics', { headers: { authorization: `Bearer ${secret}` } });
  assert.match((await bySecret(data.value)).text, /^pbs_up 1$/m);
  assert.equal((await bySecret('wrong')).status, 401);
  const removed = await send(proxy.port, 'DELETE', '/api2/json/access/users/admin@pbs/token/t123', { headers: admin });
  assert.equal(removed.status, 200);
  assert.equal((await asToken(data.value)).status, 401);
  assert.equal((await bySecret(data.value)).status, 401);
  assert.equal(statSync(path.join(home, 'parts', 'etc', 'token.shadow')).mode & 0o777, 0o600);
});

test('the access log has one line a call, with its caller', async () => {
  const admin = await login(proxy.port, 'admin');
  await send(proxy.port, 'POST', '/api2/json/access/users', { headers: admin, body: 'userid=logged@pbs' });
  await send(proxy.port, 'GET', '/api2/json/access/users', { headers: admin });
  const file = path.join(home, 'parts', 'log', 'api', 'access.log');
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"POST /api2/json/access/users"'));
  assert.match(lines.at(-1)!, /^::ffff:127\.0\.0\.1 - admin@pbs \[.*\] "POST \/api2\/json\/access\/users" 200 13 -$/);
});

test('root and the own user need no login on the local socket; what is handed on does', async () => {
  const ask = (headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      const options = { socketPath: privileged.socketPath, path: '/api2/json/access/users', headers };
      http.get(options, (response) => resolve(response.resume().statusCode ?? 0)).on('error', reject);
    });
  assert.equal(await ask({}), 200);
  assert.equal(await ask({ 'granary-peer': '[10.0.0.1]:1' }), 401);
  assert.equal(await ask({ cookie: 'PBSAuthCookie=PBS:nobody' }), 401);
  assert.ok(await privileged.answers());
});

test('what changes configuration, accounts or keys is handed on', () => {
  const unprotected = endpoints
    .map(({ contract }) => contract)
    .filter(({ method, path: at }) => method !== 'GET' && /^(access|config)\//.test(at))
    .filter((contract) => contract.protected !== true)
    .map(({ method, path: at }) => `${method} ${at}`);
  // One takes back a cookie, the other checks a signature with the public key.
  assert.deepEqual(unprotected.sort(), ['DELETE access/ticket', 'POST access/vncticket']);
});

test('tasks of either part are listed and stopped by both', async () => {
  const server = await superviseServer({
    home: path.join(home, 'parts'),
    port: 0,
    host: '127.0.0.1',
    processes: 1,
    unprivileged: true,
    log: silentLogger,
  });
  try {
    await stopFromElsewhere(server);
  } finally {
    await server.stop();
  }
  assert.ok(existsSync(privileged.socketPath));
});

async function stopFromElsewhere(server: Supervisor): Promise<void> {
  const task = await privileged.server.tasks.start({ type: 'logrotate', authId: 'admin@pbs' }, async ({ signal }) => {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  });
  const admin = await login(server.port, 'admin');
  const listed = await send(server.port, 'GET', '/api2/json/nodes/localhost/tasks?running=1', { headers: admin });
  assert.ok(listed.text.includes(task.upid), listed.text);
  const stopped = await send(
    server.port,
    'DELETE',
    `/api2/json/nodes/localhost/tasks/${encodeURIComponent(task.upid)}`,
    { headers: admin },
  );
  assert.equal(stopped.status, 200, stopped.text);
  assert.match(await task.done, /abort/);
}

test('without the privileged part protected calls say so, the others go on', async () => {
  const lonely = path.join(home, 'lonely');
  const other = await startPrivileged({ home: lonely, log: silentLogger, certificateBits: 2048 });
  const at = { home: lonely, port: 0, host: '127.0.0.1', restartMs: 0, log: silentLogger };
  const alone = await startProxy({ ...at, unprivileged: true });
  await other.stop(0);
  const answer = await send(alone.port, 'POST', '/api2/json/access/ticket', { headers: form, body: 'username=a@pbs' });
  assert.deepEqual(
    [answer.status, answer.text],
    [503, 'the privileged part of the server (proxmox-backup) does not answer'],
  );
  assert.equal((await send(alone.port, 'GET', '/api2/json/ping')).status, 200);
  await alone.stop(0);
});

test('a call waits while the privileged part is restarted', async () => {
  const folder = path.join(home, 'restarted');
  const options = { home: folder, log: silentLogger, certificateBits: 2048 };
  const first = await startPrivileged(options);
  const at = { home: folder, port: 0, host: '127.0.0.1', restartMs: 60_000, log: silentLogger };
  const waiting = await startProxy({ ...at, unprivileged: true });
  await first.stop(0);
  const answer = send(waiting.port, 'POST', '/api2/json/access/ticket', { headers: form, body: 'username=a@pbs' });
  const second = await startPrivileged(options);
  assert.equal((await answer).status, 400);
  await waiting.stop(0);
  await second.stop(0);
});

test('the unprivileged part does not start before the privileged one has made what it needs', async () => {
  const options = { home: path.join(home, 'empty'), port: 0, unprivileged: true, log: silentLogger };
  await assert.rejects(startProxy(options), /there is no '.*authkey\.pub'/);
});

interface Started {
  user: string;
  ticket: string;
  port: number;
  upid: string;
}
const shell = ['sh', '-c', 'echo "you are at $(tty)"; read line; echo "got $line"'];

async function startTerminal(port: number, headers: Record<string, string>, body = ''): Promise<Started> {
  const answer = await send(port, 'POST', '/api2/json/nodes/localhost/termproxy', { headers, body });
  assert.equal(answer.status, 200, answer.text);
  return (JSON.parse(answer.text) as { data: Started }).data;
}

/** A WebSocket to a terminal, or the answer of whoever refuses it. */
function openConsole(port: number, cookie: string | undefined, o: { port: number; vncticket: string }) {
  const query = new URLSearchParams({ port: String(o.port), vncticket: o.vncticket });
  const url = `wss://127.0.0.1:${port}/api2/json/nodes/localhost/vncwebsocket?${query}`;
  const headers = cookie === undefined ? {} : { cookie };
  const socket = new WebSocket(url, 'binary', { headers, rejectUnauthorized: false, handshakeTimeout: 10_000 });
  const seen = { text: '', protocol: '' };
  socket.on('message', (bytes: Buffer) => {
    seen.text += bytes.toString();
  });
  socket.on('error', () => {});
  const opened = new Promise<string>((resolve, reject) => {
    socket.once('open', () => {
      seen.protocol = socket.protocol;
      resolve('open');
    });
    socket.once('unexpected-response', (_, response) => {
      let text = '';
      response.on('data', (part: Buffer) => {
        text += part.toString();
      });
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
    });
    socket.once('close', () => reject(new Error('closed')));
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, seen, opened, closed };
}

test('a console is led from the port to a terminal of the part with all rights, as within one process', async () => {
  machine.terminal = () => shell;
  for (const { port, server } of [proxy, whole]) {
    const headers = await login(port, 'admin');
    const started = await startTerminal(port, headers);
    assert.equal(started.user, 'admin@pbs');
    const { socket, seen, opened, closed } = openConsole(port, headers['cookie'], {
      port: started.port,
      vncticket: started.ticket,
    });
    assert.equal(await opened, 'open');
    assert.equal(seen.protocol, 'binary');
    socket.send(`admin@pbs:${started.ticket}\n`);
    socket.send('1:80:24:');
    socket.send('20:6:hello\r');
    await closed;
    assert.match(seen.text, /^OK/);
    assert.match(seen.text, /you are at \/dev\/pts\/\d+\r\n[\s\S]*got hello\r\n$/);
    const where = port === proxy.port ? privileged.server : server;
    while ((await where.tasks.info(started.upid)).running) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal((await where.tasks.info(started.upid)).status, 'OK');
    const log = await where.tasks.log(started.upid);
    const lines = log.lines.map(({ t }) => t).join('\n');
    assert.match(lines, / at 59\d\d\n.*: 'admin@pbs' is connected\n.*: terminal ended \(exit code 0\)\n/);
    // A ticket is good once.
    const again = openConsole(port, headers['cookie'], { port: started.port, vncticket: started.ticket });
    assert.equal(await again.opened, `400 no terminal waits at port ${started.port}`);
    const accessLog = (): string => readFileSync(path.join(where.directories.log, 'api', 'access.log'), 'utf8');
    while (!accessLog().includes('vncwebsocket')) await new Promise((resolve) => setTimeout(resolve, 5));
    const access = accessLog();
    assert.match(access, /GET \/api2\/json\/nodes\/localhost\/vncwebsocket\?port=59\d\d&vncticket=\*\*\*" 101 /);
    assert.doesNotMatch(access, /PBSTERM/);
  }
});

test('a console is for its user, with the privilege and the ticket, and the words inside count too', async () => {
  machine.terminal = () => shell;
  const admin = await login(proxy.port, 'admin');
  const plain = await login(proxy.port, 'plain');
  const refused = await send(proxy.port, 'POST', '/api2/json/nodes/localhost/termproxy', { headers: plain });
  assert.deepEqual([refused.status, refused.text], [403, 'permission check failed']);
  const upgrade = await send(proxy.port, 'POST', '/api2/json/nodes/localhost/termproxy', {
    headers: { ...admin, ...form },
    body: 'cmd=upgrade',
  });
  assert.deepEqual([upgrade.status, upgrade.text], [403, 'only root@pam may upgrade packages in a console']);
  const started = await startTerminal(proxy.port, admin);
  const good = { port: started.port, vncticket: started.ticket };
  const cases: [string | undefined, { port: number; vncticket: string }, RegExp][] = [
    [undefined, good, /^401 /],
    [plain['cookie'], good, /^403 permission check failed$/],
    [admin['cookie'], { ...good, vncticket: 'PBSTERM:5900:00000000::AAAA' }, /^401 permission check failed\.$/],
    [admin['cookie'], { ...good, port: good.port + 1 }, /^401 permission check failed\.$/],
    [admin['cookie'], { ...good, port: 22 }, /^400 parameter verification failed - 'port': /],
  ];
  for (const [cookie, target, expected] of cases) {
    assert.match(await openConsole(proxy.port, cookie, target).opened, expected);
  }
  const { status, text } = await send(
    proxy.port,
    'GET',
    '/api2/json/nodes/localhost/vncwebsocket?port=5900&vncticket=x',
    {
      headers: admin,
    },
  );
  assert.deepEqual([status, text], [400, 'missing Upgrade header']);
  // Whoever got as far as the terminal has to name the ticket once more.
  const { socket, seen, opened, closed } = openConsole(proxy.port, admin['cookie'], good);
  assert.equal(await opened, 'open');
  socket.send(`root@pam:${started.ticket}\n`);
  await closed;
  assert.equal(seen.text, '');
  while ((await privileged.server.tasks.info(started.upid)).running)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal((await privileged.server.tasks.info(started.upid)).status, 'authentication failed');
  assert.ok(!existsSync(consoleSocketPath(privileged.server.directories.run, started.port)));
});

test('a console ends when its page goes away or its task is stopped', async () => {
  machine.terminal = () => ['sleep', '1000'];
  const admin = await login(proxy.port, 'admin');
  for (const how of ['close', 'stop'] as const) {
    const started = await startTerminal(proxy.port, admin);
    const { socket, opened, closed } = openConsole(proxy.port, admin['cookie'], {
      port: started.port,
      vncticket: started.ticket,
    });
    await opened;
    socket.send(`admin@pbs:${started.ticket}\n`);
    await once(socket, 'message');
    if (how === 'close') socket.close();
    else {
      const task = `/api2/json/nodes/localhost/tasks/${encodeURIComponent(started.upid)}`;
      assert.equal((await send(proxy.port, 'DELETE', task, { headers: admin })).status, 200);
    }
    await closed;
    const info = async () => await privileged.server.tasks.info(started.upid);
    while ((await info()).running) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.match(String((await info()).status), how === 'close' ? /^OK$/ : /abort requested/);
  }
});
