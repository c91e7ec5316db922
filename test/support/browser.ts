// A real Chromium that looks at a real server's interface, and what every test of a page asks: that nothing was logged
// as an error, and that the rules of accessibility hold.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { AxeResults, RunOptions } from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { findInstalled } from './installed.ts';

/**
 * Where a browser is; undefined on a machine without one, where its tests are not declared. The one without a user
 * interface of its own needs half the time of the whole.
 */
export const chromiumPath = findInstalled('chromium-headless-shell', 'chromium-headless-shell', 'chromium');

/** How long what has to come is waited for: no machine is so busy. */
const patienceMs = 60_000;
const axe = readFileSync(path.join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js'), 'utf8');
const rules: RunOptions = {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
  resultTypes: ['violations'],
  preload: false,
};
/** Pictures of the pages, for people, who set GRANARY_PICTURES; not kept in the repository. */
const pictures = process.env['GRANARY_PICTURES'] ? path.join(import.meta.dirname, '../../tmp/screens') : undefined;

/** Starts a browser that trusts every certificate and finds no server but those of this machine. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
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
      // Pages of others, such as a provider's login, may want things from elsewhere, which would be waited for.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
    ],
  });
}

export interface Look {
  width?: number;
  height?: number;
  colours?: 'light' | 'dark';
  language?: 'en' | 'de';
  /** Shares nothing with other windows, not even what is cached: of tests that look at what is loaded, or change time. */
  isAlone?: boolean;
}

export class WebBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #origin: string;
  /** Contexts that are free, by language: whoever gets one finds the scripts loaded and compiled. */
  readonly #free = new Map<string, BrowserContext[]>();

  private constructor(browser: Browser, origin: string) {
    this.#browser = browser;
    this.#origin = origin;
  }

  static async start(port: number): Promise<WebBrowser> {
    return new WebBrowser(await launchChromium(), `https://localhost:${port}`);
  }

  /** A window with no cookies and nothing stored. Its errors are the test's. */
  async open(look: Look = {}): Promise<WebWindow> {
    const locale = look.language === 'de' ? 'de-DE' : 'en-US';
    const context = (look.isAlone ? undefined : this.#free.get(locale)?.pop()) ?? (await this.#context(locale));
    const page = await context.newPage();
    page.setDefaultTimeout(patienceMs);
    await page.setViewportSize({ width: look.width ?? 1280, height: look.height ?? 800 });
    await page.emulateMedia({ colorScheme: look.colours ?? 'light' });
    return new WebWindow(context, page, async () => {
      if (look.isAlone) await context.close();
      else await this.#clear(context, locale);
    });
  }

  #context(locale: string): Promise<BrowserContext> {
    return this.#browser.newContext({ baseURL: this.#origin, ignoreHTTPSErrors: true, locale, acceptDownloads: true });
  }

  /** Forgets all but what is cached. */
  async #clear(context: BrowserContext, locale: string): Promise<void> {
    const pages = context.pages();
    const devtools = await context.newCDPSession(pages[0]!);
    await devtools.send('Storage.clearDataForOrigin', { origin: this.#origin, storageTypes: 'all' });
    await Promise.all(pages.map((page) => page.close()));
    await context.clearCookies();
    this.#free.set(locale, [...(this.#free.get(locale) ?? []), context]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

export class WebWindow implements AsyncDisposable {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly #errors: string[] = [];
  readonly #close: () => Promise<void>;

  constructor(context: BrowserContext, page: Page, close: () => Promise<void>) {
    this.context = context;
    this.page = page;
    this.#close = close;
    page.on('pageerror', (error) => this.#errors.push(error.message));
    page.on('console', (message) => {
      // A refused call is the test's business, not an error of the page.
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
        this.#errors.push(message.text());
    });
  }

  /** Logs in as the login page does, and waits for the page of the address. */
  async logIn(user: string, password: string, address = '/'): Promise<void> {
    const { page } = this;
    const answer = await this.context.request.post('/api2/json/access/ticket', {
      data: { username: user, password, 'http-only': true },
    });
    assert.ok(answer.ok(), await answer.text());
    const { data } = (await answer.json()) as { data: { username: string; CSRFPreventionToken: string } };
    const session = { user: data.username, csrf: data.CSRFPreventionToken, since: Date.now() };
    // Any address will do at which what is stored is that of the origin.
    await page.goto('/api2/json/version');
    await page.evaluate(`localStorage.setItem('granary-session', ${JSON.stringify(JSON.stringify(session))})`);
    await page.goto(address);
    await page.getByRole('navigation', { name: 'Main navigation' }).waitFor({ state: 'attached' });
  }

  /**
   * Asserts that the page logged no error and that no rule of WCAG 2.2 A and AA is broken, and takes a picture of it
   * with that name where pictures are wanted.
   */
  async check(name: string): Promise<void> {
    await this.picture(name);
    const run = `globalThis.axe?.run(${JSON.stringify(rules)})`;
    type Found = Pick<AxeResults, 'violations'>;
    // Its half megabyte is read once a document.
    const { violations } =
      (await this.page.evaluate<Found | undefined>(run)) ?? (await this.page.evaluate<Found>(`${axe};${run}`));
    const found = violations.map(({ id, help, nodes }) => ({
      id,
      help,
      where: nodes.map(({ html }) => html.slice(0, 200)),
    }));
    assert.deepEqual(found, [], `accessibility of ${name}`);
    assert.deepEqual(this.#errors, [], `errors on ${name}`);
  }

  async picture(name: string): Promise<void> {
    if (pictures === undefined) return;
    mkdirSync(pictures, { recursive: true });
    await this.page.screenshot({ path: path.join(pictures, `${name}.png`) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
