// Signed tickets and the CSRF tokens that go with them (rest-api.md 4.2 and 4.3).

import { createHash, createHmac, type KeyObject, sign, timingSafeEqual, verify } from 'node:crypto';
import { GranaryError } from '../base/errors.ts';

/** Accepted ages in seconds: a clock may be a little ahead, a session lasts two hours. */
export const ticketWindow = { oldest: 7200, newest: -300 };

export interface TicketWindow {
  oldest: number;
  newest: number;
}

const hexTime = (time: number): string => time.toString(16).toUpperCase().padStart(8, '0');

/** `PREFIX:{data}:{TIME}::{signature}`; `aad` is signed but not shown. */
export function createTicket(key: KeyObject, prefix: string, data: string, now: number, aad?: string): string {
  const text = `${prefix}:${escapeData(data)}:${hexTime(now)}`;
  const signature = signBytes(key, signedBytes(text, aad));
  return `${text}::${signature.toString('base64').replace(/=+$/, '')}`;
}

/** The data of a ticket whose signature and age are right; throws `auth-failed` with the reason otherwise. */
export function verifyTicket(
  key: KeyObject,
  prefix: string,
  ticket: string,
  now: number,
  o: { aad?: string; window?: TicketWindow } = {},
): { data: string; time: number } {
  const split = ticket.lastIndexOf('::');
  const text = split < 0 ? ticket : ticket.slice(0, split);
  const parts = text.split(':');
  const [givenPrefix, data, timeText] = parts;
  if (split < 0 || parts.length !== 3 || !data || timeText === undefined) throw failed('ticket without data');
  if (givenPrefix !== prefix) throw failed('ticket with invalid prefix');
  if (!/^[0-9A-F]{8}$/.test(timeText)) throw failed('ticket with invalid timestamp');
  const signature = decodeBase64(ticket.slice(split + 2));
  if (!signature) throw failed('ticket with bad signature: invalid base64');
  if (!verifyBytes(key, signedBytes(text, o.aad), signature)) throw failed('ticket with invalid signature');
  const time = Number.parseInt(timeText, 16);
  checkAge('ticket', now - time, o.window ?? ticketWindow);
  const decoded = unescapeData(data);
  if (decoded === undefined) throw failed('ticket without data');
  return { data: decoded, time };
}

/** `{TIME}:{HMAC-SHA3-256}` for requests that change something. */
export function createCsrfToken(secret: Uint8Array, userId: string, now: number): string {
  return `${hexTime(now)}:${csrfMac(secret, hexTime(now), userId).toString('base64').replace(/=+$/, '')}`;
}

/** Throws `auth-failed` with the reason. Tokens of older servers with their own kind of MAC are accepted. */
export function verifyCsrfToken(secret: Uint8Array, userId: string, token: string, now: number): void {
  const parts = token.split(':');
  const [timeText = '', macText = ''] = parts;
  if (parts.length !== 2) throw failed('invalid csrf token - format error - wrong number of parts.');
  if (!/^[0-9A-F]{8}$/.test(timeText)) throw failed('invalid csrf token - format error - invalid timestamp.');
  const mac = decodeBase64(macText);
  const legacy = createHash('sha256').update(`${timeText}:${userId}:`).update(secret).digest();
  const valid = mac && (equal(mac, csrfMac(secret, timeText, userId)) || equal(mac, legacy));
  if (!valid) throw failed('invalid csrf token - invalid signature.');
  checkAge('csrf token', now - Number.parseInt(timeText, 16), ticketWindow);
}

function csrfMac(secret: Uint8Array, time: string, userId: string): Buffer {
  return createHmac('sha3-256', secret).update(`${time}:${userId}:`).digest();
}

function signedBytes(text: string, aad: string | undefined): Buffer {
  return Buffer.from(aad === undefined ? text : `${text}:${aad}`);
}

/** Ed25519 needs no digest; the RSA keys of older servers are used with SHA-256 and PKCS#1 v1.5. */
function signBytes(key: KeyObject, bytes: Buffer): Buffer {
  return sign(key.asymmetricKeyType === 'rsa' ? 'sha256' : null, bytes, key);
}

function verifyBytes(key: KeyObject, bytes: Buffer, signature: Buffer): boolean {
  return verify(key.asymmetricKeyType === 'rsa' ? 'sha256' : null, bytes, key, signature);
}

function checkAge(what: string, age: number, window: TicketWindow): void {
  if (age < window.newest) throw failed(`invalid ${what} - timestamp newer than expected`);
  if (age > window.oldest) throw failed(`invalid ${what} - expired`);
}

/** Decodes base64 with or without padding; undefined unless it is the one text for its bytes. */
function decodeBase64(text: string): Buffer | undefined {
  const bare = text.replace(/=+$/, '');
  const bytes = Buffer.from(bare, 'base64');
  return bytes.byteLength > 0 && bytes.toString('base64').replace(/=+$/, '') === bare ? bytes : undefined;
}

/** Percent-encodes what would be mistaken for a part of the ticket, or does not survive a cookie or a URL. */
function escapeData(data: string): string {
  return data.replace(/[^!#$&'()*+\-.0-9;=?@A-Z^_`a-z|~]+/g, (text) =>
    Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

function unescapeData(data: string): string | undefined {
  try {
    return decodeURIComponent(data);
  } catch {
    return undefined;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

function failed(reason: string): GranaryError {
  return new GranaryError('auth-failed', reason);
}
