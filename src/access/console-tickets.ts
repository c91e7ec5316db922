// Tickets for a console: good for one user, one path and one port, for the moment between asking for a terminal and
// opening it (rest-api.md 4.5). The user and the path are signed without being shown.

import type { KeyObject } from 'node:crypto';
import { GranaryError } from '../base/errors.ts';
import type { AuthId } from '../model/auth-id.ts';
import { createTicket, verifyTicket } from './tickets.ts';

const prefix = 'PBSTERM';
/** Accepted ages in seconds. */
const window = { oldest: 60, newest: -60 };

export interface ConsoleTarget {
  authId: AuthId;
  /** ACL path of what the console is for. */
  path: string;
}

/** A ticket for the terminal that listens on `port`. `now` in epoch seconds. */
export function createConsoleTicket(key: KeyObject, target: ConsoleTarget, port: number, now: number): string {
  return createTicket(key, prefix, String(port), now, additional(target));
}

/** Throws `auth-failed` unless the ticket is for that target and, if given, that port. */
export function verifyConsoleTicket(
  key: KeyObject,
  ticket: string,
  target: ConsoleTarget & { port?: number },
  now: number,
): void {
  const { data } = verifyTicket(key, prefix, ticket, now, { aad: additional(target), window });
  if (target.port !== undefined && data !== String(target.port)) {
    throw new GranaryError('auth-failed', 'console ticket for another port');
  }
}

/** An auth-id has no colon, so that the two cannot be mistaken for each other. */
function additional({ authId, path }: ConsoleTarget): string {
  return `${authId}:${path}`;
}
