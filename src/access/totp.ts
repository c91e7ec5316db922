// Time-based one-time passwords: the otpauth URI of an entry, and whether a code is right now (access-control.md 9,
// rest-api.md 4.5; RFC 6238).

import { timingSafeEqual } from 'node:crypto';
import { Secret, TOTP, URI } from 'otpauth';
import { GranaryError } from '../base/errors.ts';
import { isObject } from '../config/json-file.ts';

/** An entry of tfa.json: its URI, and the step of the last accepted code once there was one. */
export interface TotpEntry {
  uri: string;
  /** Number of the step, from the epoch on. */
  lastCount?: number;
}

/** Steps before and after the present one whose code is accepted, for clocks that differ. */
const window = 1;
const minimumSecretBytes = 10;

/** Reads both forms of an entry; undefined for anything else. */
export function readTotpEntry(entry: unknown): TotpEntry | undefined {
  if (typeof entry === 'string') return { uri: entry };
  if (!isObject(entry) || typeof entry['totp'] !== 'string') return undefined;
  const lastCount = entry['last-count'];
  return typeof lastCount === 'number' ? { uri: entry['totp'], lastCount } : { uri: entry['totp'] };
}

/** The form of an entry with which a code was used. */
export function usedTotpEntry(uri: string, lastCount: number): unknown {
  return { totp: uri, 'last-count': lastCount };
}

/** A new secret of 160 bits, as URI. */
export function newTotpUri(o: { issuer: string; account: string }): string {
  return totpUri(new TOTP({ issuer: o.issuer, label: o.account, secret: new Secret({ size: 20 }) }));
}

/** The secret of a URI as people type it into an authenticator. */
export function totpSecret(uri: string): string {
  return parseTotp(uri).secret.base32;
}

/** The code of a URI at a time (milliseconds). */
export function totpCode(uri: string, now: number): string {
  return parseTotp(uri).generate({ timestamp: now });
}

/** Checks the URI of a new entry and returns it in the one form that is stored. Throws `bad-request`. */
export function normalizeTotpUri(uri: string): string {
  const totp = parseTotp(uri);
  if (totp.secret.bytes.byteLength < minimumSecretBytes) {
    throw new GranaryError('bad-request', `the secret has less than ${minimumSecretBytes} bytes`);
  }
  return totpUri(totp);
}

/**
 * The step of which `code` is the code, if that is the present one or a neighbour and later than the last one used;
 * undefined otherwise, and for an entry whose URI makes no sense. `now` in milliseconds.
 */
export function verifyTotp(entry: TotpEntry, code: string, now: number): number | undefined {
  const totp = tryParseTotp(entry.uri);
  if (!totp) return undefined;
  const given = Buffer.from(code);
  const present = totp.counter({ timestamp: now });
  let accepted: number | undefined;
  for (let step = Math.max(0, present - window); step <= present + window; step++) {
    const wanted = Buffer.from(totp.generate({ timestamp: step * totp.period * 1000 }));
    const equal = wanted.byteLength === given.byteLength && timingSafeEqual(wanted, given);
    if (equal && step > (entry.lastCount ?? -1)) accepted = step;
  }
  return accepted;
}

function tryParseTotp(uri: string): TOTP | undefined {
  try {
    return parseTotp(uri);
  } catch {
    return undefined;
  }
}

/** Throws `bad-request`; the text never contains the secret. */
function parseTotp(uri: string): TOTP {
  let parsed: unknown;
  try {
    // Half a surrogate pair could not be written back.
    parsed = uri.isWellFormed() ? URI.parse(uri) : undefined;
  } catch {
    throw new GranaryError('bad-request', 'not a valid otpauth URI');
  }
  if (!(parsed instanceof TOTP)) throw new GranaryError('bad-request', 'not an otpauth URI of type totp');
  if (!['SHA1', 'SHA256', 'SHA512'].includes(parsed.algorithm)) {
    throw new GranaryError('bad-request', `unsupported algorithm '${parsed.algorithm}'`);
  }
  if (parsed.digits < 6 || parsed.digits > 8) throw new GranaryError('bad-request', 'a code has 6 to 8 digits');
  if (parsed.period < 10 || parsed.period > 120) throw new GranaryError('bad-request', 'a step has 10 to 120 seconds');
  return parsed;
}

function totpUri(totp: TOTP): string {
  const label = [totp.issuer, totp.label].filter((part) => part !== '').map(encodeURIComponent);
  const issuer = totp.issuer === '' ? '' : `&issuer=${encodeURIComponent(totp.issuer)}`;
  const facts = `digits=${totp.digits}&period=${totp.period}&algorithm=${totp.algorithm}`;
  return `otpauth://totp/${label.join(':')}?secret=${totp.secret.base32}${issuer}&${facts}`;
}
