// The web server that answers challenges.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startHttpResponder } from './http-responder.ts';

test('only tokens that are asked for are answered', async () => {
  await using responder = await startHttpResponder(0);
  responder.answer('token1', 'token1.thumbprint');
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${responder.port}${path}`, { method });
  const known = await get('/.well-known/acme-challenge/token1');
  assert.deepEqual([known.status, await known.text()], [200, 'token1.thumbprint']);
  for (const path of ['/.well-known/acme-challenge/token2', '/.well-known/acme-challenge/', '/', '/etc/passwd']) {
    const unknown = await get(path);
    assert.deepEqual([unknown.status, await unknown.text()], [404, ''], path);
  }
  assert.equal((await get('/.well-known/acme-challenge/token1', 'POST')).status, 404);
});

test('a port that is taken is named', async () => {
  await using first = await startHttpResponder(0);
  await assert.rejects(startHttpResponder(first.port), {
    code: 'io',
    message: new RegExp(`^cannot answer challenges on port ${first.port}: .*EADDRINUSE`),
  });
});
