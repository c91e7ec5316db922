// One's own account in a real browser: second factors of each kind, tokens whose secret is seen once, the password.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { totpCode, totpSecret } from '../../src/access/totp.ts';
import { chromiumPath, WebBrowser, type WebWindow } from '../support/browser.ts';
import { TestServer } from '../support/server.ts';

const user = 'carla@pbs';
const password = 'carla-password';

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  let window: WebWindow;
  before(async () => {
    server = await TestServer.start();
    await server.manager('user', 'create', user, '--password', password);
    browser = await WebBrowser.start(server.port);
    window = await browser.open();
    await window.logIn(user, password, '/');
  });
  after(async () => {
    await window?.[Symbol.asyncDispose]();
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test('an authenticator app is added once it shows its code', async () => {
    const { page } = window;
    assert.equal(await page.getByRole('link', { name: 'Configuration' }).count(), 0);
    await page.getByRole('link', { name: `Your account, ${user}` }).click();
    await page.getByRole('heading', { name: 'Your account' }).waitFor();
    await page.getByText('the password alone opens the account').waitFor();
    await page.getByRole('button', { name: 'Add app' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('What you call it').fill('phone');
    const secret = (await dialog.getByLabel('Secret', { exact: true }).textContent())!;
    const uri = `otpauth://totp/x?secret=${secret}&digits=6&period=30&algorithm=SHA1`;
    assert.equal(totpSecret(uri), secret);
    await dialog.getByLabel('Code that the app shows').fill('000');
    await dialog.getByLabel('Your own password').fill(password);
    await window.check('account-totp');
    await dialog.getByRole('button', { name: 'Add app' }).click();
    await dialog.getByRole('alert').waitFor();
    await dialog.getByLabel('Code that the app shows').fill(totpCode(uri, Date.now()));
    await dialog.getByRole('button', { name: 'Add app' }).click();
    await page.getByRole('row', { name: /phone/ }).waitFor();
  });

  test('recovery keys are seen once', async () => {
    const { page } = window;
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Make recovery keys' }).click();
    await dialog.getByLabel('Your own password').fill(password);
    await dialog.getByRole('button', { name: 'Make recovery keys' }).click();
    await dialog.getByText('shown only now').waitFor();
    const keys = (await dialog.getByLabel('Recovery keys').textContent())!.split('\n');
    assert.equal(keys.length, 10);
    // A click beside it does not lose them.
    await page.mouse.click(5, 5);
    await window.check('account-recovery');
    await page.emulateMedia({ media: 'print' });
    await page.getByText(keys[9]!, { exact: true }).first().waitFor();
    await window.picture('account-recovery-printed');
    await page.emulateMedia({ media: 'screen' });
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await page.getByRole('row', { name: /Recovery keys/ }).waitFor();
  });

  test('a security key is added and opens the next login', async () => {
    const { page } = window;
    const dialog = page.getByRole('dialog');
    await server.manager('user', 'create', 'hans@pbs', '--password', 'hans-password');
    await using second = await browser.open();
    await second.logIn('hans@pbs', 'hans-password', '/account');
    const own = second.page.getByRole('dialog');
    await page.getByRole('button', { name: 'Add key' }).click();
    await dialog.getByText('has to know its own name').waitFor();
    await page.keyboard.press('Escape');
    await using admin = await browser.open();
    await admin.logIn('admin@pbs', 'admin-password', '/configuration/second-factors');
    await admin.page.getByRole('button', { name: 'Security key settings' }).click();
    await admin.check('second-factors-settings');
    await admin.page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await admin.page.getByText('Security keys are for localhost').waitFor();
    await admin.check('second-factors');

    const devtools = await second.context.newCDPSession(second.page);
    await devtools.send('WebAuthn.enable');
    const options = {
      protocol: 'ctap2',
      transport: 'usb',
      isUserVerified: true,
      automaticPresenceSimulation: true,
    } as const;
    await devtools.send('WebAuthn.addVirtualAuthenticator', { options });
    await second.page.reload();
    await second.page.getByRole('button', { name: 'Add key' }).click();
    await own.getByText('touch it when it blinks').waitFor();
    await own.getByLabel('What you call it').fill('yellow key');
    await own.getByLabel('Your own password').fill('hans-password');
    await second.check('account-key');
    await own.getByRole('button', { name: 'Add key' }).click();
    await second.page.getByRole('row', { name: /yellow key/ }).waitFor();
    await second.page.getByRole('button', { name: 'Log out' }).click();
    await second.page.getByLabel('User name').fill('hans@pbs');
    await second.page.getByLabel('Password').fill('hans-password');
    await second.page.getByRole('button', { name: 'Log in', exact: true }).click();
    await second.page.getByRole('button', { name: 'Use the security key' }).click();
    await second.page.getByRole('heading', { name: 'Your account' }).waitFor();
    await second.page.getByRole('button', { name: 'Remove yellow key' }).click();
    await own.getByText('It is the last one').waitFor();
    await own.getByLabel('Your own password').fill('hans-password');
    await own.getByRole('button', { name: 'Remove', exact: true }).click();
    await second.page.getByText('the password alone opens the account').waitFor();
  });

  test('a token is made, its secret works and is seen once, a new one replaces it', async () => {
    const { page } = window;
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Add token' }).click();
    await dialog.getByLabel('Name of the token').fill('laptop');
    await window.check('account-token-add');
    await dialog.getByRole('button', { name: 'Add token' }).click();
    await dialog.getByText('shown only now').waitFor();
    const first = (await dialog.getByLabel('Secret', { exact: true }).textContent())!;
    await window.check('account-token-secret');
    const ask = (secret: string): Promise<{ code: number }> =>
      server.client('none', ['version'], {
        env: { ...server.env('none', `${user}!laptop`, secret) },
      });
    assert.equal((await ask(first)).code, 0);
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await page.getByText('none yet').waitFor();
    await page.getByRole('button', { name: `New secret for ${user}!laptop` }).click();
    await dialog.getByRole('button', { name: 'New secret' }).click();
    await dialog.getByText('shown only now').waitFor();
    const second = (await dialog.getByLabel('Secret', { exact: true }).textContent())!;
    assert.notEqual(second, first);
    assert.notEqual((await ask(first)).code, 0);
    assert.equal((await ask(second)).code, 0);
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await window.check('account');
    await page.getByRole('button', { name: `Remove ${user}!laptop` }).click();
    await dialog.getByLabel(`Type ${user}!laptop to confirm`).fill(`${user}!laptop`);
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('No API tokens.').waitFor();
    assert.notEqual((await ask(second)).code, 0);
  });

  test('the password is changed with the present one, on a phone, in the dark, in German', async () => {
    await server.manager('user', 'create', 'greta@pbs', '--password', 'greta-password');
    await using phone = await browser.open({ width: 390, height: 780, colours: 'dark', language: 'de' });
    const { page } = phone;
    await page.goto('/account');
    await page.getByLabel('Benutzername').fill('greta@pbs');
    await page.getByLabel('Passwort').fill('greta-password');
    await page.getByRole('button', { name: 'Anmelden' }).click();
    await page.getByRole('heading', { name: 'Ihr Konto' }).waitFor();
    await page.getByText('Das Passwort allein').waitFor();
    await phone.check('account-phone-dark');
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(width <= 390, `${width} pixels wide`);
    await page.getByRole('button', { name: 'Passwort ändern' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Ihr eigenes Passwort').fill('greta-password');
    await dialog.getByLabel('Neues Passwort').first().fill('new-password');
    await dialog.getByLabel('Neues Passwort noch einmal').fill('new-password');
    await phone.check('account-password-phone-dark');
    await dialog.getByRole('button', { name: 'Passwort setzen' }).click();
    await dialog.waitFor({ state: 'detached' });
    await using fresh = await browser.open();
    await fresh.logIn('greta@pbs', 'new-password', '/account');
  });
}
