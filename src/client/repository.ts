// Repository strings: which user, server and datastore a client command is about (cli.md 3).

import { isIPv6 as matchesIPv6 } from 'node:net';
import { GranaryError } from '../base/errors.ts';
import { type AuthId, parseAuthId, rootUser } from '../model/auth-id.ts';
import { isDatastoreName } from '../model/names.ts';

export const defaultPort = 8007;

export interface Repository {
  readonly authId: AuthId;
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  readonly store: string;
}

/** Node's own takes 10 ms to compile its expression, and most addresses have no colon. */
const isIPv6 = (text: string): boolean => text.includes(':') && matchesIPv6(text);

const hostName = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?$/;

/**
 * Parses `[[AUTH-ID@]SERVER[:PORT]:]DATASTORE`. IPv6 addresses stand in brackets, or bare where their last group
 * cannot be meant as a port. Throws `usage` saying what is wrong.
 */
export function parseRepository(text: string): Repository {
  const split = text.lastIndexOf(':');
  const store = text.slice(split + 1);
  const server = split < 0 ? '' : text.slice(0, split);
  if (split === 0) throw malformed(text, 'the server is empty');
  const at = server.lastIndexOf('@');
  const authId = at < 0 ? rootUser : server.slice(0, at);
  const { host, port } = parseServer(text, server.slice(at + 1) || (at < 0 ? 'localhost' : ''));
  return makeRepository({ authId, host, port, store }, text);
}

/** Checks the parts of a repository; those that are absent get the usual values. Throws `usage`. */
export function makeRepository(
  parts: { authId?: string; host?: string; port?: number; store: string },
  text = parts.store,
): Repository {
  const { store, ...server } = parts;
  if (!isDatastoreName(store)) throw malformed(text, `'${store}' is no datastore name`);
  return { ...makeServer(server, text), store };
}

/** A repository without its datastore: what calls about a whole server need. */
export type ServerAddress = Omit<Repository, 'store'>;

/** Parses `[AUTH-ID@]SERVER[:PORT]`, with a datastore at the end or without. Throws `usage` saying what is wrong. */
export function parseServerAddress(text: string): ServerAddress {
  const at = text.lastIndexOf('@');
  const server = text.slice(at + 1);
  const authId = at < 0 ? {} : { authId: text.slice(0, at) };
  if (isIPv6(server)) return makeServer({ ...authId, host: server }, text);
  const parts = /^(\[[^\]]*\]|[^:[\]]+)(?::(\d{1,5}))?(?::[^:]+)?$/.exec(server);
  if (!parts) throw malformed(text, `'${server}' is no server`);
  const port = parts[2] === undefined ? {} : { port: Number(parts[2]) };
  return makeServer({ ...authId, host: parts[1]!, ...port }, text);
}

function makeServer(parts: { authId?: string; host?: string; port?: number }, text: string): ServerAddress {
  const { authId = rootUser, host = 'localhost', port = defaultPort } = parts;
  if (!parseAuthId(authId)) throw malformed(text, `'${authId}' is neither user@realm nor user@realm!token`);
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (!hostName.test(bare) && !isIPv6(bare)) throw malformed(text, `'${host}' is no host name or address`);
  if (!(port >= 1 && port <= 65535)) throw malformed(text, `${port} is no port`);
  return { authId, host: bare, port };
}

function parseServer(text: string, server: string): { host: string; port: number } {
  const bracketed = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(server);
  if (bracketed) {
    if (!isIPv6(bracketed[1]!)) throw malformed(text, `'${bracketed[1]}' is no IPv6 address`);
    return { host: bracketed[1]!, port: Number(bracketed[2] ?? defaultPort) };
  }
  const tail = /^(.*):(\d{1,5})$/.exec(server);
  if (isIPv6(server)) {
    if (tail && isIPv6(tail[1]!)) {
      throw malformed(text, `it is not clear where the address ends; write [${server}] or [${tail[1]}]:${tail[2]}`);
    }
    return { host: server, port: defaultPort };
  }
  if (tail && !tail[1]!.includes(':')) return { host: tail[1]!, port: Number(tail[2]) };
  return { host: server, port: defaultPort };
}

function malformed(text: string, reason: string): GranaryError {
  return new GranaryError('usage', `unable to parse repository '${text}': ${reason}`, {
    details: { hint: "A repository is written [[AUTH-ID@]SERVER[:PORT]:]DATASTORE, as in 'backup@pbs@server:store'." },
  });
}

/** The whole form, as messages show it: `admin@pbs@localhost:8007:store`. */
export function formatRepository(repository: Repository): string {
  return `${repository.authId}@${formatServer(repository)}:${repository.store}`;
}

/** `host:port`, IPv6 in brackets. */
export function formatServer(server: { host: string; port: number }): string {
  return `${isIPv6(server.host) ? `[${server.host}]` : server.host}:${server.port}`;
}
