// Jobs of every kind, the configuration of datastores and their permissions, in a real browser.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { parseCalendarEvent } from '../../src/calendar/calendar-event.ts';
import { schedulePresets } from '../../web/parts/schedule-presets.ts';
import { chromiumPath, WebBrowser, type WebWindow } from '../support/browser.ts';
import { emptyStore, TestServer } from '../support/server.ts';

test('every schedule that is offered is one', () => {
  for (const [text] of schedulePresets) parseCalendarEvent(text);
});

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  let window: WebWindow;
  before(async () => {
    server = await TestServer.start();
    await server.datastore('store1');
    await server.datastore('store2');
    browser = await WebBrowser.start(server.port);
    window = await browser.open({ height: 1000 });
    await window.logIn('admin@pbs', 'admin-password', '/datastore/store1/jobs');
  });
  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const shown = async (...words: string[]): Promise<unknown> => {
    const { out, err, code } = await server.manager(...words, '--output-format', 'json');
    assert.equal(code, 0, err);
    return JSON.parse(out);
  };

  test('a prune job is made, run, changed and removed', async () => {
    const { page } = window;
    const dialog = page.getByRole('dialog');
    await page.getByText('No prune job:').waitFor();
    await page.getByRole('button', { name: 'Add prune job' }).click();
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('nightly');
    await dialog.getByLabel('Schedule').fill('02:30');
    await dialog.getByText(/Next runs, time zone/).waitFor();
    await dialog.getByLabel('Last', { exact: true }).fill('3');
    await dialog.getByLabel('Weekly').fill('4');
    await window.check('job-prune-add');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.deepEqual(await shown('prune-job', 'show', 'nightly'), {
      id: 'nightly',
      store: 'store1',
      schedule: '02:30',
      'keep-last': 3,
      'keep-weekly': 4,
    });
    await page.getByText('Last 3, Weekly 4').waitFor();
    await page.getByRole('button', { name: 'Run nightly now' }).click();
    await dialog.getByText('OK', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('row', { name: /nightly.*OK/ }).waitFor();
    await page.getByRole('button', { name: 'Edit nightly' }).click();
    await dialog.getByLabel('Weekly').fill('');
    await dialog.getByLabel('Namespaces below').click();
    await page.getByRole('option', { name: 'only this one' }).click();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.deepEqual(await shown('prune-job', 'show', 'nightly'), {
      id: 'nightly',
      store: 'store1',
      schedule: '02:30',
      'keep-last': 3,
      'max-depth': 0,
    });
    await window.check('jobs');
    await page.getByRole('button', { name: 'Remove nightly' }).click();
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('No prune job:').waitFor();
    assert.deepEqual(await shown('prune-job', 'list'), []);
  });

  test('verify and sync jobs are made for any datastore; a wrong schedule is told at its field', async () => {
    const { page } = window;
    const dialog = page.getByRole('dialog');
    await page.goto('/configuration/jobs?add-verify=new');
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('check');
    await dialog.getByLabel('Datastore').click();
    await page.getByRole('option', { name: 'store2' }).click();
    await dialog.getByLabel('Schedule', { exact: true }).fill('someday');
    await dialog.getByText(/someday/).waitFor();
    await dialog.getByLabel('Common times').click();
    await page.getByRole('option', { name: 'Saturdays at 18:15' }).click();
    await dialog.getByLabel('Verify again after days').fill('30');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('what was not verified for 30 days').waitFor();
    await page.getByRole('button', { name: 'Add pull job' }).click();
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('copy');
    await dialog.getByRole('button', { name: /Datastore( \*)?$/ }).click();
    await page.getByRole('option', { name: 'store1' }).click();
    await dialog.getByLabel('Datastore there').click();
    await page.getByRole('option', { name: 'store2' }).click();
    await dialog.getByText('More options').click();
    await window.check('job-sync-add');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('from store2 (this server)').waitFor();
    await window.check('configuration-jobs');
    const [verify] = (await shown('verify-job', 'list')) as Record<string, unknown>[];
    assert.deepEqual(verify, { id: 'check', store: 'store2', schedule: 'sat 18:15', 'outdated-after': 30 });
    const [sync] = (await shown('sync-job', 'list')) as Record<string, unknown>[];
    assert.deepEqual([sync!['store'], sync!['remote-store'], sync!['remote']], ['store1', 'store2', undefined]);
    await page.setViewportSize({ width: 390, height: 1200 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.getByRole('row', { name: /copy/ }).waitFor();
    await window.check('configuration-jobs-phone-dark');
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(width <= 390, `${width} pixels wide`);
    await page.setViewportSize({ width: 1280, height: 1000 });
    await page.emulateMedia({ colorScheme: 'light' });
  });

  test('a push job to a second server sends what is there, and a datastore is verified at once', async () => {
    await using other = await TestServer.start();
    await other.datastore('vault');
    const remote = ['remote', 'create', 'offsite', '--host', 'localhost', '--port', String(other.port)];
    const login = ['--auth-id', 'admin@pbs', '--password', 'admin-password', '--fingerprint', other.fingerprint];
    assert.equal((await server.manager(...remote, ...login)).code, 0);
    writeFileSync(server.path('app.conf'), 'setting = 1');
    for (const namespace of [[], ['--ns', 'inner']]) {
      if (namespace.length > 0) assert.equal((await server.client('store2', ['namespace', 'create', 'inner'])).code, 0);
      const words = ['backup', `app.conf:${server.path('app.conf')}`, '--backup-id', 'app', ...namespace];
      const made = await server.client('store2', words);
      assert.equal(made.code, 0, made.err);
    }
    const { page } = window;
    const dialog = page.getByRole('dialog');
    await page.goto('/datastore/store2/jobs');
    await page.getByRole('button', { name: 'Add push job' }).click();
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('away');
    await dialog.getByRole('button', { name: /Server( \*)?$/ }).click();
    // What is there to choose is asked there.
    const scanned = page.waitForResponse(/remote\/offsite\/scan/);
    await page.getByRole('option', { name: /^offsite/ }).click();
    await scanned;
    await dialog.getByLabel('Datastore there').click();
    await page.getByRole('option', { name: 'vault' }).click();
    await window.check('job-push-add');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('to offsite / vault').waitFor();
    await page.getByRole('button', { name: 'Run away now' }).click();
    await dialog.getByText('OK', { exact: true }).waitFor();
    await window.check('job-push-done');
    await page.keyboard.press('Escape');
    const arrived = await other.client('vault', ['snapshot', 'list', '--ns', 'inner', '--output-format', 'json']);
    assert.equal(arrived.code, 0, arrived.err);
    assert.deepEqual(
      (JSON.parse(arrived.out) as Record<string, unknown>[]).map((one) => one['backup-id']),
      ['app'],
    );

    await page.getByRole('button', { name: 'Verify …' }).click();
    await dialog.getByLabel('Namespace', { exact: true }).click();
    await page.getByRole('option', { name: 'inner' }).click();
    await dialog.getByText('Skip what is verified already').click();
    await window.check('verify-now');
    await dialog.getByRole('button', { name: 'Verify', exact: true }).click();
    await dialog.getByRole('heading', { name: 'verify store2:inner' }).waitFor();
    await dialog.getByText('OK', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    const states = async (...more: string[]): Promise<unknown> => {
      const list = await server.client('store2', ['snapshot', 'list', ...more, '--output-format', 'json']);
      return (JSON.parse(list.out) as Record<string, { state?: string }>[]).map((one) => one['verification']?.state);
    };
    assert.deepEqual([await states('--ns', 'inner'), await states()], [['ok'], [undefined]]);
    await page.getByRole('link', { name: 'Prune now …' }).click();
    await page.getByRole('heading', { name: 'Prune store2' }).waitFor();
    await page.getByLabel('Namespaces below').click();
    await page.getByRole('option', { name: 'only this one' }).click();
    await page.getByText('1 kept').waitFor();
    await window.check('prune-datastore');
    assert.equal((await server.manager('sync-job', 'remove', 'away')).code, 0);
  });

  test('a datastore is made with a retention, and destroyed once its name is typed', async () => {
    const { page } = window;
    const dialog = page.getByRole('dialog');
    await page.goto('/configuration/datastores');
    await page.getByRole('row', { name: /store2/ }).waitFor();
    await page.getByRole('button', { name: 'Add datastore' }).click();
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('archive');
    await dialog.getByLabel('Directory').fill(server.path('archive'));
    await dialog.getByLabel('Daily', { exact: true }).fill('7');
    await dialog.getByLabel('Prune schedule').fill('daily');
    await window.check('datastore-add');
    // A new one makes 65,536 directories, which takes its time.
    await emptyStore(server.path('archive'));
    await dialog.getByText('More options').click();
    await dialog.getByText('Take over a datastore that is there').click();
    await dialog.getByRole('button', { name: 'Create' }).click();
    await dialog.getByText('OK', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('row', { name: /archive/ }).waitFor();
    const [job] = (await shown('prune-job', 'list')) as Record<string, unknown>[];
    assert.deepEqual([job!['store'], job!['schedule'], job!['keep-daily']], ['archive', 'daily', 7]);
    await window.check('configuration-datastores');
    await page.getByRole('button', { name: 'Remove archive' }).click();
    await dialog.getByText('1 job and its access rules').waitFor();
    await dialog.getByText('Destroy all backups in it').click();
    await dialog.getByText(/0 snapshots in 0 groups are destroyed/).waitFor();
    assert.ok(await dialog.getByRole('button', { name: 'Destroy' }).isDisabled());
    await dialog.getByLabel('Type archive to confirm').fill('archive');
    await window.check('datastore-destroy');
    await dialog.getByRole('button', { name: 'Destroy' }).click();
    await dialog.getByText('OK', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('row', { name: /archive/ }).waitFor({ state: 'detached' });
    assert.deepEqual(await shown('prune-job', 'list'), []);
  });

  test('rules of a datastore stand beside those from above, are added and removed', async () => {
    await server.manager('user', 'create', 'joe@pbs');
    const { page } = window;
    const dialog = page.getByRole('dialog');
    await page.goto('/datastore/store1/permissions');
    await page.getByRole('row', { name: /admin@pbs Admin .*from above/ }).waitFor();
    await page.getByRole('button', { name: 'Add rule' }).click();
    await dialog.getByLabel('User or token').click();
    await page.getByRole('option', { name: 'joe@pbs' }).click();
    await dialog.getByLabel('Role').click();
    await page.getByRole('option', { name: /^DatastoreReader/ }).click();
    await window.check('datastore-rule-add');
    await dialog.getByRole('button', { name: 'Add rule' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('row', { name: /joe@pbs DatastoreReader .*set here/ }).waitFor();
    await window.check('datastore-permissions');
    const rules = (await shown('acl', 'list')) as Record<string, unknown>[];
    assert.ok(rules.some((rule) => rule['ugid'] === 'joe@pbs' && rule['path'] === '/datastore/store1'));
    await page.getByRole('button', { name: 'Remove rule DatastoreReader of joe@pbs' }).click();
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByRole('row', { name: /joe@pbs/ }).waitFor({ state: 'detached' });
  });
}
