// Logging in and what stands around every page, in a real browser.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromiumPath, WebBrowser } from '../support/browser.ts';
import { TestServer } from '../support/server.ts';

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  before(async () => {
    server = await TestServer.start();
    browser = await WebBrowser.start(server.port);
  });
  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test('a wrong password is refused in words, the right one opens the page of the address', async () => {
    await using window = await browser.open();
    const { page } = window;
    await page.goto('/tasks');
    await page.getByLabel('User name').fill('admin@pbs');
    await page.getByLabel('Password').fill('wrong');
    await window.check('login');
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await page.getByRole('alert').getByText('User name, password or realm is wrong.').waitFor();
    await page.getByLabel('Password').fill('admin-password');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Tasks' }).waitFor();
    await window.check('tasks');
    await page.reload();
    await page.getByRole('heading', { name: 'Tasks' }).waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Password').waitFor();
    const { cookies } = await window.context.storageState();
    assert.deepEqual(cookies, []);
  });

  test('what has to be agreed to stands before the login, in the language of the server', async () => {
    const text = 'Nur für Befugte.\nAlles wird protokolliert.';
    const consent = Buffer.from(text).toString('base64');
    await server.manager('node', 'update', '--consent-text', consent, '--default-lang', 'de');
    {
      await using window = await browser.open({ isAlone: true });
      const { page } = window;
      await page.goto('/tasks');
      await page.getByRole('heading', { name: 'Vor der Anmeldung' }).waitFor();
      await page.getByText(text).waitFor();
      assert.equal(await page.getByLabel('Passwort').count(), 0);
      await window.check('login-consent');
      await page.getByRole('button', { name: 'Ich stimme zu' }).click();
      await page.getByLabel('Benutzername').fill('admin@pbs');
      await page.getByLabel('Passwort').fill('admin-password');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Aufgaben' }).waitFor();
      await page.reload();
      await page.getByRole('heading', { name: 'Aufgaben' }).waitFor();
      // Nothing to agree to any more, and no language but the browser's.
      await page.goto('/configuration/options');
      const field = page.getByLabel('Text, dem zuzustimmen ist');
      assert.equal(await field.inputValue(), text);
      await window.check('server-options');
      await field.fill('');
      await page.getByRole('button', { name: 'Speichern' }).click();
      await page.getByText('Gespeichert.').waitFor();
    }
    const { out } = await server.manager('node', 'show', '--output-format', 'json');
    assert.deepEqual(JSON.parse(out), { 'default-lang': 'de' });
    await server.manager('node', 'update', '--delete', 'default-lang');
  });

  test('a ticket that gets old is renewed while the page is open', async () => {
    await using window = await browser.open();
    await window.logIn('admin@pbs', 'admin-password');
    const { page } = window;
    await page.evaluate(() => {
      const session = JSON.parse(localStorage.getItem('granary-session')!);
      localStorage.setItem(
        'granary-session',
        JSON.stringify({ ...session, csrf: 'old', since: Date.now() - 3600_000 }),
      );
    });
    await page.reload();
    await page.waitForFunction(() => JSON.parse(localStorage.getItem('granary-session')!).csrf !== 'old');
    assert.equal(await page.getByRole('navigation', { name: 'Main navigation' }).count(), 1);
  });

  test('the script that login and dashboard load is below 250 KiB compressed', async () => {
    await using window = await browser.open({ isAlone: true });
    const loaded: string[] = [];
    window.page.on('response', (response) => {
      const { pathname } = new URL(response.url());
      if (pathname.endsWith('.js')) loaded.push(path.basename(pathname));
    });
    const { page } = window;
    await page.goto('/');
    await page.getByLabel('User name').fill('admin@pbs');
    await page.getByLabel('Password').fill('admin-password');
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
    await window.check('dashboard');
    const assets = path.join(import.meta.dirname, '../../web/dist/assets');
    assert.ok(readdirSync(assets).length > 0);
    const bytes = new Set(loaded)
      .values()
      .reduce((sum, name) => sum + statSync(path.join(assets, `${name}.br`)).size, 0);
    assert.ok(bytes > 50_000 && bytes < 250 * 1024, `${bytes} bytes in ${loaded.length} files`);
    const html = readFileSync(path.join(assets, '../index.html'), 'utf8');
    assert.doesNotMatch(html, /https?:\/\/(?!www\.w3\.org)/);
  });

  test('on a phone, in the dark, in German', async () => {
    await using window = await browser.open({ width: 390, height: 780, colours: 'dark', language: 'de' });
    const { page } = window;
    await page.goto('/');
    await page.getByLabel('Benutzername').fill('admin@pbs');
    await page.getByLabel('Passwort').fill('admin-password');
    await page.getByRole('button', { name: 'Anmelden' }).click();
    await page.getByRole('heading', { name: 'Übersicht' }).waitFor();
    await window.check('dashboard-phone-dark');
    await page.getByRole('button', { name: 'Menü' }).click();
    await page.getByRole('link', { name: 'Aufgaben' }).click();
    await page.getByRole('heading', { name: 'Aufgaben' }).waitFor();
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(width <= 390, `${width} pixels wide`);
  });
}
