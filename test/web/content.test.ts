// The content of a datastore in a real browser: what the original wrote, looked at and changed.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { chromiumPath, WebBrowser, type WebWindow } from '../support/browser.ts';
import { unpackFixture } from '../support/fixture.ts';
import { TestServer } from '../support/server.ts';

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  let base: string;
  before(async () => {
    server = await TestServer.start();
    base = unpackFixture();
    const { code, err } = await server.manager('datastore', 'create', 'fixture', base, '--reuse-datastore', 'true');
    assert.equal(code, 0, err);
    browser = await WebBrowser.start(server.port);
  });
  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const row = (page: Page, text: string | RegExp) => page.getByRole('row').filter({ hasText: text });
  const menuOf = async (page: Page, text: string | RegExp): Promise<void> =>
    await row(page, text).getByRole('button', { name: 'Actions' }).click();
  /** A group with its two snapshots open. */
  const openGroup = async (window: WebWindow, group: string): Promise<void> => {
    await row(window.page, group).click();
    await row(window.page, 'Nov 15, 2023').waitFor();
  };

  test('namespaces, groups and snapshots open one by one, with what is known of them', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/datastore/fixture/content');
    await row(page, 'host/plain-host').getByText('B', { exact: false }).first().waitFor();
    assert.equal(await page.getByRole('row').count(), 1 + 1 + 6);
    await openGroup(window, 'host/plain-host');
    await row(page, 'Nov 15, 2023').getByText('verified', { exact: true }).waitFor();
    await row(page, 'Nov 15, 2023').getByText('protected').waitFor({ state: 'attached' });
    await row(page, 'Nov 14, 2023').getByText('not verified').waitFor();
    await row(page, 'ns1').first().click();
    await row(page, 'ct/200').waitFor();
    await window.check('content');
    await page.getByLabel('Filter').fill('enc-host');
    await row(page, 'ct/200').waitFor({ state: 'detached' });
    await row(page, 'host/enc-host').waitFor();
    assert.equal(await row(page, 'vm/100').count(), 0);
    await page.waitForURL(/filter=enc-host/);
    await page.reload();
    await row(page, 'host/enc-host').waitFor();
    assert.equal(await row(page, 'vm/100').count(), 0);
  });

  test('two snapshots are compared by files and chunks, encrypted ones told as such', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/datastore/fixture/compare?type=host&id=plain-host');
    await page.getByText('3 added, 2 changed, 2 removed').waitFor();
    await row(page, 'root.pxar/new-dir/new-file').getByText('added').waitFor();
    await page.getByText(/are in both, \d+%/).waitFor();
    await window.check('compare');
    await page.getByRole('button', { name: 'Later' }).click();
    await page.getByRole('option', { name: 'Nov 14, 2023' }).click();
    await page.waitForURL(/to=1700000000/);
    await page.goto('/datastore/fixture/compare?type=host&id=enc-host');
    await page.getByText('root.pxar.didx: encrypted, so this server cannot look inside.').waitFor();
    await page.getByText('proxmox-backup-client diff archive host/enc-host/2023-11-14T22:13:20Z').waitFor();
    await row(page, 'root.pxar').getByText('changed').waitFor();
    await window.check('compare-encrypted');
    await page.goto('/datastore/fixture/compare?type=host&id=signed-host');
    await page.getByText('There are not two snapshots to compare.').waitFor();
    await page.goto('/datastore/fixture/compare?type=vm&id=101');
    await row(page, 'drive-scsi0.img').getByText('changed').waitFor();
  });

  test('notes, protection, owner, namespaces and removal are changed by menus', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/datastore/fixture/content');
    await openGroup(window, 'host/enc-host');
    await menuOf(page, 'Nov 14, 2023');
    await window.check('content-menu');
    await page.getByRole('menuitem', { name: 'Notes' }).click();
    await page.getByRole('dialog').getByLabel('Notes').fill('before the move\nsecond line');
    await window.check('content-notes');
    await page.getByRole('button', { name: 'Save' }).click();
    await row(page, 'Nov 14, 2023').getByText('before the move').waitFor();
    const snapshot = path.join(base, 'host/enc-host/2023-11-14T22:13:20Z');
    await menuOf(page, 'Nov 14, 2023');
    await page.getByRole('menuitem', { name: 'Protect' }).click();
    await row(page, 'Nov 14, 2023').getByText('protected').waitFor({ state: 'attached' });
    assert.ok(existsSync(path.join(snapshot, '.protected')));

    // Both at once: what is protected is refused in words, the other goes.
    await row(page, 'Nov 14, 2023').getByRole('checkbox').click();
    await row(page, 'Nov 15, 2023').getByRole('checkbox').click();
    await page.getByText('2 selected').first().waitFor();
    await window.check('content-selected');
    await page.getByRole('button', { name: 'Forget' }).click();
    await page.getByText(/frees at least .*B/).waitFor();
    await window.check('content-forget');
    const forget = page.getByRole('dialog').getByRole('button', { name: 'Forget' });
    assert.ok(await forget.isDisabled());
    await page.getByLabel('Type fixture to confirm').fill('fixture');
    await forget.click();
    await page.getByRole('alert').getByText('Only 1 of 2 could be done.').waitFor();
    await page.keyboard.press('Escape');
    await row(page, 'Nov 15, 2023').waitFor({ state: 'detached' });
    assert.ok(existsSync(snapshot));
    assert.ok(!existsSync(path.join(base, 'host/enc-host/2023-11-15T22:13:20Z')));

    await menuOf(page, 'host/enc-host');
    await page.getByRole('menuitem', { name: 'Change owner' }).click();
    await window.check('content-owner');
    await page.getByRole('dialog').getByRole('button', { name: 'New owner' }).click();
    await page.getByRole('option', { name: 'root@pam' }).click();
    await page.getByRole('button', { name: 'Save' }).click();
    await row(page, 'host/enc-host').getByText('root@pam').waitFor();
    assert.equal(readFileSync(path.join(base, 'host/enc-host/owner'), 'utf8'), 'root@pam\n');

    await page.getByRole('button', { name: 'New namespace' }).click();
    await page.getByRole('dialog').getByLabel('Name').fill('fresh');
    await page.getByRole('button', { name: 'Create' }).click();
    await row(page, 'fresh').waitFor();
    await menuOf(page, 'fresh');
    await page.getByRole('menuitem', { name: 'Forget' }).click();
    await page.getByLabel('Type fresh to confirm').fill('fresh');
    await page.getByRole('dialog').getByRole('button', { name: 'Forget' }).click();
    await row(page, 'fresh').waitFor({ state: 'detached' });
  });

  test('one snapshot is shown with its files, which are downloaded as they are inside, and verified', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/datastore/fixture/content');
    await openGroup(window, 'host/plain-host');
    // By keyboard: down to the snapshot, Enter.
    await row(page, 'host/plain-host').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('host.conf.blob').waitFor();
    await window.check('content-snapshot');
    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      dialog.getByRole('link', { name: 'Download: host.conf.blob' }).click(),
    ]);
    assert.equal(saved.suggestedFilename(), 'host.conf');
    await page.waitForURL(/snapshot=/);
    await page.reload();
    await dialog.getByText('host.conf.blob').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await openGroup(window, 'host/plain-host');
    await menuOf(page, 'Nov 14, 2023');
    await page.getByRole('menuitem', { name: 'Verify' }).click();
    await dialog.getByText('OK', { exact: true }).waitFor();
    await dialog.getByRole('button', { name: 'Close' }).first().click();
    await row(page, 'Nov 14, 2023').getByText('verified', { exact: true }).waitFor();
  });

  test('a group is shown over time, and pruned as the simulator has told', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/datastore/fixture/group?type=host&id=plain-host');
    await page.getByText('not verified: ').waitFor();
    await row(page, 'Nov 14, 2023').waitFor();
    await page.getByRole('button', { name: 'Zoom in' }).click();
    await page.getByRole('button', { name: 'Show all' }).click();
    await window.check('group');

    await page.goto('/datastore/fixture/prune?type=host&id=scrypt-host');
    await page.getByText('2 kept').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Prune …' }).isDisabled());
    const slider = page.getByRole('slider', { name: 'Last' });
    await slider.focus();
    await page.keyboard.press('ArrowRight');
    await page.getByText('1 removed').waitFor();
    await row(page, 'Nov 14, 2023').getByText('removed').waitFor();
    await row(page, 'Nov 15, 2023').getByText('keep-last').waitFor();
    const told = await page.getByText(/B freed by the next/).textContent();
    assert.match(told!, /[1-9]/);
    await page.waitForURL(/keep-last=1/);
    await window.check('prune');
    await page.getByRole('button', { name: 'Prune …' }).click();
    await page.getByLabel('Type host/scrypt-host to confirm').fill('host/scrypt-host');
    await page.getByRole('dialog').getByRole('button', { name: 'Prune', exact: true }).click();
    await page.getByRole('dialog').getByText('OK', { exact: true }).waitFor();
    assert.ok(!existsSync(path.join(base, 'host/scrypt-host/2023-11-14T22:13:20Z')));
    await page.keyboard.press('Escape');
    await row(page, 'Nov 14, 2023').waitFor({ state: 'detached' });

    await page.goto('/datastore/fixture/prune?keep-last=1');
    await row(page, 'ns1/nested: host/tiny').waitFor();
    await window.check('prune-all');
    await row(page, 'vm/100').click();
    await row(page, 'Nov 14, 2023').getByText('removed').waitFor();
  });

  test('whoever may only read is offered nothing that would be refused', async () => {
    await server.manager('user', 'create', 'reader@pbs', '--password', 'reader-password');
    await server.manager('acl', 'update', '/datastore/fixture', 'DatastoreReader', '--auth-id', 'reader@pbs');
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('reader@pbs', 'reader-password', '/datastore/fixture/content');
    await openGroup(window, 'host/plain-host');
    await menuOf(page, 'Nov 14, 2023');
    await page.getByRole('menu').waitFor();
    assert.deepEqual(await page.getByRole('menuitem').allTextContents(), [
      'Details',
      'Browse files',
      'Compare …',
      'Verify',
    ]);
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('button', { name: 'New namespace' }).count(), 0);
    assert.equal(await page.getByRole('link', { name: 'Prune …' }).count(), 0);
  });

  test('on a phone, in the dark, in German', async () => {
    await using window = await browser.open({ width: 390, height: 780, colours: 'dark', language: 'de' });
    const { page } = window;
    await page.goto('/datastore/fixture/content?ns=ns1');
    await page.getByLabel('Benutzername').fill('admin@pbs');
    await page.getByLabel('Passwort').fill('admin-password');
    await page.getByRole('button', { name: 'Anmelden' }).click();
    await row(page, 'ct/200').click();
    await row(page, '14.11.2023').waitFor();
    await window.check('content-phone-dark');
    const isNarrow = async (): Promise<void> => {
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      assert.ok(width <= 390, `${width} pixels wide`);
    };
    await isNarrow();
    for (const [name, text] of [
      ['group', 'ungeprüft'],
      ['prune', 'bleibt'],
      ['compare', 'Chunks'],
    ] as const) {
      await page.goto(`/datastore/fixture/${name}?type=host&id=plain-host&keep-last=2`);
      await page.getByText(text).first().waitFor();
      await window.check(`${name}-phone-dark`);
      await isNarrow();
    }
  });
}
