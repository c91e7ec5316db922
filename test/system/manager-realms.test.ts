// The manager's commands about realms against a running server, a directory server and a provider's address.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { findInstalled } from '../support/installed.ts';
import { shellWords } from '../support/launch.ts';
import { type RunOptions, TestServer } from '../support/server.ts';
import { adminDn, adminPassword, person, Slapd, suffix } from '../support/slapd.ts';

let server: TestServer;
before(async () => {
  server = await TestServer.start();
});
after(() => server[Symbol.asyncDispose]());

const run = (words: string[], o: RunOptions = {}) =>
  server.run('proxmox-backup-manager', words, { ...o, env: { GRANARY_HOME: server.path('server'), ...o.env } });

async function manager(line: string, answers: string[] = []): Promise<string> {
  const { code, out, err } = await run(shellWords(line), { answers });
  assert.equal(code, 0, `${line}: ${err}`);
  return out;
}
const json = async (line: string) => JSON.parse(await manager(`${line} --output-format json`)) as unknown;
async function refused(line: string, answers: string[] = []): Promise<string> {
  const { code, err } = await run(shellWords(line), { answers });
  assert.equal(code, 255, line);
  return err;
}

test('OpenID realms are made, listed, shown, changed and removed', async () => {
  assert.equal(await manager('openid list'), '');
  const issuer = 'https://sso.example.com/realms/main';
  await manager(`openid create sso --issuer-url ${issuer} --client-id backup --client-key --autocreate`, [
    'hidden key',
  ]);
  await manager('openid update sso --comment "Single sign-on" --scopes "email groups" --default');
  assert.match(await manager('openid list'), /│ sso {3}│ https:\/\/sso\.example\.com\/realms\/main │ Single sign-on │/);
  assert.deepEqual(await json('openid show sso'), {
    autocreate: true,
    'client-id': 'backup',
    comment: 'Single sign-on',
    default: true,
    'issuer-url': issuer,
    realm: 'sso',
    scopes: 'email groups',
  });
  assert.match(await refused('openid create pam --issuer-url https://x --client-id y'), /realm 'pam' already exists\./);
  await manager('openid update sso --delete comment --delete scopes --delete default');
  assert.match(await refused('openid delete nosuch'), /^Error: realm 'nosuch' does not exist\.\n/);
  await manager('openid delete sso');
  assert.equal(await manager('openid list'), '');
});

const program = findInstalled('slapd', 'slapd');
if (program !== undefined) {
  let slapd: Slapd;
  before(async () => {
    const ldif = person('alice', { mail: 'alice@example.com', password: 'alice-password' });
    slapd = await Slapd.start(program, { ldif, anonymousReads: false });
  });
  after(() => slapd[Symbol.asyncDispose]());

  test('directory realms are made, synchronized and removed', async () => {
    const where = `--server1 localhost --port ${slapd.port} --bind-dn ${adminDn}`;
    const ldap = `ldap create corp ${where} --base-dn ${suffix} --user-attr uid --sync-attributes email=mail`;
    assert.match(
      await refused(`${ldap} --password`, ['wrong']),
      /bind as 'cn=admin,.*' was refused: invalid credentials/,
    );
    await manager(`${ldap} --comment Office --password`, [adminPassword]);
    assert.match(
      await manager('ldap list'),
      /│ realm │ server1 {3}│ comment │[\s\S]*│ corp {2}│ localhost │ Office {2}│/,
    );
    assert.ok(!(await manager('ldap show corp')).includes(adminPassword));
    const dry = await manager('ldap sync corp --dry-run');
    assert.match(dry, /this is a dry run: nothing is changed\n.*\ncreate user 'alice@corp'\n/);
    assert.deepEqual(
      ((await json('user list')) as { userid: string }[]).some(({ userid }) => userid === 'alice@corp'),
      false,
    );
    assert.match(
      await manager('ldap sync corp --enable-new false'),
      /finished: 1 created, 0 updated, 0 removed\nTASK OK\n/,
    );
    const users = (await json('user list')) as Record<string, unknown>[];
    const alice = { userid: 'alice@corp', enable: false, email: 'alice@example.com' };
    assert.deepEqual(
      users.find(({ userid }) => userid === 'alice@corp'),
      alice,
    );
    await manager('ldap update corp --comment "The office" --delete sync-attributes');
    assert.match(await refused('ldap update corp --server1 127.0.0.2'), /cannot reach a server of realm 'corp'/);

    await manager(`ad create office ${where} --password`, [adminPassword]);
    assert.deepEqual(await json('ad show office'), {
      'base-dn': suffix,
      'bind-dn': adminDn,
      port: slapd.port,
      realm: 'office',
      server1: 'localhost',
    });
    const { err } = await run(shellWords(`ad update office --mode ldaps --port ${slapd.tlsPort}`));
    assert.equal(err, "the server's certificate is not checked unless the realm has --verify true\n");
    await manager(`ad update office --verify true --capath ${slapd.caPath}`);
    assert.match(await refused('ad update office --server1 127.0.0.1'), /127\.0\.0\.1 is not in the cert's list/);
    await manager('ad delete office');
    await manager('ldap delete corp');
    assert.equal(await manager('ldap list'), '');
  });

  test('names of realms are completed', async () => {
    const make = `ldap create corp --server1 localhost --port ${slapd.port} --base-dn ${suffix} --user-attr uid`;
    await manager(`${make} --bind-dn ${adminDn} --password`, [adminPassword]);
    for (const command of ['show', 'update', 'delete', 'sync']) {
      const line = `proxmox-backup-manager ldap ${command} co`;
      const { out } = await run(['bashcomplete'], { env: { COMP_LINE: line, COMP_POINT: `${line.length}` } });
      assert.equal(out, 'corp\n', command);
    }
    await manager('ldap delete corp');
  });
}
