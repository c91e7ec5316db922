// Synchronizing users with a directory, against OpenLDAP.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { findInstalled } from '../../test/support/installed.ts';
import { adminDn, adminPassword, person, Slapd, suffix } from '../../test/support/slapd.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import type { RealmOf } from '../config/realm-schema.ts';
import { AccessControl } from './access-control.ts';
import { type SyncOptions, syncRealm } from './realm-sync.ts';

const program = findInstalled('slapd', 'slapd');
if (program !== undefined) {
  const many = 1100;
  let slapd: Slapd;
  let home: string;
  let directories: Directories;
  let access: AccessControl;
  before(async () => {
    const people = [
      person('alice', { mail: 'alice@example.com', givenName: 'Alice', sn: 'Adams', employeeType: 'staff' }),
      person('bob', { mail: 'b', givenName: 'Bob', employeeType: 'staff' }),
      person('with blank', { employeeType: 'staff' }),
      ...Array.from({ length: many }, (_, i) => person(`robot${i}`, { employeeType: 'robot' })),
    ];
    const service = `dn: cn=service,${suffix}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: service\nuserPassword: service-password\n\n`;
    slapd = await Slapd.start(program, { ldif: service + people.join(''), sizeLimit: 600 });
  });
  after(() => slapd[Symbol.asyncDispose]());
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'granary-sync-'));
    directories = resolveDirectories(home, '');
    await createDirectories(directories);
    access = await AccessControl.open(directories, { now: () => 1_800_000_000_000 }, { sleep: async () => {} });
  });
  afterEach(() => rm(home, { recursive: true }));

  const create = (o: Partial<RealmOf<'ldap'>> = {}) =>
    access.realmStore.table('ldap').create(
      {
        realm: 'corp',
        server1: '127.0.0.1',
        port: slapd.port,
        'base-dn': suffix,
        'user-attr': 'uid',
        'bind-dn': `cn=service,${suffix}`,
        filter: 'employeeType=staff',
        'sync-attributes': 'email=mail,firstname=givenName,lastname=sn',
        ...o,
      },
      { password: 'service-password' },
    );
  const sync = async (o: SyncOptions = {}): Promise<{ log: string[]; warnings: string[] }> => {
    const [log, warnings]: string[][] = [[], []];
    const report = {
      signal: new AbortController().signal,
      log: (text: string) => void log!.push(text),
      warn: (text: string) => void warnings!.push(text),
    };
    await syncRealm(directories, access, 'corp', o, report);
    return { log: log!, warnings: warnings! };
  };
  const ids = (): string[] => access.users.list().data.map(({ userid }) => userid);

  test('users are taken over with what the realm maps, and what is no user of this server is named', async () => {
    await create();
    const dry = await sync({ dryRun: true });
    assert.deepEqual(ids(), ['root@pam']);
    const { log, warnings } = await sync();
    assert.deepEqual(
      dry.log.filter((line) => line !== 'this is a dry run: nothing is changed'),
      log,
    );
    assert.deepEqual(access.users.list().data.slice(1), [
      {
        userid: 'alice@corp',
        enable: true,
        email: 'alice@example.com',
        firstname: 'Alice',
        lastname: 'Adams',
      },
      { userid: 'bob@corp', enable: true, firstname: 'Bob', lastname: 'bob' },
    ]);
    assert.deepEqual(warnings, [
      "user 'bob@corp': email: value must be at least 2 characters long",
      `'uid=with blank,${suffix}': 'with blank@corp' is no user id: left out`,
    ]);
    assert.equal(log.at(-1), "realm sync for 'corp' finished: 2 created, 0 updated, 0 removed");
    assert.equal((await sync()).log.at(-1), "realm sync for 'corp' finished: 0 created, 0 updated, 0 removed");
  });

  test('what vanished goes as far as it is told to', async () => {
    await create();
    for (const userid of ['gone@corp', 'other@pbs', 'alice@corp']) {
      await access.users.create({ userid, comment: 'kept', email: 'old@example.com', firstname: 'Old' });
      await access.users.generateToken({ tokenid: `${userid}!tok` });
      for (const authId of [userid, `${userid}!tok`]) {
        await access.updateAcl('root@pam', { path: '/datastore/x', role: 'Audit', authId });
      }
    }
    const rules = (): string[] =>
      access
        .listAcl('root@pam')
        .data.map(({ ugid }) => ugid)
        .sort();
    await sync();
    assert.deepEqual(access.users.get('alice@corp').data.email, 'alice@example.com');
    assert.deepEqual(ids(), ['root@pam', 'gone@corp', 'other@pbs', 'alice@corp', 'bob@corp']);
    assert.equal(rules().length, 6);
    await sync({ removeVanished: ['acl'], dryRun: true });
    assert.equal(rules().length, 6);
    await sync({ removeVanished: ['acl'] });
    assert.deepEqual(rules(), ['alice@corp', 'alice@corp!tok', 'other@pbs', 'other@pbs!tok']);
    await sync({ removeVanished: ['entry'] });
    assert.deepEqual(ids(), ['root@pam', 'other@pbs', 'alice@corp', 'bob@corp']);
    assert.equal(access.users.exists('gone@corp!tok'), false);
    await access.users.update('bob@corp', { email: 'old@example.com', comment: 'mine' });
    await sync({ removeVanished: ['properties'] });
    const bob = { userid: 'bob@corp', enable: true, comment: 'mine', firstname: 'Bob', lastname: 'bob' };
    assert.deepEqual(access.users.get('bob@corp').data, bob);
  });

  test('the options of the realm hold where none are given', async () => {
    await create({ 'sync-defaults-options': 'remove-vanished=acl;entry,enable-new=0' });
    await access.users.create({ userid: 'gone@corp' });
    await sync();
    assert.deepEqual(ids(), ['root@pam', 'alice@corp', 'bob@corp']);
    assert.equal(access.users.get('bob@corp').data.enable, false);
    assert.equal(access.users.isActive('bob@corp'), false);
  });

  test('a large directory comes in pages', async () => {
    await create({ filter: '(employeeType=robot)', 'user-classes': 'inetOrgPerson' });
    await sync();
    assert.equal(ids().length, 1 + many);
  });

  test('half an answer, or none, removes nobody', async () => {
    const removeVanished = ['entry', 'acl'] as const;
    await create({ filter: '(employeeType=nobody)' });
    await access.users.create({ userid: 'alice@corp' });
    await assert.rejects(sync({ removeVanished }), /shows no users for realm 'corp'/);
    await access.realmStore.table('ldap').update('corp', { server1: '127.0.0.2' });
    await assert.rejects(sync({ removeVanished }), /cannot reach a server of realm 'corp'/);
    await access.realmStore.table('ldap').update('corp', { server1: '127.0.0.1', 'base-dn': 'dc=nowhere' });
    await assert.rejects(sync({ removeVanished }), /no such object/);
    await access.realmStore.table('ldap').update('corp', {}, { password: 'wrong' });
    await assert.rejects(sync({ removeVanished }), /bind as .* was refused/);
    assert.deepEqual(ids(), ['root@pam', 'alice@corp']);
    await access.realmStore.table('ldap').update('corp', { 'bind-dn': adminDn }, { password: adminPassword });
  });
}
