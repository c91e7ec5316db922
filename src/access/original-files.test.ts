// A directory as the original writes it is taken over as it is, and what is changed in it stays in the original's form:
// nothing else in a file moves.
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { scratchFolder } from '../../test/support/scratch.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { AccessControl } from './access-control.ts';
import { totpCode } from './totp.ts';

const peer = '[::ffff:127.0.0.1]:4711';
const now = 1_800_000_000_000;
const uri =
  'otpauth://totp/Proxmox%20Backup%20Server%20-%20pbs:admin%40pbs?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=6&algorithm=SHA1&period=30';
// Published test vectors of yescrypt and of SHA-256 crypt.
const yescrypt = '$y$jD5.7$LdJMENpBABJJ3hIHjB1Bi.$HboGM6qPrsK.StKYGt6KErmUYtioHreJd98oIugoNB6';
const secret = 'pleaseletmein';
const sha256crypt = '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5';

const files: Record<string, { text: string; mode: number }> = {
  'user.cfg': {
    mode: 0o640,
    text: `user: root@pam
	comment Superuser
	email root@example.com
	enable true
	expire 0

token: admin@pbs!fx

user: admin@pbs
	comment Ädmin
	firstname Ad
	lastname Min

user: gone@ldap1
	enable false

token: gone@ldap1!old
	comment of a realm that is not configured
	expire 1700000000
`,
  },
  'acl.cfg': {
    mode: 0o640,
    text: `acl:1:/:admin@pbs,admin@pbs!fx:Admin
acl:0:/datastore:admin@pbs!fx:DatastoreAudit,DatastoreReader
acl:1:/datastore:@group:NoAccess
acl:1:/remote/other/store/ns:gone@ldap1!old:RemoteSyncPushOperator
`,
  },
  'shadow.json': { mode: 0o600, text: `{\n  "admin": "${sha256crypt}",\n  "removed": "$y$nothing"\n}` },
  'token.shadow': { mode: 0o600, text: `{\n  "admin@pbs!fx": "${yescrypt}"\n}` },
  'domains.cfg': { mode: 0o640, text: 'pbs: pbs\n\tcomment ours\n\tdefault true\n' },
  'tfa.json': {
    mode: 0o600,
    text: JSON.stringify({
      u2f: { appid: 'https://pbs.example' },
      webauthn: { rp: 'pbs', origin: 'https://pbs.example:8007', id: 'pbs.example' },
      users: {
        'admin@pbs': {
          totp: [
            { id: 'a', description: 'used', created: 1600000000, entry: { totp: uri, 'last-count': 59999998 } },
            { id: 'b', description: 'off', created: 1600000001, enable: false, entry: uri },
          ],
          yubico: [{ id: 'c', description: 'old', created: 1500000000, entry: 'cccccccccccc' }],
          recovery: {
            secret: '0123456789abcdef',
            entries: [null, '192312f6c92e2cb9bfc9955a39251964eae710fdcd0fc9127fb3bba0d2618a3f'],
            created: 1600000002,
          },
        },
      },
    }),
  },
};

let home: string;
let directories: Directories;
let access: AccessControl;
const pathOf = (name: string): string => join(directories.config, name);
const textOf = (name: string): string => fs.readFileSync(pathOf(name), 'utf8');
const modeOf = (name: string): number => fs.statSync(pathOf(name)).mode & 0o777;

before(async () => {
  home = scratchFolder('granary-original-');
  directories = resolveDirectories(home, '');
  await createDirectories(directories);
  for (const [name, { text, mode }] of Object.entries(files)) {
    fs.writeFileSync(pathOf(name), text);
    fs.chmodSync(pathOf(name), mode);
  }
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  fs.writeFileSync(pathOf('authkey.key'), rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  fs.writeFileSync(pathOf('authkey.pub'), rsa.publicKey.export({ type: 'spki', format: 'pem' }));
  fs.writeFileSync(pathOf('csrf.key'), randomBytes(64).toString('base64'));
  access = await AccessControl.open(directories, { now: () => now }, { sleep: async () => {} });
});
after(() => rm(home, { recursive: true }));

test('everything in it is understood, and reading changes nothing', async () => {
  assert.deepEqual(
    access.users.list().data.map(({ userid }) => userid),
    ['root@pam', 'admin@pbs', 'gone@ldap1'],
  );
  assert.deepEqual(access.users.get('admin@pbs').data.comment, 'Ädmin');
  assert.equal(access.users.isActive('gone@ldap1!old'), false);
  assert.equal(access.listAcl('root@pam').data.length, 6);
  assert.deepEqual(access.tfa.webauthnConfig().data.id, 'pbs.example');
  assert.deepEqual(
    access.tfa.list('admin@pbs').map(({ type, id }) => `${type} ${id}`),
    ['totp a', 'totp b', 'yubico c', 'recovery recovery'],
  );
  const header = `PBSAPIToken=admin@pbs!fx:${secret}`;
  assert.equal(await access.authenticate({ method: 'GET', authorization: header, peer }), 'admin@pbs!fx');
  // Only the older hash is replaced, by the login that proves it; the other entries stay.
  const { ticket } = await access.login('admin@pbs', 'Hello world!', { peer });
  assert.match(ticket, /^PBS:!tfa!/);
  for (const [name, { text }] of Object.entries(files)) if (name !== 'shadow.json') assert.equal(textOf(name), text);
  assert.match(textOf('shadow.json'), /^\{\n {2}"admin": "\$y\$j9T\$[^"]+",\n {2}"removed": "\$y\$nothing"\n\}$/);
});

test('a change moves nothing else', async () => {
  await access.users.update('admin@pbs', { email: 'admin@example.com' }, { remove: ['firstname'] });
  await access.users.create({ userid: 'new@pbs', enable: true });
  assert.equal(
    textOf('user.cfg'),
    `${files['user.cfg']!.text.replace('\tfirstname Ad\n', '\temail admin@example.com\n')}\nuser: new@pbs\n\tenable true\n`,
  );
  await access.updateAcl('root@pam', { path: '/datastore/s', role: 'Audit', authId: 'new@pbs', propagate: false });
  const lines = files['acl.cfg']!.text.split('\n');
  lines.splice(3, 0, 'acl:0:/datastore/s:new@pbs:Audit');
  assert.equal(textOf('acl.cfg'), lines.join('\n'));
  for (const [name, { mode }] of Object.entries(files)) assert.equal(modeOf(name), mode, name);
});

test('a login with a code and one with a recovery key write what they used, and nothing else', async () => {
  const answer = async (response: string): Promise<void> => {
    const { ticket } = await access.login('admin@pbs', 'Hello world!', { peer });
    await access.login('admin@pbs', response, { peer, tfaChallenge: ticket });
  };
  await answer(`totp:${totpCode(uri, now)}`);
  await answer('recovery:1111-2222-3333-4444');
  const expected = JSON.parse(files['tfa.json']!.text);
  expected.users['admin@pbs'].totp[0].entry['last-count'] = 60000000;
  expected.users['admin@pbs'].recovery.entries[1] = null;
  assert.deepEqual(JSON.parse(textOf('tfa.json')), expected);
  // In the same order, too.
  assert.equal(JSON.stringify(JSON.parse(textOf('tfa.json'))), JSON.stringify(expected));
});

test('a removed user goes from every file, and its name and its rules stay in none but the rules', async () => {
  await access.users.remove('admin@pbs');
  assert.doesNotMatch(textOf('user.cfg'), /admin@pbs/);
  assert.doesNotMatch(textOf('acl.cfg'), /admin@pbs!fx/);
  assert.match(textOf('acl.cfg'), /^acl:1:\/:admin@pbs:Admin$/m);
  assert.deepEqual(JSON.parse(textOf('shadow.json')), { removed: '$y$nothing' });
  assert.equal(textOf('token.shadow'), '{}');
  assert.deepEqual(JSON.parse(textOf('tfa.json')).users, {});
});
