// Second factors over the wire: who manages whose, password confirmation, the login in two steps, locks, and how the
// server presents itself to security keys (rest-api.md 4.5, 7.2 and 7.5, access-control.md 9).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { newTotpUri, totpCode } from '../../access/totp.ts';
import { TestApi } from '../testing/api-server.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
  for (const name of ['admin', 'nobody', 'audit'])
    await api.server.access.users.setPassword(`${name}@pbs`, `${name}-secret`);
});
after(() => api[Symbol.asyncDispose]());

const root = 'root@pam';
const user = 'nobody@pbs';
const text = async (answer: ReturnType<TestApi['call']>): Promise<[number, string]> => {
  const { status, text: body } = await answer;
  return [status, body];
};
const data = async <T>(answer: ReturnType<TestApi['call']>): Promise<T> => {
  const { status, text: body, json } = await answer;
  assert.equal(status, 200, body);
  return json.data as T;
};
const login = (json: Record<string, unknown>, username = user) =>
  api.call('POST', 'access/ticket', { json: { username, ...json } });
const newTotp = () => {
  const totp = newTotpUri({ issuer: 'PBS', account: user });
  return { totp, value: totpCode(totp, Date.now()) };
};
const add = (o: Record<string, unknown>, as = user, of = user) => api.call('POST', `access/tfa/${of}`, { as, json: o });

test('factors are added, listed, changed and removed by their user, who confirms with the password', async () => {
  assert.deepEqual(await data(api.call('GET', 'access/tfa', { as: user })), []);
  const password = 'nobody-secret';
  const { totp, value } = newTotp();
  const entry = { type: 'totp', description: 'phone', totp, value };
  assert.deepEqual(await text(add(entry)), [401, 'missing password']);
  assert.deepEqual(await text(add({ ...entry, password: 'wrong' })), [401, 'invalid credentials']);
  assert.deepEqual(await text(add({ ...entry, password, value: '000000' })), [400, 'failed to verify TOTP challenge']);
  const { id } = await data<{ id: string }>(add({ ...entry, password }));
  assert.match(id, /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const { recovery, ...rest } = await data<Record<string, unknown>>(add({ type: 'recovery', password }));
  assert.equal((recovery as string[]).length, 10);
  assert.deepEqual(rest, { id: 'recovery' });

  const list = await data<Record<string, unknown>[]>(api.call('GET', `access/tfa/${user}`, { as: user }));
  const created = list[0]!['created'];
  assert.ok(Math.abs(Number(created) - Date.now() / 1000) < 60);
  assert.deepEqual(list[0], { type: 'totp', id, description: 'phone', created });
  assert.deepEqual({ ...list[1], created: 0 }, { type: 'recovery', id: 'recovery', description: '', created: 0 });
  assert.deepEqual(await data(api.call('GET', `access/tfa/${user}/${id}`, { as: user })), list[0]);
  assert.deepEqual(await data(api.call('GET', 'access/tfa', { as: user })), [{ userid: user, entries: list }]);

  const path = `access/tfa/${user}/${id}`;
  const change = { description: 'old phone', enable: false };
  assert.deepEqual(await text(api.call('PUT', path, { as: user, json: change })), [401, 'missing password']);
  assert.equal(await data(api.call('PUT', path, { as: user, json: { ...change, password } })), null);
  assert.deepEqual(await data(api.call('GET', path, { as: user })), { type: 'totp', id, created, ...change });
  const recoveryPath = `access/tfa/${user}/recovery`;
  const refused = await text(api.call('PUT', recoveryPath, { as: user, json: { enable: false, password } }));
  assert.deepEqual(refused, [400, 'recovery keys cannot be changed, only replaced or removed']);
  assert.deepEqual(await text(api.call('DELETE', path, { as: user })), [401, 'missing password']);
  assert.equal(await data(api.call('DELETE', path, { as: user, params: { password } })), null);
  assert.deepEqual(await text(api.call('GET', path, { as: user })), [404, `no such tfa entry: ${user}/${id}`]);
  for (const method of ['PUT', 'DELETE']) {
    const missing = await text(api.call(method, path, { as: user, params: { password } }));
    assert.deepEqual(missing, [404, `no such tfa entry: ${user}/${id}`]);
  }
  assert.equal(await data(api.call('DELETE', recoveryPath, { as: user, params: { password } })), null);
  assert.deepEqual(JSON.parse(readFileSync(`${api.home}/etc/tfa.json`, 'utf8')), { users: {} });
});

test("others' factors need Permissions.Modify and one's own password; the superuser needs none", async () => {
  const { id } = await data<{ id: string }>(add({ type: 'totp', ...newTotp() }, root));
  for (const [method, path] of [
    ['GET', `access/tfa/${user}`],
    ['GET', `access/tfa/${user}/${id}`],
    ['PUT', `access/tfa/${user}/${id}`],
    ['DELETE', `access/tfa/${user}/${id}`],
    ['PUT', `access/users/${user}/unlock-tfa`],
  ] as const) {
    assert.deepEqual(await text(api.call(method, path, { as: 'audit@pbs' })), [403, 'permission check failed']);
  }
  assert.deepEqual(await text(add({ type: 'recovery' }, 'audit@pbs')), [403, 'permission check failed']);
  assert.deepEqual(await data(api.call('GET', 'access/tfa', { as: 'audit@pbs' })), []);
  assert.equal((await data<unknown[]>(api.call('GET', 'access/tfa', { as: 'admin@pbs' }))).length, 1);
  assert.deepEqual(await text(add({ type: 'recovery' }, 'admin@pbs')), [401, 'missing password']);
  const password = 'admin-secret';
  await data(add({ type: 'recovery', password }, 'admin@pbs'));
  assert.deepEqual(await text(add({ type: 'recovery', password: 'nobody-secret' }, 'admin@pbs')), [
    401,
    'invalid credentials',
  ]);
  // A token of the user is asked for the user's password, too.
  const secret = await api.server.access.users.generateToken({ tokenid: `${user}!t` });
  const headers = { authorization: `PBSAPIToken=${user}!t:${secret}` };
  const byToken = (json: object) =>
    api.call('POST', `access/tfa/${user}`, { headers, json: { type: 'recovery', ...json } });
  assert.deepEqual(await text(byToken({})), [401, 'missing password']);
  assert.equal((await byToken({ password: 'nobody-secret' })).status, 200);
  for (const entry of [id, 'recovery']) await data(api.call('DELETE', `access/tfa/${user}/${entry}`, { as: root }));
});

test('what cannot be added is refused by name', async () => {
  const { totp, value } = newTotp();
  const name = "parameter verification failed - 'NAME': parameter is missing and it is not optional.";
  const cases: [Record<string, unknown>, string][] = [
    [{ type: 'totp', value }, name.replace('NAME', 'totp')],
    [{ type: 'totp', totp }, name.replace('NAME', 'value')],
    [{ type: 'totp', totp: 'otpauth://x', value }, 'not a valid otpauth URI'],
    [{ type: 'u2f' }, "second factors of type 'u2f' cannot be added on this server"],
    [{ type: 'yubico' }, "second factors of type 'yubico' cannot be added on this server"],
    [{ type: 'webauthn' }, 'no webauthn configuration: rp and id have to be set first'],
  ];
  for (const [entry, problem] of cases) assert.deepEqual(await text(add(entry, root)), [400, problem]);
  assert.deepEqual(await text(add({ type: 'recovery' }, root, 'gone@pbs')), [400, "no such user 'gone@pbs'"]);
});

test('a login takes two steps, also with the cookie flow, which keeps the question readable', async () => {
  const { totp, value } = newTotp();
  const { id } = await data<{ id: string }>(add({ type: 'totp', totp, value }, root));
  const password = 'nobody-secret';
  const first = await login({ password, 'http-only': true });
  const { ticket, CSRFPreventionToken: csrf, ...rest } = first.json.data as Record<string, string>;
  assert.deepEqual([csrf, rest, first.headers['set-cookie']], ['invalid', { username: user }, undefined]);
  const [prefix, question] = ticket!.split(':');
  assert.equal(prefix, 'PBS');
  assert.deepEqual(JSON.parse(decodeURIComponent(question!.slice('!tfa!'.length))), { totp: true });
  const cookie = `PBSAuthCookie=${encodeURIComponent(ticket!)}`;
  assert.equal((await api.call('GET', 'version', { headers: { cookie } })).status, 401);
  const answer = (code: string, o: object = {}) => login({ password: `totp:${code}`, 'tfa-challenge': ticket, ...o });
  const wrong = await text(answer('000000'));
  assert.deepEqual(wrong, [401, 'permission check failed.']);
  const second = await answer(totpCode(totp, Date.now()), { 'http-only': true });
  assert.match((second.headers['set-cookie'] as string[])[0]!, /^__Host-PBSAuthCookie=PBS%3Anobody/);
  assert.deepEqual(await text(answer(totpCode(totp, Date.now()))), wrong);
  const log = readFileSync(`${api.home}/log/api/auth.log`, 'utf8');
  assert.equal(log.match(/successful auth for user 'nobody@pbs'/g)?.length, 1);
  await data(api.call('DELETE', `access/tfa/${user}/${id}`, { as: root }));
});

test('locks are shown with the user and end by unlock-tfa; removing the user removes its factors', async () => {
  await data(api.call('POST', 'access/users', { as: root, json: { userid: 'eve@pbs', password: 'eve-secret' } }));
  const totp = newTotpUri({ issuer: 'PBS', account: 'eve@pbs' });
  await data(add({ type: 'totp', totp, value: totpCode(totp, Date.now()) }, root, 'eve@pbs'));
  const { ticket } = await data<{ ticket: string }>(login({ password: 'eve-secret' }, 'eve@pbs'));
  const near = [-2, -1, 0, 1, 2].map((step) => totpCode(totp, Date.now() + step * 30_000));
  const wrong = ['000000', '000001', '000002', '000003', '000004', '000005'].find((code) => !near.includes(code))!;
  for (let i = 0; i < 8; i++) {
    assert.equal((await login({ password: `totp:${wrong}`, 'tfa-challenge': ticket }, 'eve@pbs')).status, 401);
  }
  const eve = { userid: 'eve@pbs', 'totp-locked': true };
  assert.deepEqual(await data(api.call('GET', 'access/users/eve@pbs', { as: root })), eve);
  const users = await data<Record<string, unknown>[]>(api.call('GET', 'access/users', { as: root }));
  assert.deepEqual(
    users.find(({ userid }) => userid === 'eve@pbs'),
    eve,
  );
  const tfa = await data<Record<string, unknown>[]>(api.call('GET', 'access/tfa', { as: root }));
  assert.equal(tfa.find(({ userid }) => userid === 'eve@pbs')?.['totp-locked'], true);
  assert.equal((await login({ password: 'eve-secret' }, 'eve@pbs')).status, 401);
  const unlock = () => data(api.call('PUT', 'access/users/eve@pbs/unlock-tfa', { as: 'admin@pbs' }));
  assert.deepEqual([await unlock(), await unlock()], [true, false]);
  assert.equal((await login({ password: 'eve-secret' }, 'eve@pbs')).status, 200);
  const gone = await text(api.call('PUT', 'access/users/gone@pbs/unlock-tfa', { as: 'admin@pbs' }));
  assert.deepEqual(gone, [400, "no such user 'gone@pbs'"]);
  await data(api.call('DELETE', 'access/users/eve@pbs', { as: root }));
  assert.doesNotMatch(readFileSync(`${api.home}/etc/tfa.json`, 'utf8'), /eve/);
});

test('how the server presents itself to security keys is read by all and changed by administrators', async () => {
  const path = 'config/access/tfa/webauthn';
  const put = (params: Record<string, string | boolean | string[]>, as = root) => api.call('PUT', path, { as, params });
  assert.deepEqual(await data(api.call('GET', path, { as: user })), {});
  assert.deepEqual(await text(put({ rp: 'Backup', id: 'a.example' }, user)), [403, 'permission check failed']);
  assert.equal((await put({ rp: 'Backup' })).status, 400);
  assert.equal(
    await data(put({ rp: 'Backup', id: 'a.example', origin: 'https://A.example:8007/' }, 'admin@pbs')),
    null,
  );
  const read = await api.call('GET', path, { as: user });
  assert.deepEqual(read.json.data, { rp: 'Backup', id: 'a.example', origin: 'https://a.example:8007' });
  assert.match(String(read.json['digest']), /^[0-9a-f]{64}$/);
  assert.match((await put({ rp: 'x', digest: '0'.repeat(64) })).text, /^detected modified configuration/);
  assert.equal(await data(put({ 'allow-subdomains': false, digest: String(read.json['digest']) })), null);
  assert.equal(await data(put({ delete: ['origin', 'allow-subdomains'] })), null);
  assert.deepEqual(await data(api.call('GET', path, { as: user })), { rp: 'Backup', id: 'a.example' });
  for (const origin of ['http://a.example', 'https://', 'https://a.example/path', 'https://u@a.example', 'a.example']) {
    assert.deepEqual(await text(put({ origin })), [
      400,
      "parameter verification failed - 'origin': value does not match the regex pattern",
    ]);
  }
  assert.match((await put({ id: 'https://a.example' })).text, /'id': value does not match/);
});

test('hostile answers of security keys and hostile URIs are refused, never a defect', async () => {
  await data(api.call('PUT', 'config/access/tfa/webauthn', { as: root, params: { rp: 'Backup', id: 'a.example' } }));
  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const question = await data<{ challenge: string }>(add({ type: 'webauthn' }, root));
  const { challenge } = (JSON.parse(question.challenge) as { publicKey: { challenge: string } }).publicKey;
  const clientDataJSON = encoded({ type: 'webauthn.create', challenge, origin: 'https://a.example' });
  const answers = [
    '',
    'null',
    '[]',
    '"text"',
    '{',
    '{}',
    '{"response":null}',
    '{"response":{"clientDataJSON":7}}',
    JSON.stringify({ id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: { clientDataJSON: encoded({}) } }),
    JSON.stringify({ id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: { clientDataJSON } }),
    JSON.stringify({
      id: 'AAAA',
      rawId: 'AAAA',
      type: 'public-key',
      response: { clientDataJSON, attestationObject: Buffer.alloc(20_000, 0x81).toString('base64url') },
    }),
  ];
  for (const value of answers) {
    const asked = await data<{ challenge: string }>(add({ type: 'webauthn' }, root));
    const refused = await add({ type: 'webauthn', challenge: asked.challenge, value }, root);
    assert.equal(refused.status, 400, `${value}: ${refused.text}`);
    assert.match(refused.text, /^webauthn registration failed: /);
  }
  for (const other of ['', '{', '{"publicKey":null}', '{"publicKey":{"challenge":{}}}', '__proto__']) {
    assert.equal((await add({ type: 'webauthn', challenge: other, value: '{}' }, root)).status, 400);
  }
  for (const totp of [
    'otpauth://totp/\ud800?secret=GEZDGNBVGY3TQOJQ',
    'otpauth://totp/a?secret=\u0000',
    'x'.repeat(2048),
  ]) {
    assert.equal((await add({ type: 'totp', totp, value: '000000' }, root)).status, 400);
  }
  await data(add({ type: 'recovery' }, root));
  const { ticket } = await data<{ ticket: string }>(login({ password: 'nobody-secret' }));
  for (const response of ['webauthn:{}', 'webauthn:', 'recovery:', 'recovery:\ud800', ':', 'constructor:x']) {
    assert.equal((await login({ password: response, 'tfa-challenge': ticket })).status, 401);
  }
  for (const forged of ['', 'PBS:', 'PBS:!tfa!{}:00000000::AAAA', ticket.replace('!tfa!', '!tfa!x'), `${ticket}A`]) {
    assert.equal((await login({ password: 'recovery:x', 'tfa-challenge': forged })).status, 401);
  }
  assert.deepEqual(api.errors, []);
});
