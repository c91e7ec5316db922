// Logins of directory users, against OpenLDAP.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findInstalled } from '../../test/support/installed.ts';
import { adminDn, adminPassword, person, Slapd, suffix } from '../../test/support/slapd.ts';
import { GranaryError } from '../base/errors.ts';
import type { RealmOf } from '../config/realm-schema.ts';
import { LdapConnection } from './ldap-connection.ts';
import { checkLdap, LdapRealm } from './ldap-realm.ts';
import { ldapSettings } from './ldap-settings.ts';

const program = findInstalled('slapd', 'slapd');
/** A server that does to each connection what it is told. */
class Relay implements AsyncDisposable {
  connections = 0;
  readonly #sockets = new Set<net.Socket>();
  readonly #server: net.Server;

  private constructor(server: net.Server) {
    this.#server = server;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  static async start(behave: (socket: net.Socket) => void): Promise<Relay> {
    const server = net.createServer();
    const relay = new Relay(server);
    server.on('connection', (socket) => {
      relay.connections++;
      relay.#sockets.add(socket);
      socket.on('error', () => {});
      behave(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  /** Breaks every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

if (program !== undefined) {
  let slapd: Slapd;
  before(async () => {
    const ldif = [
      person('alice', { password: 'alice-password' }),
      person('bob', { password: 'bob-password' }),
      person('böb*', { password: 'star-password' }),
      person('nopass'),
      person('twin1', { uid: 'twin', password: 'twin-password' }),
      person('twin2', { uid: 'twin', password: 'twin-password' }),
      person('carol', { sAMAccountName: 'CarolAD', password: 'carol-password' }).replace('inetOrgPerson', 'user'),
    ];
    slapd = await Slapd.start(program, { ldif: ldif.join(''), anonymousReads: false });
  });
  after(() => slapd[Symbol.asyncDispose]());

  const entry = (o: Partial<RealmOf<'ldap'>> = {}): RealmOf<'ldap'> => ({
    realm: 'corp',
    server1: 'localhost',
    port: slapd.port,
    'base-dn': suffix,
    'user-attr': 'uid',
    'bind-dn': adminDn,
    ...o,
  });
  const realm = (o: Partial<RealmOf<'ldap'>> = {}, password = adminPassword) =>
    new LdapRealm(ldapSettings(entry(o), password));
  const refuses = (attempt: Promise<unknown>, message: RegExp, code = 'auth-failed') =>
    assert.rejects(attempt, (error) => {
      assert.ok(error instanceof GranaryError, String(error));
      assert.match(error.message, message);
      assert.equal(error.code, code);
      return true;
    });

  test('the right password is taken, and nothing else', async () => {
    await realm().authenticate('alice', 'alice-password');
    await realm().authenticate('böb*', 'star-password');
    await refuses(realm().authenticate('alice', 'bob-password'), /bind as 'uid=alice,.*' was refused/);
    await refuses(realm().authenticate('alice', ''), /empty password/);
    await refuses(realm().authenticate('alice', '\0'), /empty password/);
    await refuses(realm().authenticate('nopass', 'x'), /was refused/);
    await refuses(realm().authenticate('dave', 'x'), /not in the directory/);
    await refuses(realm().authenticate(undefined, 'x'), /not in the directory/);
    await refuses(realm().authenticate('twin', 'twin-password'), /several entries have uid 'twin'/);
  });

  test('a name is a name, whatever characters of a filter it has', async () => {
    for (const name of [
      '*',
      'al*',
      'alice)(uid=*',
      'a)(|(uid=alice',
      '\\61lice',
      'alice\0',
      ')',
      '(',
      '\\',
      'uid=alice',
    ]) {
      await refuses(realm().authenticate(name, 'alice-password'), /not in the directory/);
    }
  });

  test('the server itself logs in to look for users', async () => {
    await refuses(realm({}, 'wrong').authenticate('alice', 'alice-password'), /bind as 'cn=admin,.*' was refused/);
    const anonymous = new LdapRealm(ldapSettings({ ...entry(), 'bind-dn': undefined }, undefined));
    await assert.rejects(anonymous.authenticate('alice', 'alice-password'));
    for (const dn of ['EXTERNAL', 'PLAIN']) {
      await refuses(realm({ 'bind-dn': dn }).authenticate('alice', 'alice-password'), /not a distinguished name/);
    }
  });

  test('the second server is asked when the first does not answer', async () => {
    const both = { server1: '127.0.0.2', server2: 'localhost' };
    await realm(both).authenticate('alice', 'alice-password');
    await refuses(realm(both).authenticate('alice', 'wrong'), /was refused/);
    const none = { server1: '127.0.0.2', server2: '127.0.0.3' };
    await refuses(
      realm(none).authenticate('alice', 'x'),
      /'ldap:\/\/127\.0\.0\.2:.*; 'ldap:\/\/127\.0\.0\.3:/,
      'connection',
    );
  });

  test('TLS, with and without checking the certificate', async () => {
    for (const mode of ['ldaps', 'ldap+starttls'] as const) {
      const port = mode === 'ldaps' ? slapd.tlsPort : slapd.port;
      const login = (o: Partial<RealmOf<'ldap'>>) =>
        realm({ mode, port, ...o }).authenticate('alice', 'alice-password');
      await login({});
      await login({ verify: false, server1: '127.0.0.1' });
      await login({ verify: true, capath: slapd.caPath });
      await refuses(login({ verify: true }), /certificate|issuer/, 'connection');
      const wrongName = login({ verify: true, capath: slapd.caPath, server1: '127.0.0.1' });
      await refuses(wrongName, /IP: 127\.0\.0\.1 is not in the cert's list/, 'connection');
      const folder = join(slapd.folder, `cas-${mode}`);
      mkdirSync(folder);
      writeFileSync(join(folder, 'readme'), 'certificates');
      await refuses(login({ verify: true, capath: folder }), /no certificates there/, 'certificate');
      writeFileSync(join(folder, 'b.crt'), readFileSync(slapd.caPath));
      await login({ verify: true, capath: folder });
      await refuses(login({ verify: true, capath: '/nowhere' }), /capath '\/nowhere': ENOENT/, 'certificate');
    }
    await refuses(realm({ mode: 'ldaps' }).authenticate('alice', 'x'), /ldaps:/, 'connection');
  });

  test('a silent server, or one that hangs up, is no login and does not hold anybody up', async () => {
    const modes = ['ldap', 'ldap+starttls', 'ldaps'] as const;
    const behaviours: [string, readonly (typeof modes)[number][], (socket: net.Socket) => void][] = [
      ['is silent', modes, () => {}],
      ['hangs up', modes, (socket) => socket.destroy()],
      ['talks nonsense', modes, (socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
      // Agrees to StartTLS, message id 2, and then says nothing.
      ['stalls', ['ldap+starttls'], (socket) => socket.once('data', () => socket.write(agreement))],
    ];
    const agreement = Buffer.from('300c02010278070a010004000400', 'hex');
    for (const [name, tried, behave] of behaviours) {
      await using relay = await Relay.start(behave);
      for (const mode of tried) {
        const settings = ldapSettings(entry({ server1: '127.0.0.1', port: relay.port, mode }), adminPassword);
        const opening = LdapConnection.open(settings, { connectMs: 200, requestMs: 200 });
        await refuses(opening, /cannot reach a server of realm 'corp'/, 'connection').catch((error) => {
          throw new Error(`a server that ${name}, ${mode}`, { cause: error });
        });
      }
    }
  });

  test('a connection that is lost is not opened again in clear text', async () => {
    const seen: Buffer[] = [];
    await using relay = await Relay.start((socket) => {
      const to = net.connect(slapd.port, '127.0.0.1');
      to.on('error', () => {});
      socket.on('data', (part) => seen.push(part));
      socket.pipe(to).pipe(socket);
    });
    const { port } = relay;
    const settings = ldapSettings({ ...entry({ port, mode: 'ldap+starttls' }), 'bind-dn': undefined }, undefined);
    const connection = await LdapConnection.open(settings, { connectMs: 2000, requestMs: 300 });
    relay.cut();
    await refuses(connection.bind(`uid=alice,${suffix}`, 'alice-password'), /request to .* failed|lost/, 'connection');
    await refuses(connection.bind(`uid=alice,${suffix}`, 'alice-password'), /request to .* failed|lost/, 'connection');
    await connection[Symbol.asyncDispose]();
    assert.equal(relay.connections, 1);
    assert.ok(!Buffer.concat(seen).includes('alice-password'));
  });

  test('Active Directory: its own naming context, and users by sAMAccountName', async () => {
    const ad = { realm: 'ad', server1: 'localhost', port: slapd.port, 'bind-dn': adminDn };
    const settings = ldapSettings(ad, adminPassword);
    assert.equal(await checkLdap(settings), suffix);
    await new LdapRealm(settings).authenticate('carolad', 'carol-password');
    await refuses(new LdapRealm(settings).authenticate('carol', 'carol-password'), /not in the directory/);
  });

  test('the check of a realm says what is wrong', async () => {
    const check = (o: Partial<RealmOf<'ldap'>>, password = adminPassword) =>
      checkLdap(ldapSettings(entry(o), password));
    assert.equal(await check({}), suffix);
    await refuses(
      check({ 'base-dn': 'dc=other' }),
      /'base-dn': the directory shows no entry 'dc=other'/,
      'parameter-invalid',
    );
    await refuses(check({}, 'wrong'), /bind as 'cn=admin,.*' was refused: invalid credentials$/, 'bad-request');
    await refuses(check({ server1: '127.0.0.9' }), /'ldap:\/\/127\.0\.0\.9:\d+': .*ECONNREFUSED/, 'connection');
  });
}
