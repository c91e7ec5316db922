// Datastores in buckets in a real browser: endpoints, a datastore made by the form, what was asked of the store, fetching
// everything anew.

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { chromiumPath, WebBrowser, type WebWindow } from '../support/browser.ts';
import { hasObjectServer, ObjectServer } from '../support/object-server.ts';
import { TestServer } from '../support/server.ts';

if (chromiumPath !== undefined && hasObjectServer) {
  let remote: ObjectServer;
  let server: TestServer;
  let browser: WebBrowser;
  let admin: WebWindow;
  before(async () => {
    [remote, server] = await Promise.all([ObjectServer.start('backups'), TestServer.start()]);
    browser = await WebBrowser.start(server.port);
    admin = await browser.open();
    await admin.logIn('admin@pbs', 'admin-password', '/configuration/s3-endpoints');
  });
  after(async () => {
    await admin?.[Symbol.asyncDispose]();
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await remote?.[Symbol.asyncDispose]();
  });

  const dialog = () => admin.page.getByRole('dialog');
  const taskEnds = async (): Promise<void> => {
    await dialog().getByText('OK', { exact: true }).waitFor();
    await admin.page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
  };

  test('an endpoint is added and tried', async () => {
    const { page } = admin;
    await admin.check('s3-endpoints-empty');
    await page.getByRole('button', { name: 'Add S3 endpoint' }).click();
    await dialog().getByLabel('Name', { exact: false }).first().fill('swift1');
    await dialog().getByLabel('Endpoint', { exact: false }).fill('localhost');
    await dialog().getByLabel('Port').fill(String(remote.port));
    await dialog().getByText('Buckets are named in the path').click();
    await dialog().getByLabel('Access key').fill('test:backup');
    await dialog().getByLabel('Secret key').fill('backup-secret');
    await dialog().getByLabel('Fingerprint').fill(remote.fingerprint);
    await dialog().getByText('More options').click();
    await admin.check('s3-endpoint-add');
    await dialog().getByText('Uploads under a condition').click();
    await admin.check('s3-endpoint-add-more');
    await dialog().getByRole('button', { name: 'Add S3 endpoint' }).click();
    await page.getByRole('row', { name: /swift1/ }).waitFor();
    await admin.check('s3-endpoints');
    await page.getByRole('button', { name: 'Test swift1' }).click();
    await dialog().getByRole('button', { name: 'Try backups' }).click();
    await dialog().getByText('backups works: a datastore can be made in it.').waitFor();
    await admin.check('s3-endpoint-test');
    await page.keyboard.press('Escape');
  });

  test('a datastore is made in its bucket', async () => {
    const { page } = admin;
    await page.goto('/configuration/datastores');
    await page.getByRole('button', { name: 'Add datastore' }).click();
    await dialog().getByRole('textbox', { name: 'Name', exact: true }).fill('store1');
    await dialog().getByLabel('Directory').fill(server.path('store1'));
    await dialog().getByText('More options').click();
    await dialog().getByRole('button', { name: /Kind/ }).click();
    await page.getByRole('option', { name: 'Bucket of an S3 endpoint' }).click();
    await dialog()
      .getByRole('button', { name: /S3 endpoint$/ })
      .last()
      .click();
    await page.getByRole('option', { name: 'swift1' }).click();
    await dialog().getByRole('textbox', { name: 'Bucket' }).fill('backups');
    await admin.check('datastore-add-in-bucket');
    await dialog().getByRole('button', { name: 'Create' }).click();
    await taskEnds();
    await page.getByRole('row', { name: /store1/ }).waitFor();
  });

  test('its page tells what was asked of the store and when that is too much, and fetches everything anew', async () => {
    const { page } = admin;
    await writeFile(server.path('host.conf'), 'content '.repeat(10_000));
    const words = ['backup', `disk.img:${server.path('host.conf')}`, '--backup-id', 'one'];
    assert.equal((await server.client('store1', words)).code, 0);
    const limits = ['--notification-thresholds', 's3-put=3,s3-upload=1GiB', '--counter-reset-schedule', 'monthly'];
    assert.equal((await server.manager('datastore', 'update', 'store1', ...limits)).code, 0);
    await page.goto('/datastore/store1');
    await page.getByText(/^\d+ \(told of from 3 on\)$/).waitFor();
    await page.getByText(/B \(told of from 1(\.0+)? GiB on\)$/).waitFor();
    await admin.check('datastore-object-store');
    await page.screenshot({ path: 'tmp/screens/datastore-object-store-whole.png', fullPage: true });

    await rm(server.path('store1', 'host'), { recursive: true });
    await page.getByRole('button', { name: 'Fetch anew' }).click();
    const confirm = dialog().getByRole('button', { name: 'Fetch anew' });
    assert.equal(await confirm.isDisabled(), true);
    await dialog().getByLabel('Type store1 to confirm').fill('store1');
    await admin.check('datastore-fetch-anew');
    await confirm.click();
    await dialog().getByText("Datastore 'store1' is as the bucket has it.").waitFor();
    await taskEnds();
    await page.getByText('1 group, 1 snapshot').waitFor();

    await page.getByRole('button', { name: 'Reset counters' }).click();
    await page.getByText('0 (told of from 3 on)').waitFor();
  });

  test('on a phone, in German and in the dark; who may only look has no buttons', async () => {
    await using phone = await browser.open({ width: 390, height: 780, colours: 'dark', language: 'de' });
    await phone.page.goto('/datastore/store1');
    await phone.page.getByLabel('Benutzername').fill('admin@pbs');
    await phone.page.getByLabel('Passwort').fill('admin-password');
    await phone.page.getByRole('button', { name: 'Anmelden' }).click();
    await phone.page.getByRole('button', { name: 'Zähler zurücksetzen' }).scrollIntoViewIfNeeded();
    await phone.check('datastore-object-store-phone-dark');
    await phone.page.getByRole('button', { name: 'Neu holen' }).click();
    await phone.check('datastore-fetch-anew-phone-dark');
    await phone.page.goto('/configuration/s3-endpoints');
    await phone.page.getByRole('row', { name: /swift1/ }).waitFor();
    await phone.check('s3-endpoints-phone-dark');

    assert.equal((await server.manager('user', 'create', 'look@pbs', '--password', 'look-password')).code, 0);
    await server.manager('acl', 'update', '/datastore', 'DatastoreAudit', '--auth-id', 'look@pbs');
    await using looker = await browser.open();
    await looker.logIn('look@pbs', 'look-password', '/datastore/store1');
    await looker.page.getByText(/told of from 3 on/).waitFor();
    for (const name of ['Reset counters', 'Fetch anew']) {
      assert.equal(await looker.page.getByRole('button', { name }).count(), 0, name);
    }
  });
}
