// The configuration in a real browser: what can be set is set by its forms, and seen by the server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromiumPath, WebBrowser, type WebWindow } from '../support/browser.ts';
import { TestServer } from '../support/server.ts';

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  let admin: WebWindow;
  before(async () => {
    server = await TestServer.start();
    browser = await WebBrowser.start(server.port);
    admin = await browser.open();
    await admin.logIn('admin@pbs', 'admin-password', '/configuration');
  });
  after(async () => {
    await admin?.[Symbol.asyncDispose]();
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const list = async (...words: string[]): Promise<Record<string, unknown>[]> =>
    JSON.parse((await server.manager(...words, '--output-format', 'json')).out);

  /** Follows a link of the configuration's list of sections. */
  const section = async (name: string): Promise<void> => {
    const { page } = admin;
    await page
      .getByRole('navigation', { name: 'Sections of the configuration' })
      .getByText(name, { exact: true })
      .click();
    await page.getByRole('heading', { name, exact: true, level: 1 }).waitFor();
  };

  test('a user is made, changed, disabled and removed', async () => {
    const { page } = admin;
    await section('Users');
    await page.getByRole('button', { name: 'Add user' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('User name').fill('alice');
    await dialog.getByLabel('New password', { exact: false }).first().fill('first-password');
    await dialog.getByLabel('New password again').fill('other-password');
    await dialog.getByText('The two are not the same.').waitFor();
    await dialog.getByLabel('New password again').fill('first-password');
    await dialog.getByLabel('First name').fill('Alice');
    await dialog.getByLabel('Expires').fill('2040-05-01');
    await admin.check('users-add');
    await dialog.getByRole('button', { name: 'Add user' }).click();
    await page.getByRole('row', { name: /alice@pbs/ }).waitFor();
    const made = (await list('user', 'list')).find((user) => user['userid'] === 'alice@pbs');
    assert.equal(made?.['firstname'], 'Alice');
    assert.equal(made?.['enable'] ?? true, true);
    assert.ok(Number(made?.['expire']) > 2_000_000_000);
    await admin.check('users');

    await page.getByRole('button', { name: 'Edit alice@pbs' }).click();
    await dialog.getByLabel('First name').fill('A');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText(/at least 2 characters/).waitFor();
    await dialog.getByLabel('First name').fill('');
    await dialog.getByLabel('Expires').fill('');
    // Somebody else changes the file meanwhile: what they did is not overwritten.
    await server.manager('user', 'update', 'alice@pbs', '--comment', 'changed elsewhere');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog
      .getByRole('alert')
      .getByText(/detected modified configuration/)
      .waitFor();
    await admin.check('users-edit-conflict');
    await page.keyboard.press('Escape');
    await page.getByText('changed elsewhere').waitFor();
    await page.getByRole('button', { name: 'Edit alice@pbs' }).click();
    await dialog.getByLabel('First name').fill('');
    await dialog.getByLabel('Expires').fill('');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    const changed = (await list('user', 'list')).find((user) => user['userid'] === 'alice@pbs');
    assert.equal(changed?.['firstname'], undefined);
    assert.equal(changed?.['expire'], 0);

    await page.getByRole('gridcell', { name: 'alice@pbs', exact: true }).click();
    await page.getByRole('heading', { name: 'alice@pbs', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Disable' }).click();
    await dialog.getByRole('button', { name: 'Disable' }).click();
    await page.getByText('disabled', { exact: true }).waitFor();
    await admin.check('user');
    await page.getByRole('button', { name: 'Remove' }).click();
    await dialog.getByLabel('Type alice@pbs to confirm').fill('alice@pbs');
    await admin.check('user-remove');
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('heading', { name: 'Users', level: 1 }).waitFor();
    assert.equal(
      (await list('user', 'list')).some((user) => user['userid'] === 'alice@pbs'),
      false,
    );
  });

  test('choices that are on their way say so, and are asked for again when they did not come', async () => {
    const { page } = admin;
    const dialog = page.getByRole('dialog');
    let isDown = true;
    const arrived = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    await page.route('**/access/roles', async (route) => {
      if (!isDown) return route.continue();
      asked.resolve();
      await arrived.promise;
      await route.fulfill({ status: 400, body: 'no roles today' });
    });
    await section('Permissions');
    await page.getByRole('button', { name: 'Add rule' }).click();
    await asked.promise;
    await dialog.getByRole('button', { name: /Loading ….*Role/ }).click();
    await page.getByRole('listbox').getByText('Loading …').waitFor();
    await page.keyboard.press('Escape');
    arrived.resolve();
    await dialog.getByRole('alert').getByText('The choices could not be loaded. no roles today').waitFor();
    await admin.check('choices-failed');
    isDown = false;
    await dialog.getByRole('button', { name: 'Try again' }).click();
    await dialog.getByRole('button', { name: /Role/ }).click();
    await page.getByRole('option', { name: /DatastoreReader/ }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await page.unroute('**/access/roles');
  });

  test('a rule is added, its effect is explained, and it is removed', async () => {
    const { page } = admin;
    const dialog = page.getByRole('dialog');
    await server.manager('user', 'create', 'erik@pbs', '--password', 'erik-password');
    await server.manager('user', 'generate-token', 'erik@pbs', 'agent');
    await server.manager('acl', 'update', '/datastore/a', 'DatastoreReader', '--auth-id', 'erik@pbs');
    await server.manager('acl', 'update', '/datastore/a', 'DatastoreAdmin', '--auth-id', 'erik@pbs!agent');
    await section('Permissions');
    await page.reload();
    await page.getByRole('button', { name: 'Add rule' }).click();
    await dialog.getByLabel('Path').fill('/datastore');
    await dialog.getByRole('button', { name: /User or token/ }).click();
    await page.getByRole('option', { name: 'erik@pbs', exact: true }).click();
    await dialog.getByRole('button', { name: /Role/ }).click();
    await admin.picture('rule-roles');
    await page.getByRole('option', { name: 'DatastoreAdmin', exact: true }).click();
    await admin.check('rule-add');
    await dialog.getByRole('button', { name: 'Add rule' }).click();
    await page.getByRole('row', { name: '/datastore erik@pbs DatastoreAdmin' }).waitFor();
    assert.ok((await list('acl', 'list')).some((rule) => rule['path'] === '/datastore' && rule['ugid'] === 'erik@pbs'));

    await page.getByRole('button', { name: '– User or token' }).click();
    await page.getByRole('option', { name: 'erik@pbs!agent' }).click();
    await page.getByLabel('Path', { exact: true }).fill('/datastore/a/ns');
    const why = (privilege: string) => page.getByRole('row', { name: privilege }).textContent();
    await page.getByText('erik@pbs!agent has 3 of 23 privileges on /datastore/a/ns.').waitFor();
    assert.match(
      (await why('Datastore.Read'))!,
      /yes, and below.*DatastoreAdmin on \/datastore\/a for the token; DatastoreReader on \/datastore\/a for its user/,
    );
    assert.match(
      (await why('Datastore.Prune'))!,
      /no.*erik@pbs: DatastoreAdmin on \/datastore would give it, but DatastoreReader on \/datastore\/a takes its place/,
    );
    await admin.check('permissions');
    await admin.page.screenshot({ path: 'tmp/screens/permissions-whole.png', fullPage: true });

    await page.getByRole('button', { name: 'Remove DatastoreAdmin on /datastore for erik@pbs', exact: true }).click();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('DatastoreReader on /datastore/a does not have it').first().waitFor();
  });

  test('an S3 endpoint is made and tested, a datastore in its bucket is offered', async () => {
    const { page } = admin;
    await section('S3 endpoints');
    await page.getByRole('button', { name: 'Add S3 endpoint' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/^Name/).fill('minio1');
    await dialog.getByLabel(/^Endpoint/).fill('127.0.0.1');
    await dialog.getByLabel(/^Port/).fill('1');
    await dialog.getByLabel(/^Access key/).fill('key1');
    await dialog.getByLabel(/^Secret key/).fill('secret1');
    await admin.check('s3-endpoint-add');
    await dialog.getByRole('button', { name: 'Add S3 endpoint' }).click();
    await page.getByRole('row', { name: /minio1.*127\.0\.0\.1:1/ }).waitFor();
    await admin.check('s3-endpoints');
    const [made] = await list('s3', 'endpoint', 'list');
    assert.deepEqual(made, { id: 'minio1', endpoint: '127.0.0.1', port: 1, 'access-key': 'key1' });
    await page.getByRole('button', { name: 'Test minio1' }).click();
    await dialog.getByText(/The test has failed: S3 endpoint 'minio1': list buckets failed/).waitFor();
    await admin.check('s3-endpoint-test');
    await page.keyboard.press('Escape');
    await section('Datastores');
    await page.getByRole('button', { name: 'Add datastore' }).click();
    await dialog.getByText('More options').click();
    await dialog.getByRole('button', { name: /Kind/ }).click();
    await page.getByRole('option', { name: 'Bucket of an S3 endpoint' }).click();
    await dialog
      .getByRole('button', { name: /S3 endpoint$/ })
      .last()
      .click();
    await page.getByRole('option', { name: 'minio1' }).click();
    await admin.check('datastore-in-bucket');
    await page.keyboard.press('Escape');
  });

  test('whoever may see nothing of it has no entry for it, and is told so at its address', async () => {
    await server.manager('user', 'create', 'nobody@pbs', '--password', 'nobody-password');
    await using window = await browser.open();
    await window.logIn('nobody@pbs', 'nobody-password', '/configuration/users');
    await window.page.getByText('There is nothing here that you may see.').waitFor();
    assert.equal(await window.page.getByRole('link', { name: 'Configuration' }).count(), 0);
  });
}
