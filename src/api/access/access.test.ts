// Logins, users, tokens, rules over the wire (rest-api.md 4.5 and 7.2, access-control.md 6).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TestApi } from '../testing/api-server.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
  await api.server.access.users.setPassword('nobody@pbs', 'nobody-secret');
});
after(() => api[Symbol.asyncDispose]());

const root = 'root@pam';
const text = async (answer: ReturnType<TestApi['call']>): Promise<[number, string]> => {
  const { status, text: body } = await answer;
  return [status, body];
};

test('a login gives ticket and CSRF token, which open the next calls', async () => {
  const login = await api.call('POST', '//api2/json/access/ticket', {
    json: { username: 'nobody@pbs', password: 'nobody-secret' },
  });
  assert.equal(login.status, 200);
  const { username, ticket, CSRFPreventionToken: csrf } = login.json.data as Record<string, string>;
  assert.equal(username, 'nobody@pbs');
  assert.match(ticket!, /^PBS:nobody@pbs:[0-9A-F]{8}::[A-Za-z0-9+/]+$/);
  // Sent as it is and percent-encoded.
  for (const value of [ticket!, encodeURIComponent(ticket!)]) {
    const cookie = `PBSAuthCookie=${value}`;
    assert.equal((await api.call('GET', 'version', { headers: { cookie } })).status, 200);
    const put = { params: { userid: 'nobody@pbs', password: 'next-secret' } };
    const without = await api.call('PUT', 'access/password', { ...put, headers: { cookie } });
    assert.deepEqual([without.status, without.text], [401, 'authentication failed - missing CSRF prevention token']);
    // There is nothing that these could change.
    for (const method of ['HEAD', 'OPTIONS', 'PATCH']) {
      assert.equal((await api.call(method, 'version', { headers: { cookie } })).status, 404);
    }
    const headers = { cookie, csrfpreventiontoken: csrf! };
    const unconfirmed = await api.call('PUT', 'access/password', { ...put, headers });
    assert.deepEqual([unconfirmed.status, unconfirmed.text], [401, 'missing password']);
  }
  const renewed = await api.call('POST', 'access/ticket', { params: { username: 'nobody@pbs', password: ticket! } });
  assert.equal(renewed.status, 200);
});

test('a failed authentication takes the cookie back', async () => {
  const { status, headers } = await api.call('GET', 'version', { headers: { cookie: '__Host-PBSAuthCookie=x' } });
  assert.equal(status, 401);
  assert.match((headers['set-cookie'] as string[])[0]!, /^__Host-PBSAuthCookie=; Expires=Thu, 01 Jan 1970/);
});

test('a failed login is a 401 that does not tell why', async () => {
  for (const [username, password] of [
    ['nobody@pbs', 'wrong'],
    ['unknown@pbs', 'wrong'],
    ['nobody@pam', 'wrong'],
  ] as const) {
    assert.deepEqual(await text(api.call('POST', 'access/ticket', { json: { username, password } })), [
      401,
      'permission check failed.',
    ]);
  }
  const extjs = await api.call('POST', 'access/ticket', {
    json: { username: 'nobody@pbs', password: 'wrong' },
    format: 'extjs',
  });
  assert.equal(extjs.status, 200);
  assert.equal(extjs.json['status'], 401);
  assert.deepEqual(await text(api.call('POST', 'access/ticket', { json: { username: 'nobody', password: 'x' } })), [
    400,
    "parameter verification failed - 'username': value does not match the regex pattern",
  ]);
});

test('the cookie flow keeps the ticket out of the body, and DELETE takes the cookie back', async () => {
  const login = await api.call('POST', 'access/ticket', {
    json: { username: 'nobody@pbs', password: 'nobody-secret', 'http-only': true },
  });
  const data = login.json.data as Record<string, string>;
  assert.deepEqual(Object.keys(data).sort(), ['CSRFPreventionToken', 'ticket-info', 'username']);
  assert.match(data['ticket-info']!, /^PBS:nobody@pbs:[0-9A-F]{8}::ticketinfo$/);
  const [cookie] = login.headers['set-cookie'] as string[];
  assert.match(cookie!, /^__Host-PBSAuthCookie=PBS%3Anobody.*; Secure; SameSite=Lax; HttpOnly; Path=\/;$/);
  const version = await api.call('GET', 'version', { headers: { cookie: cookie!.split(';')[0]! } });
  assert.equal(version.status, 200);
  const logout = await api.call('DELETE', 'access/ticket');
  assert.match((logout.headers['set-cookie'] as string[])[0]!, /^__Host-PBSAuthCookie=; Expires=Thu, 01 Jan 1970/);
});

test('users are made, changed and removed', async () => {
  const user = { userid: 'carol@pbs', comment: 'of the office', expire: 0, enable: true };
  assert.equal((await api.call('POST', 'access/users', { as: root, json: user })).text, '{"data":null}');
  assert.deepEqual(await text(api.call('POST', 'access/users', { as: root, json: user })), [
    400,
    "user 'carol@pbs' already exists.",
  ]);
  assert.deepEqual(await text(api.call('POST', 'access/users', { as: root, json: { userid: 'a@nowhere' } })), [
    400,
    "unknown realm 'nowhere'",
  ]);
  const read = await api.call('GET', 'access/users/carol@pbs', { as: root });
  assert.deepEqual(read.json.data, user);
  const stale = { comment: 'x', digest: '0'.repeat(64) };
  assert.match(
    (await api.call('PUT', 'access/users/carol@pbs', { as: root, params: stale })).text,
    /^detected modified/,
  );
  const change = { email: 'carol@example.org', delete: ['comment'], digest: String(read.json['digest']) };
  assert.equal((await api.call('PUT', 'access/users/carol@pbs', { as: root, params: change })).status, 200);
  const changed = await api.call('GET', 'access/users/carol%40pbs', { as: root });
  assert.deepEqual(changed.json.data, { userid: 'carol@pbs', expire: 0, enable: true, email: 'carol@example.org' });
  assert.equal((await api.call('DELETE', 'access/users/carol@pbs', { as: root })).status, 200);
  assert.deepEqual(await text(api.call('GET', 'access/users/carol@pbs', { as: root })), [
    400,
    "no such user 'carol@pbs'",
  ]);
});

test('a password is set with the user, by an administrator, or by oneself', async () => {
  const login = (password: string) =>
    api.call('POST', 'access/ticket', { json: { username: 'dave@pbs', password } }).then((answer) => answer.status);
  const user = { userid: 'dave@pbs', password: 'first-one' };
  assert.equal((await api.call('POST', 'access/users', { as: root, json: user })).status, 200);
  assert.equal(await login('first-one'), 200);
  const update = { params: { password: 'second-one' } };
  assert.equal((await api.call('PUT', 'access/users/dave@pbs', { as: root, ...update })).status, 200);
  assert.deepEqual([await login('first-one'), await login('second-one')], [401, 200]);
  const own = (confirmation: string) =>
    api.call('PUT', 'access/password', {
      as: 'dave@pbs',
      params: { userid: 'dave@pbs', password: 'third-one', 'confirmation-password': confirmation },
    });
  assert.deepEqual(await text(own('wrong')), [401, 'invalid credentials']);
  assert.equal((await own('second-one')).status, 200);
  assert.equal(await login('third-one'), 200);
  const other = { userid: 'admin@pbs', password: 'not-mine', 'confirmation-password': 'third-one' };
  assert.deepEqual(await text(api.call('PUT', 'access/password', { as: 'dave@pbs', params: other })), [
    400,
    'you are not authorized to change the password.',
  ]);
  const unknown = { userid: 'nosuch@pbs', password: 'something' };
  assert.equal((await api.call('PUT', 'access/password', { as: root, params: unknown })).status, 401);
});

test('tokens are made by their user, log in with their secret, and have no rights of their own', async () => {
  const path = 'access/users/nobody@pbs/token/laptop';
  const made = await api.call('POST', path, { as: 'nobody@pbs', params: { comment: 'mine' } });
  const { tokenid, value } = made.json.data as Record<string, string>;
  assert.equal(tokenid, 'nobody@pbs!laptop');
  for (const authorization of [`PBSAPIToken=${tokenid}:${value}`, `PBSAPIToken ${tokenid}:${value}`]) {
    assert.equal((await api.call('GET', 'version', { headers: { authorization } })).status, 200);
    const users = await api.call('GET', 'access/users', { headers: { authorization } });
    assert.deepEqual(users.json.data, [{ userid: 'nobody@pbs' }]);
  }
  assert.deepEqual(await text(api.call('POST', path, { as: 'nobody@pbs' })), [
    400,
    "token 'laptop' for user 'nobody@pbs' already exists.",
  ]);
  assert.equal((await api.call('GET', 'access/users/nobody@pbs/token', { as: 'audit@pbs' })).status, 403);
  const list = await api.call('GET', 'access/users?include_tokens=1', { as: 'nobody@pbs' });
  assert.deepEqual(list.json.data, [{ userid: 'nobody@pbs', tokens: [{ tokenid, comment: 'mine' }] }]);
  const fresh = await api.call('PUT', path, { as: 'nobody@pbs', params: { regenerate: true } });
  const { secret } = fresh.json.data as Record<string, string>;
  const oldSecret = { headers: { authorization: `PBSAPIToken=${tokenid}:${value}` } };
  assert.deepEqual(await text(api.call('GET', 'version', oldSecret)), [
    401,
    'authentication failed - invalid credentials',
  ]);
  const newSecret = { headers: { authorization: `PBSAPIToken=${tokenid}:${secret}` } };
  assert.equal((await api.call('GET', 'version', newSecret)).status, 200);
  assert.equal((await api.call('DELETE', path, { as: 'nobody@pbs' })).status, 200);
  assert.deepEqual(await text(api.call('GET', path, { as: 'nobody@pbs' })), [400, "no such token 'nobody@pbs!laptop'"]);
});

test('rules count from the next request; without the privilege only own tokens can be given rights', async () => {
  const before = await api.call('GET', 'access/users/admin@pbs', { as: 'audit@pbs' });
  assert.deepEqual([before.status, before.text], [403, 'permission check failed']);
  const rule = { path: '/access', role: 'Audit', 'auth-id': 'audit@pbs' };
  assert.equal((await api.call('PUT', 'access/acl', { as: 'admin@pbs', params: rule })).status, 200);
  assert.equal((await api.call('GET', 'access/users/admin@pbs', { as: 'audit@pbs' })).status, 200);
  assert.deepEqual(await text(api.call('PUT', 'access/acl', { as: 'nobody@pbs', params: rule })), [
    400,
    'Unprivileged users can only set ACL items for API tokens.',
  ]);
  const gone = { ...rule, delete: true };
  assert.equal((await api.call('PUT', 'access/acl', { as: 'admin@pbs', params: gone })).status, 200);
  assert.equal((await api.call('GET', 'access/users/admin@pbs', { as: 'audit@pbs' })).status, 403);
  const permissions = await api.call('GET', 'access/permissions', { as: 'audit@pbs' });
  assert.deepEqual(permissions.json.data, { '/datastore': { 'Datastore.Audit': true } });
  assert.deepEqual(await text(api.call('GET', 'access/permissions?auth-id=admin@pbs', { as: 'audit@pbs' })), [
    400,
    'not allowed to list permissions of admin@pbs',
  ]);
});

test('failures are in the authentication log with peer and user', async () => {
  const { readFileSync } = await import('node:fs');
  const log = readFileSync(`${api.home}/log/api/auth.log`, 'utf8');
  assert.match(log, /authentication failure; rhost=\[::ffff:127\.0\.0\.1\]:\d+ user=unknown@pbs msg=/);
  assert.match(log, /successful auth for user 'nobody@pbs'/);
});
