// A connection to a directory server of a realm: the servers in turn, TLS as the realm wants it, the bind of the
// server itself, searches (access-control.md 10).

import { readdir, readFile, stat } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import {
  AndFilter,
  BusyError,
  Client,
  type Entry,
  EqualityFilter,
  type Filter,
  FilterParser,
  NoSuchObjectError,
  OrFilter,
  ResultCodeError,
  UnavailableError,
} from 'ldapts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { systemCertificates } from '../os/system-certificates.ts';
import type { LdapSettings } from './ldap-settings.ts';

export interface LdapTimes {
  /** Until a server has to answer a connection, TLS included. */
  connectMs: number;
  /** Until it has to answer one request. */
  requestMs: number;
}

export const ldapTimes: LdapTimes = { connectMs: 5000, requestMs: 10_000 };

/** A server sends at most that many entries at once; Active Directory refuses more than 1000. */
const pageSize = 500;

export class LdapConnection implements AsyncDisposable {
  /** `ldaps://HOST:PORT` */
  readonly url: string;
  readonly #client: Client;
  readonly #socket: net.Socket;

  private constructor(url: string, client: Client, socket: net.Socket) {
    this.url = url;
    this.#client = client;
    this.#socket = socket;
  }

  /**
   * Connects to the first server that answers, and binds as the realm's bind-dn if it has one. Throws `connection` when
   * none answers, `auth-failed` when the bind is refused.
   */
  static async open(settings: LdapSettings, times: LdapTimes = ldapTimes): Promise<LdapConnection> {
    const failures: string[] = [];
    for (const server of settings.servers) {
      const url = urlOf(settings, server);
      let connection: LdapConnection | undefined;
      try {
        connection = await LdapConnection.#connect(settings, server, url, times);
        if (settings.bind) await connection.bind(settings.bind.dn, settings.bind.password);
        return connection;
      } catch (error) {
        await connection?.[Symbol.asyncDispose]();
        if (error instanceof GranaryError && error.code !== 'connection') throw error;
        failures.push(`'${url}': ${messageOf(error)}`);
      }
    }
    throw new GranaryError('connection', `cannot reach a server of realm '${settings.realm}': ${failures.join('; ')}`);
  }

  static async #connect(s: LdapSettings, server: string, url: string, times: LdapTimes): Promise<LdapConnection> {
    const security = s.mode === 'ldap' ? undefined : await tlsOptions(s, server);
    const limit = AbortSignal.timeout(times.connectMs);
    const plain = net.connect({ host: server, port: s.port });
    plain.on('error', () => {});
    let socket: net.Socket = plain;
    try {
      await opened(plain, 'connect', limit);
      if (s.mode === 'ldaps') {
        socket = tls.connect({ ...security, socket: plain });
        // Errors between here and the first request are found by that request.
        socket.on('error', () => {});
        await opened(socket, 'secureConnect', limit);
      }
    } catch (error) {
      socket.destroy();
      plain.destroy();
      throw limit.aborted ? new Error(`no connection within ${times.connectMs / 1000} s`) : error;
    }
    // The library would connect again by itself, without TLS and as nobody: it gets this one connection.
    let given = false;
    const client = new Client({
      url: 'ldap://realm.invalid',
      timeout: times.requestMs,
      strictDN: false,
      createConnection: (() => {
        if (given) throw new GranaryError('connection', 'the connection was lost');
        given = true;
        return socket;
      }) as typeof net.connect,
    });
    const connection = new LdapConnection(url, client, plain);
    if (s.mode === 'ldap+starttls') {
      try {
        await beforeAbort(client.startTLS({ ...security }), limit);
      } catch (error) {
        await connection[Symbol.asyncDispose]();
        throw new Error(`StartTLS failed: ${messageOf(error)}`);
      }
    }
    return connection;
  }

  /** Throws `auth-failed` when the server refuses, `connection` when it cannot say. */
  async bind(dn: string, password: string): Promise<void> {
    // A bind without a password succeeds with many servers, as nobody.
    if (password === '' || password.includes('\0')) throw refusedBind(dn, 'there is no password');
    if (!dn.includes('=') && !dn.includes('@') && !dn.includes('\\')) throw refusedBind(dn, 'not a distinguished name');
    await this.#ask(async () => {
      try {
        await this.#client.bind(dn, password);
      } catch (error) {
        if (error instanceof BusyError || error instanceof UnavailableError) throw error;
        throw error instanceof ResultCodeError ? refusedBind(dn, answerText(error)) : error;
      }
    });
  }

  /** The server's own naming context, as Active Directory names it. Throws `bad-request` when it names none. */
  async defaultNamingContext(): Promise<string> {
    const attribute = 'defaultNamingContext';
    const { searchEntries } = await this.#ask(() =>
      this.#client.search('', { scope: 'base', attributes: [attribute] }),
    );
    const context = searchEntries[0] && firstValue(searchEntries[0], attribute);
    if (!context) {
      throw new GranaryError(
        'bad-request',
        `server '${this.url}' does not say what its base-dn is: it has to be given`,
      );
    }
    return context;
  }

  async exists(dn: string): Promise<boolean> {
    try {
      await this.#client.search(dn, { scope: 'base', attributes: ['1.1'] });
      return true;
    } catch (error) {
      if (error instanceof NoSuchObjectError) return false;
      throw connectionError(this.url, error);
    }
  }

  /** Distinguished names of the entries whose attribute has that value, two at most. */
  async findByAttribute(baseDn: string, attribute: string, value: string): Promise<string[]> {
    const { searchEntries } = await this.#ask(() =>
      this.#client.search(baseDn, {
        scope: 'sub',
        filter: new EqualityFilter({ attribute, value }),
        attributes: ['1.1'],
        sizeLimit: 2,
      }),
    );
    return searchEntries.map((entry) => entry.dn);
  }

  /** Every entry of those object classes that the filter takes, page by page. */
  async *entries(
    baseDn: string,
    o: { classes: readonly string[]; filter?: string; attributes: readonly string[] },
  ): AsyncGenerator<Entry> {
    const classes = o.classes.map((value) => new EqualityFilter({ attribute: 'objectClass', value }));
    const filters: Filter[] = [new OrFilter({ filters: classes })];
    if (o.filter !== undefined) filters.push(parseFilter(o.filter));
    const pages = this.#client.searchPaginated(baseDn, {
      scope: 'sub',
      filter: new AndFilter({ filters }),
      attributes: [...o.attributes],
      paged: { pageSize },
    });
    try {
      for await (const page of pages) yield* page.searchEntries;
    } catch (error) {
      throw error instanceof GranaryError ? error : connectionError(this.url, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.unbind().catch(() => {});
    this.#socket.destroy();
  }

  async #ask<R>(question: () => Promise<R>): Promise<R> {
    try {
      return await question();
    } catch (error) {
      throw error instanceof GranaryError ? error : connectionError(this.url, error);
    }
  }
}

/** Throws `parameter-invalid` when it is not a filter. */
export function parseFilter(text: string): Filter {
  try {
    return FilterParser.parseString(text);
  } catch (error) {
    const problem = `not an LDAP filter: ${messageOf(error)}`;
    throw new GranaryError('parameter-invalid', `parameter verification failed - 'filter': ${problem}`, {
      parameters: { filter: problem },
      cause: error,
    });
  }
}

/** The first value of an attribute, names in any case; undefined when it has none that is text. */
export function firstValue(entry: Entry, attribute: string): string | undefined {
  const key = Object.keys(entry).find((name) => name.toLowerCase() === attribute.toLowerCase());
  const value = key === undefined ? undefined : entry[key];
  const first = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' && first !== '' ? first : undefined;
}

function urlOf(settings: LdapSettings, server: string): string {
  const scheme = settings.mode === 'ldaps' ? 'ldaps' : 'ldap';
  return `${scheme}://${net.isIPv6(server) ? `[${server}]` : server}:${settings.port}`;
}

function opened(socket: net.Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  const open = new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the server closed the connection')));
    socket.once(event, resolve);
  });
  return beforeAbort(open, signal);
}

/** The result, or the signal's reason when that comes first. */
async function beforeAbort<R>(result: Promise<R>, signal: AbortSignal): Promise<R> {
  const aborted = Promise.withResolvers<never>();
  const stop = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([result, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function tlsOptions(settings: LdapSettings, server: string): Promise<tls.ConnectionOptions> {
  const name = net.isIP(server) ? {} : { servername: server };
  if (!settings.verify) return { ...name, host: server, rejectUnauthorized: false };
  const secureContext = await trustContext(settings.caPath);
  return { ...name, host: server, secureContext, rejectUnauthorized: true };
}

/** By path and its change time: reading some hundred certificates takes too long for every login. */
const trustContexts = new Map<string, tls.SecureContext>();

/** What trusts the system's certificates and those at the path. */
async function trustContext(path: string | undefined): Promise<tls.SecureContext> {
  const facts = path === undefined ? undefined : await stat(path).catch(() => undefined);
  const key = JSON.stringify([path, facts?.ino, facts?.mtimeMs, facts?.size]);
  const known = trustContexts.get(key);
  if (known) return known;
  const ca = [...systemCertificates(), ...(await certificatesAt(path))];
  const context = tls.createSecureContext({ ca });
  if (trustContexts.size >= 8) trustContexts.clear();
  trustContexts.set(key, context);
  return context;
}

/** The certificates in a file, or in the files of a directory. Throws `certificate` when there is none. */
async function certificatesAt(path: string | undefined): Promise<string[]> {
  if (path === undefined) return [];
  try {
    const files = (await stat(path)).isDirectory()
      ? (await readdir(path)).sort().map((name) => join(path, name))
      : [path];
    const texts = await Promise.all(files.map((file) => readFile(file, 'latin1').catch(() => '')));
    const found = texts.flatMap(
      (text) => text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [],
    );
    if (found.length > 0) return [...new Set(found)];
    throw new Error('no certificates there');
  } catch (error) {
    throw new GranaryError('certificate', `cannot read the certificates of capath '${path}': ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function refusedBind(dn: string, reason: string): GranaryError {
  return new GranaryError('auth-failed', `bind as '${dn}' was refused: ${reason}`);
}

function connectionError(url: string, error: unknown): GranaryError {
  const text = error instanceof ResultCodeError ? answerText(error) : messageOf(error);
  return new GranaryError('connection', `request to '${url}' failed: ${text}`, { cause: error });
}

/** `invalid credentials`, and what the server says besides. */
function answerText(error: ResultCodeError): string {
  const name = error.constructor.name.replace(/Error$/, '').replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`);
  const detail = error.message.replace(/\s*Code: 0x[0-9a-f]+$/i, '').trim();
  return detail === '' ? name.toLowerCase() : `${name.toLowerCase()}: ${detail}`;
}
