// Logins with second factors and at an OpenID provider, by a real browser with a virtual security key.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { TOTP, URI } from 'otpauth';
import { TestApi } from '../../src/api/testing/api-server.ts';
import { chromiumPath, WebBrowser, type WebWindow } from '../support/browser.ts';
import { OpenIdProvider } from '../support/openid-provider.ts';

const user = 'admin@pbs';
const password = 'admin-secret';
const uri = 'otpauth://totp/PBS:admin%40pbs?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=6&algorithm=SHA1&period=30';

if (chromiumPath !== undefined) {
  // Time stands still, so that a code is never too old, and moves on by a step after each code.
  let now = Date.now();
  let api: TestApi;
  let browser: WebBrowser;
  before(async () => {
    const webFolder = path.join(import.meta.dirname, '../../web/dist');
    api = await TestApi.start({ webFolder, clock: { now: () => now } });
    await api.server.access.users.setPassword(user, password);
    browser = await WebBrowser.start(api.port);
  });
  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await api?.[Symbol.asyncDispose]();
  });

  const code = (): string => {
    now += 60_000;
    const totp = URI.parse(uri);
    assert.ok(totp instanceof TOTP);
    return totp.generate({ timestamp: now });
  };
  const begin = async (window: WebWindow): Promise<void> => {
    const { page } = window;
    await page.goto('/');
    await page.getByLabel('User name').fill(user);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
  };
  const isIn = (window: WebWindow) => window.page.getByRole('button', { name: 'Log out' }).waitFor();
  const choose = async (window: WebWindow, kind: string): Promise<void> => {
    await window.page.getByRole('button', { name: /^Kind|Kind$/ }).click();
    await window.page.getByRole('option', { name: kind }).click();
  };

  test('one-time codes and recovery keys', async () => {
    const { tfa } = api.server.access;
    await tfa.add(user, { type: 'totp', description: 'phone', totp: uri, value: code() });
    const { recovery } = await tfa.add(user, { type: 'recovery' });
    await using window = await browser.open();
    const { page } = window;
    await begin(window);
    await page.getByRole('textbox', { name: 'Code of the authenticator app' }).fill('000000');
    await window.check('login-code');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('was not accepted').waitFor();
    await page.getByRole('textbox', { name: 'Code of the authenticator app' }).fill(code());
    await page.keyboard.press('Enter');
    await isIn(window);
    await page.getByRole('button', { name: 'Log out' }).click();

    await begin(window);
    await choose(window, 'Recovery key');
    await page.getByText('10 left; each is good once.').waitFor();
    await page.getByRole('textbox', { name: 'Recovery key' }).fill(recovery![3]!);
    await window.check('login-recovery');
    await page.keyboard.press('Enter');
    await isIn(window);
  });

  test('a security key', async () => {
    const { tfa } = api.server.access;
    const origin = `https://localhost:${api.port}`;
    await tfa.updateWebauthnConfig({ rp: 'Granary', id: 'localhost', origin });
    await using window = await browser.open();
    const { page } = window;
    await page.goto('/');
    const devtools = await window.context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: { protocol: 'ctap2', transport: 'usb', isUserVerified: true, automaticPresenceSimulation: true },
    });
    const { challenge } = await tfa.add(user, { type: 'webauthn', description: 'key' });
    const { publicKey } = JSON.parse(challenge!) as { publicKey: object };
    const value = await page.evaluate<string>(`(async () => {
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(${JSON.stringify(publicKey)});
      return JSON.stringify((await navigator.credentials.create({ publicKey })).toJSON());
    })()`);
    await tfa.add(user, { type: 'webauthn', challenge: (publicKey as { challenge: string }).challenge, value });
    await begin(window);
    await page.getByText('Have your security key ready.').waitFor();
    await window.check('login-key');
    await page.getByRole('button', { name: 'Use the security key' }).click();
    await isIn(window);
  });

  test('at an OpenID provider, there and back', async () => {
    const redirect = `https://localhost:${api.port}`;
    const clients = [{ client_id: 'granary', client_secret: 'secret', redirect_uris: [redirect] }];
    await using provider = await OpenIdProvider.start(clients, { carol: { preferred_username: 'carol' } });
    await api.server.access.realmStore.table('openid').create({
      realm: 'company',
      comment: 'Company login',
      'issuer-url': provider.issuer,
      'client-id': 'granary',
      'client-key': 'secret',
      autocreate: true,
    });
    await using window = await browser.open();
    const { page } = window;
    await page.goto('/');
    await page.getByRole('button', { name: /Realm/ }).click();
    await page.getByRole('option', { name: 'company' }).click();
    await window.check('login-openid');
    await page.getByRole('button', { name: 'Log in at the provider' }).click();
    await page.locator('input[name=login]').fill('carol');
    await page.locator('input[name=password]').fill('any');
    await page.locator('button[type=submit]').click();
    await page.locator('button[type=submit]').click();
    await isIn(window);
    await page.getByText('carol@company').waitFor();
    assert.equal(new URL(page.url()).search, '');
  });
}
