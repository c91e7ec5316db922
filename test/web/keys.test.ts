// The key page in a real browser: what it makes, the client can use.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
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

    await page.getByLabel('Datastore').click();
    await page.getByRole('option', { name: 'store1' }).click();
    await page.getByLabel('Encrypted snapshot').click();
    await page.getByRole('option', { name: /host\/me/ }).click();
    const chooser = page.getByLabel('Choose a key file').last();
    await chooser.setInputFiles(goldenPath('pbs-3.2.4/keys/enc-none.key'));
    await page.getByRole('button', { name: 'Test the key' }).click();
    await page.getByRole('alert').getByText(`wrong key: the snapshot was made with ${fingerprint}`).waitFor();
    await chooser.setInputFiles(keyfile);
    const tested = page.locator('section').filter({ has: page.getByLabel('Encrypted snapshot') });
    await tested.getByLabel('Passphrase', { exact: true }).fill('made in a browser');
    await page.getByRole('button', { name: 'Test the key' }).click();
    await page.getByText('The key opens this snapshot').waitFor();
    await page.getByText(/ were decrypted, and have the digest that they should\.$/).scrollIntoViewIfNeeded();
    await window.check('keys-tested');
    for (const one of sent) assert.ok(!one.includes(data!) && !one.includes('made in a browser'), one);
  });

  test('on a phone, in the dark, in German', async () => {
    await using window = await browser.open({ width: 390, height: 780, colours: 'dark', language: 'de' });
    const { page } = window;
    await page.goto('/keys');
    await page.getByLabel('Benutzername').fill('admin@pbs');
    await page.getByLabel('Passwort').fill('admin-password');
    await page.getByRole('button', { name: 'Anmelden' }).click();
    await page.getByRole('heading', { name: 'Schlüssel erzeugen' }).waitFor();
    await window.check('keys-phone-dark');
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(width <= 390, `${width} pixels wide`);
  });
}
