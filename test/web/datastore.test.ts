// The pages of one datastore, in a real browser.

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
}
