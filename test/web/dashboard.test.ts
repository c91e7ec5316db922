// The dashboard: first steps that work as they are shown, then health, usage and tasks of a server with backups.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { chromiumPath, WebBrowser } from '../support/browser.ts';
import { unpackFixture } from '../support/fixture.ts';
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

  test('a new server says how to make the first backup, and what it says works', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password');
    await page.getByRole('link', { name: 'Make a datastore' }).waitFor();
    await server.datastore('first');
    await page.reload();
    await page.getByText('PBS_FINGERPRINT').waitFor();
    const setup = (await page.getByLabel('2. Say where to').textContent()) ?? '';
    await page.getByText('Nothing needs attention.').waitFor();
    await window.check('dashboard-first-steps');
    const env = Object.fromEntries(
      [...setup.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name!, value!]),
    );
    assert.deepEqual(Object.keys(env), ['PBS_REPOSITORY', 'PBS_FINGERPRINT']);
    mkdirSync(server.path('home'));
    writeFileSync(server.path('home', 'file'), 'content');
    const command = ((await page.getByLabel('3. Back up').textContent()) ?? '').replace('"$HOME"', server.path('home'));
    const words = command.split(' ').slice(1);
    const backup = await server.client('first', words, { env });
    assert.equal(backup.code, 0, backup.err);
    await page.getByLabel('2. Say where to').waitFor({ state: 'detached' });
  });

  test('what needs attention, how full, what ran', async () => {
    const base = unpackFixture({ allChunkDirectories: false });
    const added = await server.manager('datastore', 'create', 'fixture', base, '--reuse-datastore', 'true');
    assert.equal(added.code, 0, added.err);
    await server.datastore('broken');
    rmSync(server.path('broken', '.chunks'), { recursive: true });
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password');
    await page.getByText('Cannot be used').waitFor();
    await page.getByRole('heading', { name: 'fixture' }).waitFor();
    await page.getByText('Memory').first().waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'fixture' }).waitFor();
    await window.check('dashboard-full');
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 390, height: 800 });
    await window.check('dashboard-full-phone-dark');
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(width <= 390, `${width} pixels wide`);
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.getByRole('link', { name: 'Show' }).first().click();
    await page.waitForURL('**/datastore/broken');
  });

  test('a clock that is wrong is told', async () => {
    await using window = await browser.open({ isAlone: true });
    await window.logIn('admin@pbs', 'admin-password');
    await window.page.clock.setFixedTime(Date.now() + 3 * 3600_000);
    await window.page.reload();
    await window.page.getByRole('alert').getByText('differ by').waitFor();
    await window.check('dashboard-clock');
  });

  test('who may see nothing is shown nothing of the server', async () => {
    const created = await server.manager('user', 'create', 'guest@pbs', '--password', 'guest-password');
    assert.equal(created.code, 0, created.err);
    await using window = await browser.open();
    await window.logIn('guest@pbs', 'guest-password');
    await window.page.getByText('Nothing needs attention.').waitFor();
    assert.equal(await window.page.getByText('Memory').count(), 0);
    assert.equal(await window.page.getByText('fixture').count(), 0);
    await window.check('dashboard-guest');
  });
}
