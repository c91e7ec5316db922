// Users and API tokens (access-control.md 1). Browser-safe.

import { isSafeId } from './names.ts';

/** `user@realm` or `user@realm!token`, as text: the form in which it is stored, compared and shown. */
export type AuthId = string;

export const rootUser: AuthId = 'root@pam';

export interface ParsedAuthId {
  /** `user@realm` */
  userId: string;
  /** The name before the last `@`. */
  name: string;
  realm: string;
  /** The token's name, absent for a user. */
  token?: string;
}

/** Parses and checks an auth-id; undefined when malformed. The realm is after the last `@`, the token after the last `!`. */
export function parseAuthId(text: string): ParsedAuthId | undefined {
  if (text.length > 64 + 65) return undefined;
  const at = text.lastIndexOf('@');
  if (at < 1) return undefined;
  const name = text.slice(0, at);
  const rest = text.slice(at + 1);
  const bang = rest.lastIndexOf('!');
  const realm = bang < 0 ? rest : rest.slice(0, bang);
  const token = bang < 0 ? undefined : rest.slice(bang + 1);
  if (/[\s:/\u0000-\u001f\u007f]/.test(name)) return undefined;
  if (!isSafeId(realm) || realm.length < 2 || realm.length > 32) return undefined;
  if (token !== undefined && (!isSafeId(token) || token.length > 64)) return undefined;
  const userId = `${name}@${realm}`;
  if (userId.length > 64) return undefined;
  return token === undefined ? { userId, name, realm } : { userId, name, realm, token };
}

export function isToken(authId: AuthId): boolean {
  return parseAuthId(authId)?.token !== undefined;
}

/** The user of an auth-id: itself, or the token's user. */
export function userOf(authId: AuthId): AuthId {
  return parseAuthId(authId)?.userId ?? authId;
}

/** Whether `caller` may act on a group of `owner`: the same id, or the user of an owning token (access-control.md 7). */
export function ownerMatches(owner: AuthId, caller: AuthId): boolean {
  return owner === caller || (isToken(owner) && userOf(owner) === caller);
}
