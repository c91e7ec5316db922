// The pages of one datastore, in a real browser.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { resolveDirectories } from '../../src/config/directories.ts';
import { FakeMachine } from '../../src/machine/testing/fake-machine.ts';
import { FakeMounts } from '../../src/machine/testing/fake-mounts.ts';
import { databaseFile } from '../../src/metrics/database.ts';
import { MetricsWriter } from '../../src/metrics/metrics-writer.ts';
import { chromiumPath, WebBrowser } from '../support/browser.ts';
import { unpackFixture } from '../support/fixture.ts';
import { emptyStore, TestServer } from '../support/server.ts';

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  let mounts: FakeMounts;
  before(async () => {
    const machine = new FakeMachine();
    mounts = new FakeMounts(machine);
    server = await TestServer.start({ machine });
    await server.datastore('store1');
    browser = await WebBrowser.start(server.port);
  });
  /** Hours of measurements, every minute, of a datastore that grows. */
  function writeHistory(): void {
    using writer = new MetricsWriter(databaseFile(resolveDirectories(server.path('server'))));
    const now = Math.floor(Date.now() / 1000);
    for (let minute = 200; minute > 0; minute--) {
      const used = 400e9 + (200 - minute) * 1e9;
      const io = { read_ios: 20 + (minute % 90), write_ios: 40, read_bytes: 1e6 * (minute % 70), write_bytes: 3e7 };
      const values = { total: 1e12, used, available: 1e12 - used, ...io };
      writer.record(now - minute * 60, [{ series: 'datastore/fixture', values }]);
    }
  }
  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test('the summary shows space, content, history and who takes up the space, and collects garbage', async () => {
    const base = unpackFixture();
    const added = await server.manager('datastore', 'create', 'fixture', base, '--reuse-datastore', 'true');
    assert.equal(added.code, 0, added.err);
    writeHistory();
    await using window = await browser.open({ height: 1700 });
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/datastore/fixture');
    const tabs = page.getByRole('navigation', { name: 'Parts of datastore fixture' });
    for (const name of ['Options', 'Permissions', 'Jobs', 'Content', 'Summary']) {
      await tabs.getByRole('link', { name }).click();
      await tabs.locator('[aria-current=page]', { hasText: name }).waitFor();
      assert.equal(await page.getByRole('alert').count(), 0, name);
    }
    await page.getByText('2 groups, 4 snapshots').waitFor();
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('dialog').getByText('OK', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('Chunks on disk').waitFor();
    const map = page.getByRole('group', { name: 'Map of the space of fixture' });
    await map.getByRole('button', { name: /^vm\/100: frees/ }).waitFor();
    await page.getByText('The same as a table').click();
    await page.getByRole('row', { name: /host\/plain-host/ }).waitFor();
    await window.check('datastore-summary');
    await map.getByRole('button', { name: /^ns1: frees/ }).click();
    await page.getByRole('group', { name: 'Map of the space of ns1' }).waitFor();
    await page.getByRole('button', { name: 'fixture', exact: true }).click();
    // By keyboard: the largest is first, and Enter looks into it.
    await map.getByRole('button').first().focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.getByRole('navigation', { name: 'Where in the datastore' }).waitFor();
    assert.match(page.url(), /group=/);
    // The keyboard goes on in the map of the snapshots.
    await page.locator('[role=group] button:focus').waitFor();
    const address = page.url();
    await page.goto('/datastore/nowhere');
    await page.getByText('There is no datastore nowhere here').waitFor();
    await page.setViewportSize({ width: 390, height: 2400 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.goto(address);
    await page.getByRole('navigation', { name: 'Where in the datastore' }).waitFor();
    await page.getByText('The same as a table').click();
    await page.getByRole('row', { name: /2023/ }).first().waitFor();
    await window.check('datastore-summary-phone-dark');
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(width <= 390, `${width} pixels wide`);
  });

  test('every option is a field of its own, and what is written is what the server keeps', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/datastore/store1/options');
    await page.getByLabel('Comment').fill('second floor');
    await page.getByRole('textbox', { name: 'Garbage collection' }).fill('sometimes');
    await page
      .getByText(/unable to parse.*sometimes|sometimes/)
      .first()
      .waitFor();
    await page.getByRole('textbox', { name: 'Garbage collection' }).fill('sat 18:15');
    await page
      .getByText(/^Sat, .* 06:15 PM$/)
      .first()
      .waitFor();
    await page.getByLabel('Mode', { exact: true }).click();
    await page.getByRole('option', { name: /^Read-only/ }).click();
    await page.getByLabel(/^Reason/).fill('disk 7 % full, "soon"');
    await page.getByLabel('Digests remembered in garbage collection').fill('1000');
    await window.check('datastore-options');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved').waitFor();
    await page.getByText('restores work. disk 7 % full, "soon"').waitFor();
    const { out } = await server.manager('datastore', 'show', 'store1', '--output-format', 'json');
    const kept = JSON.parse(out) as Record<string, unknown>;
    assert.deepEqual(
      [kept['comment'], kept['gc-schedule'], kept['maintenance-mode'], kept['tuning']],
      [
        'second floor',
        'sat 18:15',
        'read-only,message=disk%207%20%25%20full%2C%20%22soon%22',
        'gc-cache-capacity=1000',
      ],
    );
    await page.reload();
    assert.equal(await page.getByLabel(/^Reason/).inputValue(), 'disk 7 % full, "soon"');
    await page.getByLabel('Mode', { exact: true }).click();
    await page.getByRole('option', { name: /^None/ }).click();
    await page.getByLabel('Comment').fill('');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved').waitFor();
    const after = JSON.parse((await server.manager('datastore', 'show', 'store1', '--output-format', 'json')).out);
    assert.deepEqual(
      [after['comment'], after['maintenance-mode'], after['tuning']],
      [undefined, undefined, 'gc-cache-capacity=1000'],
    );
  });

  test('who may only look or only back up sees no more than that', async () => {
    for (const [user, role] of [
      ['looker@pbs', 'DatastoreAudit'],
      ['backup@pbs', 'DatastoreBackup'],
    ] as const) {
      await server.manager('user', 'create', user, '--password', 'some-password');
      await server.manager('acl', 'update', '/datastore/store1', role, '--auth-id', user);
    }
    const tabs = (page: Page) => page.getByRole('navigation', { name: 'Parts of datastore store1' }).getByRole('link');
    {
      await using window = await browser.open();
      const { page } = window;
      await window.logIn('looker@pbs', 'some-password', '/datastore/store1/options');
      const content = page.locator('#content');
      await page.getByText('gc-cache-capacity=1000').waitFor();
      assert.deepEqual(await tabs(page).allTextContents(), ['Summary', 'Content', 'Jobs', 'Options']);
      assert.equal(await content.getByRole('button', { name: /Save|Remove/ }).count(), 0);
      await page.getByRole('link', { name: 'Jobs' }).click();
      await page.getByText('No sync job:').waitFor();
      assert.equal(await content.getByRole('button', { name: /Add|Run/ }).count(), 0);
    }
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('backup@pbs', 'some-password', '/datastore/store1');
    await page.getByText('Virtual machines').waitFor();
    await page.getByRole('heading', { name: 'Who takes up the space' }).waitFor();
    assert.deepEqual(await tabs(page).allTextContents(), ['Summary', 'Content']);
    assert.equal(await page.getByRole('alert').count(), 0);
    await window.check('datastore-summary-backup-user');
  });

  test('a datastore on a removable device is added, sent away and brought back', async () => {
    const part = { name: 'sdb1', path: '/dev/sdb1', type: 'part', size: 2e12, fstype: 'ext4', uuid: '1111-AAAA' };
    const disk = { name: 'sdb', path: '/dev/sdb', type: 'disk', size: 2e12, model: 'Portable', children: [part] };
    server.machine.programs['lsblk'] = () => JSON.stringify({ blockdevices: [disk] });
    await emptyStore(join(mounts.plug('1111-AAAA'), 'backups'));
    await using window = await browser.open();
    const { page } = window;
    const dialog = page.getByRole('dialog');
    await window.logIn('admin@pbs', 'admin-password', '/configuration/datastores');
    await page.getByRole('button', { name: 'Add datastore' }).click();
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('usb1');
    await dialog.getByRole('button', { name: /Removable device/ }).click();
    await page.getByRole('option', { name: /sdb1: .*, ext4, Portable/ }).click();
    await dialog.getByLabel('Directory').fill('backups');
    await window.check('datastore-add-removable');
    await dialog.getByText('More options').click();
    await dialog.getByText('Take over a datastore that is there').click();
    await dialog.getByRole('button', { name: 'Create' }).click();
    await dialog.getByText('OK', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    const row = page.getByRole('row', { name: /usb1/ });
    await row.getByText('mounted', { exact: true }).waitFor();
    await window.check('configuration-datastores-removable');
    await page.goto('/datastore/usb1');
    await page.getByText('0 groups, 0 snapshots').first().waitFor();
    await page.getByRole('button', { name: 'Unmount' }).click();
    await dialog.getByText('OK', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('The device of this datastore is not mounted.').waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
    await window.check('datastore-away');
    await page.goto('/');
    await page.getByText('Its device is not mounted').waitFor();
    await page.setViewportSize({ width: 390, height: 1200 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.goto('/datastore/usb1/content');
    await page.getByText('The device of this datastore is not mounted.').waitFor();
    await window.check('datastore-away-phone-dark');
    await page.getByRole('button', { name: 'Mount' }).click();
    await dialog.getByText('OK', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Unmount' }).waitFor();
  });
}
