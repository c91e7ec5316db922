// A security key as people use it: a real browser with a virtual authenticator registers it with the server and logs
// in with it, over the server's own HTTPS origin.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { TestApi } from '../../src/api/testing/api-server.ts';
import { chromiumPath, launchChromium } from '../support/browser.ts';

const user = 'nobody@pbs';
const password = 'nobody-secret';

/** What the page answers to a question of the server, bytes as base64url. */
interface Answer {
  [member: string]: unknown;
  response: Record<string, string>;
}

if (chromiumPath !== undefined) {
  let api: TestApi;
  let browser: Browser;
  let page: Page;
  let devtools: CDPSession;
  let authenticatorId: string;

  before(async () => {
    api = await TestApi.start();
    await api.server.access.users.setPassword(user, password);
    await api.server.access.tfa.updateWebauthnConfig({
      rp: 'Granary',
      id: 'localhost',
      origin: `https://localhost:${api.port}`,
    });
    browser = await launchChromium();
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    page = await context.newPage();
    const address = `https://localhost:${api.port}/security-key`;
    await page.route(address, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>key</title>' }),
    );
    await page.goto(address);
    devtools = await context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    const options = {
      protocol: 'ctap2',
      transport: 'usb',
      isUserVerified: true,
      automaticPresenceSimulation: true,
    } as const;
    ({ authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options }));
  });
  after(async () => {
    await browser?.close();
    await api?.[Symbol.asyncDispose]();
  });

  /** A call that the page makes to its own origin. */
  const call = (
    path: string,
    body: object,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; text: string }> =>
    page.evaluate(
      async ({ path, body, headers }) => {
        const response = await fetch(`/api2/json/${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(body),
        });
        return { status: response.status, text: await response.text() };
      },
      { path, body, headers },
    );

  /** Lets the authenticator answer a question of the server. */
  const ask = (kind: 'create' | 'get', question: { publicKey: object }): Promise<Answer> => {
    const [parse, names] =
      kind === 'create'
        ? ['parseCreationOptionsFromJSON', ['attestationObject', 'clientDataJSON']]
        : ['parseRequestOptionsFromJSON', ['authenticatorData', 'clientDataJSON', 'signature']];
    return page.evaluate<Answer>(`(async () => {
      const publicKey = PublicKeyCredential.${parse}(${JSON.stringify(question.publicKey)});
      const { id, type, rawId, response } = (await navigator.credentials.${kind}({ publicKey })).toJSON();
      const names = ${JSON.stringify(names)};
      return { id, type, rawId, response: Object.fromEntries(names.map((name) => [name, response[name]])) };
    })()`);
  };

  const login = async () => {
    const { status, text } = await call('access/ticket', { username: user, password });
    assert.equal(status, 200, text);
    return JSON.parse(text).data as { ticket: string; CSRFPreventionToken: string };
  };
  const partial = async () => {
    const { ticket } = await login();
    const question = JSON.parse(decodeURIComponent(ticket.split(':')[1]!.slice('!tfa!'.length))) as {
      webauthn: { publicKey: object };
    };
    return { ticket, question: question.webauthn };
  };
  const answer = (ticket: string, response: object) =>
    call('access/ticket', {
      username: user,
      password: `webauthn:${JSON.stringify(response)}`,
      'tfa-challenge': ticket,
    });
  const stored = () => JSON.parse(readFileSync(`${api.home}/etc/tfa.json`, 'utf8')).users[user].webauthn;
  const reason = (): string => readFileSync(`${api.home}/log/api/auth.log`, 'utf8').trim().split('\n').at(-1)!;
  test('a browser registers a security key', async () => {
    const { ticket, CSRFPreventionToken: csrf } = await login();
    await page.context().addCookies([
      {
        name: '__Host-PBSAuthCookie',
        value: encodeURIComponent(ticket),
        domain: 'localhost',
        path: '/',
        secure: true,
        httpOnly: true,
      },
    ]);
    const add = (o: object) =>
      call(`access/tfa/${user}`, { type: 'webauthn', password, ...o }, { csrfpreventiontoken: csrf });
    const asked = await add({ description: 'yellow key' });
    assert.equal(asked.status, 200, asked.text);
    const question = JSON.parse(JSON.parse(asked.text).data.challenge) as {
      publicKey: { challenge: string; rp: object };
    };
    assert.deepEqual(question.publicKey.rp, { name: 'Granary', id: 'localhost' });
    const made = await ask('create', question);
    const { challenge } = question.publicKey;
    const value = JSON.stringify(made);
    const foreign = await add({ challenge: 'AAAA', value });
    assert.deepEqual([foreign.status, foreign.text], [400, 'no such challenge, or it has expired']);
    const added = await add({ challenge, value });
    assert.equal(added.status, 200, added.text);
    const again = await add({ challenge, value });
    assert.deepEqual([again.status, again.text], [400, 'no such challenge, or it has expired']);
    const [entry] = stored();
    assert.equal(entry.id, JSON.parse(added.text).data.id);
    assert.equal(entry.description, 'yellow key');
    assert.equal(entry.entry.cred_id, made['rawId']);
    assert.equal(entry.entry.cred.key.EC_EC2.x.length, 32);
    await page.context().clearCookies();
  });

  test('the key opens the next login, once, and its counter goes on', async () => {
    const { ticket, question } = await partial();
    const first = await ask('get', question);
    const { entry: before } = stored()[0];
    const forged = {
      ...first,
      response: { ...first.response, signature: first.response['signature']!.replace(/^.{8}/, 'AAAAAAAA') },
    };
    assert.equal((await answer(ticket, forged)).status, 401);
    // The challenge went with the wrong answer.
    assert.equal((await answer(ticket, first)).status, 401);
    assert.match(reason(), /no open challenge/);
    const next = await partial();
    const good = await ask('get', next.question);
    const full = await answer(next.ticket, good);
    assert.equal(full.status, 200, full.text);
    assert.match(JSON.parse(full.text).data.ticket, /^PBS:nobody@pbs:/);
    assert.ok(stored()[0].entry.counter > before.counter);
    assert.deepEqual({ ...stored()[0].entry, counter: 0 }, { ...before, counter: 0 });
    assert.equal((await answer(next.ticket, good)).status, 401);
  });

  test('a copy of the key, another origin and a foreign key are refused', async () => {
    // The copy is behind the original.
    const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId });
    const [credential] = credentials;
    await devtools.send('WebAuthn.removeCredential', { authenticatorId, credentialId: credential!.credentialId });
    await devtools.send('WebAuthn.addCredential', { authenticatorId, credential: { ...credential!, signCount: 1 } });
    const copy = await partial();
    assert.equal((await answer(copy.ticket, await ask('get', copy.question))).status, 401);
    assert.match(reason(), /counter/);

    await api.server.access.tfa.updateWebauthnConfig({ origin: 'https://elsewhere.example' });
    await devtools.send('WebAuthn.removeCredential', { authenticatorId, credentialId: credential!.credentialId });
    await devtools.send('WebAuthn.addCredential', { authenticatorId, credential: { ...credential!, signCount: 100 } });
    const elsewhere = await partial();
    assert.equal((await answer(elsewhere.ticket, await ask('get', elsewhere.question))).status, 401);
    assert.match(reason(), /the answer comes from 'https:\/\/localhost/);
    await api.server.access.tfa.updateWebauthnConfig({}, { remove: ['origin'] });

    const foreign = await partial();
    const proof = await ask('get', foreign.question);
    assert.equal((await answer(foreign.ticket, { ...proof, id: 'AAAA', rawId: 'AAAA' })).status, 401);
    assert.match(reason(), /unknown security key/);
    const last = await partial();
    assert.equal((await answer(last.ticket, await ask('get', last.question))).status, 200);
  });
}
