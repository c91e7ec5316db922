// What the server is connected with, set in a real browser: remotes, notifications, realms, certificates and the rest.

import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { acmeHttpPortVariable } from '../../src/certificates/http-responder.ts';
import { relayPassword, startRelay } from '../../src/notify/testing/relay.ts';
import { http } from '../../src/os/node-http.ts';
import { chromiumPath, WebBrowser, type WebWindow } from '../support/browser.ts';
import { findInstalled } from '../support/installed.ts';
import { Pebble, pebbleProgram } from '../support/pebble.ts';
import { TestServer } from '../support/server.ts';
import { person, Slapd, suffix } from '../support/slapd.ts';

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  let admin: WebWindow;
  /** Takes what a webhook sends. */
  let hook: ReturnType<typeof http.createServer>;
  const received: Record<'path' | 'secret' | 'token' | 'body', string>[] = [];
  let pebble: Pebble | undefined;
  before(async () => {
    if (pebbleProgram !== undefined) {
      pebble = await Pebble.start();
      // The system's trusted certificates, as this process sees them from its first look on.
      process.env['SSL_CERT_FILE'] = pebble.caFile;
      process.env[acmeHttpPortVariable] = String(pebble.httpPort);
    }
    server = await TestServer.start();
    await server.datastore('store1');
    hook = http.createServer((request, response) => {
      let body = '';
      request.on('data', (part) => {
        body += part;
      });
      request.on('end', () => {
        const header = (name: string): string => String(request.headers[name]);
        received.push({ path: request.url!, secret: header('x-secret'), token: header('x-gotify-key'), body });
        response.writeHead(request.url === '/refused' ? 403 : 200).end();
      });
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    browser = await WebBrowser.start(server.port);
    admin = await browser.open();
    await admin.logIn('admin@pbs', 'admin-password', '/configuration/remotes');
  });
  after(async () => {
    await admin?.[Symbol.asyncDispose]();
    await browser?.[Symbol.asyncDispose]();
    hook?.close();
    await server?.[Symbol.asyncDispose]();
    await pebble?.[Symbol.asyncDispose]();
  });

  const json = async (...words: string[]): Promise<Record<string, unknown>[]> =>
    JSON.parse((await server.manager(...words, '--output-format', 'json')).out);
  const section = async (id: string, heading: string): Promise<void> => {
    await admin.page.goto(`/configuration/${id}`);
    await admin.page.getByRole('heading', { name: heading, exact: true, level: 1 }).waitFor();
  };
  const dialogOf = () => admin.page.getByRole('dialog');
  const add = (button: string) => admin.page.getByRole('button', { name: button, exact: true }).click();

  test('a remote is added, tested with its fingerprint, and removed', async () => {
    const { page } = admin;
    const dialog = dialogOf();
    await section('remotes', 'Remotes');
    await add('Add remote');
    await dialog.getByLabel('Name').fill('other');
    await dialog.getByLabel('Host').fill('localhost');
    await dialog.getByLabel('Port').fill(String(server.port));
    await dialog.getByLabel('User or token there').fill('admin@pbs');
    await dialog.getByLabel('Password or token secret').fill('admin-password');
    await dialog.getByLabel('Fingerprint').fill(server.fingerprint.replace(/^../, '00'));
    await admin.check('remote-add');
    await dialog.getByRole('button', { name: 'Add remote' }).click();
    await page.getByRole('row', { name: /other/ }).waitFor();
    await page.getByRole('button', { name: 'Test other' }).click();
    await dialog.getByRole('alert').getByText('The test has failed').waitFor();
    await admin.check('remote-test-failed');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Edit other' }).click();
    await dialog.getByLabel('Fingerprint').fill(server.fingerprint);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Test other' }).click();
    await dialog.getByRole('listitem').getByText('store1').waitFor();
    await admin.check('remote-test');
    await page.keyboard.press('Escape');

    const job = ['sync-job', 'create', 'nightly', '--remote', 'other', '--remote-store', 'store1', '--store', 'store1'];
    assert.equal((await server.manager(...job)).code, 0);
    await page.reload();
    await page.getByRole('row', { name: /nightly/ }).waitFor();
    await admin.check('remotes');
    await page.getByRole('button', { name: 'Remove other' }).click();
    await dialog.getByText('Sync jobs use it: nightly').waitFor();
    await dialog.getByLabel('Type other to confirm').fill('other');
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await dialog.getByRole('alert').waitFor();
    await page.keyboard.press('Escape');
    await server.manager('sync-job', 'remove', 'nightly');
    await page.getByRole('button', { name: 'Remove other' }).click();
    await dialog.getByLabel('Type other to confirm').fill('other');
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('No remotes.').waitFor();
  });

  test('a key of synchronisation is made, archived and removed', async () => {
    const { page } = admin;
    const dialog = dialogOf();
    await section('encryption-keys', 'Encryption keys');
    await add('Add key');
    await dialog.getByLabel('Name').fill('offsite');
    await dialog.getByRole('button', { name: 'Add key' }).click();
    await page.getByRole('row', { name: /offsite usable/ }).waitFor();
    await admin.check('encryption-keys');
    await page.getByRole('button', { name: 'Archive offsite' }).click();
    await dialog.getByRole('button', { name: 'Archive' }).click();
    await page.getByRole('row', { name: /offsite archived/ }).waitFor();
    await page.getByRole('button', { name: 'Remove offsite' }).click();
    await dialog.getByLabel('Type offsite to confirm').fill('offsite');
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('No keys.').waitFor();
  });

  test('a webhook is set, tested with its result, and a matcher sends to it', async () => {
    const { page } = admin;
    const dialog = dialogOf();
    const address = `http://127.0.0.1:${(hook.address() as AddressInfo).port}`;
    await section('notifications', 'Notifications');
    await add('Add webhook');
    await dialog.getByLabel('Name').fill('chat');
    await dialog.getByLabel('URL').fill(`${address}/refused`);
    await dialog.getByLabel('Headers').fill('X-Secret: {{ secrets.key }}\nContent-Type: text/plain');
    await dialog.getByLabel('Body').fill('{{ title }}: ü');
    await dialog.getByLabel('Secrets').fill('key=se=cret');
    await admin.check('notification-webhook');
    await dialog.getByRole('button', { name: 'Add target' }).click();
    await page.getByRole('row', { name: /chat/ }).waitFor();
    await page.getByRole('button', { name: 'Send a test to chat' }).click();
    await dialog.getByRole('alert').getByText('The target has not taken it').waitFor();
    await admin.check('notification-test-failed');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Edit chat' }).click();
    await dialog.getByLabel('URL').fill(`${address}/taken`);
    assert.match(await dialog.getByLabel('Headers').inputValue(), /^X-Secret: \{\{ secrets\.key \}\}$/m);
    assert.equal(await dialog.getByLabel('Secrets').inputValue(), 'key');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Send a test to chat' }).click();
    await dialog.getByText('The target has taken the test notification').waitFor();
    const last = received.at(-1)!;
    assert.deepEqual([last.path, last.secret], ['/taken', 'se=cret']);
    assert.match(last.body, /: ü$/);
    await page.keyboard.press('Escape');

    await add('Add matcher');
    await dialog.getByLabel('Name').fill('failures');
    await dialog.getByText('chat', { exact: true }).click();
    await dialog.getByText('warning', { exact: true }).click();
    await dialog.getByText('error', { exact: true }).click();
    await dialog.getByLabel('Fields').fill('exact:type=gc,prune');
    await admin.check('notification-matcher');
    await dialog.getByRole('button', { name: 'Add matcher' }).click();
    await page.getByText('To chat: if severity is warning or error and type is gc or prune').waitFor();
    await admin.check('notifications');
    await page.getByRole('button', { name: 'Remove chat' }).click();
    await dialog.getByText('Matchers that send to it: failures').waitFor();
    await page.keyboard.press('Escape');
    const [matcher] = (await json('notification', 'matcher', 'list')).filter((one) => one['name'] === 'failures');
    assert.deepEqual(matcher?.['match-severity'], ['warning,error']);
    assert.deepEqual(matcher?.['target'], ['chat']);
  });

  test('mail by SMTP and a Gotify server are set, and take a test', async () => {
    await using relay = await startRelay({ allowInsecureAuth: true, hideSTARTTLS: true });
    const { page } = admin;
    const dialog = dialogOf();
    await section('notifications', 'Notifications');
    const sendTest = async (name: string): Promise<void> => {
      await dialog.waitFor({ state: 'detached' });
      await page.getByRole('button', { name: `Send a test to ${name}` }).click();
      await dialog.getByText('The target has taken the test notification').waitFor();
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    };
    await add('Add SMTP');
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('relay');
    await dialog.getByLabel('Server', { exact: false }).first().fill('127.0.0.1');
    await dialog.getByRole('button', { name: /Encryption/ }).click();
    await page.getByRole('option', { name: /^none/ }).click();
    await dialog.getByLabel('Port').fill(String(relay.port));
    await dialog.getByLabel('User name').fill('backup');
    await dialog.getByRole('textbox', { name: 'Password' }).fill(relayPassword);
    await dialog.getByRole('textbox', { name: 'Addresses', exact: true }).fill('ops@example.com');
    await dialog.getByLabel('Sender address').fill('granary@example.com');
    await admin.check('notification-smtp');
    await dialog.getByRole('button', { name: 'Add target' }).click();
    await sendTest('relay');
    const [mail] = relay.mails;
    assert.deepEqual([mail?.from, mail?.to, mail?.user], ['granary@example.com', ['ops@example.com'], 'backup']);

    await add('Add Gotify');
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('phone');
    await dialog.getByLabel('URL of the server').fill(`http://127.0.0.1:${(hook.address() as AddressInfo).port}`);
    await dialog.getByLabel('Token of the application').fill('app-token');
    await dialog.getByRole('button', { name: 'Add target' }).click();
    await sendTest('phone');
    const last = received.at(-1)!;
    assert.deepEqual([last.path, last.token], ['/message', 'app-token']);
    for (const name of ['relay', 'phone']) {
      await page.getByRole('button', { name: `Remove ${name}` }).click();
      await dialog.getByRole('button', { name: 'Remove' }).click();
      await page.getByRole('row', { name: new RegExp(name) }).waitFor({ state: 'detached' });
    }
  });

  test('realms: a directory that does not answer is not stored, a provider is, and one is the default', async () => {
    const { page } = admin;
    const dialog = dialogOf();
    await section('realms', 'Realms');
    await add('Add LDAP');
    await dialog.getByLabel('Realm').fill('company');
    await dialog.getByLabel('Server', { exact: false }).first().fill('127.0.0.1');
    await dialog.getByLabel('Base DN').fill('dc=example,dc=com');
    await dialog.getByLabel('Attribute of the user name').fill('uid');
    await dialog.getByText('More options').click();
    await dialog.getByLabel('Port').fill('1');
    await admin.check('realm-ldap');
    await dialog.getByRole('button', { name: 'Add LDAP' }).click();
    await dialog.getByRole('alert').waitFor();
    await page.keyboard.press('Escape');
    await add('Add OpenID');
    await dialog.getByLabel('Realm').fill('sso');
    await dialog.getByLabel('URL of the provider').fill('https://sso.example.com/');
    await dialog.getByLabel('Client ID').fill('granary');
    await dialog.getByText('Default', { exact: true }).click();
    await dialog.getByRole('button', { name: 'Add OpenID' }).click();
    await page.getByRole('row', { name: /sso OpenID Connect provider default/ }).waitFor();
    await admin.check('realms');
    await page.getByRole('button', { name: 'Edit pbs' }).click();
    await dialog.getByLabel('Comment').fill('people');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('people').waitFor();
    await page.getByRole('button', { name: 'Remove sso' }).click();
    await dialog.getByText('It has no users').waitFor();
    await dialog.getByLabel('Type sso to confirm').fill('sso');
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('row', { name: /sso/ }).waitFor({ state: 'detached' });
  });

  const slapdPath = findInstalled('slapd', 'slapd');
  if (slapdPath !== undefined) {
    test('a directory is taken over as its realm says, and otherwise as is chosen', async () => {
      const ldif = ['alice', 'bob'].map((name) => person(name, { mail: `${name}@example.com` })).join('');
      await using slapd = await Slapd.start(slapdPath, { ldif });
      const { page } = admin;
      const dialog = dialogOf();
      await section('realms', 'Realms');
      await add('Add LDAP');
      await dialog.getByLabel('Realm').fill('corp');
      await dialog.getByLabel('Server', { exact: false }).first().fill('127.0.0.1');
      await dialog.getByRole('button', { name: /Encryption/ }).click();
      await page.getByRole('option', { name: /^none/ }).click();
      await dialog.getByLabel('Base DN').fill(suffix);
      await dialog.getByLabel('Attribute of the user name').fill('uid');
      await dialog.getByText('More options').click();
      await dialog.getByLabel('Port').fill(String(slapd.port));
      await dialog.getByLabel('E-mail').fill('mail');
      await dialog.getByText('users', { exact: true }).click();
      await dialog.getByText('access rules', { exact: true }).click();
      await dialog.getByRole('button', { name: /New users may log in/ }).click();
      await page.getByRole('option', { name: 'No' }).click();
      await admin.check('realm-sync-defaults');
      await dialog.getByRole('button', { name: 'Add LDAP' }).click();
      await dialog.waitFor({ state: 'detached' });
      await server.manager('user', 'create', 'gone@corp');
      const synchronise = async (change: () => Promise<void>): Promise<void> => {
        await page.getByRole('button', { name: 'Synchronise corp now' }).click();
        await dialog.getByRole('checkbox', { name: 'users', exact: true }).waitFor();
        await change();
        await dialog.getByRole('button', { name: 'Synchronise' }).click();
        await dialog.getByText('TASK OK').waitFor();
      };
      const users = async (): Promise<unknown[]> =>
        (await json('user', 'list'))
          .filter(({ userid }) => String(userid).endsWith('@corp'))
          .map(({ userid, enable, email }) => [userid, enable ?? true, email]);
      await synchronise(async () => {
        assert.equal(await dialog.getByRole('checkbox', { name: 'users', exact: true }).isChecked(), true);
        assert.equal(await dialog.getByRole('checkbox', { name: 'New users may log in' }).isChecked(), false);
        await dialog.getByText('users', { exact: true }).click();
        await dialog.getByText('access rules', { exact: true }).click();
        await admin.check('realm-sync');
      });
      await admin.check('realm-synced');
      await page.keyboard.press('Escape');
      const both = [
        ['alice@corp', false, 'alice@example.com'],
        ['bob@corp', false, 'bob@example.com'],
      ];
      assert.deepEqual(await users(), [['gone@corp', true, undefined], ...both]);
      await synchronise(async () => {});
      await page.keyboard.press('Escape');
      assert.deepEqual(await users(), both);
    });
  }

  test('traffic rules show what passes now, metric servers keep their token', async () => {
    const { page } = admin;
    const dialog = dialogOf();
    await section('traffic', 'Traffic control');
    await add('Add rule');
    await dialog.getByLabel('Name').fill('office');
    await dialog.getByLabel('Networks').fill('192.0.2.0/24\n2001:db8::/32');
    await dialog.getByLabel('Most received a second').fill('20 MiB');
    await dialog.getByLabel('Times').fill('mon..fri 8-17:30');
    await admin.check('traffic-add');
    await dialog.getByRole('button', { name: 'Add rule' }).click();
    await page.getByText('0 B/s of 20 MiB/s').waitFor();
    await admin.check('traffic');
    await section('metrics', 'Metric servers');
    await add('Add by HTTP');
    await dialog.getByLabel('Name').fill('influx');
    await dialog.getByLabel('URL').fill('http://127.0.0.1:1/');
    await dialog.getByLabel('Token').fill('secret-token');
    await dialog.getByText('Enabled', { exact: true }).click();
    await dialog.getByRole('button', { name: 'Add by HTTP' }).click();
    await page.getByRole('row', { name: /influx .*disabled/ }).waitFor();
    await page.getByRole('button', { name: 'Edit influx' }).click();
    await dialog.getByLabel('Bucket').fill('backups');
    await admin.check('metrics-edit');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await admin.check('metrics');
  });

  test('the certificate is shown, refused when it makes no sense, and replaced', async () => {
    const { page } = admin;
    const dialog = dialogOf();
    await section('certificates', 'Certificates');
    await page.getByText('self-signed', { exact: true }).waitFor();
    assert.equal(await page.getByLabel('SHA-256 fingerprint').textContent(), server.fingerprint);
    await admin.check('certificates');
    await page.screenshot({ path: 'tmp/screens/certificates-whole.png', fullPage: true });
    await add('Upload');
    await dialog.getByLabel('Certificate', { exact: false }).first().fill('nonsense');
    await dialog.getByRole('button', { name: 'Upload' }).click();
    await admin.check('certificate-upload');
    await page.keyboard.press('Escape');
    await add('Add name');
    await dialog.getByRole('textbox', { name: 'Name' }).fill('backup.example.com');
    await dialog.getByRole('button', { name: 'Add name' }).click();
    await page.getByRole('row', { name: /backup\.example\.com standalone/ }).waitFor();
    await add('New self-signed');
    await dialog.getByRole('button', { name: 'Replace' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByLabel('SHA-256 fingerprint').filter({ hasNotText: server.fingerprint }).waitFor();
  });

  if (pebbleProgram !== undefined) {
    test('a certificate is ordered from an ACME server, and used at once', async () => {
      const { page } = admin;
      const dialog = dialogOf();
      await section('certificates', 'Certificates');
      await add('Register account');
      await dialog.getByLabel('E-mail').fill('ops@example.com');
      await dialog.getByLabel('Provider').click();
      await page.getByRole('option', { name: 'Another one …' }).click();
      await dialog.getByLabel('Address of the provider').fill(pebble!.directory);
      await dialog.getByText('I agree').click();
      await admin.check('acme-account');
      await dialog.getByRole('button', { name: 'Register account' }).click();
      await dialog.getByText('OK', { exact: true }).waitFor();
      await page.keyboard.press('Escape');
      await add('Choose account');
      await dialog.getByRole('button', { name: /Account( \*)?$/ }).click();
      await page.getByRole('option', { name: 'default' }).click();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.waitFor({ state: 'detached' });
      await add('Add name');
      await dialog.getByRole('textbox', { name: 'Name' }).fill('vault.example.com');
      await dialog.getByRole('button', { name: 'Add name' }).click();
      await page.getByRole('row', { name: /vault\.example\.com standalone/ }).waitFor();
      await add('Order now');
      await dialog.getByText('OK', { exact: true }).waitFor();
      await admin.check('acme-ordered');
      await page.keyboard.press('Escape');
      await page.getByText(/Pebble Intermediate CA/).waitFor();
      await admin.check('acme-certificate');
    });
  }

  test('an auditor sees all that is not secret, and no button that would be refused', async () => {
    await server.manager('user', 'create', 'audit@pbs', '--password', 'audit-password');
    await server.manager('acl', 'update', '/', 'Audit', '--auth-id', 'audit@pbs');
    await using window = await browser.open({ colours: 'dark' });
    await window.logIn('audit@pbs', 'audit-password', '/configuration/users');
    const { page } = window;
    const sections = page.getByRole('navigation', { name: 'Sections of the configuration' });
    await page.getByRole('row', { name: /audit@pbs/ }).waitFor();
    for (const [link, text] of [
      ['API tokens', 'No API tokens.'],
      ['Two-factor', 'Nothing here.'],
      ['Permissions', 'there and below'],
      ['Realms', 'people'],
      ['Notifications', 'failures'],
      ['Traffic control', 'office'],
      ['Metric servers', 'influx'],
    ] as const) {
      await sections.getByText(link, { exact: true }).click();
      await page.getByText(text).first().waitFor();
      const buttons = await page.locator('#content').getByRole('button').allTextContents();
      const changing = buttons.filter((name) => /^(Add|Edit|Remove|Test|Send|Make) /.test(name));
      assert.deepEqual(changing, [], link);
      assert.equal(await page.locator('#content').getByRole('alert').count(), 0, link);
      await window.check(`audit-dark-${link.toLowerCase().replace(/ /g, '-')}`);
    }
    assert.equal(await sections.getByText('Certificates').count(), 0);
  });

  test('on a phone the sections are a choice, and nothing scrolls sideways', async () => {
    await using window = await browser.open({ width: 390, height: 780, language: 'de' });
    const { page } = window;
    await page.goto('/configuration/notifications');
    await page.getByLabel('Benutzername').fill('admin@pbs');
    await page.getByLabel('Passwort').fill('admin-password');
    await page.getByRole('button', { name: 'Anmelden' }).click();
    await page.getByText('failures').first().waitFor();
    await window.check('notifications-phone');
    const width = (): Promise<number> => page.evaluate<number>('document.documentElement.scrollWidth');
    for (const [name, text] of [
      ['Berechtigungen', 'admin@pbs'],
      ['Zertifikate', 'Benutztes Zertifikat'],
      ['Bandbreite', 'office'],
      ['Benutzer', 'root@pam'],
    ] as const) {
      await page.getByRole('button', { name: /Abschnitt/ }).click();
      await page.getByRole('option', { name, exact: true }).click();
      await page.locator('#content').getByText(text).first().waitFor();
      assert.ok((await width()) <= 390, `${name}: ${await width()} pixels wide`);
      await window.check(`phone-${name.toLowerCase()}`);
    }
    // What fields are for is said by the contracts, in English, and shown in German.
    await page.goto('/configuration/realms?add=ldap');
    await page.getByText('Name oder Adresse des Verzeichnisservers.').waitFor();
    assert.equal(await page.getByText('Name or address of the directory server.').count(), 0);
    await window.check('realm-german');
  });
}
