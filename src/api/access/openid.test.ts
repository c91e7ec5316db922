// Logins at OpenID Connect providers, over the wire.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ForgingProvider, OpenIdProvider } from '../../../test/support/openid-provider.ts';
import { OpenIdStates } from '../../access/openid-states.ts';
import type { RealmOf } from '../../config/realm-schema.ts';
import { type Answer, TestApi } from '../testing/api-server.ts';

const redirectUrl = 'https://backup.example.com:8007';
const secret = 'the client secret';
const people = {
  alice: {
    email: 'alice@example.com',
    email_verified: true,
    preferred_username: 'al',
    given_name: 'Alice',
    family_name: 'A',
  },
  mallory: { email: 'alice@example.com', email_verified: false, preferred_username: 'al ice' },
  bob: { preferred_username: 'bob' },
};

let api: TestApi;
let provider: OpenIdProvider;
before(async () => {
  api = await TestApi.start();
  provider = await OpenIdProvider.start(
    [
      { client_id: 'backup', client_secret: secret, redirect_uris: [redirectUrl] },
      {
        client_id: 'posting',
        client_secret: secret,
        redirect_uris: [redirectUrl],
        token_endpoint_auth_method: 'client_secret_post',
      },
      { client_id: 'public', redirect_uris: [redirectUrl], token_endpoint_auth_method: 'none' },
    ],
    people,
  );
  await realm({ realm: 'sso', autocreate: true });
});
after(async () => {
  await provider[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const realm = async (o: { realm: string } & Partial<RealmOf<'openid'>>): Promise<void> => {
  const base = { 'issuer-url': provider.issuer, 'client-id': 'backup', 'client-key': secret };
  await api.server.access.realmStore.table('openid').create({ ...base, ...o });
};
const authUrl = (name: string) =>
  api.call('POST', 'access/openid/auth-url', { json: { realm: name, 'redirect-url': redirectUrl } });
const finish = (parameters: { state: string; code: string }, redirect = redirectUrl) =>
  api.call('POST', 'access/openid/login', { json: { ...parameters, 'redirect-url': redirect } });
const comeBack = async (name: string, person: string): Promise<{ state: string; code: string }> => {
  const page = await authUrl(name);
  assert.equal(page.status, 200, page.text);
  const { searchParams, origin } = await provider.logIn(String(page.json.data), person);
  assert.equal(origin, redirectUrl);
  return { state: searchParams.get('state') ?? '', code: searchParams.get('code') ?? '' };
};
const logIn = async (name: string, person: string): Promise<Answer> => finish(await comeBack(name, person));
const refused = (answer: Answer, text: RegExp): void => {
  assert.equal(answer.status, 401, answer.text);
  assert.match(answer.text, text);
  assert.ok(!answer.text.includes(secret));
};

test('a first login makes the user, and gives a ticket that is good for calls', async () => {
  const answer = await logIn('sso', 'alice');
  assert.equal(answer.status, 200, answer.text);
  const { username, ticket } = answer.json.data as Record<string, string>;
  assert.equal(username, 'alice@sso');
  const { data } = api.server.access.users.get('alice@sso');
  assert.deepEqual(data, { userid: 'alice@sso', enable: true, firstname: 'Alice', email: 'alice@example.com' });
  const cookie = `PBSAuthCookie=${encodeURIComponent(ticket!)}`;
  assert.equal((await api.call('GET', 'version', { headers: { cookie } })).status, 200);
  assert.equal((await logIn('sso', 'alice')).status, 200);
  const password = await api.call('POST', 'access/ticket', { json: { username, password: 'anything' } });
  assert.deepEqual([password.status, password.text], [401, 'permission check failed.']);
});

test('the page is asked for with state, nonce, PKCE and what the realm wants', async () => {
  await realm({ realm: 'wishes', scopes: 'email,groups', prompt: 'login', 'acr-values': 'gold silver' });
  const url = new URL(String((await authUrl('wishes')).json.data));
  assert.equal(url.origin, provider.issuer);
  const { state, nonce, code_challenge: challenge, ...rest } = Object.fromEntries(url.searchParams);
  for (const text of [state, nonce, challenge]) assert.match(text ?? '', /^[\w-]{43,}$/);
  assert.deepEqual(rest, {
    client_id: 'backup',
    response_type: 'code',
    redirect_uri: redirectUrl,
    scope: 'openid email groups',
    code_challenge_method: 'S256',
    prompt: 'login',
    acr_values: 'gold silver',
  });
});

test('clients that send their key in the body, or have none', async () => {
  await realm({ realm: 'posting', 'client-id': 'posting', autocreate: true });
  await api.server.access.realmStore.table('openid').create({
    realm: 'public',
    'issuer-url': provider.issuer,
    'client-id': 'public',
    autocreate: true,
  });
  assert.equal((await logIn('public', 'bob')).status, 200);
  assert.equal((await logIn('posting', 'bob')).status, 200);
});

test('a state is good once, for its own address, and only if it was given out', async () => {
  const back = await comeBack('sso', 'alice');
  refused(await finish(back, 'https://elsewhere.example.com'), /redirect-url is not that of the request/);
  refused(await finish(back), /unknown, used or expired state/);
  const again = await comeBack('sso', 'alice');
  const both = await Promise.all([finish(again), finish(again)]);
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 401]);
  for (const state of ['x', '../../etc/authkey.key', `${again.state}x`, '00000000-', '']) {
    const answer = await finish({ state, code: again.code });
    if (state === '') assert.equal(answer.status, 400);
    else refused(answer, /unknown, used or expired state/);
  }
  const wrongCode = await comeBack('sso', 'alice');
  refused(await finish({ ...wrongCode, code: 'no-such-code' }), /openid login failed: .*invalid_grant/);
});

test('open logins expire, and do not pile up', async () => {
  let now = 1_800_000_000_000;
  const run = join(api.home, 'states');
  mkdirSync(run);
  const states = new OpenIdStates({ ...api.server.directories, run }, { now: () => now });
  const login = { realm: 'sso', redirectUrl, nonce: 'n', codeVerifier: 'v' };
  const first = await states.open(login);
  now += 600_000;
  assert.deepEqual(await states.take(first), login);
  const second = await states.open(login);
  now += 601_000;
  await assert.rejects(states.take(second), /expired state/);
  for (let i = 0; i < 2010; i++) writeFileSync(join(run, 'openid', `${(now / 1000).toString(16)}-${i}`), '');
  const last = await states.open(login);
  assert.ok(readdirSync(join(run, 'openid')).length <= 2000);
  assert.deepEqual(await states.take(last), login);
});

test('who is no user here, or may not log in, is told so', async () => {
  await realm({ realm: 'closed' });
  refused(await logIn('closed', 'bob'), /^user account 'bob@closed' missing, disabled or expired\.$/);
  const { users } = api.server.access;
  await users.create({ userid: 'bob@closed' });
  assert.equal((await logIn('closed', 'bob')).status, 200);
  await users.update('bob@closed', { enable: false });
  refused(await logIn('closed', 'bob'), /^user 'bob@closed' is disabled\.$/);
  await users.update('bob@closed', { enable: true, expire: 1 });
  refused(await logIn('closed', 'bob'), /^user account 'bob@closed' missing, disabled or expired\.$/);
});

test('the claim of the realm names the user, as it is or not at all', async () => {
  await realm({ realm: 'mail', 'username-claim': 'email', autocreate: true });
  await realm({ realm: 'name', 'username-claim': 'username', autocreate: true });
  await realm({ realm: 'other', 'username-claim': 'constructor', autocreate: true });
  const nameOf = async (name: string, person: string) =>
    ((await logIn(name, person)).json.data as Record<string, string>)['username'];
  assert.equal(await nameOf('mail', 'alice'), 'alice@example.com@mail');
  assert.equal(await nameOf('name', 'alice'), 'al@name');
  refused(await logIn('mail', 'mallory'), /has not verified the e-mail address/);
  refused(await logIn('mail', 'bob'), /does not send the claim 'email'/);
  refused(await logIn('name', 'mallory'), /'preferred_username' does not make a valid user name/);
  refused(await logIn('other', 'alice'), /does not send the claim 'constructor'/);
});

test('whoever has a second factor is asked for it', async () => {
  const entry = { id: 'x', description: 'd', created: 1, entry: 'otpauth://totp/a:b?secret=JBSWY3DPEHPK3PXP' };
  writeFileSync(join(api.home, 'etc', 'tfa.json'), JSON.stringify({ users: { 'alice@sso': { totp: [entry] } } }));
  const { ticket, CSRFPreventionToken: csrf } = (await logIn('sso', 'alice')).json.data as Record<string, string>;
  assert.match(ticket!, /^PBS:!tfa!/);
  assert.equal(csrf, 'invalid');
});

test('a provider that cannot be asked, or must not be', async () => {
  await realm({ realm: 'gone', 'issuer-url': 'http://127.0.0.1:1' });
  await realm({ realm: 'clear', 'issuer-url': 'http://provider.example.com' });
  await realm({ realm: 'stranger', 'client-key': 'another' });
  const cases = [
    ['gone', /^cannot ask the provider of realm 'gone': .*ECONNREFUSED/],
    ['clear', /^cannot ask the provider of realm 'clear': 'http:\/\/provider\.example\.com' is no https URL/],
    ['nosuch', /^no such openid realm 'nosuch'$/],
    ['pam', /^no such openid realm 'pam'$/],
  ] as const;
  for (const [name, text] of cases) {
    const answer = await authUrl(name);
    assert.equal(answer.status, 400);
    assert.match(answer.text, text);
  }
  refused(await logIn('stranger', 'alice'), /openid login failed: .*invalid_client/);
});

test('tokens that are not for this login, or not from this provider', async () => {
  await using forger = await ForgingProvider.start();
  await realm({ realm: 'forged', 'issuer-url': forger.issuer, autocreate: true, audiences: 'friend' });
  const attempt = async (claims: Record<string, unknown>): Promise<Answer> => {
    const url = new URL(String((await authUrl('forged')).json.data));
    const nonce = url.searchParams.get('nonce');
    forger.claims = { sub: 'alice', aud: 'backup', nonce, ...claims };
    return finish({ state: url.searchParams.get('state') ?? '', code: 'c' });
  };
  assert.equal((await attempt({})).status, 200);
  assert.equal((await attempt({ aud: ['backup', 'friend'], azp: 'backup' })).status, 200);
  const now = Math.floor(Date.now() / 1000);
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ nonce: 'other' }, /nonce/],
    [{ nonce: undefined }, /nonce/],
    [{ aud: 'other' }, /audience/],
    [{ aud: ['backup', 'other'], azp: 'backup' }, /also for 'other'/],
    [{ aud: ['backup', 'friend'], azp: 'friend' }, /authorized party/],
    [{ iss: 'https://other.example.com' }, /issuer/],
    [{ exp: now - 3600 }, /exp/],
    [{ sub: undefined }, /sub/],
  ];
  for (const [claims, text] of wrong) refused(await attempt(claims), text);
  forger.key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  refused(await attempt({}), /signature/);
  forger.algorithm = 'none';
  refused(await attempt({}), /openid login failed/);
});

test('secrets are in no log', () => {
  const log = readFileSync(join(api.home, 'log', 'api', 'auth.log'), 'utf8');
  assert.match(log, /successful auth for user 'alice@sso'/);
  assert.match(log, /authentication failure; rhost=\[::ffff:127\.0\.0\.1\]:\d+ msg=openid login failed: unknown, used/);
  assert.ok(!log.includes(secret));
  assert.deepEqual(api.errors, []);
});
