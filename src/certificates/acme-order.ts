// Gets a certificate from an ACME server: places an order for the names in node.cfg, answers the challenges, downloads
// the chain, checks it with its key and puts both in place (config-and-tasks.md 14, RFC 8555 section 7).

import { setTimeout as sleep } from 'node:timers/promises';
import type { Authorization, Client } from 'acme-client';
import type { Clock } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { AcmePluginConfig } from '../config/acme-plugin-config.ts';
import type { Directories } from '../config/directories.ts';
import { acmeOptions, nodeConfigFile } from '../config/node-config.ts';
import type { AcmeDomain } from '../config/node-schema.ts';
import { lockFile } from '../os/file-lock.ts';
import { loadAcmeAccount } from './acme-accounts.ts';
import { makeRequest, openAccount, told } from './acme-server.ts';
import { checkPair } from './check-upload.ts';
import { runDnsHook } from './dns-hooks.ts';
import { acmeHttpPort, acmeHttpPortVariable, type HttpResponder, startHttpResponder } from './http-responder.ts';
import { loadIdentity, replaceIdentity, type TlsIdentity } from './identity.ts';

/** What an order needs of the server, and of the task that it runs in. */
export interface OrderContext {
  directories: Directories;
  clock: Clock;
  log(line: string): void;
  /** Something went wrong that does not make the order fail. */
  warn(line: string): void;
  signal: AbortSignal;
}

const keyBits = 2048;
const defaultDelaySeconds = 30;

/**
 * Orders a certificate for the names in node.cfg and uses it. Throws `bad-request` when none are configured,
 * `connection` with the server's words when it refuses, `locked` while another order is under way.
 */
export async function orderCertificate(context: OrderContext): Promise<TlsIdentity> {
  const { directories, log, signal } = context;
  using _lock = await lockOrders(directories);
  const options = nodeConfigFile(directories).current().value;
  const { account: accountName, domains } = acmeOptions(options);
  const methods = domains.map((domain) => ({ domain, method: methodFor(context, domain) }));
  if (methods.length === 0) {
    throw new GranaryError('bad-request', 'no domains configured to be ordered from an ACME server');
  }
  log(`Loading ACME account '${accountName}'`);
  const account = loadAcmeAccount(directories, accountName);
  const server = account.directoryUrl;
  const client = await openAccount(account, { proxy: options['http-proxy'] });

  log('Placing ACME order');
  const names = [...new Set(domains.map(({ domain }) => domain.toLowerCase()))];
  const identifiers = names.map((value) => ({ type: 'dns', value }));
  const order = await told(server, client.createOrder({ identifiers }), signal);
  log(`Order URL: ${order.url}`);
  const authorizations = await told(server, client.getAuthorizations(order), signal);
  await using responder = new LazyResponder();
  for (const authorization of authorizations) {
    const name = `${authorization.wildcard ? '*.' : ''}${authorization.identifier.value}`;
    const found = methods.find(({ domain }) => domain.domain.toLowerCase() === name);
    if (!found) throw new GranaryError('protocol', `ACME server '${server}' asks to authorize '${name}'`);
    await authorize({ context, client, server, authorization, name, responder, ...found });
  }
  log('All domains validated!');

  log('Creating CSR');
  const commonName = names.find((name) => name.length <= 64);
  const { key, request } = await makeRequest({ commonName, altNames: names, keySize: keyBits });
  log('Finalizing order');
  const finalized = await told(server, client.finalizeOrder(order, request), signal);
  log('Downloading certificate');
  const certificate = await told(server, client.getCertificate({ ...finalized, url: order.url }), signal);

  const { warnings, ...pair } = checkPair({ certificate, key }, { clock: context.clock });
  // A certificate that is not valid for long is what some servers give.
  for (const warning of warnings) log(`Note: ${warning}`);
  signal.throwIfAborted();
  const identity = await replaceIdentity(directories.config, pair);
  log(`Certificate with fingerprint ${identity.fingerprint} is in place`);
  return identity;
}

/** Revokes the certificate in use at the server of the configured account. Throws `bad-request` or `connection`. */
export async function revokeCertificate(context: OrderContext): Promise<void> {
  const { directories, log, signal } = context;
  const options = nodeConfigFile(directories).current().value;
  const { account: accountName } = acmeOptions(options);
  log(`Loading ACME account '${accountName}'`);
  const account = loadAcmeAccount(directories, accountName);
  const identity = await loadIdentity(directories.config);
  if (!identity) throw new GranaryError('bad-request', 'the server has no certificate');
  log('Revoking certificate');
  const client = await openAccount(account, { proxy: options['http-proxy'] });
  await told(account.directoryUrl, client.revokeCertificate(identity.certificate), signal);
}

/** How the challenges of one name are answered. */
type Method =
  | { challenge: 'http-01' }
  | { challenge: 'dns-01'; api: string; settings: string; delaySeconds: number; alias: string | undefined };

function methodFor(context: OrderContext, domain: AcmeDomain): Method {
  const config = new AcmePluginConfig(context.directories);
  const { plugin: name, alias } = domain;
  if (name === undefined || config.standalone().includes(name)) {
    if (domain.domain.startsWith('*.')) {
      throw new GranaryError('bad-request', `'${domain.domain}' can only be ordered with a DNS plugin`);
    }
    return { challenge: 'http-01' };
  }
  const plugin = config.find(name);
  if (!plugin) throw new GranaryError('bad-request', `no such ACME plugin '${name}', which '${domain.domain}' names`);
  if (plugin.disable) throw new GranaryError('bad-request', `the ACME plugin '${name}' is disabled`);
  return {
    challenge: 'dns-01',
    api: plugin.api,
    settings: Buffer.from(plugin.data, 'base64').toString(),
    delaySeconds: plugin['validation-delay'] ?? defaultDelaySeconds,
    alias,
  };
}

interface Authorizing {
  context: OrderContext;
  client: Client;
  server: string;
  authorization: Authorization;
  /** As it was ordered. */
  name: string;
  method: Method;
  responder: LazyResponder;
}

async function authorize(o: Authorizing): Promise<void> {
  const { context, client, server, authorization, name, method } = o;
  const { log, signal } = context;
  if (authorization.status === 'valid') {
    log(`${name} is already validated!`);
    return;
  }
  log(`The validation for ${name} is pending!`);
  const challenge = authorization.challenges.find(({ type }) => type === method.challenge);
  if (!challenge) {
    throw new GranaryError(
      'bad-request',
      `ACME server '${server}' offers no ${method.challenge} challenge for ${name}`,
    );
  }
  const answer = await client.getChallengeKeyAuthorization(challenge);
  const validate = async (): Promise<void> => {
    log('Triggering validation');
    await told(server, client.completeChallenge(challenge), signal);
    await told(server, client.waitForValidStatus(authorization), signal);
    log(`${name} is validated!`);
  };
  if (method.challenge === 'http-01') {
    const web = await o.responder.get();
    log(`Answering the challenge on port ${web.port}`);
    web.answer(challenge.token, answer);
    await validate();
    return;
  }
  const host = method.alias ?? authorization.identifier.value;
  const record = { name: `_acme-challenge.${host.replace(/^\*\./, '')}`, value: answer };
  const hook = { api: method.api, settings: method.settings, log };
  log(`Adding TXT record ${record.name}`);
  try {
    await runDnsHook(context.directories, { ...hook, signal }, 'add', record);
    if (method.delaySeconds > 0) {
      log(`Waiting ${method.delaySeconds} seconds for the record to spread`);
      await sleep(method.delaySeconds * 1000, undefined, { signal });
    }
    await validate();
  } finally {
    log(`Removing TXT record ${record.name}`);
    // Also after an abort, so not with its signal.
    const cleanup = { ...hook, signal: new AbortController().signal };
    await runDnsHook(context.directories, cleanup, 'remove', record).catch((error: unknown) =>
      context.warn(messageOf(error)),
    );
  }
}

/** The web server for challenges: started when the first one needs it. */
class LazyResponder implements AsyncDisposable {
  #responder: Promise<HttpResponder> | undefined;

  get(): Promise<HttpResponder> {
    const other = process.env[acmeHttpPortVariable];
    this.#responder ??= startHttpResponder(other === undefined ? acmeHttpPort : Number(other));
    return this.#responder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const responder = await this.#responder?.catch(() => undefined);
    await responder?.[Symbol.asyncDispose]();
  }
}

/** Two orders at a time would take each other's port and records. */
async function lockOrders(directories: Directories): Promise<Disposable> {
  const lock = await lockFile(`${directories.run}/acme-order.lck`, { mode: 'exclusive' });
  if (!lock) throw new GranaryError('locked', 'another order of a certificate is under way');
  return lock;
}
