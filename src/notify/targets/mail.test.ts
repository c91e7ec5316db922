// sendmail, against a program in its place, and SMTP, against a real server in each mode.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Authority, openssl } from '../../../test/support/authority.ts';
import type { StoredTarget } from '../../config/notification-config.ts';
import { fakeSendmail } from '../testing/fake-sendmail.ts';
import { readMail } from '../testing/read-mail.ts';
import { relayPassword, startRelay } from '../testing/relay.ts';
import { message, surroundings, targetSuite } from '../testing/target-suite.ts';
import { sendmail } from './sendmail.ts';
import { smtp } from './smtp.ts';
import { isWithoutRecipient } from './target.ts';

const folder = mkdtempSync(join(tmpdir(), 'granary-mail-'));
after(() => rmSync(folder, { recursive: true }));
let folders = 0;
const newFolder = (): string => {
  const path = join(folder, String(folders++));
  mkdirSync(path);
  return path;
};
const mailTarget = (kind: 'sendmail' | 'smtp', values: StoredTarget['values']): StoredTarget => ({
  name: 'admins',
  kind,
  disabled: false,
  values: { mailto: ['admin@example.com'], ...values },
});
const summary = (raw: string) => {
  const { headers, text } = readMail(raw);
  return { title: headers['subject']!, text };
};

targetSuite('sendmail', sendmail, async (mood) => {
  const endings = { takes: 'exit 0', refuses: 'echo not today >&2; rm "$out"; exit 75', silent: 'exec sleep 60' };
  const { run, sent } = fakeSendmail(newFolder(), endings[mood]);
  return {
    target: mailTarget('sendmail', {}),
    around: { run },
    received: () => sent().map(({ raw }) => summary(raw)),
    secrets: [],
    [Symbol.asyncDispose]: async () => {},
  };
});

test('sendmail: words of the command line and header fields', async () => {
  const { run, sent } = fakeSendmail(newFolder());
  const target = mailTarget('sendmail', {
    'mailto-user': ['root@pam', 'nobody@pbs'],
    author: 'Größe, "Backup"',
    'from-address': 'backup@example.com',
  });
  await sendmail.send(target, message, { ...surroundings, run });
  const [{ args, raw } = { args: [], raw: '' }] = sent();
  const addresses = ['admin@example.com', 'root@example.com'];
  assert.deepEqual(args, ['-B', '8BITMIME', '-f', 'backup@example.com', '--', ...addresses]);
  assert.doesNotMatch(raw, /\r|[^\n\x20-\x7e]/);
  assert.match(raw, /^Subject: =\?UTF-8\?B\?/m);
  assert.match(raw, /^Auto-Submitted: auto-generated;$/m);
  const { headers, html } = readMail(raw);
  assert.equal(headers['to'], addresses.join(', '));
  assert.equal(headers['from'], '"Größe, "Backup"" <backup@example.com>'.replace(/^"|"(?= <)/g, ''));
  assert.equal(headers['date'], 'Tue, 14 Nov 2023 22:13:20 +0000');
  assert.equal(html, message.html);
});

test('what cannot be delivered is reported once, and to nobody when it is a report itself', async () => {
  const { run, sent } = fakeSendmail(newFolder());
  const report = { ...message, mail: 'Subject: Undelivered\r\n\r\nno such user\r\n', isReport: true };
  await sendmail.send(mailTarget('sendmail', {}), report, { ...surroundings, run });
  const [{ args, raw } = { args: [], raw: '' }] = sent();
  assert.deepEqual(args, ['-B', '8BITMIME', '-f', '<>', '--', 'admin@example.com']);
  assert.equal(raw, 'X-Granary-Forwarded-By: pbs\nSubject: Undelivered\n\nno such user\n');
  await using relay = await startRelay({ hideSTARTTLS: true });
  await smtp.send(smtpTarget(relay.port, { mode: 'insecure' }), report, surroundings);
  assert.equal(relay.mails[0]?.from, '');
});

test('mail without author and address of its own', async () => {
  const { run, sent } = fakeSendmail(newFolder());
  await sendmail.send(mailTarget('sendmail', {}), message, { ...surroundings, run });
  assert.match(sent()[0]!.raw, /^From: Proxmox Backup Server - pbs <root>$/m);
});

test('users without an address are skipped; without anybody it is an error', async () => {
  const { run, sent } = fakeSendmail(newFolder());
  const target = { ...mailTarget('sendmail', {}), values: { 'mailto-user': ['nobody@pbs'] } };
  await assert.rejects(sendmail.send(target, message, { ...surroundings, run }), (error: Error) => {
    assert.equal(error.message, "target 'admins' has no recipient: no e-mail address is known of nobody@pbs");
    return isWithoutRecipient(error);
  });
  assert.deepEqual(sent(), []);
});

async function startSilent(): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as net.AddressInfo).port, [Symbol.asyncDispose]: close };
}

const smtpTarget = (port: number, values: StoredTarget['values']): StoredTarget =>
  mailTarget('smtp', { server: 'localhost', port, 'from-address': 'backup@example.com', ...values });

targetSuite('smtp', smtp, async (mood) => {
  const login = { username: 'backup', password: relayPassword };
  if (mood === 'silent') {
    const silent = await startSilent();
    return {
      target: smtpTarget(silent.port, { mode: 'insecure' }),
      received: () => [],
      secrets: [],
      [Symbol.asyncDispose]: () => silent[Symbol.asyncDispose](),
    };
  }
  const refuse = mood === 'refuses' ? `not today, ${login.password}` : '';
  const relay = await startRelay({ allowInsecureAuth: true, hideSTARTTLS: true }, refuse);
  return {
    target: smtpTarget(relay.port, { mode: 'insecure', ...login }),
    received: () => relay.mails.map(({ raw }) => summary(raw)),
    secrets: [login.password],
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  };
});

if (openssl !== undefined) {
  describe('smtp with TLS', () => {
    const authority = new Authority(newFolder());
    const { certificate, key } = authority.issue('localhost', { by: 'root' });
    const other = authority.issue('relay.example.com', { by: 'root', extensions: 'subjectAltName=DNS:relay.example' });
    const around = { ...surroundings, trusted: [authority.root.certificate] };
    const tls = { key, cert: certificate };

    test('STARTTLS with a login', async () => {
      await using relay = await startRelay({ ...tls });
      const values = { mode: 'starttls', username: 'backup', password: relayPassword, mailto: ['a@b.c', 'd@e.f'] };
      await smtp.send(smtpTarget(relay.port, values), message, around);
      const [{ raw, ...facts } = { raw: '' }] = relay.mails;
      assert.deepEqual(facts, { from: 'backup@example.com', to: ['a@b.c', 'd@e.f'], secure: true, user: 'backup' });
      assert.equal(summary(raw).title, message.title);
    });

    test('TLS from the start, without a login', async () => {
      await using relay = await startRelay({ ...tls, secure: true });
      await smtp.send(smtpTarget(relay.port, { mode: 'tls' }), message, around);
      assert.deepEqual(
        relay.mails.map(({ secure, user }) => ({ secure, user })),
        [{ secure: true, user: undefined }],
      );
    });

    test('a wrong password, a relay without STARTTLS, and certificates that prove nothing', async () => {
      await using relay = await startRelay({ ...tls });
      await using plain = await startRelay({ disabledCommands: ['STARTTLS'] });
      await using wrongName = await startRelay({ key: other.key, cert: other.certificate, secure: true });
      const send = (port: number, values: StoredTarget['values'], trusted = around.trusted) =>
        smtp.send(smtpTarget(port, values), message, { ...around, trusted });
      const login = { username: 'backup', password: 'wr0ng' };
      await assert.rejects(send(relay.port, { mode: 'starttls', ...login }), (error: Error) => {
        assert.match(error.message, /^localhost:\d+: Invalid login: .*not today/);
        assert.doesNotMatch(error.message, /wr0ng/);
        return true;
      });
      await assert.rejects(send(plain.port, { mode: 'starttls' }), /STARTTLS/);
      await assert.rejects(
        send(plain.port, { mode: 'tls' }),
        /the relay does not speak TLS here: is the mode right\?$/,
      );
      await assert.rejects(send(relay.port, { mode: 'starttls' }, []), /unable to verify|unable to get|self.signed/);
      await assert.rejects(send(wrongName.port, { mode: 'tls' }), /altnames|does not match/);
      assert.deepEqual([relay.mails, plain.mails, wrongName.mails], [[], [], []]);
    });
  });
}

test('smtp: a relay that cannot be reached', async () => {
  const silent = await startSilent();
  await silent[Symbol.asyncDispose]();
  const target = smtpTarget(silent.port, { mode: 'insecure', server: '127.0.0.1' });
  await assert.rejects(smtp.send(target, message, surroundings), /^GranaryError: 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
});
