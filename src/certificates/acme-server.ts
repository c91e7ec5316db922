// Speaks to an ACME server (RFC 8555) through the library: whom to trust, how long to wait, what to say when it fails.

import { generateKeyPairSync } from 'node:crypto';
import https from 'node:https';
import { getCACertificates } from 'node:tls';
import type { Client, ClientExternalAccountBindingOptions, CsrOptions } from 'acme-client';
import { GranaryError, messageOf } from '../base/errors.ts';
import type { AcmeAccount } from './acme-accounts.ts';

/** The directories that are offered. */
export const acmeDirectories: readonly { name: string; url: string }[] = [
  { name: "Let's Encrypt V2", url: 'https://acme-v02.api.letsencrypt.org/directory' },
  { name: "Let's Encrypt V2 Staging", url: 'https://acme-staging-v02.api.letsencrypt.org/directory' },
];
export const defaultAcmeDirectory = acmeDirectories[0]!.url;

export interface AcmeServerOptions {
  /** `[http://][user:password@]host[:port]`, from node.cfg. */
  proxy?: string | undefined;
}

type Library = typeof import('acme-client');
/** It takes a second and 40 MB to load, which a server that orders no certificates is spared. */
const loadLibrary = (): Promise<Library> => import('acme-client');

const requestTimeoutMs = 30_000;
/** How often the state of an order or a challenge is asked for: at once, then after these waits. */
const polling = { backoffAttempts: 30, backoffMin: 250, backoffMax: 10_000 };

/** A session with a server, with the key of an account or of one to come. Throws `connection` if it does not answer. */
export async function openAcme(
  o: AcmeServerOptions & {
    directory: string;
    key: string;
    location?: string;
    binding?: ClientExternalAccountBindingOptions | undefined;
  },
): Promise<Client> {
  const acme = await loadLibrary();
  const agent = trustingAgent(o.proxy);
  await told(o.directory, reach(o.directory, agent));
  configureRequests(acme, agent);
  return new acme.Client({
    directoryUrl: o.directory,
    accountKey: o.key,
    ...(o.location === undefined ? {} : { accountUrl: o.location }),
    ...(o.binding === undefined ? {} : { externalAccountBinding: o.binding }),
    ...polling,
  });
}

/** A session with the server of an account. */
export function openAccount(account: AcmeAccount, o: AcmeServerOptions): Promise<Client> {
  return openAcme({ ...o, directory: account.directoryUrl, key: account.key, location: account.location });
}

/** The URL of a server's terms of service; undefined when it has none. Throws `connection`. */
export async function termsOfService(directory: string, o: AcmeServerOptions): Promise<string | undefined> {
  const client = await openAcme({ ...o, directory, key: makeAccountKey() });
  const terms: unknown = await told(directory, client.getTermsOfServiceUrl());
  return typeof terms === 'string' ? terms : undefined;
}

/** A key for a new account, PEM. */
export function makeAccountKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A new RSA key, PEM, and a request for a certificate for it. */
export async function makeRequest(o: CsrOptions): Promise<{ key: string; request: Buffer }> {
  const [key, request] = await (await loadLibrary()).crypto.createCsr(o);
  return { key: key.toString(), request };
}

/** Waits for an answer of the server; throws `connection` with the server's words. */
export async function told<T>(server: string, answer: Promise<T>, signal?: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  aborted.promise.catch(() => {});
  try {
    signal?.throwIfAborted();
    return await Promise.race([answer, aborted.promise]);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new GranaryError('connection', `ACME server '${server}': ${reasonOf(error)}`, { cause: error });
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join(', ');
  // What the library makes of a connection that fails, having tried again.
  if (error instanceof TypeError) return 'the connection failed';
  const text = messageOf(error);
  return text.startsWith('{') ? (failuresIn(text) ?? text) : text;
}

/** What went wrong, from an order or an authorization that failed, which the library gives as JSON. */
function failuresIn(text: string): string | undefined {
  interface Failed {
    identifier?: { value?: string };
    error?: { detail?: string };
    challenges?: Failed[];
  }
  try {
    const failed = JSON.parse(text) as Failed;
    const details = [failed, ...(failed.challenges ?? [])].flatMap(({ error }) => error?.detail ?? []);
    if (details.length === 0) return undefined;
    const name = failed.identifier?.value;
    return `${name === undefined ? '' : `validation of ${name} failed: `}${details.join('; ')}`;
  } catch {
    return undefined;
  }
}

/** Trusts the certificates of the system, and goes through the node's proxy. */
function trustingAgent(proxy: string | undefined): https.Agent {
  const url = proxy === undefined || /^https?:\/\//.test(proxy) ? proxy : `http://${proxy}`;
  return new https.Agent({
    ca: [...getCACertificates('default'), ...getCACertificates('system')],
    ...(url === undefined ? {} : { proxyEnv: { HTTPS_PROXY: url } }),
  });
}

/** Asks for the directory once: of a failure the library keeps no reason. */
function reach(directory: string, agent: https.Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(requestTimeoutMs);
    const request = https.get(directory, { agent, signal }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      if (status >= 200 && status <= 299) resolve();
      else reject(new Error(`its directory is answered with status ${status}`));
    });
    request.on('error', (error) => reject(signal.aborted ? new Error('it does not answer') : error));
  });
}

/** The library's requests share their settings. */
function configureRequests(acme: Library, agent: https.Agent): void {
  const { defaults } = acme.axios;
  defaults.timeout = requestTimeoutMs;
  defaults.proxy = false;
  defaults.httpsAgent = agent;
  Object.assign(defaults, { acmeSettings: { retryMaxAttempts: 2, retryDefaultDelay: 2 } });
}
