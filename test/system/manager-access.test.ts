// The guide's rows about users, tokens, rules and second factors, typed as they stand there: S01-4 to 6, S03-4, S10-1
// and 2, S17-1 to 3.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { totpCode } from '../../src/access/totp.ts';
import { runNamed } from '../../src/cli/programs.ts';
import { FakeTerminal } from '../../src/cli/testing/terminal.ts';
import { readQr } from '../support/qr-read.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await TestServer.start();
  await server.datastore('ds1');
});
after(() => server[Symbol.asyncDispose]());

/** Runs a line of the guide; it has to succeed. */
async function row(line: string): Promise<string> {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
  assert.equal(words.shift(), 'proxmox-backup-manager');
  const { code, out, err } = await server.manager(...words);
  assert.equal(code, 0, `${line}: ${err}`);
  return out;
}
const refused = async (...words: string[]): Promise<string> => {
  const { code, err } = await server.manager(...words);
  assert.equal(code, 255);
  return err;
};
const json = async (...words: string[]): Promise<unknown> =>
  JSON.parse((await server.manager(...words, '--output-format', 'json')).out);
const clientList = (user: string, password: string, answers: string[] = []) =>
  server.client('ds1', ['list'], { env: server.env('ds1', user, password), answers });
const rules = () => readFileSync(server.path('server', 'etc', 'acl.cfg'), 'utf8');

test('S01: an administrator is made, given a password, and may do everything', async () => {
  await row(
    'proxmox-backup-manager user create backupadmin@pbs --comment "Backup Administrator" --email admin@example.com',
  );
  await row('proxmox-backup-manager user update backupadmin@pbs --password first-password');
  await row('proxmox-backup-manager acl update / Admin --auth-id backupadmin@pbs');
  assert.match(rules(), /^acl:1:\/:.*backupadmin@pbs.*:Admin$/m);
  assert.equal((await clientList('backupadmin@pbs', 'first-password')).code, 0);
  const shown = await row('proxmox-backup-manager user permissions backupadmin@pbs --path /datastore/ds1');
  assert.match(
    shown,
    /^Privileges with \(\*\) have the propagate flag set\n\nPath: \/datastore\/ds1\n- Datastore\.Allocate \(\*\)\n/,
  );
  const names = [...shown.matchAll(/^- (\S+)/gm)].map(([, name]) => name!);
  assert.deepEqual(names, [...names].sort());
  assert.equal(names.length, 23);
});

test('S03, S10, S17: users, tokens and rules of their own', async () => {
  await row('proxmox-backup-manager user create backupuser@pbs --password backup-password');
  const token = /"value": "([0-9a-f-]{36})"/.exec(
    await row('proxmox-backup-manager user generate-token backupuser@pbs pve-backup'),
  )![1]!;
  await row('proxmox-backup-manager user create syncuser@pbs --comment "Remote sync user"');
  await row('proxmox-backup-manager acl update /datastore/offsite-ds1 DatastoreBackup --auth-id syncuser@pbs');
  await row('proxmox-backup-manager user generate-token backupuser@pbs automation');
  await row('proxmox-backup-manager acl update /datastore/ds1 DatastoreBackup --auth-id backupuser@pbs!automation');
  assert.match(rules(), /^acl:1:\/datastore\/offsite-ds1:syncuser@pbs:DatastoreBackup$/m);
  assert.match(rules(), /^acl:1:\/datastore\/ds1:backupuser@pbs!automation:DatastoreBackup$/m);
  // A token has what both it and its user have: so far nothing.
  assert.deepEqual(await json('user', 'permissions', 'backupuser@pbs!automation'), {});
  await row('proxmox-backup-manager acl update /datastore DatastoreBackup --auth-id backupuser@pbs --propagate 0');
  await row('proxmox-backup-manager acl update /datastore/ds1 DatastoreAdmin --auth-id backupuser@pbs');
  assert.deepEqual(await json('user', 'permissions', 'backupuser@pbs!automation'), {
    '/datastore/ds1': { 'Datastore.Backup': true },
  });
  assert.equal(
    await row('proxmox-backup-manager user permissions backupuser@pbs --path /datastore'),
    'Privileges with (*) have the propagate flag set\n\nPath: /datastore\n- Datastore.Backup\n',
  );
  assert.match((await clientList('backupuser@pbs!pve-backup', token)).err, /permission check failed - missing/);
  await row('proxmox-backup-manager acl update /datastore/ds1 DatastoreBackup --auth-id backupuser@pbs!pve-backup');
  assert.equal((await clientList('backupuser@pbs!pve-backup', token)).code, 0);
  assert.match(
    await row('proxmox-backup-manager user list-tokens backupuser@pbs'),
    /│ backupuser@pbs!automation │ +1 │ never +│/,
  );
});

test('rules: texts of refusals, digest, removal', async () => {
  const before = rules();
  assert.equal(
    await refused('acl', 'update', '/datastore', 'Audit', '--group', 'admins'),
    "Error: parameter 'group' - groups are currently not supported.\n",
  );
  assert.equal(
    await refused('acl', 'update', '/datastore', 'Audit'),
    "Error: missing 'userid' or 'group' parameter.\n",
  );
  assert.equal(
    await refused('acl', 'update', '/nowhere', 'Audit', '--auth-id', 'syncuser@pbs'),
    "Error: invalid acl path '/nowhere'.\n",
  );
  assert.equal(await refused('acl', 'update', '/', 'Audit', '--auth-id', 'gone@pbs'), 'Error: no such user.\n');
  assert.equal(
    await refused('acl', 'update', '/', 'Nobody', '--auth-id', 'syncuser@pbs'),
    "Error: parameter verification failed - 'role': value 'Nobody' is not defined in the enumeration.\n",
  );
  const stale = await refused('acl', 'update', '/', 'Audit', '--auth-id', 'syncuser@pbs', '--digest', '0'.repeat(64));
  assert.match(stale, /^Error: detected modified configuration/);
  assert.equal(rules(), before);
  await row('proxmox-backup-manager acl update /datastore/offsite-ds1 DatastoreBackup --auth-id syncuser@pbs --delete');
  assert.doesNotMatch(rules(), /syncuser/);
});

test('S17-3: a one-time code is added with secret and QR code, and the next login needs it', async () => {
  const out = await row(
    'proxmox-backup-manager user tfa add backupuser@pbs totp --description "TOTP for backup admin"',
  );
  const [, secret, uri] = /^Secret: ([A-Z2-7]{32})\nURI: (otpauth:\/\/totp\/\S+)\n\n/.exec(out)!;
  assert.equal(uri!.includes(`secret=${secret}&`), true);
  assert.equal(readPrintedQr(out.slice(out.indexOf('\n\n') + 2)), uri);
  assert.match(
    await row('proxmox-backup-manager user tfa list backupuser@pbs'),
    /│ id +│ type │ description +│ created +│\n.*\n│ [0-9a-f-]{36} │ totp │ TOTP for backup admin │ /,
  );
  assert.match((await clientList('backupuser@pbs', 'backup-password')).err, /needs a second factor/);
  assert.equal((await clientList('backupuser@pbs', 'backup-password', [totpCode(uri!, Date.now())])).code, 0);
  const logs = server.path('server', 'log', 'audit');
  const log = readdirSync(logs)
    .map((name) => readFileSync(join(logs, name), 'utf8'))
    .join('');
  assert.match(log, /access\/tfa\/backupuser@pbs/);
  assert.equal(log.includes(secret!), false);
});

test('on a terminal the code is asked for until it is right', async () => {
  const terminal = new FakeTerminal({ env: { GRANARY_HOME: server.path('server') }, answers: ['placeholder'] });
  const given = ['000000', '12 34 56', 'right'];
  terminal.ask = async (question) => {
    assert.equal(question, 'Code that the authenticator shows: ');
    const uri = /^URI: (\S+)$/m.exec(terminal.printed)![1]!;
    const answer = given.shift();
    return answer === 'right' ? totpCode(uri, Date.now()).replace(/^.../, '$& ') : answer!;
  };
  const words = ['user', 'tfa', 'add', 'syncuser@pbs', 'totp'];
  assert.equal(await runNamed('proxmox-backup-manager', words, terminal), 0);
  assert.match(
    terminal.messages,
    /^That is not the present code\.\nThat is not the present code\.\nLogins of syncuser@pbs/,
  );
  terminal.ask = async () => '000000';
  assert.equal(await runNamed('proxmox-backup-manager', words, terminal), 255);
  assert.match(terminal.messages, /Error: failed to verify TOTP challenge\n$/);
  assert.equal(((await json('user', 'tfa', 'list', 'syncuser@pbs')) as unknown[]).length, 1);
});

test('recovery keys, locks and removal', async () => {
  const { out } = await server.manager('user', 'tfa', 'add', 'backupuser@pbs', 'recovery');
  const keys = out.trim().split('\n');
  assert.equal(keys.length, 10);
  const wrong = () => clientList('backupuser@pbs', 'backup-password', ['000000']);
  await Promise.all(Array.from({ length: 8 }, wrong));
  assert.equal(await row('proxmox-backup-manager user tfa unlock backupuser@pbs'), 'Result: true\n');
  assert.equal(await row('proxmox-backup-manager user tfa unlock backupuser@pbs'), 'Result: false\n');
  assert.equal((await clientList('backupuser@pbs', 'backup-password', [keys[9]!])).code, 0);
  assert.equal(
    await refused('user', 'tfa', 'delete', 'backupuser@pbs', 'none'),
    'Error: no such tfa entry: backupuser@pbs/none\n',
  );
  await row('proxmox-backup-manager user tfa delete backupuser@pbs recovery');
  await row('proxmox-backup-manager user tfa delete backupuser@pbs');
  assert.equal(await row('proxmox-backup-manager user tfa list backupuser@pbs'), '');
  assert.equal((await clientList('backupuser@pbs', 'backup-password')).code, 0);
});

test('on another server changes are confirmed with the own password', async () => {
  const remote = (words: string[], answers: string[] = []) => {
    const env = { PBS_PASSWORD: 'admin-password', PBS_FINGERPRINT: server.fingerprint, HOME: server.path('home') };
    const repository = `admin@pbs@localhost:${server.port}`;
    return server.run('proxmox-backup-manager', ['user', ...words, '--repository', repository], { env, answers });
  };
  const own = 'admin-password';
  assert.equal((await remote(['tfa', 'add', 'syncuser@pbs', 'recovery'])).err, 'Error: missing password\n');
  assert.equal((await remote(['tfa', 'add', 'syncuser@pbs', 'recovery'], [own])).code, 0);
  assert.equal((await remote(['update', 'syncuser@pbs', '--password', 'sync-password'], [own])).code, 0);
  assert.match((await clientList('syncuser@pbs', 'sync-password')).err, /needs a second factor/);
  assert.match((await remote(['tfa', 'delete', 'syncuser@pbs'], ['n'])).err, /nothing was removed/);
  assert.equal((await remote(['tfa', 'delete', 'syncuser@pbs'], ['y', own])).code, 0);
  assert.deepEqual(await json('user', 'tfa', 'list', 'syncuser@pbs'), []);
});

/** The text of a QR code that is printed in half blocks with four light modules around it. */
function readPrintedQr(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && /^[ █▀▄]+$/.test(line));
  const size = lines[0]!.length - 8;
  const modules = Array.from({ length: size }, (_, row) =>
    Array.from({ length: size }, (_, column) => {
      const char = lines[row >> 1]![column + 4]!;
      return char === '█' || char === (row % 2 === 0 ? '▀' : '▄');
    }),
  );
  return readQr(modules).text;
}
