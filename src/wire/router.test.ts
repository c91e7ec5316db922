// Paths to endpoints (rest-api.md 1, 3.5).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineEndpoint } from '../model/endpoint.ts';
import { Type } from '../model/type.ts';
import { implement } from './implement.ts';
import { pathComponents, Router } from './router.ts';

function endpoint(method: 'GET' | 'POST', path: string) {
  const contract = defineEndpoint({
    method,
    path,
    summary: path,
    parameters: Type.Object({}),
    result: Type.Null(),
    access: { kind: 'any' },
  });
  return implement(contract, async () => null);
}
const router = new Router([
  endpoint('GET', 'ping'),
  endpoint('GET', 'admin/datastore'),
  endpoint('GET', 'admin/datastore/{store}/groups'),
  endpoint('POST', 'admin/datastore/{store}/gc'),
  endpoint('GET', 'nodes/{node}/tasks/{upid}/log'),
]);

test('components are decoded, empty ones dropped, hidden ones refused', () => {
  assert.deepEqual(pathComponents('//api2/json//access/ticket/'), ['api2', 'json', 'access', 'ticket']);
  assert.deepEqual(pathComponents('/a%2Fb/%5Cx3a%5F'), ['a/b', '\\x3a_']);
  for (const path of ['/a/../b', '/.hidden', '/a/%2e%2e/b', '/a/%zz', '/a/%00']) {
    assert.throws(() => pathComponents(path), { message: 'path contains illegal components' });
  }
});

test('a path leads to its endpoint with its variables', () => {
  const route = router.resolve('GET', ['admin', 'datastore', 'ds1', 'groups']);
  assert.equal(route.kind, 'endpoint');
  assert.deepEqual(route.kind === 'endpoint' && route.match.variables, { store: 'ds1' });
});

test('inner nodes list their children; other methods and paths lead nowhere', () => {
  assert.deepEqual(router.resolve('GET', []), { kind: 'directory', children: ['admin', 'nodes', 'ping'] });
  assert.deepEqual(router.resolve('GET', ['admin', 'datastore', 'x']), {
    kind: 'directory',
    children: ['gc', 'groups'],
  });
  for (const [method, path] of [
    ['HEAD', ['ping']],
    ['POST', ['ping']],
    ['GET', ['nosuch']],
    ['GET', ['ping', 'more']],
    ['OPTIONS', []],
  ] as const) {
    assert.deepEqual(router.resolve(method, path), { kind: 'none' });
  }
});

test('a declaration that collides is refused', () => {
  assert.throws(() => new Router([endpoint('GET', 'a/b'), endpoint('GET', 'a/b')]), /declared twice/);
  assert.throws(() => new Router([endpoint('GET', 'a/{x}'), endpoint('GET', 'a/{y}/z')]), /names a variable/);
});
