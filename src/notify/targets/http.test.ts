// Gotify and webhooks, against servers on this machine.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Authority, openssl } from '../../../test/support/authority.ts';
import type { StoredTarget } from '../../config/notification-config.ts';
import { http } from '../../os/node-http.ts';
import { message, surroundings, targetSuite } from '../testing/target-suite.ts';
import { gotify } from './gotify.ts';
import { webhook } from './webhook.ts';

interface Received {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

interface WebServer extends AsyncDisposable {
  url: string;
  received: Received[];
}

/** `answer` says with which status and text, undefined for never. */
async function startServer(
  answer: (request: Received) => { status: number; text?: string } | undefined = () => ({ status: 200 }),
  tls?: { key: string; cert: string },
): Promise<WebServer> {
  const received: Received[] = [];
  const take: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, url, headers, body: Buffer.concat(parts).toString() };
      const given = answer(one);
      if (given === undefined) return;
      if (given.status < 300) received.push(one);
      response.writeHead(given.status, given.status === 302 ? { location: '/elsewhere' } : {}).end(given.text);
    });
  };
  const server = tls === undefined ? http.createServer(take) : https.createServer(tls, take);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http${tls === undefined ? '' : 's'}://localhost:${port}`,
    received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const target = (kind: StoredTarget['kind'], values: StoredTarget['values']): StoredTarget => ({
  name: 'pager',
  kind,
  disabled: false,
  values,
});
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const token = 'A.t0ken&"';
const answers = {
  takes: () => ({ status: 200 }),
  refuses: (request: Received) => ({
    status: 401,
    text: `not today: ${request.url} ${JSON.stringify(request.headers)} ${request.body} ${token}`,
  }),
  silent: () => undefined,
};

targetSuite('gotify', gotify, async (mood) => {
  const server = await startServer(answers[mood]);
  return {
    target: target('gotify', { server: `${server.url}/push/`, token }),
    received: () =>
      server.received.map(({ body }) => {
        const { title, message: text } = JSON.parse(body) as { title: string; message: string };
        return { title, text };
      }),
    secrets: [token],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

test('gotify: the request', async () => {
  await using server = await startServer();
  for (const severity of ['info', 'notice', 'unknown', 'warning', 'error'] as const) {
    const sent = { ...message, text: 'a  b\n', severity };
    await gotify.send(target('gotify', { server: `${server.url}/push/`, token }), sent, surroundings);
  }
  const [{ method, url, headers, body } = { body: '', headers: {} as IncomingHttpHeaders }] = server.received;
  assert.deepEqual([method, url], ['POST', '/push/message']);
  assert.deepEqual(
    [headers.authorization, headers['x-gotify-key'], headers['content-length']],
    [`Bearer ${token}`, token, String(Buffer.byteLength(body))],
  );
  assert.deepEqual(JSON.parse(body), {
    title: message.title,
    message: '```\na  b\n```',
    priority: 1,
    extras: { 'client::display': { contentType: 'text/markdown' } },
  });
  const priorities = server.received.map((one) => (JSON.parse(one.body) as { priority: number }).priority);
  assert.deepEqual(priorities, [1, 3, 3, 5, 9]);
});

test('gotify: what was edited by hand may be incomplete', async () => {
  await assert.rejects(gotify.send(target('gotify', { server: 'http://localhost' }), message, surroundings), {
    code: 'config-invalid',
    message: "gotify target 'pager' has no token",
  });
});

const hook = (url: string, more: StoredTarget['values'] = {}): StoredTarget =>
  target('webhook', { url, method: 'post', secret: [`name=key,value=${base64(token)}`], ...more });
const jsonBody = base64('{"title":{{json title}},"text":"{{escape message}}","by":"{{escape secrets.key}}"}');

targetSuite('webhook', webhook, async (mood) => {
  const server = await startServer(answers[mood]);
  return {
    target: hook(`${server.url}/hook?key={{url-encode secrets.key}}`, { body: jsonBody }),
    received: () => server.received.map(({ body }) => JSON.parse(body) as { title: string; text: string }),
    secrets: [token, encodeURIComponent(token), JSON.stringify(token).slice(1, -1)],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

test('webhook: URL, headers and body are templates', async () => {
  await using server = await startServer();
  const values = {
    method: 'put',
    header: [`name=X-Key,value=${base64('k {{secrets.key}}')}`, `name=Content-Type,value=${base64('text/plain')}`],
    body: base64('{{severity}} {{timestamp}} {{fields.datastore}} {{json fields}} {{secrets.constructor}}'),
  };
  await webhook.send(hook(`${server.url}/{{url-encode title}}`, values), message, surroundings);
  const { method, url, headers, body } = server.received[0]!;
  assert.deepEqual([method, url], ['PUT', `/${encodeURIComponent(message.title)}`]);
  assert.deepEqual([headers['x-key'], headers['content-type']], [`k ${token}`, 'text/plain']);
  assert.equal(body, 'error 1700000000 ds1 {"type":"gc","datastore":"ds1","hostname":"pbs"} ');
  assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
});

test('webhook: the length is always told, but for a GET without a body', async () => {
  await using server = await startServer();
  const requests: StoredTarget['values'][] = [
    { method: 'post' },
    { method: 'put' },
    { method: 'get' },
    { method: 'get', body: base64('x') },
  ];
  for (const more of requests) {
    await webhook.send(hook(server.url, more), message, surroundings);
  }
  const lengths = server.received.map(({ method, headers }) => [method, headers['content-length']]);
  assert.deepEqual(lengths, [
    ['POST', '0'],
    ['PUT', '0'],
    ['GET', undefined],
    ['GET', '1'],
  ]);
});

test('webhook: a redirection is not followed, a broken template is an error', async () => {
  await using server = await startServer(({ url }) => ({ status: url === '/elsewhere' ? 200 : 302 }));
  await assert.rejects(webhook.send(hook(server.url), message, surroundings), /status 302/);
  assert.deepEqual(server.received, []);
  await assert.rejects(webhook.send(hook(`${server.url}/{{#if}`), message, surroundings), {
    code: 'config-invalid',
    message: /^webhook target 'pager': template of URL: /,
  });
  await assert.rejects(webhook.send(hook('{{secrets.key}}'), message, surroundings), {
    message: "webhook target 'pager': the URL is none of HTTP",
  });
});

test('requests go through the proxy of the node, whose password is not told', async () => {
  await using proxy = await startServer();
  const { port } = new URL(proxy.url);
  const around = { ...surroundings, httpProxy: `http://user:pr0xy@localhost:${port}` };
  await webhook.send(hook('http://pager.example/x'), message, around);
  const [{ url, headers } = { url: '', headers: {} as IncomingHttpHeaders }] = proxy.received;
  assert.equal(url, 'http://pager.example/x');
  assert.equal(headers['proxy-authorization'], `Basic ${base64('user:pr0xy')}`);
  // Without a scheme, and nobody there.
  await proxy[Symbol.asyncDispose]();
  const gone = { ...surroundings, httpProxy: `user:pr0xy@localhost:${port}` };
  await assert.rejects(webhook.send(hook('https://pager.example/x'), message, gone), (error: Error) => {
    assert.match(error.message, /^webhook target 'pager': https:\/\/pager\.example: /);
    assert.doesNotMatch(error.message, /pr0xy/);
    return true;
  });
});

if (openssl !== undefined) {
  test('certificates are verified', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'granary-hook-'));
    after(() => rmSync(folder, { recursive: true }));
    const authority = new Authority(folder);
    const { certificate, key } = authority.issue('localhost', { by: 'root' });
    await using server = await startServer(undefined, { key, cert: certificate });
    await assert.rejects(webhook.send(hook(server.url), message, surroundings), /unable to verify|unable to get/);
    await webhook.send(hook(server.url), message, { ...surroundings, trusted: [authority.root.certificate] });
    assert.equal(server.received.length, 1);
  });
}
