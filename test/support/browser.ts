// A real Chromium that looks at a real server's interface, and what every test of a page asks: that nothing was logged
// as an error, and that the rules of accessibility hold.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { AxeResults, RunOptions } from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { findInstalled } from './installed.ts';

/** Where a browser is; undefined on a machine without one, where its tests are not declared. */
export const chromiumPath = findInstalled('chromium', 'chromium');

const axe = readFileSync(path.join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js'), 'utf8');
const rules: RunOptions = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] };
/** Pictures of the pages, for people; not kept in the repository. */
const pictures = path.join(import.meta.dirname, '../../tmp/screens');

export interface Look {
  width?: number;
  height?: number;
  colours?: 'light' | 'dark';
  language?: 'en' | 'de';
}

export class WebBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #origin: string;

  private constructor(browser: Browser, origin: string) {
    this.#browser = browser;
    this.#origin = origin;
  }

  static async start(port: number): Promise<WebBrowser> {
    const browser = await chromium.launch({
      executablePath: chromiumPath!,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--ignore-certificate-errors',
      ],
    });
    return new WebBrowser(browser, `https://localhost:${port}`);
  }

  /** A window of its own: own cookies, own storage. Its errors are the test's. */
  async open(look: Look = {}): Promise<WebWindow> {
    const context = await this.#browser.newContext({
      baseURL: this.#origin,
      ignoreHTTPSErrors: true,
      viewport: { width: look.width ?? 1280, height: look.height ?? 800 },
      colorScheme: look.colours ?? 'light',
      locale: look.language === 'de' ? 'de-DE' : 'en-US',
      acceptDownloads: true,
    });
    // Pages of others, such as a provider's login, may want things from elsewhere, which would be waited for.
    await context.route(
      ({ hostname }) => !['localhost', '127.0.0.1'].includes(hostname),
      (route) => route.abort(),
    );
    return new WebWindow(context, await context.newPage());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

export class WebWindow implements AsyncDisposable {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly #errors: string[] = [];

  constructor(context: BrowserContext, page: Page) {
    this.context = context;
    this.page = page;
    page.on('pageerror', (error) => this.#errors.push(error.message));
    page.on('console', (message) => {
      // A refused call is the test's business, not an error of the page.
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
        this.#errors.push(message.text());
    });
  }

  /** Logs in through the login page and waits for the page of the address. */
  async logIn(user: string, password: string, address = '/'): Promise<void> {
    const { page } = this;
    await page.goto(address);
    await page.getByLabel('User name').fill(user);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await page.getByRole('navigation', { name: 'Main navigation' }).waitFor({ state: 'attached' });
  }

  /**
   * Asserts that the page logged no error and that no rule of WCAG 2.2 A and AA is broken, and takes a picture of it
   * with that name.
   */
  async check(name: string): Promise<void> {
    await this.picture(name);
    // Its half megabyte is read once a document.
    if (!(await this.page.evaluate<boolean>("'axe' in globalThis"))) await this.page.evaluate(axe);
    const { violations } = await this.page.evaluate<Pick<AxeResults, 'violations'>>(
      `axe.run(${JSON.stringify(rules)})`,
    );
    const found = violations.map(({ id, help, nodes }) => ({
      id,
      help,
      where: nodes.map(({ html }) => html.slice(0, 200)),
    }));
    assert.deepEqual(found, [], `accessibility of ${name}`);
    assert.deepEqual(this.#errors, [], `errors on ${name}`);
  }

  async picture(name: string): Promise<void> {
    mkdirSync(pictures, { recursive: true });
    await this.page.screenshot({ path: path.join(pictures, `${name}.png`) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
  }
}
