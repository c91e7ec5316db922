import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Validator } from '@seriousme/openapi-schema-validator';
import { endpoints } from './index.ts';
import { TestApi } from './testing/api-server.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(() => api[Symbol.asyncDispose]());

test('the description is served to anybody and is valid OpenAPI 3.1', async () => {
  const answer = await api.call('GET', '/api2/openapi.json');
  assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'application/json;charset=UTF-8']);
  const document = JSON.parse(answer.text);
  const { valid, errors } = await new Validator().validate(document);
  assert.ok(valid, String(JSON.stringify(errors)).slice(0, 2000));
  const operations = Object.entries(document.paths as Record<string, object>).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path.slice(1)}`),
  );
  for (const { contract } of endpoints) assert.ok(operations.includes(`${contract.method} ${contract.path}`));
  assert.equal(new Set(operations).size, operations.length);
});

test('the page for people names every call and needs nothing from outside', async () => {
  for (const path of ['/docs/api-viewer', '/docs/api-viewer/', '/docs/api-viewer/index.html']) {
    const { status, text, headers } = await api.call('GET', path);
    assert.equal(status, 200, path);
    for (const { contract } of endpoints) assert.ok(text.includes(`<code>/${contract.path}</code>`), contract.path);
    assert.doesNotMatch(text, /<script|<link|<img| src=|url\(|@import|href="https?:/);
    assert.match(String(headers['content-security-policy']), /default-src 'none'/);
  }
  const german = await api.call('GET', '/docs/api-viewer/de');
  assert.match(german.text, /<html lang="de">.*<h3>Ausprobieren<\/h3>/s);
  for (const { contract } of endpoints) assert.ok(german.text.includes(`<code>/${contract.path}</code>`));
});

test('pages are compressed for who asks, and nothing else is served', async () => {
  const answer = await api.call('GET', '/docs/api-viewer', { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(answer.headers['content-encoding'], 'gzip');
  assert.match(gunzipSync(answer.body).toString(), /Granary API/);
  assert.equal((await api.call('POST', '/docs/api-viewer')).status, 404);
  assert.equal((await api.call('GET', '/docs/api-viewer/other')).status, 404);
  assert.equal((await api.call('GET', '//')).status, 404);
});
