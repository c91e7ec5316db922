// Metric servers: kept once they answer.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { http } from '../../../os/node-http.ts';
import { TestApi } from '../../testing/api-server.ts';

let api: TestApi;
/** An InfluxDB as far as its health goes. */
let influx: HttpServer;
let url: string;
const asked: string[] = [];
before(async () => {
  api = await TestApi.start();
  influx = http.createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization}`);
    response.writeHead(request.url === '/well/health' ? 200 : 503).end('{}');
  });
  await new Promise<void>((resolve) => influx.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(influx.address() as AddressInfo).port}`;
});
after(async () => {
  influx.close();
  await api[Symbol.asyncDispose]();
});
const call = (method: string, name: string, params: Record<string, string | number | boolean> = {}) =>
  api.call(method, name, { as: 'admin@pbs', params });
const stored = (): string => readFileSync(path.join(api.server.directories.config, 'metricserver.cfg'), 'utf8');

test('a server that answers is kept, and its token not shown', async () => {
  const made = await call('POST', 'config/metrics/influxdb-http', { name: 'flux', url: `${url}/well`, token: 'tok' });
  assert.equal(made.text, '{"data":null}');
  assert.deepEqual(asked, ['/well/health Token tok']);
  assert.equal(stored(), `influxdb-http: flux\n\ttoken tok\n\turl ${url}/well\n`);
  const read = await call('GET', 'config/metrics/influxdb-http/flux');
  assert.deepEqual(read.json.data, { name: 'flux', url: `${url}/well` });
  const udp = { name: 'packets', host: 'localhost:8089', mtu: 1400, enable: false, comment: 'by UDP' };
  assert.equal((await call('POST', 'config/metrics/influxdb-udp', udp)).text, '{"data":null}');
  assert.deepEqual((await call('GET', 'config/metrics/influxdb-udp')).json.data, [udp]);
  assert.deepEqual((await call('GET', 'admin/metrics')).json.data, [
    { name: 'packets', type: 'influxdb-udp', enable: false, server: 'localhost:8089', comment: 'by UDP' },
    { name: 'flux', type: 'influxdb-http', enable: true, server: `${url}/well` },
  ]);
});

test('one that does not answer is refused, unless it is not used', async () => {
  const before = stored();
  const post = (kind: string, params: Record<string, string | boolean>) =>
    call('POST', `config/metrics/influxdb-${kind}`, { name: 'other', ...params });
  const sick = await post('http', { url: `${url}/sick` });
  assert.deepEqual(
    [sick.status, sick.text],
    [400, `unable to connect to metric server '${url}/sick': /sick/health answers with status 503`],
  );
  assert.match((await post('http', { url: 'http://127.0.0.1:1' })).text, /'http:\/\/127\.0\.0\.1:1': .*ECONNREFUSED/);
  assert.match(
    (await post('udp', { host: 'no-such-host.invalid:1' })).text,
    /'no-such-host\.invalid:1': .*ENOTFOUND|EAI_AGAIN/,
  );
  assert.match((await call('PUT', 'config/metrics/influxdb-http/flux', { url: `${url}/sick` })).text, /status 503$/);
  assert.match((await post('udp', { host: 'localhost' })).text, /'host': value does not match/);
  assert.match(
    (await post('http', { name: 'packets', url: `${url}/well` })).text,
    /'name': metric server 'packets' already/,
  );
  assert.equal(stored(), before);
  // A change of something else does not ask.
  const count = asked.length;
  assert.equal((await call('PUT', 'config/metrics/influxdb-http/flux', { bucket: 'b' })).status, 200);
  assert.equal((await post('http', { url: 'http://127.0.0.1:1', enable: false })).status, 200);
  assert.equal(asked.length, count);
  assert.equal((await call('DELETE', 'config/metrics/influxdb-http/other')).status, 200);
});
