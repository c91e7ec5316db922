// The key page in a real browser: what it makes, the client can use.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Locator } from 'playwright-core';
import { chromiumPath, WebBrowser } from '../support/browser.ts';
import { goldenPath } from '../support/golden.ts';
import { TestServer } from '../support/server.ts';

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  before(async () => {
    server = await TestServer.start();
    await server.datastore('store1');
    browser = await WebBrowser.start(server.port);
  });
  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test('a key made in the browser encrypts a backup, is printed, and opens what it encrypted', async () => {
    await using window = await browser.open();
    const { page } = window;
    const sent: string[] = [];
    page.on('request', (request) => sent.push(`${request.url()} ${request.postData() ?? ''}`));
    await window.logIn('admin@pbs', 'admin-password', '/keys');
    const create = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Create a key' }) });
    await create.getByLabel('Passphrase', { exact: true }).fill('made in a browser');
    await create.getByLabel('The same again').fill('made in a brawser');
    await page.getByText('The two are not the same.').waitFor();
    await create.getByLabel('The same again').fill('made in a browser');
    await create.getByLabel('Hint').fill('where');
    await window.check('keys');
    const coming = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Create and download' }).click();
    const download = await coming;
    assert.match(download.suggestedFilename(), /^encryption-key-[0-9a-f]{8}\.json$/);
    const text = readFileSync(await download.path(), 'utf8');
    const keyfile = server.path('made.key');
    writeFileSync(keyfile, text);
    const { fingerprint, hint, data } = JSON.parse(text) as Record<string, string>;
    assert.equal(hint, 'where');

    mkdirSync(server.path('tree'));
    writeFileSync(path.join(server.path('tree'), 'file.txt'), 'secret');
    const words = ['backup', `root.pxar:${server.path('tree')}`, '--backup-id', 'me', '--keyfile', keyfile];
    const env = { PBS_ENCRYPTION_PASSWORD: 'made in a browser' };
    const made = await server.client('store1', words, { env });
    assert.equal(made.code, 0, made.err);

    await page.getByRole('button', { name: 'Print it' }).click();
    await page.getByRole('img', { name: 'QR code of the key file' }).first().waitFor();
    await page.getByLabel('Subject line').fill('The key of me');
    const printed = await server.client('store1', ['key', 'paperkey', keyfile, '--output-format', 'text']);
    const expected = printed.out.slice(0, printed.out.indexOf('-----END'));
    const shown = await page.locator('pre', { hasText: 'BEGIN PROXMOX' }).first().textContent();
    // The client writes times in its own zone, which here is the browser's too.
    assert.ok(shown!.startsWith(expected), `${shown}\n${expected}`);
    await page.getByRole('img', { name: 'QR code of the key file' }).first().scrollIntoViewIfNeeded();
    await window.check('keys-paper');
    await page.emulateMedia({ media: 'print' });
    await window.picture('keys-printed');
    assert.equal(await page.getByRole('button', { name: 'Create and download' }).isVisible(), false);
    await page.emulateMedia({ media: 'screen' });

    const tested = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Test a key' }) });
    await tested.getByLabel('Datastore').click();
    await page.getByRole('option', { name: 'store1' }).click();
    await tested.getByLabel('Encrypted snapshot').click();
    await page.getByRole('option', { name: /host\/me/ }).click();
    const chooser = tested.getByLabel('Choose a key file');
    await chooser.setInputFiles(goldenPath('pbs-3.2.4/keys/enc-none.key'));
    await page.getByRole('button', { name: 'Test the key' }).click();
    await page.getByRole('alert').getByText(`wrong key: the snapshot was made with ${fingerprint}`).waitFor();
    await chooser.setInputFiles(keyfile);
    await tested.getByLabel('Passphrase', { exact: true }).fill('made in a browser');
    await page.getByRole('button', { name: 'Test the key' }).click();
    await page.getByText('The key opens this snapshot').waitFor();
    await page.getByText(/ were decrypted, and have the digest that they should\.$/).scrollIntoViewIfNeeded();
    await window.check('keys-tested');
    for (const one of sent) assert.ok(!one.includes(data!) && !one.includes('made in a browser'), one);
  });

  test('a master key made in the browser seals a key in a backup, and gets it back from there', async () => {
    await using window = await browser.open();
    const { page } = window;
    const sent: string[] = [];
    page.on('request', (request) => sent.push(`${request.url()} ${request.postData() ?? ''}`));
    await window.logIn('admin@pbs', 'admin-password', '/keys');
    const card = (name: string) => page.locator('section').filter({ has: page.getByRole('heading', { name }) });
    const kept = async (button: Locator, name: string): Promise<string> => {
      const coming = page.waitForEvent('download');
      await button.click();
      const file = server.path(name);
      await (await coming).saveAs(file);
      return file;
    };
    const create = card('Create a master key');
    await create.getByLabel('Passphrase', { exact: true }).fill('over all of them');
    await create.getByLabel('The same again').fill('over all of them');
    await create.getByRole('button', { name: 'Create master key' }).click();
    const privateFile = await kept(page.getByRole('button', { name: 'Download the private half' }), 'private.pem');
    const publicFile = await kept(page.getByRole('button', { name: 'Download the public half' }), 'public.pem');
    await window.check('keys-master');

    const keyfile = server.path('lost.key');
    const made = await server.client('store1', ['key', 'create', keyfile, '--kdf', 'none']);
    assert.equal(made.code, 0, made.err);
    writeFileSync(server.path('secret.conf'), 'kept as a secret');
    const words = [
      'backup',
      `secret.conf:${server.path('secret.conf')}`,
      '--backup-id',
      'sealed',
      '--keyfile',
      keyfile,
    ];
    const backup = await server.client('store1', [...words, '--master-pubkey-file', publicFile]);
    assert.equal(backup.code, 0, backup.err);

    const recover = card('Recover a key with the master key');
    await recover.getByLabel('Datastore').click();
    await page.getByRole('option', { name: 'store1' }).click();
    await recover.getByLabel('Encrypted snapshot').click();
    assert.deepEqual((await page.getByRole('option').allTextContents()).length, 1);
    await page.getByRole('option', { name: /host\/sealed/ }).click();
    const chooser = recover.getByLabel('Choose the private half');
    await chooser.setInputFiles(publicFile);
    await recover.getByText('This is no private master key.').waitFor();
    await chooser.setInputFiles(privateFile);
    await recover.getByLabel('Passphrase of the master key').fill('not this one');
    await recover.getByLabel('Protection').click();
    await page.getByRole('option', { name: /^None/ }).click();
    const go = recover.getByRole('button', { name: 'Recover and download' });
    await go.click();
    await recover.getByRole('alert').getByText('the passphrase does not open the private master key').waitFor();
    await window.check('keys-recover-refused');
    await recover.getByLabel('Passphrase of the master key').fill('over all of them');
    const found = JSON.parse(readFileSync(await kept(go, 'found.key'), 'utf8')) as Record<string, string>;
    const lost = JSON.parse(readFileSync(keyfile, 'utf8')) as Record<string, string>;
    assert.deepEqual(
      [found['data'], found['fingerprint'], found['created']],
      [lost['data'], lost['fingerprint'], lost['created']],
    );
    await recover.getByText('The key was recovered and downloaded').scrollIntoViewIfNeeded();
    await window.check('keys-recovered');
    const target = server.path('restored.conf');
    const restore = ['restore', 'host/sealed/latest', 'secret.conf', target, '--keyfile', server.path('found.key')];
    const restored = await server.client('store1', restore);
    assert.equal(restored.code, 0, restored.err);
    assert.equal(readFileSync(target, 'utf8'), 'kept as a secret');
    // What is lost can be a file too, as the client restores it: without the blob's header.
    await recover.getByLabel('Sealed copy').click();
    await page.getByRole('option', { name: /^From a file/ }).click();
    const bare = server.path('rsa-encrypted.key');
    const copied = await server.client('store1', ['restore', 'host/sealed/latest', 'rsa-encrypted.key', bare]);
    assert.equal(copied.code, 0, copied.err);
    await recover.getByLabel('Choose rsa-encrypted.key').setInputFiles(bare);
    await chooser.setInputFiles(privateFile);
    await recover.getByLabel('Passphrase of the master key').fill('over all of them');
    await recover.getByLabel('Passphrase', { exact: true }).fill('a new passphrase');
    await recover.getByLabel('The same again').fill('a new passphrase');
    const again = JSON.parse(readFileSync(await kept(go, 'again.key'), 'utf8')) as Record<string, unknown>;
    assert.equal(again['fingerprint'], lost['fingerprint']);
    assert.ok(again['kdf'] !== null);
    for (const one of sent) assert.ok(!one.includes('PRIVATE') && !one.includes('over all of them'), one);
  });

  test('on a phone, in the dark, in German', async () => {
    await using window = await browser.open({ width: 390, height: 780, colours: 'dark', language: 'de' });
    const { page } = window;
    await page.goto('/keys');
    await page.getByLabel('Benutzername').fill('admin@pbs');
    await page.getByLabel('Passwort').fill('admin-password');
    await page.getByRole('button', { name: 'Anmelden' }).click();
    await page.getByRole('heading', { name: 'Schlüssel erzeugen', exact: true }).waitFor();
    await window.check('keys-phone-dark');
    await page
      .getByRole('heading', { name: 'Schlüssel mit dem Master-Schlüssel wiederherstellen' })
      .scrollIntoViewIfNeeded();
    await window.picture('keys-recover-phone-dark');
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(width <= 390, `${width} pixels wide`);
  });
}
