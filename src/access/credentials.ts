// What a request brings to show who sends it: ticket cookie or API token header (rest-api.md 4.1, 4.4), and for calls
// that scrapers make also `Authorization: Bearer` (10 G1).

import { GranaryError } from '../base/errors.ts';
import { parseAuthId } from '../model/auth-id.ts';

/** The headers that matter, and where they came from. */
export interface RequestCredentials {
  method: string;
  /** The whole `Cookie` header. */
  cookie?: string;
  authorization?: string;
  /** The `CSRFPreventionToken` header. */
  csrf?: string;
  /** Whether the call takes `Authorization: Bearer` too. */
  bearer?: boolean;
  /** `[ip]:port`, for the log. */
  peer: string;
  /** When the request came, milliseconds of the clock. Default: now. */
  startedAt?: number;
}

export type Credentials =
  | { kind: 'ticket'; ticket: string }
  | { kind: 'token'; tokenId: string; secret: string }
  /** The secret of a token that is not named. */
  | { kind: 'secret'; secret: string };

/** The newer name wins; whichever is present counts, without falling back to the header. */
const cookieNames = ['__Host-PBSAuthCookie', 'PBSAuthCookie'];
const tokenHeader = 'PBSAPIToken';

/** Throws `auth-failed` with the reason. */
export function readCredentials(request: RequestCredentials): Credentials {
  const ticket = ticketOfCookies(request.cookie ?? '');
  if (ticket !== undefined) return { kind: 'ticket', ticket };
  const header = request.authorization ?? '';
  const separator = header[tokenHeader.length];
  if (header.startsWith(tokenHeader) && (separator === '=' || separator === ' ')) {
    return parseToken(header.slice(tokenHeader.length + 1));
  }
  const bearer = request.bearer === true ? bearerOf(header) : undefined;
  if (bearer !== undefined) return parseBearer(bearer);
  throw failed('no authentication credentials provided.');
}

/** What stands behind `Bearer` in an Authorization header; undefined for another scheme. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^bearer +(\S.*)$/i.exec(authorization ?? '')?.[1]?.trimEnd();
}

/** `USER!NAME:SECRET`, with or without `PBSAPIToken=` in front, percent-encoded or not, or a secret alone. */
function parseBearer(text: string): Credentials {
  const plain = percentDecode(text);
  const token = plain.startsWith(`${tokenHeader}=`) ? plain.slice(tokenHeader.length + 1) : plain;
  const colon = token.indexOf(':');
  if (colon < 0) return { kind: 'secret', secret: token };
  const tokenId = token.slice(0, colon);
  if (parseAuthId(tokenId)?.token === undefined) throw failed('not an API token ID');
  return { kind: 'token', tokenId, secret: token.slice(colon + 1) };
}

/** The ticket in a `Cookie` header; undefined when there is none. */
export function ticketOfCookies(cookieHeader: string): string | undefined {
  const cookies = new Map<string, string>();
  for (const part of cookieHeader.split(';')) {
    const equals = part.indexOf('=');
    const name = part.slice(0, equals).trim();
    if (equals > 0 && !cookies.has(name)) cookies.set(name, part.slice(equals + 1).trim());
  }
  const name = cookieNames.find((candidate) => cookies.has(candidate));
  return name === undefined ? undefined : percentDecode(cookies.get(name)!);
}

function parseToken(text: string): Credentials {
  const colon = text.indexOf(':');
  if (colon < 0) throw failed('no authentication credentials provided.');
  const tokenId = percentDecode(text.slice(0, colon));
  const parsed = parseAuthId(tokenId);
  if (!parsed) {
    const bang = tokenId.lastIndexOf('!');
    const isUser = bang > 0 && parseAuthId(tokenId.slice(0, bang))?.token === undefined;
    throw failed(isUser && parseAuthId(tokenId.slice(0, bang)) ? 'invalid token name' : 'not a valid user id');
  }
  if (parsed.token === undefined) throw failed('not an API token ID');
  return { kind: 'token', tokenId, secret: percentDecode(text.slice(colon + 1)) };
}

/** Text that is not valid percent-encoding stands for itself. */
function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function failed(reason: string): GranaryError {
  return new GranaryError('auth-failed', reason);
}
