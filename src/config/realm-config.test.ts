// domains.cfg: every type with every field as the original writes it, and what becomes of the unknown and the broken.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import type { ConfigFile } from './config-file.ts';
import { resolveDirectories } from './directories.ts';
import { findRealm, listRealms, putRealm, realmConfigFile, realmsOfType, typeOfRealm } from './realm-config.ts';
import type { Sections } from './section-config.ts';

let home: string;
let file: ConfigFile<Sections>;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'granary-realms-'));
  file = realmConfigFile({ ...resolveDirectories(home, ''), config: home });
});
afterEach(() => rmSync(home, { recursive: true }));

const whole = `pam: pam
	comment Linux PAM standard authentication

pbs: pbs
	comment Proxmox Backup authentication server

openid: sso
	acr-values gold silver
	audiences friend,other
	autocreate true
	client-id backup
	client-key 0123-abc
	comment Single sign-on
	issuer-url https://sso.example.com/realms/main
	prompt login
	scopes email profile
	username-claim preferred_username

ldap: corp
	base-dn ou=People,dc=example,dc=com
	bind-dn cn=Service Account,dc=example,dc=com
	capath /etc/ssl/certs
	comment Office
	default true
	filter (&(memberOf=cn=backup,dc=example,dc=com)(!(shadowExpire=0)))
	mode ldap+starttls
	port 3389
	server1 ldap1.example.com
	server2 2001:db8::1
	sync-attributes email=mail,firstname=givenName,lastname=sn
	sync-defaults-options remove-vanished=acl;entry;properties,enable-new=1
	user-attr uid
	user-classes inetorgperson,posixaccount
	verify true

ad: office
	base-dn DC=example,DC=com
	mode ldaps
	server1 192.0.2.1
`;

test('a whole file of the original is read, and written again byte for byte', async () => {
  writeFileSync(file.path, whole);
  const { value } = file.current();
  assert.deepEqual(
    listRealms(value).map(({ realm, type }) => `${type}: ${realm}`),
    ['pam: pam', 'pbs: pbs', 'openid: sso', 'ldap: corp', 'ad: office'],
  );
  assert.deepEqual(realmsOfType(value, 'ad'), [
    { realm: 'office', 'base-dn': 'DC=example,DC=com', mode: 'ldaps', server1: '192.0.2.1' },
  ]);
  assert.equal(findRealm(value, 'ldap', 'corp')?.port, 3389);
  assert.equal(findRealm(value, 'ldap', 'office'), undefined);
  assert.deepEqual(
    ['pam', 'sso', 'nosuch'].map((name) => typeOfRealm(value, name)),
    ['pam', 'openid', undefined],
  );
  await file.update((sections) => void sections.delete('office'));
  assert.equal(readFileSync(file.path, 'utf8'), whole.slice(0, whole.indexOf('\nad: office')));
  assert.equal(statSync(file.path).mode & 0o777, 0o640);
});

test('what this server does not know is kept', async () => {
  const text = 'saml: x\n\turl https://x\n\nad: office\n\tfuture yes\n\tserver1 dc1\n';
  writeFileSync(file.path, text);
  await file.update((sections) => putRealm(sections, 'pam', { realm: 'pam', comment: 'ours' }));
  assert.equal(readFileSync(file.path, 'utf8'), `${text}\npam: pam\n\tcomment ours\n`);
  assert.deepEqual(
    listRealms(file.current().value).map(({ realm }) => realm),
    ['pbs', 'office', 'pam'],
  );
});

test('one realm is the default', async () => {
  writeFileSync(file.path, whole);
  await file.update((sections) => putRealm(sections, 'pbs', { realm: 'pbs', default: true }));
  const defaults = listRealms(file.current().value).filter((entry) => entry.default === true);
  assert.deepEqual(defaults, [{ realm: 'pbs', type: 'pbs', default: true }]);
});

test('a broken file is named with its line, and not overwritten', async () => {
  const broken: [string, RegExp][] = [
    ['ldap: corp\n\tserver1 a\n\tbase-dn dc=x\n', /line 1 - property 'user-attr' is missing/],
    ['ad: corp\n\tserver1 a\n\tmode tls\n', /line 3 - property 'mode': value 'tls' is not defined/],
    ['ad: corp\n\tserver1 a b\n', /line 2 - property 'server1': value does not match/],
    [
      'ad: corp\n\tserver1 a\n\tsync-defaults-options remove-vanished=all\n',
      /line 3 - property 'sync-defaults-options'/,
    ],
    ['openid: sso\n\tissuer-url ftp://x\n\tclient-id y\n', /line 2 - property 'issuer-url'/],
  ];
  for (const [text, problem] of broken) {
    writeFileSync(file.path, text);
    const change = file.update((sections) => putRealm(sections, 'pam', { realm: 'pam' }));
    await assert.rejects(change, (error) => {
      assert.ok(error instanceof GranaryError && error.code === 'config-invalid');
      assert.match(error.message, problem);
      return true;
    });
    assert.equal(readFileSync(file.path, 'utf8'), text);
  }
});
