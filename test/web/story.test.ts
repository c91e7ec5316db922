// What an administrator does in the first days, all of it in the browser, with the real client at the other end: a
// datastore, a user, a token and its rights; backups; files looked at, compared and taken back; pruning; verification,
// which finds a chunk that was damaged.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromiumPath, WebBrowser, type WebWindow } from '../support/browser.ts';
import { emptyStore, TestServer } from '../support/server.ts';

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  let admin: WebWindow;
  before(async () => {
    server = await TestServer.start();
    browser = await WebBrowser.start(server.port);
    admin = await browser.open();
  });
  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  let secret = '';
  const saver = async (words: string[]): Promise<void> => {
    const result = await server.client('archive', words, { env: server.env('archive', 'saver@pbs!laptop', secret) });
    assert.equal(result.code, 0, result.err);
  };
  /** One more snapshot of the folder; times of snapshots are whole seconds. */
  const backUp = (time: number) =>
    saver(['backup', `docs.pxar:${server.path('docs')}`, '--backup-id', 'laptop', '--backup-time', String(time)]);
  const newest = Math.floor(Date.now() / 1000) - 60;

  test('a datastore, a user, and a token with the rights to back up', async () => {
    const { page } = admin;
    const dialog = page.getByRole('dialog');
    await admin.logIn('admin@pbs', 'admin-password', '/configuration/datastores');
    await page.getByRole('button', { name: 'Add datastore' }).click();
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('archive');
    await dialog.getByLabel('Directory').fill(server.path('archive'));
    // A new one makes 65,536 directories, which takes its time.
    await emptyStore(server.path('archive'));
    await dialog.getByText('More options').click();
    await dialog.getByText('Take over a datastore that is there').click();
    await dialog.getByRole('button', { name: 'Create' }).click();
    await dialog.getByText('OK', { exact: true }).waitFor();
    await dialog.getByRole('button', { name: 'Close' }).first().click();
    await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'archive' }).waitFor();

    await page.goto('/configuration/users');
    await page.getByRole('button', { name: 'Add user' }).click();
    await dialog.getByLabel('User name').fill('saver');
    await dialog.getByLabel('New password', { exact: false }).first().fill('saver-password');
    await dialog.getByLabel('New password again').fill('saver-password');
    await dialog.getByRole('button', { name: 'Add user' }).click();
    await page.getByRole('row', { name: /saver@pbs/ }).waitFor();

    await using window = await browser.open();
    await window.logIn('saver@pbs', 'saver-password', '/account');
    const own = window.page.getByRole('dialog');
    await window.page.getByRole('button', { name: 'Add token' }).click();
    await own.getByLabel('Name of the token').fill('laptop');
    await own.getByRole('button', { name: 'Add token' }).click();
    await own.getByText('shown only now').waitFor();
    secret = (await own.getByLabel('Secret', { exact: true }).textContent())!;

    await page.goto('/datastore/archive/permissions');
    for (const who of ['saver@pbs', 'saver@pbs!laptop']) {
      await page.getByRole('button', { name: 'Add rule' }).click();
      await dialog.getByRole('button', { name: /User or token/ }).click();
      await page.getByRole('option', { name: who, exact: true }).click();
      await dialog.getByRole('button', { name: /Role/ }).click();
      await page.getByRole('option', { name: 'DatastoreBackup', exact: true }).click();
      await dialog.getByRole('button', { name: 'Add rule' }).click();
      await page.getByRole('row', { name: new RegExp(`${who} .*DatastoreBackup`) }).waitFor();
    }
  });

  test('backups appear, their files are looked at, compared and taken back', async () => {
    const docs = server.path('docs');
    await mkdir(docs, { recursive: true });
    writeFileSync(path.join(docs, 'letter.txt'), 'first version\n');
    await backUp(newest - 120);
    writeFileSync(path.join(docs, 'letter.txt'), 'second version\n');
    writeFileSync(path.join(docs, 'photo.raw'), Buffer.alloc(300_000, 7));
    await backUp(newest - 60);
    await backUp(newest);
    const { page } = admin;
    await page.goto('/datastore/archive/content');
    await page
      .getByRole('row', { name: /host\/laptop/ })
      .getByText('(3)')
      .waitFor();

    const group = 'type=host&id=laptop';
    await page.goto(`/datastore/archive/files?${group}&time=${newest - 60}&path=docs.pxar.didx/letter.txt`);
    const preview = page.getByRole('textbox', { name: 'Preview' });
    await preview.waitFor();
    assert.equal(await preview.inputValue(), 'second version\n');
    const coming = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download', exact: true }).click();
    assert.equal(readFileSync(await (await coming).path(), 'utf8'), 'second version\n');

    await page.goto(`/datastore/archive/compare?${group}&from=${newest - 120}&to=${newest - 60}`);
    await page
      .getByRole('row', { name: /letter\.txt/ })
      .getByText('changed')
      .waitFor();
    await page
      .getByRole('row', { name: /photo\.raw/ })
      .getByText('added')
      .waitFor();
  });

  test('the simulator says what a rule removes, and removes just that', async () => {
    const { page } = admin;
    const dialog = page.getByRole('dialog');
    await page.goto('/datastore/archive/prune?type=host&id=laptop&keep-last=2');
    await page.getByText('1 removed').waitFor();
    await page.getByRole('button', { name: 'Prune …' }).click();
    await dialog.getByLabel('Type host/laptop to confirm').fill('host/laptop');
    await dialog.getByRole('button', { name: 'Prune', exact: true }).click();
    await dialog.getByText('OK', { exact: true }).waitFor();
    await page.goto('/datastore/archive/content');
    await page
      .getByRole('row', { name: /host\/laptop/ })
      .getByText('(2)')
      .waitFor();
  });

  test('verification tells of a damaged chunk, and so does the dashboard', async () => {
    const chunks = server.path('archive', '.chunks');
    const files = readdirSync(chunks, { recursive: true, encoding: 'utf8' })
      .map((name) => path.join(chunks, name))
      .filter((file) => statSync(file).isFile());
    for (const file of files) {
      const bytes = readFileSync(file);
      bytes[bytes.byteLength - 1]! ^= 0xff;
      writeFileSync(file, bytes);
    }
    const { page } = admin;
    const dialog = page.getByRole('dialog');
    const row = page.getByRole('row', { name: /host\/laptop/ });
    await row.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Verify' }).click();
    await dialog
      .getByText(/verification failed/)
      .first()
      .waitFor();
    await admin.check('story-verify-failed');
    await dialog.getByRole('button', { name: 'Close' }).first().click();
    await page.goto('/datastore/archive/content?filter=laptop');
    await row.click();
    await page.getByText('damaged').first().waitFor();
    await page.goto('/');
    await page.getByText('verification failed').first().waitFor();
    await admin.check('story-dashboard');
  });
}
