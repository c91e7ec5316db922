// The pages of one datastore, in a real browser.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromiumPath, WebBrowser } from '../support/browser.ts';
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

  test('a datastore has tabs with addresses of their own, and unknown ones are told', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/datastore/store1');
    const tabs = page.getByRole('navigation', { name: 'Parts of datastore store1' });
    await tabs.getByRole('link', { name: 'Permissions' }).waitFor();
    await page.getByText(' of ').first().waitFor();
    await window.check('datastore-summary');
    await page.goto('/datastore/nowhere');
    await page.getByText('There is no datastore nowhere here').waitFor();
  });

  test('every option is a field of its own, and what is written is what the server keeps', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/datastore/store1/options');
    await page.getByLabel('Comment').fill('second floor');
    await page.getByLabel('Schedule of garbage collection').fill('sometimes');
    await page
      .getByText(/unable to parse.*sometimes|sometimes/)
      .first()
      .waitFor();
    await page.getByLabel('Schedule of garbage collection').fill('sat 18:15');
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
}
