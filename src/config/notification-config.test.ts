// notifications.cfg and its secret half: the original's form, what is shipped, secrets.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { scratchFolder } from '../../test/support/scratch.ts';
import { setFailpoint } from '../os/failpoint.ts';
import { type Directories, resolveDirectories } from './directories.ts';
import { listTargets, NotificationTable, notificationFile } from './notification-config.ts';

let home: string;
let directories: Directories;
beforeEach(() => {
  home = scratchFolder('granary-notifications-');
  directories = resolveDirectories(home, 'home');
  mkdirSync(directories.config);
});
afterEach(() => rmSync(home, { recursive: true }));
const file = (name: string): string => path.join(directories.config, name);
const table = (kind: ConstructorParameters<typeof NotificationTable>[1]) => new NotificationTable(directories, kind);

const original = `sendmail: default-smtp
\tauthor Backup server
\tcomment "main" one
\tfrom-address backup@example.com
\tmailto admin@example.com
\tmailto second@example.com
\tmailto-user root@pam

teams: not-known-here
\turl https://example.com
\tzz second key
\tzz and third

smtp: corp-relay
\tfrom-address backup@example.com
\tmailto admin@example.com
\tmode starttls
\tnew-option kept
\tport 587
\tserver mail.example.com
\tusername backup

matcher: default-matcher
\tdisable true
\tmode all
\ttarget mail-to-root
`;
const originalSecrets = `smtp: corp-relay
\tpassword geh eim=1

webhook: hook
\tsecret name=key,value=YWJj
`;

test('a file of the original is read, and a change leaves the rest as it was', async () => {
  writeFileSync(file('notifications.cfg'), original);
  writeFileSync(file('notifications-priv.cfg'), originalSecrets, { mode: 0o600 });
  assert.deepEqual(table('sendmail').get('default-smtp').data, {
    name: 'default-smtp',
    author: 'Backup server',
    comment: '"main" one',
    'from-address': 'backup@example.com',
    mailto: ['admin@example.com', 'second@example.com'],
    'mailto-user': ['root@pam'],
  });
  assert.deepEqual(listTargets(notificationFile(directories).current().value), [
    {
      name: 'mail-to-root',
      type: 'sendmail',
      origin: 'builtin',
      comment: "Send mails to root@pam's email address",
    },
    { name: 'default-smtp', type: 'sendmail', origin: 'user-created', comment: '"main" one' },
    { name: 'corp-relay', type: 'smtp', origin: 'user-created' },
  ]);
  await table('smtp').update('corp-relay', { port: 2587, password: 'neu' });
  assert.equal(readFileSync(file('notifications.cfg'), 'utf8'), original.replace('port 587', 'port 2587'));
  const secrets = readFileSync(file('notifications-priv.cfg'), 'utf8');
  assert.equal(secrets, originalSecrets.replace('geh eim=1', 'neu'));
  assert.equal(statSync(file('notifications-priv.cfg')).mode & 0o777, 0o600);
});

test('secrets are in their own file only, and go with their target', async () => {
  const value = { server: 'mail.example.com', 'from-address': 'a@b.c', mailto: ['x@y.z'] };
  await table('smtp').create({ name: 'relay', ...value, password: 'hunter2' });
  assert.equal(readFileSync(file('notifications.cfg'), 'utf8').includes('hunter2'), false);
  assert.equal(readFileSync(file('notifications-priv.cfg'), 'utf8'), 'smtp: relay\n\tpassword hunter2\n');
  assert.equal(table('smtp').get('relay').data['password'], undefined);
  await table('smtp').update('relay', { comment: 'x' });
  assert.match(readFileSync(file('notifications-priv.cfg'), 'utf8'), /hunter2/);
  await table('smtp').update('relay', {}, { remove: ['password'] });
  assert.equal(readFileSync(file('notifications-priv.cfg'), 'utf8'), '');
  await table('gotify').create({ name: 'push', server: 'https://push.example.com', token: 'tok' });
  await table('gotify').remove('push');
  assert.equal(readFileSync(file('notifications-priv.cfg'), 'utf8'), '');
});

test('a secret of a webhook is shown by name, and stays when it comes without value', async () => {
  const secret = ['name=a,value=YQ==', 'name=b,value=Yg=='];
  await table('webhook').create({ name: 'hook', url: 'https://example.com/{{ secrets.a }}', method: 'post', secret });
  assert.deepEqual(table('webhook').get('hook').data['secret'], ['name=a', 'name=b']);
  await table('webhook').update('hook', { secret: ['name=b', 'name=c,value=Yw=='] });
  assert.equal(
    readFileSync(file('notifications-priv.cfg'), 'utf8'),
    'webhook: hook\n\tsecret name=b,value=Yg==\n\tsecret name=c,value=Yw==\n',
  );
  await assert.rejects(table('webhook').update('hook', { secret: ['name=d'] }), {
    message: "parameter verification failed - 'secret': secret 'd' has no value.",
  });
});

test('what is shipped can be changed and reset, but not made again', async () => {
  assert.deepEqual(table('matcher').list().data, [
    {
      name: 'default-matcher',
      mode: 'all',
      'invert-match': true,
      'match-field': ['exact:type=prune'],
      'match-severity': ['info'],
      target: ['mail-to-root'],
    },
  ]);
  assert.equal(existsSync(file('notifications.cfg')), false);
  await assert.rejects(table('sendmail').create({ name: 'mail-to-root', mailto: ['a@b.c'] }), {
    message: "parameter verification failed - 'name': endpoint 'mail-to-root' already exists.",
  });
  await table('sendmail').update('mail-to-root', { mailto: ['a@b.c'] });
  assert.equal(
    readFileSync(file('notifications.cfg'), 'utf8'),
    "sendmail: mail-to-root\n\tcomment Send mails to root@pam's email address\n\tmailto a@b.c\n\tmailto-user root@pam\n",
  );
  const origin = () => listTargets(notificationFile(directories).current().value)[0]!.origin;
  assert.equal(origin(), 'modified-builtin');
  await table('sendmail').update('mail-to-root', { disable: false }, { remove: ['mailto'] });
  assert.equal(origin(), 'builtin');
  await table('sendmail').remove('mail-to-root');
  assert.equal(readFileSync(file('notifications.cfg'), 'utf8'), '');
  await table('sendmail').remove('mail-to-root');
  assert.equal(table('sendmail').list().data.length, 1);
});

test('names are unique over all kinds, and wrong digests change nothing', async () => {
  await table('sendmail').create({ name: 'one', mailto: ['a@b.c'] });
  await assert.rejects(table('matcher').create({ name: 'one' }), { code: 'already-exists' });
  assert.throws(() => table('smtp').get('one'), { message: "no such endpoint 'one'" });
  await assert.rejects(table('smtp').remove('one'), { message: "endpoint 'one' does not exist.", status: 404 });
  const digest = '0'.repeat(64);
  await assert.rejects(table('sendmail').update('one', { comment: 'x' }, { digest }), { code: 'modified' });
  await assert.rejects(table('sendmail').remove('one', { digest }), { code: 'modified' });
});

test('a secret that cannot be written leaves both files', async () => {
  const value = { server: 'mail.example.com', 'from-address': 'a@b.c', mailto: ['x@y.z'] };
  setFailpoint('atomic-file:after-write', 'ENOSPC@1');
  try {
    await assert.rejects(table('smtp').create({ name: 'relay', ...value, password: 'p' }), {
      message: /^unable to write ".*notifications-priv\.cfg": /,
    });
  } finally {
    setFailpoint('atomic-file:after-write', undefined);
  }
  assert.deepEqual(table('smtp').list().data, []);
  assert.equal(existsSync(file('notifications.cfg')), false);
});
