// S3 endpoints: their secrets, and what a real server says when they are tried (rest-api.md 7.4, 7.5).

import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { hasObjectServer, ObjectServer } from '../../../test/support/object-server.ts';
import { TestApi } from '../testing/api-server.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(() => api[Symbol.asyncDispose]());

const as = 'admin@pbs';
const call = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', route: string, params = {}, who = as) =>
  api.call(method, route, { as: who, params });
const fields = { endpoint: '{{bucket}}.s3.{{region}}.example.com', 'access-key': 'key1' };

test('an endpoint is made, changed and removed; its secret is stored and never answered', async () => {
  const given = { id: 'aws1', ...fields, 'secret-key': 'secret+1', region: 'eu-central-1', 'rate-in': '10MiB' };
  const quirks = { 'provider-quirks': ['skip-if-none-match-header', 'delete-objects-via-delete-object'] };
  assert.equal((await call('POST', 'config/s3', { ...given, ...quirks })).status, 200);
  const file = path.join(api.server.directories.config, 's3.cfg');
  assert.equal(statSync(file).mode & 0o777, 0o640);
  assert.match(readFileSync(file, 'utf8'), /^s3-endpoint: aws1\n/);
  assert.match(readFileSync(file, 'utf8'), /^\tsecret-key secret\+1$/m);
  const shown = { id: 'aws1', ...fields, region: 'eu-central-1', 'rate-in': '10 MiB', ...quirks };
  assert.deepEqual((await call('GET', 'config/s3/aws1')).json.data, shown);
  assert.deepEqual((await call('GET', 'config/s3')).json.data, [shown]);
  assert.deepEqual((await call('GET', 'config/s3', {}, 'nobody@pbs')).json.data, []);
  await call('PUT', 'config/s3/aws1', { 'secret-key': 'other', delete: ['provider-quirks', 'rate-in'] });
  assert.match(readFileSync(file, 'utf8'), /^\tsecret-key other$/m);
  const { data } = (await call('GET', 'config/s3/aws1')).json;
  assert.deepEqual(data, { id: 'aws1', ...fields, region: 'eu-central-1' });
  const wrong = await call('POST', 'config/s3', { ...given, id: 'aws2', endpoint: 'http://example.com' });
  assert.match(wrong.text, /^parameter verification failed - 'endpoint'/);
});

test('an endpoint that a datastore uses stays', async () => {
  const file = path.join(api.server.directories.config, 'datastore.cfg');
  writeFileSync(file, `datastore: objects1\n\tbackend type=s3,client=aws1,bucket=b-1\n\tpath /nowhere\n`);
  const refused = await call('DELETE', 'config/s3/aws1');
  assert.deepEqual([refused.status, refused.text], [400, 'in-use by datastore objects1']);
  writeFileSync(file, '');
  assert.equal((await call('DELETE', 'config/s3/aws1')).status, 200);
  assert.equal((await call('GET', 'config/s3/aws1')).text, "no such s3-endpoint 'aws1'");
});

if (hasObjectServer) {
  test('a real endpoint lists its buckets, and is tried with an object of its own', async () => {
    await using server = await ObjectServer.start('backups');
    const real = {
      id: 'swift1',
      endpoint: 'localhost',
      port: server.port,
      'access-key': 'test:backup',
      'secret-key': 'backup-secret',
      fingerprint: server.fingerprint,
      'path-style': true,
      'provider-quirks': ['skip-if-none-match-header'],
    };
    assert.equal((await call('POST', 'config/s3', real)).status, 200);
    assert.deepEqual((await call('GET', 'config/s3/swift1/list-buckets')).json.data, [{ name: 'backups' }]);
    const check = (params = {}) => call('PUT', 'admin/s3/swift1/check', { bucket: 'backups', ...params });
    assert.deepEqual([(await check()).status, (await check({ 'store-prefix': 'store1' })).status], [200, 200]);
    const refused = await check({ bucket: 'elsewhere' });
    assert.deepEqual(refused.status, 400);
    assert.match(
      refused.text,
      /^S3 endpoint 'swift1', bucket 'elsewhere': put '\.probe-.*' failed: NoSuchBucket: The specified bucket does not exist/,
    );
    await call('PUT', 'config/s3/swift1', { 'secret-key': 'wrong' });
    assert.match((await check()).text, /^S3 endpoint 'swift1', bucket 'backups': .* SignatureDoesNotMatch/);
    assert.match(
      (await call('GET', 'config/s3/swift1/list-buckets')).text,
      /^S3 endpoint 'swift1': list buckets failed/,
    );
    assert.deepEqual(api.errors, []);
  });
}
