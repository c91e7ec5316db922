import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpoints } from '../api/index.ts';
import { TestApi } from '../api/testing/api-server.ts';
import { verifyAuditLog } from '../audit/audit-verify.ts';
import { withoutSecrets } from './audited-call.ts';

test('what changes something is recorded with its result, what only reads is not, and no secret is', async () => {
  await using api = await TestApi.start();
  const params = { userid: 'new@pbs', password: 'very secret', comment: 'a new one' };
  await api.call('POST', 'access/users', { as: 'admin@pbs', params });
  await api.call('POST', 'access/users', { as: 'admin@pbs', params });
  await api.call('POST', 'access/users', { as: 'nobody@pbs', params });
  await api.call('GET', 'access/users', { as: 'admin@pbs' });
  await api.call('POST', 'access/users', { as: 'admin@pbs', params: { userid: 'x' } });
  await api.call('POST', 'access/ticket', { params: { username: 'new@pbs', password: 'very secret' } });
  const entries = api.server.audit.list({ limit: 0 }).data.toReversed();
  assert.deepEqual(
    entries.map(({ user, action, target, result }) => [user, action, target, result]),
    [
      ['admin@pbs', 'POST', 'access/users', 'OK'],
      ['admin@pbs', 'POST', 'access/users', "user 'new@pbs' already exists."],
    ],
  );
  assert.deepEqual(entries[0]!.parameters, { userid: 'new@pbs', password: '***', comment: 'a new one' });
  assert.equal(entries[0]!.peer, '::ffff:127.0.0.1');
  assert.ok(!JSON.stringify(entries).includes('very secret'));
  assert.deepEqual(verifyAuditLog(api.server.directories).problems, []);
});

test('tasks are recorded when they end', async () => {
  await using api = await TestApi.start();
  const task = await api.server.tasks.start({ type: 'verify', id: 'store1', authId: 'admin@pbs' }, async (worker) =>
    worker.warn('something'),
  );
  await task.done;
  const [entry] = api.server.audit.list().data;
  assert.deepEqual(
    [entry!.user, entry!.action, entry!.target, entry!.result, entry!.upid],
    ['admin@pbs', 'task verify', 'store1', 'WARNINGS: 1', task.upid],
  );
});

test('the log can be read and checked over the API by who may audit the system', async () => {
  await using api = await TestApi.start();
  await api.call('POST', 'access/users', { as: 'admin@pbs', params: { userid: 'new@pbs' } });
  const list = await api.call('GET', 'admin/audit', { as: 'admin@pbs' });
  assert.equal((list.json.data as unknown[]).length, 1);
  assert.equal(list.json['total'], 1);
  const check = await api.call('GET', 'admin/audit/verify', { as: 'admin@pbs' });
  assert.deepEqual((check.json.data as { problems: string[] }).problems, []);
  assert.equal((await api.call('GET', 'admin/audit', { as: 'audit@pbs' })).status, 403);
});

test('no credential of any call is recorded', () => {
  const secrets: Record<string, readonly string[]> = {
    'POST access/users': ['password'],
    'PUT access/password': ['password', 'confirmation-password'],
    'POST access/tfa/{userid}': ['totp', 'value', 'password'],
    'POST access/openid/login': ['code', 'state'],
    'POST config/access/ldap': ['password'],
    'POST config/access/ad': ['password'],
    'POST config/access/openid': ['client-key'],
    'POST config/remote': ['password'],
    'POST config/acme/account': ['eab_hmac_key'],
    'POST config/acme/plugins': ['data'],
    'PUT config/acme/plugins/{id}': ['data'],
    'POST config/metrics/influxdb-http': ['token', 'url'],
    'PUT config/metrics/influxdb-http/{name}': ['token', 'url'],
    'POST config/notifications/endpoints/smtp': ['password'],
    'POST config/notifications/endpoints/gotify': ['token'],
    'PUT config/notifications/endpoints/gotify/{name}': ['token'],
    'POST config/notifications/endpoints/webhook': ['secret', 'header', 'body', 'url'],
    'PUT config/notifications/endpoints/webhook/{name}': ['secret', 'header', 'body', 'url'],
    'POST nodes/{node}/certificates/custom': ['key'],
    'PUT nodes/{node}/config': ['http-proxy'],
  };
  for (const [call, names] of Object.entries(secrets)) {
    const found = endpoints.find(({ contract }) => `${contract.method} ${contract.path}` === call);
    assert.ok(found, call);
    const { properties } = found.contract.parameters as { properties: Record<string, unknown> };
    for (const name of names) {
      assert.ok(name in properties, `${call} ${name}`);
      assert.deepEqual(withoutSecrets(found.contract, { [name]: 'x' }), { [name]: '***' }, `${call} ${name}`);
    }
  }
});
