// The manager's commands about notifications, and files that are edited by hand.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { readMail } from '../../src/notify/testing/read-mail.ts';
import { type Relay, startRelay } from '../../src/notify/testing/relay.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await TestServer.start();
});
after(() => server[Symbol.asyncDispose]());

const config = (name: string): string => server.path('server', 'etc', name);
const notification = (...words: string[]) => server.manager('notification', ...words);
const ok = async (...words: string[]): Promise<string> => {
  const { code, out, err } = await notification(...words);
  assert.equal(code, 0, err);
  return out;
};

test('targets that the guide writes by hand are there at once', async () => {
  writeFileSync(
    config('notifications.cfg'),
    `sendmail: default-smtp
    mailto admin@example.com
    mailto-user root@pam
    from-address backup@example.com
    author Backup
    comment Default mail
smtp: corp-relay
    server smtp.example.com
    port 587
    mode starttls
    username backup@example.com
    mailto admin@example.com
    from-address backup@example.com
`,
  );
  const out = await ok('target', 'list');
  assert.match(out, /│ disable │ name +│ type +│ origin +│ comment +│/);
  assert.match(out, /│ +│ mail-to-root │ sendmail │ builtin +│ Send mails to root@pam's email address │/);
  assert.match(out, /│ +│ default-smtp │ sendmail │ user-created │ Default mail +│/);
  assert.match(out, /│ +│ corp-relay +│ smtp +│ user-created │ +│/);
  const shown = JSON.parse(await ok('endpoint', 'smtp', 'show', 'corp-relay', '--output-format', 'json')) as object;
  assert.deepEqual(shown, {
    name: 'corp-relay',
    server: 'smtp.example.com',
    port: 587,
    mode: 'starttls',
    username: 'backup@example.com',
    mailto: ['admin@example.com'],
    'from-address': 'backup@example.com',
    origin: 'user-created',
  });
});

test('each kind of target is made, changed, shown and removed by commands', async () => {
  const env = { GRANARY_HOME: server.path('server') };
  const words = [
    'notification',
    'endpoint',
    'gotify',
    'create',
    'push',
    '--server',
    'https://push.example.com',
    '--token',
  ];
  const made = await server.run('proxmox-backup-manager', words, { env, answers: ['tOken-1'] });
  assert.equal(made.code, 0, made.err);
  assert.match(readFileSync(config('notifications-priv.cfg'), 'utf8'), /^gotify: push\n\ttoken tOken-1\n$/);
  await ok('endpoint', 'sendmail', 'create', 'admins', '--mailto', 'a@example.com', '--mailto', 'b@example.com');
  await ok('endpoint', 'sendmail', 'update', 'admins', '--comment', 'us', '--disable');
  assert.match(await ok('endpoint', 'sendmail', 'list'), /│ +1 │ admins +│ a@example\.com, b@example\.com │/);
  await ok('endpoint', 'sendmail', 'update', 'admins', '--delete', 'comment', '--delete', 'disable');
  assert.doesNotMatch(await ok('endpoint', 'sendmail', 'show', 'admins'), /comment|disable/);
  const secret = ['--secret', 'name=key,value=c2VjcmV0'];
  await ok('endpoint', 'webhook', 'create', 'hook', '--url', 'https://example.com', '--method', 'post', ...secret);
  assert.match(await ok('endpoint', 'webhook', 'show', 'hook'), /│ secret +│ name=key +│/);
  await ok('matcher', 'create', 'failures', '--match-severity', 'error', '--target', 'admins', '--target', 'push');
  assert.match(await ok('matcher', 'list'), /│ failures +│ +│ +│ error +│ +│ admins, push │ user-created │/);
  const refused = await notification('endpoint', 'gotify', 'delete', 'push');
  assert.equal(refused.code, 255);
  assert.equal(refused.err, "Error: cannot delete 'push', referenced by: failures\n");
  await ok('matcher', 'delete', 'failures');
  for (const [kind, name] of [
    ['gotify', 'push'],
    ['sendmail', 'admins'],
    ['webhook', 'hook'],
  ] as const) {
    await ok('endpoint', kind, 'delete', name);
  }
  assert.equal(readFileSync(config('notifications-priv.cfg'), 'utf8'), '');
});

test('words are completed from what the server has', async () => {
  const complete = async (line: string): Promise<string[]> => {
    const env = { GRANARY_HOME: server.path('server'), COMP_LINE: line, COMP_POINT: String(line.length) };
    const { out } = await server.run('proxmox-backup-manager', ['bashcomplete'], { env });
    return out.split('\n').filter((word) => word !== '');
  };
  assert.deepEqual(await complete('proxmox-backup-manager notification endpoint smtp show '), ['corp-relay']);
  const targets = await complete('proxmox-backup-manager notification matcher create m1 --target ');
  assert.deepEqual(targets.sort(), ['corp-relay', 'default-smtp', 'mail-to-root']);
});

test('guide S13-1, S13-3: jobs tell by mail, as the datastore wants; a target is tried by command', async () => {
  const mails: { words: readonly string[]; mail: ReturnType<typeof readMail> }[] = [];
  let arrived = Promise.withResolvers<void>();
  server.machine.programs['/usr/sbin/sendmail'] = (words, input = '') => {
    mails.push({ words, mail: readMail(input) });
    arrived.resolve();
    return '';
  };
  writeFileSync(
    config('notifications.cfg'),
    `sendmail: default-smtp
    mailto admin@example.com
    from-address backup@example.com
    author Backup
matcher: default-matcher
    target default-smtp
smtp: corp-relay
    server 127.0.0.1
    port 1
    mode starttls
    mailto admin@example.com
    from-address backup@example.com
`,
  );
  assert.equal(await ok('target', 'test', 'default-smtp'), '');
  assert.equal(mails[0]?.mail.headers['subject'], 'Test notification');
  assert.deepEqual(mails.splice(0)[0]?.words.slice(3), ['backup@example.com', '--', 'admin@example.com']);
  const refused = await notification('target', 'test', 'corp-relay');
  assert.notEqual(refused.code, 0);
  assert.match(refused.err, /Error: 127\.0\.0\.1:1: connect ECONNREFUSED 127\.0\.0\.1:1/);
  assert.match((await notification('target', 'test', 'nobody')).err, /notification target 'nobody' does not exist/);

  await server.datastore('ds1');
  const collect = async (): Promise<void> => {
    const { code, err } = await server.manager('garbage-collection', 'start', 'ds1');
    assert.equal(code, 0, err);
  };
  arrived = Promise.withResolvers<void>();
  await collect();
  await arrived.promise;
  const [{ mail } = { mail: readMail('') }] = mails.splice(0);
  assert.equal(mail.headers['subject'], "Garbage Collect Datastore 'ds1' successful");
  assert.match(mail.text, /^Deduplication factor: 1\.00$/m);
  assert.ok(mail.text.includes(`:${server.port}/#DataStore-ds1>`), mail.text);

  // What is below the level is not even spooled, so there is nothing to wait for.
  const form = { notify: 'always', 'notify-level': 'warning' };
  const words = Object.entries(form).flatMap(([key, value]) => [`--${key}`, value]);
  const changed = await server.manager('datastore', 'update', 'ds1', ...words);
  assert.equal(changed.code, 0, changed.err);
  await collect();
  assert.deepEqual(readdirSync(server.path('server', 'lib', 'notifications')), []);
  assert.deepEqual(mails, []);
});

test('a mail to root is a notification: as it is by sendmail, its text by SMTP; a returned one is passed over', async () => {
  await using relay = await startRelay({ disabledCommands: ['STARTTLS', 'AUTH'] });
  const passed = Promise.withResolvers<string>();
  server.machine.programs['/usr/sbin/sendmail'] = (_words, input = '') => {
    passed.resolve(input);
    return '';
  };
  writeFileSync(
    config('notifications.cfg'),
    `sendmail: as-it-is
    mailto admin@example.com
smtp: relay
    server 127.0.0.1
    port ${relay.port}
    mode insecure
    mailto admin@example.com
    from-address backup@example.com
matcher: default-matcher
    match-field exact:type=system-mail
    match-severity unknown
    target as-it-is
    target relay
`,
  );
  const mail = [
    'Received: by pbs (Postfix, from userid 0)',
    'From: root <root@pbs>',
    'To: root@pbs',
    'Subject: =?utf-8?Q?SMART_error_on_/dev/sda_f=C3=BCr?= you',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'Device: /dev/sda, gef=C3=A4hrdet',
    '',
  ].join('\n');
  const forward = async (input: string, home: string): Promise<{ code: number | null; err: string }> => {
    const program = path.join(import.meta.dirname, '../../bin/proxmox-mail-forward');
    const child = spawn(program, {
      env: { PATH: process.env['PATH'], GRANARY_HOME: home },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let err = '';
    child.stderr.on('data', (part: Buffer) => {
      err += part.toString();
    });
    child.stdin.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, err };
  };
  const spool = server.path('server', 'lib', 'notifications');
  const home = server.path('server');
  const ours = mail.replace('To: root', 'Auto-Submitted: auto-generated;\nTo: root');
  assert.deepEqual(await forward(ours, home), { code: 0, err: '' });
  assert.deepEqual(await forward(mail, home), { code: 0, err: '' });
  const passedOn = await passed.promise;
  assert.equal(passedOn.replace(/^X-Granary-Forwarded-By: .*\n/, ''), mail);
  // Where its address leads back to root it comes again.
  assert.deepEqual(await forward(passedOn, home), { code: 0, err: '' });
  while (relay.mails.length === 0 || readdirSync(spool).length > 0)
    await new Promise((resolve) => setTimeout(resolve, 5));
  const [{ raw }] = relay.mails as [Relay['mails'][number]];
  const { headers, text } = readMail(raw);
  assert.deepEqual([headers['subject'], text], ['SMART error on /dev/sda für you', 'Device: /dev/sda, gefährdet\n']);
  assert.deepEqual([relay.mails.length, relay.mails[0]!.to], [1, ['admin@example.com']]);
  // Where it cannot be kept the mail server keeps it, and tries again.
  writeFileSync(server.path('no-folder'), '');
  const refused = await forward(mail, server.path('no-folder'));
  assert.equal(refused.code, 75);
  assert.match(refused.err, /^Error: .*no-folder/);
});
