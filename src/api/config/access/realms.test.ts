// Realms over the wire: what is stored, who is asked, what is never shown.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findInstalled } from '../../../../test/support/installed.ts';
import { adminDn, adminPassword, person, Slapd, suffix } from '../../../../test/support/slapd.ts';
import { TestApi } from '../../testing/api-server.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(() => api[Symbol.asyncDispose]());
const as = 'admin@pbs';
type Params = Record<string, string | number | boolean | readonly string[]>;
const call = async (method: string, path: string, params: Params = {}): Promise<[number, unknown]> => {
  const { status, text } = await api.call(method, path, { as, params });
  return [status, status === 200 ? (JSON.parse(text) as { data: unknown }).data : text];
};
const file = (name: string): string => readFileSync(join(api.home, 'etc', name), 'utf8');

test('the realms that are always there have a comment, and one realm is the default', async () => {
  const comment = 'Linux PAM standard authentication';
  assert.deepEqual(await call('GET', 'config/access/pam'), [200, { realm: 'pam', comment }]);
  assert.deepEqual(await call('PUT', 'config/access/pbs', { default: true }), [200, null]);
  assert.deepEqual(await call('PUT', 'config/access/pam', { default: true, comment: 'ours' }), [200, null]);
  const pbs = { realm: 'pbs', comment: 'Proxmox Backup authentication server' };
  assert.deepEqual(await call('GET', 'config/access/pbs'), [200, pbs]);
  assert.deepEqual(await call('GET', 'access/domains'), [
    200,
    [
      { ...pbs, type: 'pbs' },
      { realm: 'pam', type: 'pam', comment: 'ours', default: true },
    ],
  ]);
  assert.deepEqual(await call('PUT', 'config/access/pam', { delete: ['default', 'comment'] }), [200, null]);
  assert.deepEqual(await call('GET', 'config/access/pam'), [200, { realm: 'pam' }]);
});

test('OpenID realms keep their key to themselves, and the claim of the name as it is', async () => {
  const realm = { realm: 'sso', 'issuer-url': 'https://sso.example.com', 'client-id': 'backup' };
  const made = { ...realm, 'client-key': 'client secret', autocreate: true, 'username-claim': 'email' };
  assert.deepEqual(await call('POST', 'config/access/openid', made), [200, null]);
  const shown = { ...realm, autocreate: true, 'username-claim': 'email' };
  assert.deepEqual(await call('GET', 'config/access/openid'), [200, [shown]]);
  const [audited] = api.server.audit.list().data;
  assert.deepEqual(audited?.parameters, { ...made, 'client-key': '***' });
  assert.deepEqual(await call('GET', 'config/access/openid/sso'), [200, shown]);
  assert.deepEqual(await call('POST', 'config/access/openid', made), [
    400,
    "parameter verification failed - 'realm': realm 'sso' already exists.",
  ]);
  const clear = { ...realm, realm: 'clear', 'issuer-url': 'http://sso.example.com' };
  assert.match(String((await call('POST', 'config/access/openid', clear))[1]), /'issuer-url': .* is no https URL/);
  const local = { ...clear, 'issuer-url': 'http://localhost:8080' };
  assert.deepEqual(await call('POST', 'config/access/openid', local), [200, null]);
  assert.equal((await call('PUT', 'config/access/openid/clear', { 'issuer-url': 'http://x.example.com' }))[0], 400);
  assert.deepEqual(await call('DELETE', 'config/access/openid/clear'), [200, null]);
  assert.equal((await call('PUT', 'config/access/openid/sso', { 'username-claim': 'subject' }))[0], 400);
  const change = { comment: 'Single sign-on', delete: ['autocreate'] };
  assert.deepEqual(await call('PUT', 'config/access/openid/sso', change), [200, null]);
  assert.equal(
    file('domains.cfg').split('\n\n').at(-1),
    'openid: sso\n\tclient-id backup\n\tclient-key client secret\n\tcomment Single sign-on\n' +
      '\tissuer-url https://sso.example.com\n\tusername-claim email\n',
  );
  assert.deepEqual(await call('GET', 'config/access/ldap/sso'), [400, "no such realm 'sso'"]);
  assert.deepEqual(await call('DELETE', 'config/access/ldap/sso'), [404, "realm 'sso' does not exist."]);
  assert.deepEqual(await call('POST', 'access/domains/sso/sync'), [
    400,
    "realm 'sso' of type 'openid' has no directory",
  ]);
  assert.deepEqual(await call('DELETE', 'config/access/openid/sso', { digest: '0'.repeat(64) }), [
    400,
    'detected modified configuration - file changed by other user? Try again.',
  ]);
  assert.deepEqual(await call('DELETE', 'config/access/openid/sso'), [200, null]);
});

const program = findInstalled('slapd', 'slapd');
if (program !== undefined) {
  let slapd: Slapd;
  before(async () => {
    slapd = await Slapd.start(program, {
      ldif: person('alice', { password: 'alice-password', mail: 'alice@example.com' }),
      anonymousReads: false,
    });
  });
  after(() => slapd[Symbol.asyncDispose]());
  const ldap = () => ({
    realm: 'corp',
    server1: 'localhost',
    port: slapd.port,
    'base-dn': suffix,
    'user-attr': 'uid',
    'bind-dn': adminDn,
  });
  const password = adminPassword;

  test('a realm is stored once its directory answers, and its users log in', async () => {
    const path = 'config/access/ldap';
    const refused: [Params, RegExp][] = [
      [{ ...ldap(), password: 'wrong' }, /^bind as 'cn=admin,.*' was refused: invalid credentials$/],
      [ldap(), /^bind as 'cn=admin,.*' was refused: there is no password$/],
      [
        { ...ldap(), password, server1: '127.0.0.2' },
        /^cannot reach a server of realm 'corp': 'ldap:\/\/127\.0\.0\.2:/,
      ],
      [{ ...ldap(), password, 'base-dn': 'dc=x' }, /'base-dn': the directory shows no entry 'dc=x'$/],
      [{ ...ldap(), password, filter: '(uid=a' }, /'filter': not an LDAP filter/],
      [{ ...ldap(), password, mode: 'ldaps', verify: true, port: slapd.tlsPort }, /^cannot reach .*certificate/],
      [{ ...ldap(), password, 'sync-attributes': 'phone=tel' }, /'sync-attributes': 'phone'/],
      [{ ...ldap(), password, realm: 'pam' }, /'realm': realm 'pam' already exists\.$/],
    ];
    for (const [params, text] of refused) {
      const [status, answer] = await call('POST', path, params);
      assert.equal(status, 400);
      assert.match(String(answer), text);
      assert.ok(!String(answer).includes(password));
    }
    assert.equal(existsSync(join(api.home, 'etc', 'ldap_passwords.json')), false);
    assert.deepEqual(await call('POST', path, { ...ldap(), password, comment: 'Office' }), [200, null]);
    assert.deepEqual(await call('GET', `${path}/corp`), [200, { ...ldap(), comment: 'Office' }]);
    assert.equal(statSync(join(api.home, 'etc', 'ldap_passwords.json')).mode & 0o777, 0o600);
    assert.deepEqual(JSON.parse(file('ldap_passwords.json')), { corp: password });
    assert.ok(!file('domains.cfg').includes(password));

    assert.deepEqual(await call('POST', 'access/users', { userid: 'alice@corp' }), [200, null]);
    const login = async (username: string, secret: string) =>
      (await api.call('POST', 'access/ticket', { params: { username, password: secret } })).status;
    assert.equal(await login('alice@corp', 'alice-password'), 200);
    assert.equal(await login('alice@corp', 'wrong'), 401);
    assert.equal(await login('bob@corp', 'alice-password'), 401);
    assert.deepEqual(await call('PUT', 'access/password', { userid: 'alice@corp', password: 'another' }), [
      401,
      'missing password',
    ]);
  });

  test('a change that concerns the connection is tried first, another one is not', async () => {
    const path = 'config/access/ldap/corp';
    const [status, text] = await call('PUT', path, { server1: '127.0.0.2' });
    assert.equal(status, 400);
    assert.match(String(text), /^cannot reach a server/);
    assert.equal((await call('PUT', path, { password: 'wrong' }))[0], 400);
    assert.deepEqual(await call('PUT', path, { server2: '127.0.0.2', mode: 'ldap+starttls' }), [200, null]);
    assert.deepEqual(await call('PUT', path, { capath: slapd.caPath, verify: true }), [200, null]);
    await slapd.stop();
    assert.deepEqual(await call('PUT', path, { comment: 'while it is away', default: true }), [200, null]);
    assert.equal((await call('PUT', path, { delete: ['mode'] }))[0], 400);
    await slapd.resume();
    assert.deepEqual(await call('PUT', path, { delete: ['mode', 'verify', 'server2'] }), [200, null]);
    assert.equal((await call('PUT', path, { delete: ['password'] }))[0], 400);
    assert.deepEqual(JSON.parse(file('ldap_passwords.json')), { corp: password });
  });

  test('Active Directory: the base-dn is found at creation', async () => {
    const ad = { realm: 'ad', server1: 'localhost', port: slapd.port, 'bind-dn': adminDn };
    assert.deepEqual(await call('POST', 'config/access/ad', { ...ad, password }), [200, null]);
    assert.deepEqual(await call('GET', 'config/access/ad'), [200, [{ ...ad, 'base-dn': suffix }]]);
  });

  test('a realm is synchronized in a task; removing it forgets its password', async () => {
    const params = { 'dry-run': true, 'remove-vanished': 'acl;entry', 'enable-new': false };
    assert.equal((await call('PUT', 'config/access/ldap/corp', { 'sync-attributes': 'email=mail' }))[0], 200);
    const [, upid] = await call('POST', 'access/domains/corp/sync', params);
    assert.match(String(upid), /:realm-sync:corp:admin@pbs:$/);
    assert.equal(await api.finished(String(upid)), 'OK');
    const [, second] = await call('POST', 'access/domains/corp/sync');
    assert.equal(await api.finished(String(second)), 'OK');
    assert.equal(api.server.access.users.get('alice@corp').data.email, 'alice@example.com');
    assert.ok(!JSON.stringify(api.server.audit.list({ limit: 0 })).includes(password));
    const { lines } = await api.server.tasks.log(String(second), 0, 0);
    assert.ok(!JSON.stringify(lines).includes(password));
    assert.deepEqual(await call('DELETE', 'config/access/ldap/corp'), [200, null]);
    assert.deepEqual(Object.keys(JSON.parse(file('ldap_passwords.json'))), ['ad']);
    assert.deepEqual(await call('POST', 'access/domains/corp/sync'), [400, "no such realm 'corp'"]);
    assert.ok(!readFileSync(join(api.home, 'log', 'api', 'auth.log'), 'utf8').includes(password));
  });
}
