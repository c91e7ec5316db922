// The list of tasks, their logs and the calendar of runs, in a real browser.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { formatLocal, systemClock } from '../../src/base/clock.ts';
import { resolveDirectories } from '../../src/config/directories.ts';
import { formatUpid } from '../../src/model/upid.ts';
import { formatEnded } from '../../src/task/task-lists.ts';
import { TaskRegistry, type WorkerTask } from '../../src/task/task-registry.ts';
import { chromiumPath, WebBrowser } from '../support/browser.ts';
import { TestServer } from '../support/server.ts';

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  let tasks: TaskRegistry;
  let longLog: string;
  const now = Math.floor(Date.now() / 1000);

  /** A task that ended so many seconds ago. */
  const ended = (
    n: number,
    o: { type: string; id: string; user?: string; ago: number; took: number; status: string },
  ) => {
    const upid = formatUpid({
      node: 'testnode',
      pid: 4194304,
      pstart: 4660,
      taskId: n,
      startTime: now - o.ago - o.took,
      workerType: o.type,
      workerId: o.id,
      authId: o.user ?? 'admin@pbs',
    });
    return { upid, line: formatEnded(upid, { endTime: now - o.ago, status: o.status }) };
  };

  before(async () => {
    server = await TestServer.start();
    await server.datastore('store1');
    await server.manager('datastore', 'update', 'store1', '--gc-schedule', 'daily');
    await server.manager(
      'prune-job',
      'create',
      'often',
      '--store',
      'store1',
      '--schedule',
      '*:0/5',
      '--keep-last',
      '9',
    );
    await server.manager('verify-job', 'create', 'nightly', '--store', 'store1', '--schedule', '02:00');
    await server.manager('user', 'create', 'own@pbs', '--password', 'own-password');
    const directories = resolveDirectories(server.path('server'), 'home');
    tasks = await TaskRegistry.open(directories, systemClock, 'testnode');
    const folder = path.join(directories.log, 'tasks');
    await mkdir(path.join(folder, '34'), { recursive: true });
    const long = ended(0, {
      type: 'garbage_collection',
      id: 'store1',
      ago: 3600,
      took: 5400,
      status: 'WARNINGS: 2',
    });
    longLog = long.upid;
    const lines = Array.from({ length: 100_000 }, (_, i) => {
      const text = i === 41_999 ? 'warning: unable to access non-existent chunk' : `marked chunk ${i + 1} of 100000`;
      return `${formatLocal(now - 9000 + Math.floor(i / 20))}: ${text}\n`;
    });
    lines.push(`${formatLocal(now - 3600)}: TASK WARNINGS: 2\n`);
    await writeFile(path.join(folder, '34', longLog), lines.join(''));
    const old = Array.from({ length: 699 }, (_, i) => {
      const n = 699 - i;
      return ended(n, {
        type: n % 3 === 0 ? 'backup' : n % 3 === 1 ? 'prunejob' : 'verificationjob',
        id: n % 3 === 0 ? `store1:vm/${n}` : 'store1',
        user: n % 200 === 0 ? 'own@pbs' : 'admin@pbs',
        ago: 3600 + n * 1000,
        took: 600 + (n % 7) * 200,
        status: n % 50 === 0 ? 'connection to the client was lost' : 'OK',
      });
    });
    await writeFile(path.join(folder, 'archive'), [...old, long].map(({ line }) => line).join(''));
    browser = await WebBrowser.start(server.port);
  });
  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await tasks?.shutdown();
    await server?.[Symbol.asyncDispose]();
  });

  /** A task that runs until it is asked to stop or told to end. */
  async function running(): Promise<{ task: WorkerTask; end(): void }> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const task = await tasks.start({ type: 'verify', id: 'store1', authId: 'admin@pbs' }, async (worker) => {
      worker.log('verify datastore store1');
      const aborted = new Promise<void>((done) => worker.signal.addEventListener('abort', () => done()));
      await Promise.race([promise, aborted]);
      worker.checkAbort();
    });
    return { task, end: resolve };
  }

  test('the list is narrowed down by filters that are in the address, and loads more while one scrolls', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/tasks');
    const grid = page.getByRole('grid', { name: 'Tasks' });
    await grid.getByText('Garbage collection store1').waitFor();
    await window.check('tasks');
    assert.equal(await grid.getAttribute('aria-rowcount'), '-1');
    await grid.getByRole('row').nth(1).focus();
    // Each End reaches the end of what is loaded, and has the next page fetched; the focus is never lost.
    const last = grid.locator('[role=row][aria-rowindex="701"]:focus');
    for (let tries = 0; tries < 500 && (await last.count()) === 0; tries++) {
      await page.keyboard.press('End');
      assert.equal(await page.evaluate<boolean>("document.activeElement.closest('main') !== null"), true);
      await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    }
    await last.waitFor();
    await page.locator('[role=grid][aria-rowcount="701"]').waitFor();
    await page.getByLabel('Text').fill('client was LOST');
    await page.waitForURL(/text=client/);
    await page.locator('[role=grid][aria-rowcount="14"]').waitFor();
    await page.getByRole('button', { name: 'Type' }).click();
    await page.getByRole('option', { name: 'Backup' }).click();
    await page.locator('[role=grid][aria-rowcount="5"]').waitFor();
    await window.check('tasks-filtered');
    await page.reload();
    await page.locator('[role=grid][aria-rowcount="5"]').waitFor();
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.locator('[role=grid][aria-rowcount="-1"]').waitFor();
    assert.equal(new URL(page.url()).search, '');
  });

  test('a log is followed while its task runs, and the task is stopped', async () => {
    await using window = await browser.open();
    const { page } = window;
    const { task } = await running();
    await window.logIn('admin@pbs', 'admin-password', `/tasks/${encodeURIComponent(task.upid)}`);
    const log = page.getByRole('log', { name: 'Log of the task' });
    await log.getByText('verify datastore store1').waitFor();
    for (let i = 0; i < 200; i++) task.log(`verified chunk ${i}`);
    await log.getByText('verified chunk 199').waitFor();
    await window.check('task-running');
    await page.getByRole('button', { name: 'Stop' }).click();
    await log.getByText(/TASK ERROR: abort requested/).waitFor();
    await page.getByText('abort requested - aborting task', { exact: true }).waitFor();
    assert.match(await task.done, /abort/);
  });

  test('a log of 100,000 lines is searched, jumped in and linked to', async (t) => {
    await using window = await browser.open({ colours: 'dark' });
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password');
    const address = `/tasks/${encodeURIComponent(longLog)}`;
    const begun = performance.now();
    await page.goto(`${address}?line=77777`);
    const log = page.getByRole('log', { name: 'Log of the task' });
    await log.getByText('marked chunk 77777 of 100000').waitFor();
    t.diagnostic(`line 77777 of 100001 in view after ${Math.round(performance.now() - begun)} ms`);
    assert.ok((await log.getByRole('button').count()) < 150);
    await page.getByText('2 conspicuous lines').waitFor();
    await page.getByRole('button', { name: 'Next warning' }).click();
    await log.getByText('TASK WARNINGS: 2').waitFor();
    await page.getByRole('button', { name: 'Next warning' }).click();
    await log.getByText('unable to access non-existent chunk').waitFor();
    await page.waitForURL(/line=42000$/);
    await page.getByLabel('Search in the log').fill('chunk 99');
    await page.getByText(/of 1111$/).waitFor();
    await page.keyboard.press('Enter');
    await log
      .getByText(/chunk 99\d*/)
      .first()
      .waitFor();
    await window.check('task-log-dark');
    await log.getByRole('button', { name: 'Line 99003', exact: true }).click();
    await page.waitForURL(/line=99003$/);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Save log' }).click(),
    ]);
    const saved = await readFile(await download.path(), 'utf8');
    assert.equal(saved.split('\n').length, 100_002);
  });

  test('the calendar shows past and coming runs, and who runs at the same time', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/tasks/calendar');
    const today = page.getByRole('list', { name: new Date().toLocaleDateString('en-US', { dateStyle: 'full' }) });
    await today.getByText('Log rotation').first().waitFor();
    await window.check('calendar-week');
    await page.getByRole('button', { name: 'Day', exact: true }).click();
    await page.waitForURL(/view=day/);
    await window.check('calendar-day');
    await page.getByRole('button', { name: 'Later' }).click();
    await page.getByText('planned').first().waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'As a list' }).click();
    const rows = page.getByRole('grid', { name: 'Calendar' }).getByRole('row');
    await rows.getByText('planned').first().waitFor();
    // Garbage collection and log rotation both begin at midnight.
    await rows.filter({ hasText: /^.*Log rotation.*Garbage collection store1/ }).waitFor();
    await window.check('calendar-list');
  });

  test('running tasks and help are in the bar', async () => {
    await using window = await browser.open({ colours: 'dark' });
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password');
    const { task, end } = await running();
    task.log('verified 3 of 7 groups');
    await page.getByRole('button', { name: 'Running tasks: 1' }).click();
    const panel = page.getByRole('dialog', { name: 'Running tasks' });
    await panel.getByText('verified 3 of 7 groups').waitFor();
    await window.check('running-panel');
    await panel.getByRole('link', { name: 'Verification store1' }).click();
    await page.getByRole('log', { name: 'Log of the task' }).getByText('verified 3 of 7 groups').waitFor();
    end();
    await page.getByText('TASK OK').waitFor();
    await page.getByRole('button', { name: 'Running tasks: 0' }).waitFor();
    await page.getByRole('button', { name: 'Help' }).click();
    await page.getByText(/^Version \d/).waitFor();
    assert.equal(await page.getByRole('link', { name: /call by call/ }).getAttribute('href'), '/docs/api-viewer');
    await window.check('help');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  test('who has only tasks of their own sees those, on a phone, in German', async () => {
    await using window = await browser.open({ width: 390, height: 780, language: 'de' });
    const { page } = window;
    await page.goto('/tasks');
    await page.getByLabel('Benutzername').fill('own@pbs');
    await page.getByLabel('Passwort').fill('own-password');
    await page.getByRole('button', { name: 'Anmelden' }).click();
    const grid = page.getByRole('grid', { name: 'Aufgaben' });
    await grid.getByRole('row').nth(1).waitFor();
    assert.equal(await grid.getAttribute('aria-rowcount'), '4');
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await window.check('tasks-phone');
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(width <= 390, `${width} pixels wide`);
    await page.goto('/tasks/calendar');
    await page.getByRole('heading', { name: 'Kalender' }).waitFor();
    await window.check('calendar-phone');
    const wide = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(wide <= 390, `the calendar is ${wide} pixels wide`);
  });
}
