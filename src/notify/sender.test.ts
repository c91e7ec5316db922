// From the files that an administrator writes to what leaves the machine.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Authority, openssl } from '../../test/support/authority.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import type { Notification } from './notification.ts';
import { Sender } from './sender.ts';
import { fakeSendmail, type SentMail } from './testing/fake-sendmail.ts';
import { readMail } from './testing/read-mail.ts';
import { relayPassword, startRelay } from './testing/relay.ts';

let home: string;
let directories: Directories;
let sent: () => SentMail[];
let sender: Sender;
let logged: string[];
let isSent: boolean | undefined;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'granary-sender-'));
  directories = resolveDirectories(home, '');
  await createDirectories(directories);
  mkdirSync(join(home, 'mail'));
  const fake = fakeSendmail(join(home, 'mail'));
  sent = fake.sent;
  logged = [];
  const log = (_level: string, event: string, facts = {}): number => logged.push(`${event} ${JSON.stringify(facts)}`);
  sender = new Sender({ directories, run: fake.run, log });
});
afterEach(() => rmSync(home, { recursive: true }));

const config = (name: string, text: string): void => writeFileSync(join(directories.config, name), text);
const notification = (type: string, severity: Notification['severity']): Notification => ({
  severity,
  timestamp: 1_700_000_000,
  fields: { type, datastore: 'ds1', hostname: 'pbs' },
  template: 'gc-err',
  data: { datastore: 'ds1', error: 'disk full', upid: 'UPID:x' },
});
async function sendAll(what: Notification): Promise<string[]> {
  const chosen = sender.choose(what);
  for (const target of chosen) isSent = await sender.send(target, what);
  return chosen;
}

/** As the guide writes it. */
const guideSendmail = `sendmail: default-smtp
    mailto admin@example.com
    mailto-user root@pam
    from-address backup@example.com
    author Proxmox Backup Server
    comment Default mail

matcher: all
    target default-smtp
`;

test('guide S13-1: a sendmail target', async () => {
  config('user.cfg', 'user: root@pam\n\temail root@example.com\n');
  config('notifications.cfg', guideSendmail);
  assert.deepEqual(await sendAll(notification('prune', 'info')), ['default-smtp']);
  const [{ args, raw } = { args: [], raw: '' }, ...more] = sent();
  assert.equal(more.length, 0);
  const to = ['admin@example.com', 'root@example.com'];
  assert.deepEqual(args, ['-B', '8BITMIME', '-f', 'backup@example.com', '--', ...to]);
  const { headers, text, html } = readMail(raw);
  assert.deepEqual(
    ['to', 'from', 'subject', 'auto-submitted'].map((name) => headers[name]),
    [
      to.join(', '),
      'Proxmox Backup Server <backup@example.com>',
      "Garbage Collect Datastore 'ds1' failed",
      'auto-generated;',
    ],
  );
  assert.match(text, /^Garbage collection failed: disk full$/m);
  assert.match(html, /^<html><body><pre>\nDatastore: ds1$/m);
});

if (openssl !== undefined) {
  describe('guide S13-2: a relay with STARTTLS', () => {
    test('the password lies in the secret file', async () => {
      const authority = new Authority(home);
      const { certificate: cert, key } = authority.issue('localhost', { by: 'root' });
      await using relay = await startRelay({ cert, key });
      config(
        'notifications.cfg',
        `smtp: corp-relay
    server localhost
    port ${relay.port}
    mode starttls
    username backup
    mailto admin@example.com
    from-address backup@example.com

matcher: failures
    match-severity error
    target corp-relay
`,
      );
      config('notifications-priv.cfg', `smtp: corp-relay\n\tpassword ${relayPassword}\n`);
      const trusting = new Sender({
        directories,
        run: () => assert.fail(),
        log: () => {},
        trusted: [authority.root.certificate],
      });
      assert.deepEqual(trusting.choose(notification('gc', 'error')), ['mail-to-root', 'corp-relay']);
      await trusting.send('corp-relay', notification('gc', 'error'));
      await trusting.test('corp-relay', 1_700_000_000);
      const subjects = relay.mails.map(({ raw, secure, user }) => [secure, user, readMail(raw).headers['subject']]);
      assert.deepEqual(subjects, [
        [true, 'backup', "Garbage Collect Datastore 'ds1' failed"],
        [true, 'backup', 'Test notification'],
      ]);
      // Without the authority among those that are trusted.
      const system = new Sender({ directories, run: () => assert.fail(), log: () => {}, trusted: [] });
      await assert.rejects(system.test('corp-relay', 1_700_000_000), { code: 'connection' });
      assert.equal(relay.mails.length, 2);
    });
  });
}

test('without configuration, mail goes to the address of root@pam, but for successful prunes', async () => {
  config('user.cfg', 'user: root@pam\n\temail root@example.com\n');
  config('node.cfg', 'email-from: pbs@example.com\n');
  assert.deepEqual(await sendAll(notification('prune', 'info')), []);
  assert.deepEqual(await sendAll(notification('prune', 'error')), ['mail-to-root']);
  const [{ args, raw } = { args: [], raw: '' }] = sent();
  assert.deepEqual(args.slice(3), ['pbs@example.com', '--', 'root@example.com']);
  assert.match(raw, new RegExp(`^From: Proxmox Backup Server - ${hostname().split('.')[0]} <pbs@example.com>$`, 'm'));
});

test('a user without an address gets nothing, which is logged', async () => {
  assert.deepEqual(await sendAll(notification('gc', 'error')), ['mail-to-root']);
  assert.deepEqual([sent(), isSent], [[], false]);
  assert.match(logged.join(), /^notification-skipped .*mail-to-root/);
  // Whoever tries the target is told.
  await assert.rejects(sender.test('mail-to-root', 1_700_000_000), {
    message: "target 'mail-to-root' has no recipient: no e-mail address is known of root@pam",
  });
});

test('missing and disabled targets are logged and left out', async () => {
  config(
    'notifications.cfg',
    `${guideSendmail}
sendmail: off
\tmailto off@example.com
\tdisable true

matcher: more
\ttarget off
\ttarget gone
\ttarget default-smtp
`,
  );
  assert.deepEqual(await sendAll(notification('prune', 'info')), ['default-smtp']);
  assert.equal(sent().length, 1);
  assert.deepEqual(logged, [
    'notification-target-disabled {"target":"off"}',
    'notification-target-missing {"target":"gone"}',
  ]);
  // A target may go between the choice and the sending.
  for (const target of ['off', 'gone']) await sender.send(target, notification('gc', 'error'));
  assert.equal(sent().length, 1);
  // The test button works for one that is still off.
  await sender.test('off', 1_700_000_000);
  assert.deepEqual(sent().at(-1)?.args.at(-1)?.endsWith('@example.com'), true);
  await assert.rejects(sender.test('gone', 1_700_000_000), {
    code: 'not-found',
    message: "notification target 'gone' does not exist.",
  });
});

test('in the mode of old, mail goes to the one user, past all matchers', async () => {
  config('user.cfg', 'user: ops@pbs\n\temail ops@example.com\n');
  config('notifications.cfg', guideSendmail);
  const old = { ...notification('gc', 'info'), 'mailto-user': 'ops@pbs' };
  assert.deepEqual(await sendAll(old), ['legacy-sendmail']);
  assert.deepEqual(
    sent().map(({ args }) => args.slice(3)),
    [['root', '--', 'ops@example.com']],
  );
});
