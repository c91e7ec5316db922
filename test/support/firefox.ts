// A real Firefox, spoken to in WebDriver BiDi (w3.org/TR/webdriver-bidi), as far as the tests need it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { findInstalled } from './installed.ts';

/** Where a Firefox is; undefined on a machine without one, where its tests are not declared. */
export const firefoxPath = findInstalled('firefox-esr', 'firefox-esr');

interface Message {
  id?: number;
  type: string;
  method?: string;
  params?: { level?: string; text?: string };
  result?: unknown;
  message?: string;
}

const pollMs = 50;
const patienceMs = 20_000;

export class Firefox implements AsyncDisposable {
  /** What pages logged as errors. */
  readonly errors: string[] = [];
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #context = '';
  #last = 0;

  private constructor(process: ChildProcess, profile: string, socket: WebSocket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data)) as Message));
  }

  static async start(): Promise<Firefox> {
    const profile = mkdtempSync(path.join(os.tmpdir(), 'granary-firefox-'));
    // Nothing is asked of anybody outside.
    const off = [
      'app.update.enabled',
      'datareporting.policy.dataSubmissionEnabled',
      'network.captive-portal-service.enabled',
    ];
    const preferences = [
      ...off,
      'browser.safebrowsing.update.enabled',
      'extensions.update.enabled',
      'network.connectivity-service.enabled',
    ];
    writeFileSync(path.join(profile, 'user.js'), preferences.map((name) => `user_pref('${name}', false);\n`).join(''));
    const child = spawn(
      firefoxPath!,
      ['--headless', '--no-remote', '--remote-debugging-port', '0', '--profile', profile],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile } },
    );
    for await (const line of createInterface(child.stderr)) {
      const address = /WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1];
      if (address === undefined) continue;
      child.stderr.resume();
      const socket = new WebSocket(`${address}/session`);
      await once(socket, 'open');
      const firefox = new Firefox(child, profile, socket);
      await firefox.#begin();
      return firefox;
    }
    throw new Error('Firefox ended without listening');
  }

  async #begin(): Promise<void> {
    await this.#send('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
    await this.#send('session.subscribe', { events: ['log.entryAdded'] });
    const tree = (await this.#send('browsingContext.getTree', {})) as { contexts: { context: string }[] };
    this.#context = tree.contexts[0]!.context;
  }

  #take(message: Message): void {
    if (message.method === 'log.entryAdded' && message.params?.level === 'error')
      this.errors.push(message.params.text ?? '');
    const waiting = this.#waiting.get(message.id ?? -1);
    if (waiting === undefined) return;
    this.#waiting.delete(message.id!);
    if (message.type === 'success') waiting.resolve(message.result);
    else waiting.reject(new Error(message.message));
  }

  #send(method: string, params: object): Promise<unknown> {
    const id = ++this.#last;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  async open(url: string): Promise<void> {
    await this.#send('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
  }

  /** The value of an expression in the page: text, number, truth. */
  async evaluate(expression: string): Promise<unknown> {
    const target = { context: this.#context };
    const answer = (await this.#send('script.evaluate', { expression, target, awaitPromise: true })) as {
      result?: { value?: unknown };
      exceptionDetails?: { text: string };
    };
    if (answer.exceptionDetails !== undefined) throw new Error(answer.exceptionDetails.text);
    return answer.result?.value;
  }

  /** Resolves as soon as the expression is true; fails when it is not for 20 seconds. */
  async until(expression: string): Promise<void> {
    const isTrue = await this.evaluate(`new Promise((resolve) => {
      const end = Date.now() + ${patienceMs};
      const look = () => {
        const isTrue = Boolean(${expression});
        if (isTrue || Date.now() > end) resolve(isTrue);
        else setTimeout(look, ${pollMs});
      };
      look();
    })`);
    if (isTrue !== true) throw new Error(`not within ${patienceMs} ms: ${expression}`);
  }

  /** Types into the field that has the focus; `\uE007` is Enter. */
  async type(text: string): Promise<void> {
    const keys = [...text].flatMap((value) => [
      { type: 'keyDown', value },
      { type: 'keyUp', value },
    ]);
    await this.#send('input.performActions', {
      context: this.#context,
      actions: [{ type: 'key', id: 'keyboard', actions: keys }],
    });
  }

  async picture(file: string): Promise<void> {
    const { data } = (await this.#send('browsingContext.captureScreenshot', { context: this.#context })) as {
      data: string;
    };
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, Buffer.from(data, 'base64'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
