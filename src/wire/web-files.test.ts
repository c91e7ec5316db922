import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import { TestApi } from '../api/testing/api-server.ts';

test('the interface answers at every address of its own, and at none of the API', async () => {
  await using api = await TestApi.start({ webFolder: 'web' });
  const folder = path.join(api.home, 'web');
  const get = (url: string, headers: Record<string, string> = {}) =>
    api.call('GET', url, { headers: { accept: 'text/html', ...headers } });
  assert.match((await get('/')).text, /has not been built/);

  mkdirSync(path.join(folder, 'assets'), { recursive: true });
  writeFileSync(path.join(folder, 'index.html'), '<title>built</title>');
  writeFileSync(path.join(folder, 'assets/main-A1.js'), 'run()');
  writeFileSync(path.join(folder, 'assets/main-A1.js.br'), brotliCompressSync('run()'));
  for (const url of ['/', '/tasks', '/datastore/store1?ns=a']) {
    const { status, headers, text } = await get(url);
    assert.deepEqual([status, text, headers['cache-control']], [200, '<title>built</title>', 'no-cache'], url);
    assert.match(String(headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/);
  }
  const script = await get('/assets/main-A1.js', { 'accept-encoding': 'gzip, br' });
  assert.equal(script.headers['content-encoding'], 'br');
  assert.equal(brotliDecompressSync(script.body).toString(), 'run()');
  assert.match(String(script.headers['cache-control']), /immutable/);
  assert.equal((await get('/assets/main-A1.js')).text, 'run()');
  for (const url of ['/assets/none-B2.js', '/assets/..%2findex.html', '/api2/json/nothing', '/api2', '/docs/nothing']) {
    assert.notEqual((await get(url)).status, 200, url);
  }
  assert.equal((await get('/', { accept: '*/*' })).text, '<title>built</title>', 'a probe finds the server');
  assert.equal((await get('/tasks', { accept: '*/*' })).status, 404, 'programs are told that there is nothing');
});
