// The manager's commands about notifications, and files that are edited by hand.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
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
