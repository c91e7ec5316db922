// A client's connection to one server: trust, login, tickets, REST calls, and upgrades to sessions
// (cli.md 3, rest-api.md 4, backup-protocol.md 2).

import { type Clock, epochSeconds, systemClock } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { isToken } from '../model/auth-id.ts';
import type { H2Session } from '../wire/h2-client.ts';
import { Limiter, type TransferLimits } from '../wire/rate-limit.ts';
import { listItems } from './listing-stream.ts';
import { formatServer, type Repository } from './repository.ts';
import {
  type CallAnswer,
  type CallParameters,
  localTransport,
  type Method,
  RestClient,
  tlsTransport,
  withQuery,
} from './rest-client.ts';
import { configFile, type Environment, readSetting, runtimeFile } from './secrets.ts';
import { loadTicket, storeTicket, type Ticket, ticketRenewal } from './ticket-cache.ts';
import { TrustedTls } from './trusted-tls.ts';

/** Somebody who answers questions. */
export interface Prompter {
  readonly canAsk: boolean;
  ask(question: string): Promise<string>;
  askSecret(question: string): Promise<string>;
  message(line: string): void;
}

export interface ConnectionOptions {
  repository: Pick<Repository, 'authId' | 'host' | 'port'>;
  env: Environment;
  prompter?: Prompter;
  clock?: Clock;
  signal?: AbortSignal;
  /** Pins the certificate, instead of PBS_FINGERPRINT. */
  fingerprint?: string;
  /** What to do about a certificate that is not trusted, with its fingerprint; see `TrustOptions`. */
  remedy?: (fingerprint: string) => string;
  /** Gives a ticket without a password (tools on the server itself). */
  issueTicket?: () => Promise<Ticket>;
  /** Local socket of the server on this machine, which needs no login and carries no sessions. */
  socketPath?: string;
  /** What all calls and sessions together may carry; a `Limiter` is shared with other connections. */
  limits?: TransferLimits | Limiter | undefined;
}

type SessionKind = 'backup' | 'reader';
const protocols: Record<SessionKind, string> = {
  backup: 'proxmox-backup-protocol-v1',
  reader: 'proxmox-backup-reader-protocol-v1',
};

export class Connection implements AsyncDisposable {
  readonly #o: ConnectionOptions;
  readonly #clock: Clock;
  readonly #tls: TrustedTls;
  readonly #rest: RestClient;
  readonly #ticketFile: string | undefined;
  #auth: Promise<void> | undefined;
  #token: string | undefined;
  #ticket: Ticket | undefined;
  /** The ticket came from the cache, so that a refusal may only mean that it is stale. */
  #fromCache = false;

  private constructor(options: ConnectionOptions, pinned: string | undefined) {
    this.#o = options;
    this.#clock = options.clock ?? systemClock;
    const prompter = options.prompter;
    const { socketPath, limits } = options;
    this.#tls = new TrustedTls(
      options.repository,
      {
        pinned,
        storedFile: configFile(options.env, 'fingerprints'),
        proxy: options.env['ALL_PROXY'] || undefined,
        remedy: options.remedy,
        accept: prompter?.canAsk ? (fingerprint, changed) => this.#accept(fingerprint, changed) : undefined,
      },
      limits && (limits instanceof Limiter ? limits : new Limiter(limits)),
    );
    this.#rest = new RestClient(
      socketPath === undefined ? tlsTransport(options.repository, this.#tls) : localTransport(socketPath),
    );
    this.#ticketFile = options.issueTicket ? undefined : runtimeFile(options.env, 'tickets');
  }

  /** Prepares a connection; nothing is sent before the first call. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const pinned = options.fingerprint ?? (await readSetting(options.env, 'PBS_FINGERPRINT'));
    return new Connection(options, pinned);
  }

  /** The `data` of a call's answer. Errors carry the server's text. */
  async call(method: Method, path: string, parameters: CallParameters = {}): Promise<unknown> {
    return (await this.callForAnswer(method, path, parameters)).data;
  }

  /** Like `call`, with the attributes beside `data`. */
  callForAnswer(method: Method, path: string, parameters: CallParameters = {}): Promise<CallAnswer> {
    return this.#authorized((headers) => this.#rest.call(method, path, parameters, headers, this.#o.signal));
  }

  /** The objects of a list that may be too long to be held, one after the other. */
  async *list(path: string, parameters: CallParameters = {}): AsyncGenerator<object, void, undefined> {
    const answer = await this.download(path, parameters);
    try {
      yield* listItems(answer, `GET ${path}`);
    } catch (error) {
      throw error instanceof GranaryError
        ? error
        : new GranaryError('connection', `the answer broke off: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Uploads raw bytes; the whole answer. */
  upload(path: string, parameters: CallParameters, body: Uint8Array): Promise<CallAnswer> {
    return this.#authorized((headers) => this.#rest.upload(path, parameters, body, headers, this.#o.signal));
  }

  download(path: string, parameters: CallParameters): Promise<AsyncIterable<Uint8Array>> {
    return this.#authorized((headers) => this.#rest.download(path, parameters, headers, this.#o.signal));
  }

  /** Upgrades a connection of its own to a backup or reader session. */
  async openSession(kind: SessionKind, query: CallParameters): Promise<H2Session> {
    if (this.#o.socketPath !== undefined) {
      throw new GranaryError('internal', 'the local socket carries no sessions');
    }
    const { connectH2 } = await import('../wire/h2-client.ts');
    return this.#authorized(async (headers) => {
      const socket = await this.#tls.connect(this.#o.signal);
      return connectH2({
        socket,
        authority: formatServer(this.#o.repository),
        path: withQuery(`/api2/json/${kind}`, Object.entries(query)),
        protocol: protocols[kind],
        headers,
        signal: this.#o.signal,
      });
    });
  }

  /**
   * Begins the login and resolves once the server was asked, which then needs as long for a password as this process for
   * loading what comes next. The first call tells what goes wrong.
   */
  async startLogin(): Promise<void> {
    if (this.#o.socketPath !== undefined) return;
    await new Promise<void>((resolve) => {
      this.#auth ??= this.#authenticate(resolve);
      this.#auth.then(resolve, () => resolve());
    });
  }

  /** Logs in now, with the password even if a ticket is cached, and keeps the ticket. */
  async login(): Promise<void> {
    if (isToken(this.#o.repository.authId)) return;
    this.#ticket = await this.#passwordLogin();
    this.#auth = Promise.resolve();
    await this.#keepTicket(this.#ticket);
  }

  close(): void {
    this.#rest.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** Runs `send` with authentication headers; a cached ticket that is refused is replaced once. */
  async #authorized<T>(send: (headers: Record<string, string>) => Promise<T>): Promise<T> {
    if (this.#o.socketPath !== undefined) return send({});
    await this.#ensureAuth();
    try {
      return await send(this.#headers());
    } catch (error) {
      const stale = this.#fromCache && error instanceof GranaryError && error.code === 'auth-failed';
      if (!stale) throw error;
      this.#fromCache = false;
      this.#ticket = await this.#passwordLogin();
      await this.#keepTicket(this.#ticket);
      return send(this.#headers());
    }
  }

  #headers(): Record<string, string> {
    if (this.#token !== undefined) return { authorization: `PBSAPIToken ${this.#o.repository.authId}:${this.#token}` };
    const ticket = this.#ticket!;
    return { cookie: `PBSAuthCookie=${ticket.ticket}`, csrfpreventiontoken: ticket.token };
  }

  async #ensureAuth(): Promise<void> {
    this.#auth ??= this.#authenticate();
    await this.#auth.catch((error: unknown) => {
      this.#auth = undefined;
      throw error;
    });
    const ticket = this.#ticket;
    if (ticket && epochSeconds(this.#clock) - ticket.timestamp >= ticketRenewal) await this.#renew(ticket);
  }

  /** `onSent` is called when a password has been sent. */
  async #authenticate(onSent?: () => void): Promise<void> {
    const { repository, env, issueTicket } = this.#o;
    if (issueTicket) {
      this.#ticket = await issueTicket();
      return;
    }
    const password = await readSetting(env, 'PBS_PASSWORD');
    if (isToken(repository.authId)) {
      this.#token = encodeURIComponent(password ?? (await this.#askPassword()));
      return;
    }
    if (password === undefined && this.#ticketFile) {
      const now = epochSeconds(this.#clock);
      this.#ticket = await loadTicket(this.#ticketFile, repository, repository.authId, now);
      this.#fromCache = this.#ticket !== undefined;
      if (this.#ticket) return;
    }
    this.#ticket = await this.#passwordLogin(password, onSent);
    if (password === undefined) await this.#keepTicket(this.#ticket);
  }

  /** A ticket in use is renewed with itself; the old one still works if that fails. */
  async #renew(old: Ticket): Promise<void> {
    try {
      const fresh = this.#o.issueTicket
        ? await this.#o.issueTicket()
        : await this.#requestTicket({ password: old.ticket });
      if (this.#fromCache) await this.#keepTicket(fresh);
      this.#ticket = fresh;
    } catch (error) {
      if (!(error instanceof GranaryError)) throw error;
    }
  }

  async #passwordLogin(known?: string, onSent?: () => void): Promise<Ticket> {
    const password = known ?? (await readSetting(this.#o.env, 'PBS_PASSWORD')) ?? (await this.#askPassword());
    const ticket = await this.#requestTicket({ password }, onSent);
    return ticket.ticket.startsWith('PBS:!tfa!') ? this.#secondFactor(ticket.ticket) : ticket;
  }

  async #requestTicket(proof: { password: string; 'tfa-challenge'?: string }, onSent?: () => void): Promise<Ticket> {
    const parameters = { username: this.#o.repository.authId, ...proof };
    const answer = await this.#rest.call('POST', 'access/ticket', parameters, {}, this.#o.signal, onSent);
    const data = answer.data as { ticket?: unknown; CSRFPreventionToken?: unknown } | null;
    if (typeof data?.ticket !== 'string' || typeof data.CSRFPreventionToken !== 'string') {
      throw new GranaryError('protocol', "the server's answer to the login has no ticket");
    }
    return { ticket: data.ticket, token: data.CSRFPreventionToken, timestamp: epochSeconds(this.#clock) };
  }

  async #secondFactor(challenge: string): Promise<Ticket> {
    const { prompter, repository } = this.#o;
    if (!prompter?.canAsk) {
      throw new GranaryError('auth-failed', `user '${repository.authId}' needs a second factor to log in`, {
        details: { hint: 'Use an API token (user@realm!token) for commands that run by themselves.' },
      });
    }
    const code = (await prompter.ask('TOTP code or recovery key: ')).trim();
    const kind = /^\d{6,8}$/.test(code) ? 'totp' : 'recovery';
    return this.#requestTicket({ password: `${kind}:${code}`, 'tfa-challenge': challenge });
  }

  async #askPassword(): Promise<string> {
    const { prompter, repository } = this.#o;
    if (!prompter?.canAsk) {
      throw new GranaryError('usage', `no password for '${repository.authId}', and nobody to ask`, {
        details: {
          hint: "Set PBS_PASSWORD, PBS_PASSWORD_FILE, PBS_PASSWORD_FD or PBS_PASSWORD_CMD, or run 'login' on a terminal first.",
        },
      });
    }
    // Nobody types a password before the server is known to be the right one.
    (await this.#tls.connect(this.#o.signal)).destroy();
    const what = isToken(repository.authId) ? 'Secret of token' : 'Password for';
    return prompter.askSecret(`${what} "${repository.authId}": `);
  }

  async #keepTicket(ticket: Ticket): Promise<void> {
    if (!this.#ticketFile) return;
    const { repository } = this.#o;
    await storeTicket(this.#ticketFile, repository, repository.authId, ticket, epochSeconds(this.#clock));
  }

  async #accept(fingerprint: string, changed: boolean): Promise<boolean> {
    const prompter = this.#o.prompter!;
    const server = formatServer(this.#o.repository);
    if (changed) prompter.message(`WARNING: the certificate of ${server} is not the one accepted before!`);
    prompter.message(`fingerprint: ${fingerprint}`);
    for (;;) {
      const answer = (await prompter.ask('Are you sure you want to continue connecting? (y/n): ')).trim();
      if (/^y(es)?$/i.test(answer)) return true;
      if (/^no?$/i.test(answer)) return false;
    }
  }
}

/** Forgets the cached ticket of a user. Throws `usage` without XDG_RUNTIME_DIR. */
export async function logout(repository: Repository, env: Environment, clock: Clock = systemClock): Promise<void> {
  const file = runtimeFile(env, 'tickets');
  if (!file) throw new GranaryError('usage', '$XDG_RUNTIME_DIR must be set');
  await storeTicket(file, repository, repository.authId, undefined, epochSeconds(clock));
}
