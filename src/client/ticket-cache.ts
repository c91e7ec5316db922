// Tickets kept between commands, so that a password is asked for once (cli.md 3: $XDG_RUNTIME_DIR/proxmox-backup/tickets).

import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { defaultPort } from './repository.ts';

/** A ticket with its CSRF token. */
export interface Ticket {
  ticket: string;
  token: string;
  /** When it was issued, epoch seconds. */
  timestamp: number;
}

/** Tickets are valid for two hours; one that is about to end is not worth using. */
export const ticketLifetime = 7200;
/** A ticket of this age is renewed when it is used. */
export const ticketRenewal = 900;

type Tickets = Record<string, Record<string, Ticket>>;

/** The cache's name for a server. */
function serverKey(server: { host: string; port: number }): string {
  return server.port === defaultPort ? server.host : `${server.host}:${server.port}`;
}

/** The cached ticket of a user, unless it has ended. A damaged cache counts as empty. */
export async function loadTicket(
  file: string,
  server: { host: string; port: number },
  user: string,
  now: number,
): Promise<Ticket | undefined> {
  const entry = (await readTickets(file))[serverKey(server)]?.[user];
  if (!entry) return undefined;
  const age = now - entry.timestamp;
  return age >= -300 && age < ticketLifetime - ticketRenewal ? entry : undefined;
}

/** Keeps a ticket and drops all that have ended. */
export async function storeTicket(
  file: string,
  server: { host: string; port: number },
  user: string,
  ticket: Ticket | undefined,
  now: number,
): Promise<void> {
  const entries = new Map<string, Map<string, Ticket>>();
  for (const [host, users] of Object.entries(await readTickets(file))) {
    const valid = Object.entries(users).filter(([, entry]) => now - entry.timestamp < ticketLifetime);
    entries.set(host, new Map(valid));
  }
  const key = serverKey(server);
  const users = new Map(entries.get(key));
  if (ticket) users.set(user, ticket);
  else users.delete(user);
  entries.set(key, users);
  const kept = [...entries].filter(([, map]) => map.size > 0).map(([host, map]) => [host, Object.fromEntries(map)]);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await replaceFile(file, JSON.stringify(Object.fromEntries(kept)), { mode: 0o600, durable: false });
}

async function readTickets(file: string): Promise<Tickets> {
  let data: unknown;
  try {
    data = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT')) return {};
    throw new GranaryError('io', `cannot read '${file}': ${messageOf(error)}`, { cause: error });
  }
  const sound: Tickets = {};
  for (const [host, users] of Object.entries(isObject(data) ? data : {})) {
    const entries = Object.entries(isObject(users) ? users : {}).filter(([, entry]) => isTicket(entry));
    sound[host] = Object.fromEntries(entries) as Record<string, Ticket>;
  }
  return sound;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isTicket(value: unknown): value is Ticket {
  return (
    isObject(value) &&
    typeof value['ticket'] === 'string' &&
    typeof value['token'] === 'string' &&
    typeof value['timestamp'] === 'number'
  );
}
