// The content of a datastore with 100,000 snapshots in a real browser: how long the page works until what somebody did is
// seen. Its thread's own time is measured, which a busy machine does not lengthen as it does that of the clock.

import assert from 'node:assert/strict';
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { CDPSession, Page } from 'playwright-core';
import { formatUtc } from '../../src/base/clock.ts';
import { encodeManifestBlob } from '../../src/format/manifest.ts';
import { chromiumPath, WebBrowser } from '../support/browser.ts';
import { TestServer } from '../support/server.ts';

const groups = 100;
const snapshots = 1000;
/** Groups that are open at the same time. */
const opened = 3;
/** The aim is 100 ms, of which it takes half; on cores that others use at the same time everything takes longer. */
const boundMs = 200;
const first = Date.UTC(2024, 0, 1) / 1000;

/** Groups `host/h000` and so on, of snapshots with a manifest and nothing else. */
function fill(base: string): void {
  // All have the same file: what is in it is not looked at, and links are made fast.
  const shared = path.join(base, 'manifest');
  const manifest = { type: 'host', id: 'h000', time: first, files: [], signature: null, unprotected: {} } as const;
  writeFileSync(shared, encodeManifestBlob({ ...manifest, files: [] }));
  const names = Array.from({ length: snapshots }, (_, i) => formatUtc(first + i * 3600));
  for (let i = 0; i < groups; i++) {
    const group = path.join(base, 'host', `h${String(i).padStart(3, '0')}`);
    mkdirSync(group, { recursive: true });
    writeFileSync(path.join(group, 'owner'), 'admin@pbs\n');
    for (const name of names) {
      mkdirSync(path.join(group, name));
      linkSync(shared, path.join(group, name, 'index.json.blob'));
    }
  }
}

/** Does something, waits for a frame in which it can be seen, and tells how long the page's thread worked, in ms. */
async function worked(page: Page, cdp: CDPSession, action: string, seen: string): Promise<number> {
  const before = await threadTime(cdp);
  const isSeen = await page.evaluate<boolean>(`(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const grid = document.querySelector('[role=treegrid]');
    const scroller = grid.parentElement;
    const row = (text) => [...grid.querySelectorAll('[role=row]')].find((one) => one.textContent.includes(text));
    const count = () => Number(grid.getAttribute('aria-rowcount'));
    const firstShown = () => Number(grid.querySelector('[data-index]').dataset.index);
    const type = (text) => {
      const input = document.querySelector('input[type=search]');
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, text);
      input.dispatchEvent(new Event('input', { bubbles: true }));
    };
    ${action};
    for (let i = 0; i < 200; i++) {
      await frame();
      if (${seen}) return true;
    }
    return false;
  })()`);
  assert.ok(isSeen, `${action}: nothing came of it`);
  return (await threadTime(cdp)) - before;
}

async function threadTime(cdp: CDPSession): Promise<number> {
  const { metrics } = await cdp.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')!.value * 1000;
}

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  before(async () => {
    server = await TestServer.start();
    fill(await server.datastore('large'));
    browser = await WebBrowser.start(server.port);
  });
  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test('opening, scrolling, filtering and selecting are seen at once among 100,000 snapshots', async (t) => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/datastore/large/content');
    await page.getByRole('row').filter({ hasText: 'host/h009' }).waitFor();
    const loading: number[] = [];
    for (let i = opened - 1; i >= 0; i--) {
      const rows = 1 + groups + (opened - i) * snapshots;
      const began = performance.now();
      await page
        .getByRole('row')
        .filter({ hasText: `host/h00${i}` })
        .click();
      await page.locator(`[role=treegrid][aria-rowcount="${rows}"]`).waitFor();
      loading.push(Math.round(performance.now() - began));
    }
    await window.check('content-large');
    const rows = 1 + groups + opened * snapshots;
    const steps: readonly [string, string, string][] = [
      ['close', "row('host/h000').click()", `count() === ${rows - snapshots}`],
      ['open', "row('host/h000').click()", `count() === ${rows}`],
      ['scroll', 'scroller.scrollTop = 150_000', 'Math.abs(firstShown() - scroller.scrollTop / 38) < 60'],
      ['scroll back', 'scroller.scrollTop = 0', 'firstShown() === 0'],
      ['filter', "type('host/h001')", `count() === ${1 + 1 + snapshots}`],
      ['filter off', "type('')", `count() === ${rows}`],
      ['select', "row('host/h000').querySelector('input').click()", "row('host/h000').ariaSelected === 'true'"],
      ['deselect', "row('host/h000').querySelector('input').click()", "row('host/h000').ariaSelected === 'false'"],
    ];
    const cdp = await window.context.newCDPSession(page);
    await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
    // The best of some: now and then fresh lists come from the server meanwhile.
    const best = new Map(steps.map(([name]) => [name, Number.POSITIVE_INFINITY]));
    for (let i = 0; i < 3; i++) {
      for (const [name, action, seen] of steps) {
        best.set(name, Math.min(best.get(name)!, await worked(page, cdp, action, seen)));
      }
    }
    const figures = [...best].map(([name, ms]) => `${name} ${Math.round(ms)} ms`);
    t.diagnostic(`${figures.join(', ')}; loading a group of ${snapshots}: ${Math.min(...loading)} ms`);
    for (const [name, ms] of best) assert.ok(ms < boundMs, `${name} took ${ms} ms`);
  });
}
