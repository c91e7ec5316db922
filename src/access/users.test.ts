// Users, tokens, rules and permissions as the API shows and changes them.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { setFailpoint } from '../os/failpoint.ts';
import { AccessControl, type AclChange } from './access-control.ts';

let home: string;
let directories: Directories;
let access: AccessControl;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'granary-users-'));
  directories = resolveDirectories(home, '');
  await createDirectories(directories);
  access = await AccessControl.open(directories, { now: () => 1_800_000_000_000 }, { sleep: async () => {} });
});
afterEach(() => rm(home, { recursive: true }));

const golden = (name: string): { data: unknown[]; digest: string } =>
  JSON.parse(fs.readFileSync(new URL(`../../test/golden/pbs-3.2.4/api/${name}`, import.meta.url), 'utf8'));
const isCode = (code: string, message: string) => (error: unknown) => {
  assert.ok(error instanceof GranaryError);
  assert.equal(error.message, message);
  return error.code === code;
};
const fileText = (name: string): string => fs.readFileSync(join(directories.config, name), 'utf8');
const peer = '[::1]:1';

test('lists, rules and permissions as the original gives them, digests included', async () => {
  await access.users.create({ userid: 'root@pam', comment: 'Superuser' });
  await access.users.create({ userid: 'admin@pbs' });
  await access.users.generateToken({ tokenid: 'admin@pbs!fx' });
  await access.users.create({ userid: 'audit@pbs' });
  const users = golden('access-users.json');
  assert.deepEqual(new Set(access.users.list().data), new Set(users.data));
  assert.equal(access.users.list().digest, users.digest);
  assert.deepEqual(access.users.listTokens('admin@pbs').data, [{ tokenid: 'admin@pbs!fx' }]);
  await access.updateAcl('root@pam', { path: '/', role: 'Admin', authId: 'admin@pbs!fx' });
  await access.updateAcl('root@pam', { path: '/', role: 'Admin', authId: 'admin@pbs' });
  const acl = golden('access-acl.json');
  assert.deepEqual(new Set(access.listAcl('admin@pbs').data), new Set(acl.data));
  assert.equal(access.listAcl('admin@pbs').digest, acl.digest);

  const known = JSON.parse(JSON.stringify(golden('access-permissions.json').data));
  const mine = access.permissionsFor('admin@pbs!fx', 'admin@pbs!fx');
  assert.deepEqual(Object.keys(mine), Object.keys(known));
  for (const [path, privileges] of Object.entries(known)) {
    for (const name of Object.keys(privileges as object)) assert.equal(mine[path]?.[name as 'Sys.Audit'], true);
  }
  await access.updateAcl('root@pam', { path: '/datastore/fixture', role: 'DatastoreAudit', authId: 'audit@pbs' });
  assert.deepEqual(access.permissionsFor('audit@pbs'), golden('perm-audit-access-permissions.json').data);
});

test('users are created, changed and removed, with the texts of the API', async () => {
  const { users } = access;
  assert.deepEqual(users.list().data, [{ userid: 'root@pam', comment: 'Superuser' }]);
  await users.create({ userid: 'a@pbs', enable: true, expire: 0, email: 'a@b' }, 'password');
  assert.equal(fileText('user.cfg'), 'user: a@pbs\n\temail a@b\n\tenable true\n\texpire 0\n');
  await assert.rejects(users.create({ userid: 'a@pbs' }), isCode('already-exists', "user 'a@pbs' already exists."));
  await assert.rejects(users.create({ userid: 'a@corp' }), isCode('bad-request', "unknown realm 'corp'"));
  await assert.rejects(users.create({ userid: 'b@pbs' }, '1234'), /at least 5 characters/);
  await assert.rejects(users.create({ userid: 'b@pbs' }, 'x'.repeat(65)), /only be 64 characters/);
  await assert.rejects(users.create({ userid: 'b@pam' }, 'password'), /realm 'pam' cannot be set/);
  assert.equal(users.exists('b@pbs'), false);
  await users.update('a@pbs', { comment: 'A', enable: false }, { remove: ['email', 'expire'] });
  assert.deepEqual(users.get('a@pbs').data, { userid: 'a@pbs', comment: 'A', enable: false });
  assert.equal(users.isActive('a@pbs'), false);
  assert.throws(() => users.get('b@pbs'), isCode('bad-request', "no such user 'b@pbs'"));
  await assert.rejects(users.update('b@pbs', {}), isCode('bad-request', "no such user 'b@pbs'"));
  await assert.rejects(users.remove('b@pbs'), isCode('bad-request', "user 'b@pbs' does not exist."));
  await assert.rejects(users.remove('a@pbs', '0'.repeat(64)), /detected modified configuration/);
  await users.update('root@pam', { email: 'root@b' });
  assert.deepEqual(users.get('root@pam').data, { userid: 'root@pam', comment: 'Superuser', email: 'root@b' });
  await users.remove('a@pbs', users.list().digest);
  assert.equal(users.exists('a@pbs'), false);
});

test('a removed user leaves nothing that a new one of the name would get', async () => {
  const { users } = access;
  await users.create({ userid: 'a@pbs' }, 'password');
  await users.create({ userid: 'ab@pbs' }, 'password');
  await users.generateToken({ tokenid: 'a@pbs!t' });
  await users.generateToken({ tokenid: 'ab@pbs!t' });
  for (const authId of ['a@pbs', 'a@pbs!t', 'ab@pbs!t']) {
    await access.updateAcl('root@pam', { path: '/datastore', role: 'Admin', authId });
  }
  await users.remove('a@pbs');
  assert.deepEqual(Object.keys(JSON.parse(fileText('shadow.json'))), ['ab']);
  assert.deepEqual(Object.keys(JSON.parse(fileText('token.shadow'))), ['ab@pbs!t']);
  assert.equal(fileText('acl.cfg'), 'acl:1:/datastore:a@pbs,ab@pbs!t:Admin\n');
  assert.deepEqual(users.listTokens('a@pbs').data, []);
});

test('a crash on the way never leaves an account with an old password', async () => {
  const { users } = access;
  await users.create({ userid: 'a@pbs' }, 'password');
  // Removing writes shadow.json, then user.cfg: the second write fails.
  setFailpoint('atomic-file:before-write', 'EIO@2');
  await assert.rejects(users.remove('a@pbs'), /EIO/);
  assert.equal(users.exists('a@pbs'), true);
  await assert.rejects(access.login('a@pbs', 'password', { peer }));
  setFailpoint('atomic-file:before-write', undefined);
  await users.remove('a@pbs');
  // Creating writes shadow.json, then user.cfg: what is left of a failed one is not taken over.
  setFailpoint('atomic-file:before-write', 'EIO@2');
  await assert.rejects(users.create({ userid: 'a@pbs' }, 'password'), /EIO/);
  setFailpoint('atomic-file:before-write', undefined);
  assert.equal(users.exists('a@pbs'), false);
  await users.create({ userid: 'a@pbs' });
  await assert.rejects(access.login('a@pbs', 'password', { peer }));
});

test('tokens are created, changed and removed, with the texts of the API', async () => {
  const { users } = access;
  await users.create({ userid: 'a@pbs' });
  const secret = await users.generateToken({ tokenid: 'a@pbs!one', comment: 'x' });
  assert.match(secret, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(fileText('token.shadow').includes(secret), false);
  await assert.rejects(
    users.generateToken({ tokenid: 'a@pbs!one' }),
    isCode('already-exists', "token 'one' for user 'a@pbs' already exists."),
  );
  await assert.rejects(users.generateToken({ tokenid: 'b@pbs!one' }), isCode('bad-request', "no such user 'b@pbs'"));
  await assert.rejects(users.generateToken({ tokenid: 'a@pbs' }), /not an API token id/);
  assert.equal(await users.updateToken('a@pbs!one', { enable: false }, { remove: ['comment'] }), undefined);
  assert.deepEqual(users.getToken('a@pbs!one').data, { tokenid: 'a@pbs!one', enable: false });
  assert.throws(() => users.getToken('a@pbs!two'), isCode('bad-request', "no such token 'a@pbs!two'"));
  await assert.rejects(
    users.removeToken('a@pbs!two'),
    isCode('bad-request', "token 'two' of user 'a@pbs' does not exist."),
  );
  await access.updateAcl('root@pam', { path: '/', role: 'Admin', authId: 'a@pbs!one' });
  await users.removeToken('a@pbs!one');
  assert.deepEqual(access.listAcl('root@pam').data, []);
  assert.equal(fileText('token.shadow'), '{}');
});

test('passwords are changed for whoever has one here', async () => {
  await access.users.create({ userid: 'a@pbs' }, 'password');
  await access.users.setPassword('a@pbs', 'another');
  await access.login('a@pbs', 'another', { peer });
  await assert.rejects(access.login('a@pbs', 'password', { peer }));
  await assert.rejects(access.users.setPassword('root@pam', 'another'), /realm 'pam' cannot be set/);
});

test('who may change which rule', async () => {
  for (const userid of ['a@pbs', 'b@pbs']) await access.users.create({ userid });
  for (const tokenid of ['a@pbs!t', 'b@pbs!t']) await access.users.generateToken({ tokenid });
  const attempt = (caller: string, change: Partial<AclChange>): Promise<void> =>
    access.updateAcl(caller, { path: '/datastore/x', role: 'Audit', ...change });
  const texts: [string, Partial<AclChange>, string][] = [
    ['a@pbs', { group: 'all' }, 'Unprivileged users are not allowed to create group ACL item.'],
    ['a@pbs!t', { authId: 'a@pbs!t' }, "Unprivileged API tokens can't set ACL items."],
    ['a@pbs', { authId: 'a@pbs' }, 'Unprivileged users can only set ACL items for API tokens.'],
    ['a@pbs', { authId: 'b@pbs!t' }, 'Unprivileged users can only set ACL items for their own API tokens.'],
    ['a@pbs', {}, 'Unprivileged user needs to provide auth_id to update ACL item.'],
    ['root@pam', { group: 'all' }, "parameter 'group' - groups are currently not supported."],
    ['root@pam', {}, "missing 'userid' or 'group' parameter."],
    ['root@pam', { authId: 'c@pbs' }, 'no such user.'],
    ['root@pam', { authId: 'a@pbs!c' }, 'no such API token.'],
    ['root@pam', { authId: 'a@pbs', path: '/nowhere' }, "invalid acl path '/nowhere'."],
  ];
  for (const [caller, change, text] of texts)
    await assert.rejects(attempt(caller, change), isCode('bad-request', text));
  await attempt('a@pbs', { authId: 'a@pbs!t', propagate: false });
  await access.updateAcl('root@pam', { path: '/access', role: 'Admin', authId: 'b@pbs' });
  await attempt('b@pbs', { authId: 'a@pbs' });
  assert.equal(
    fileText('acl.cfg'),
    'acl:1:/access:b@pbs:Admin\nacl:0:/datastore/x:a@pbs!t:Audit\nacl:1:/datastore/x:a@pbs:Audit\n',
  );
  assert.deepEqual(
    access.listAcl('a@pbs').data.map((entry) => entry.ugid),
    ['a@pbs!t'],
  );
  assert.equal(access.listAcl('b@pbs').data.length, 3);
  await attempt('root@pam', { authId: 'gone@pbs', path: '/nowhere', delete: true });
  await attempt('root@pam', { authId: 'a@pbs', delete: true });
  await attempt('root@pam', { authId: 'a@pbs', delete: true });
  assert.equal(access.listAcl('root@pam', { path: '/datastore/x', exact: true }).data.length, 1);
});

test('privileges: of the superuser, of others, of tokens, and what is not one’s business', async () => {
  await access.users.create({ userid: 'a@pbs' });
  await access.users.generateToken({ tokenid: 'a@pbs!t' });
  await access.updateAcl('root@pam', { path: '/datastore/x', role: 'DatastoreReader', authId: 'a@pbs' });
  await access.updateAcl('root@pam', { path: '/datastore', role: 'Admin', authId: 'a@pbs!t' });
  assert.deepEqual(
    [...access.privileges('a@pbs!t', '/datastore/x/n')],
    ['Datastore.Audit', 'Datastore.Read', 'Datastore.Verify'],
  );
  assert.deepEqual([...access.privileges('a@pbs!t', '/datastore/y')], []);
  assert.deepEqual([...access.privileges('root@pam!t', '/')], []);
  access.check('root@pam', '/', { all: ['Sys.Modify', 'Realm.Allocate'] });
  access.check('a@pbs', '/datastore/x', { any: ['Datastore.Backup', 'Datastore.Read'] });
  access.check('a@pbs', '/datastore/x', { all: ['Datastore.Audit', 'Datastore.Read'] });
  const denied = (fn: () => void): void => assert.throws(fn, isCode('permission-denied', 'permission check failed'));
  denied(() => access.check('a@pbs', '/datastore/x', { all: ['Datastore.Read', 'Datastore.Backup'] }));
  denied(() => access.check('a@pbs', '/datastore/x', { any: [] }));
  denied(() => access.check('a@pbs', '/datastore/y', { any: ['Datastore.Read'] }));
  assert.equal(access.anyBelow('a@pbs', '/datastore', ['Datastore.Read']), true);
  assert.equal(access.anyBelow('a@pbs', '/system', ['Datastore.Read']), false);
  assert.deepEqual(access.permissionsFor('a@pbs', 'a@pbs!t', '/datastore/y'), {});
  assert.throws(
    () => access.permissionsFor('a@pbs', 'root@pam'),
    isCode('bad-request', 'not allowed to list permissions of root@pam'),
  );
  assert.throws(() => access.permissionsFor('a@pbs!t', 'a@pbs'), /not allowed/);
  assert.deepEqual(Object.keys(access.permissionsFor('root@pam', 'a@pbs')), ['/datastore/x']);
  assert.equal(access.roles().find((role) => role.roleid === 'Admin')?.privs.length, 23);
});
