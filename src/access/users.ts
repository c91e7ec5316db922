// Users and API tokens: listing and changing them, with everything that hangs on one (rest-api.md 7.2).

import type { Clock } from '../base/clock.ts';
import { epochSeconds } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import type { AclTree } from '../config/acl-config.ts';
import type { ConfigFile } from '../config/config-file.ts';
import type { Sections } from '../config/section-config.ts';
import { findToken, findUser, isActive, listTokens, listUsers, putToken, putUser } from '../config/user-config.ts';
import type { TokenEntry, UserEntry } from '../config/user-schema.ts';
import { type AuthId, parseAuthId, rootUser, userOf } from '../model/auth-id.ts';
import type { RealmSource } from './realms.ts';
import type { TfaEntries } from './tfa-entries.ts';
import type { TokenSecrets } from './token-secrets.ts';

export interface UsersParts {
  file: ConfigFile<Sections>;
  acl: ConfigFile<AclTree>;
  secrets: TokenSecrets;
  tfa: TfaEntries;
  realms: RealmSource;
  /** Names of all configured realms, those without an implementation too. */
  realmNames: () => string[];
  clock: Clock;
}

export interface ChangeOptions {
  remove?: readonly string[];
  digest?: string;
}

/**
 * Changes run under the lock of user.cfg. Secrets go before the entry they belong to when something is removed, and
 * come before it when something is made: a crash in between leaves no account with a password of the past. Second
 * factors go after the entry, so that no account is ever without the ones that it has; what a crash leaves of them
 * goes when the name is given to somebody new.
 */
export class Users {
  readonly #parts: UsersParts;

  constructor(parts: UsersParts) {
    this.#parts = parts;
  }

  list(): { data: UserEntry[]; digest: string } {
    const { value, digest } = this.#parts.file.current();
    return { data: listUsers(value), digest };
  }

  /** Throws `bad-request` `no such user 'X'`. */
  get(userId: AuthId): { data: UserEntry; digest: string } {
    const { value, digest } = this.#parts.file.current();
    const data = findUser(value, userId);
    if (!data) throw noSuchUser(userId);
    return { data, digest };
  }

  exists(authId: AuthId): boolean {
    const { value } = this.#parts.file.current();
    return (parseAuthId(authId)?.token === undefined ? findUser : findToken)(value, authId) !== undefined;
  }

  isActive(authId: AuthId): boolean {
    return isActive(this.#parts.file.current().value, authId, epochSeconds(this.#parts.clock));
  }

  async create(entry: UserEntry, password?: string, digest?: string): Promise<void> {
    const { name, realm } = parseUser(entry.userid);
    if (!this.#parts.realmNames().includes(realm)) {
      throw new GranaryError('bad-request', `unknown realm '${realm}'`);
    }
    await this.#parts.file.update(async (sections) => {
      if (sections.has(entry.userid)) {
        throw new GranaryError('already-exists', `user '${entry.userid}' already exists.`);
      }
      if (entry.userid !== rootUser) await this.#parts.tfa.removeUser(entry.userid);
      if (password === undefined) await this.#parts.realms.find(realm)?.removePassword?.(name);
      else await this.setPassword(entry.userid, password);
      putUser(sections, entry);
    }, digest);
  }

  /** Changes a user's properties and, if given, its password. */
  async update(
    userId: AuthId,
    change: Partial<UserEntry>,
    o: ChangeOptions & { password?: string } = {},
  ): Promise<void> {
    await this.#parts.file.update(async (sections) => {
      const user = findUser(sections, userId);
      if (!user) throw noSuchUser(userId);
      if (o.password !== undefined) await this.setPassword(userId, o.password);
      putUser(sections, { ...merge(user, change, o.remove), userid: userId });
    }, o.digest);
  }

  /**
   * Removes the user, its password, its second factors, its tokens and their access rules. Throws `bad-request` if
   * there is no entry.
   */
  async remove(userId: AuthId, digest?: string): Promise<void> {
    const { name, realm } = parseUser(userId);
    await this.#parts.file.update(async (sections) => {
      if (sections.get(userId)?.type !== 'user') {
        throw new GranaryError('bad-request', `user '${userId}' does not exist.`);
      }
      await this.#parts.secrets.removeOfUser(userId);
      await this.#parts.realms.find(realm)?.removePassword?.(name);
      await this.#parts.acl.update((tree) => tree.removeTokensOf(userId));
      for (const token of listTokens(sections, userId)) sections.delete(token.tokenid);
      sections.delete(userId);
    }, digest);
    // Unless somebody has made the user anew meanwhile, or it is the one that always exists.
    await this.#parts.tfa.removeUser(userId, () => this.exists(userId));
  }

  /** Throws `bad-request` when the realm of the user has no passwords that could be set. */
  async setPassword(userId: AuthId, password: string): Promise<void> {
    const { name, realm } = parseUser(userId);
    const target = this.#parts.realms.find(realm);
    if (!target?.setPassword) {
      throw new GranaryError('bad-request', `passwords of realm '${realm}' cannot be set on this server`);
    }
    await target.setPassword(name, password);
  }

  /** The tokens of all users that have some, by user. */
  tokensByUser(): Map<AuthId, TokenEntry[]> {
    const { value } = this.#parts.file.current();
    return Map.groupBy(listTokens(value), (token) => userOf(token.tokenid));
  }

  listTokens(userId: AuthId): { data: TokenEntry[]; digest: string } {
    const { value, digest } = this.#parts.file.current();
    return { data: listTokens(value, userId), digest };
  }

  /** Throws `bad-request` `no such token 'U!N'`. */
  getToken(tokenId: AuthId): { data: TokenEntry; digest: string } {
    const { value, digest } = this.#parts.file.current();
    const data = findToken(value, tokenId);
    if (!data) throw noSuchToken(tokenId);
    return { data, digest };
  }

  /** Makes a token and returns its secret, which cannot be read again. */
  async generateToken(entry: TokenEntry, digest?: string): Promise<string> {
    const { userId, token } = parseToken(entry.tokenid);
    let secret = '';
    await this.#parts.file.update(async (sections) => {
      if (!findUser(sections, userId)) throw noSuchUser(userId);
      if (findToken(sections, entry.tokenid)) {
        throw new GranaryError('already-exists', `token '${token}' for user '${userId}' already exists.`);
      }
      secret = await this.#parts.secrets.generate(entry.tokenid);
      putToken(sections, entry);
    }, digest);
    return secret;
  }

  /** Changes a token's properties; with `regenerate` it gets a new secret, which is returned. */
  async updateToken(
    tokenId: AuthId,
    change: Partial<TokenEntry>,
    o: ChangeOptions & { regenerate?: boolean } = {},
  ): Promise<string | undefined> {
    let secret: string | undefined;
    await this.#parts.file.update(async (sections) => {
      const token = findToken(sections, tokenId);
      if (!token) throw noSuchToken(tokenId);
      putToken(sections, { ...merge(token, change, o.remove), tokenid: tokenId });
      if (o.regenerate) secret = await this.#parts.secrets.generate(tokenId);
    }, o.digest);
    return secret;
  }

  /** Removes the token, its secret and its access rules. */
  async removeToken(tokenId: AuthId, digest?: string): Promise<void> {
    const { userId, token } = parseToken(tokenId);
    await this.#parts.file.update(async (sections) => {
      if (!findToken(sections, tokenId)) {
        throw new GranaryError('bad-request', `token '${token}' of user '${userId}' does not exist.`);
      }
      await this.#parts.secrets.remove(tokenId);
      await this.#parts.acl.update((tree) => tree.removeAll((authId) => authId === tokenId));
      sections.delete(tokenId);
    }, digest);
  }
}

function merge<T extends object>(entry: T, change: Partial<T>, remove: readonly string[] = []): T {
  const kept = Object.entries(entry).filter(([key]) => !remove.includes(key));
  const set = Object.entries(change).filter(([, value]) => value !== undefined);
  return Object.fromEntries([...kept, ...set]) as T;
}

function parseUser(userId: AuthId): { name: string; realm: string } {
  const parsed = parseAuthId(userId);
  if (!parsed || parsed.token !== undefined) throw new GranaryError('bad-request', `'${userId}' is not a user id`);
  return parsed;
}

function parseToken(tokenId: AuthId): { userId: AuthId; token: string } {
  const { userId, token } = parseAuthId(tokenId) ?? {};
  if (userId === undefined || token === undefined) {
    throw new GranaryError('bad-request', `'${tokenId}' is not an API token id`);
  }
  return { userId, token };
}

function noSuchUser(userId: AuthId): GranaryError {
  return new GranaryError('bad-request', `no such user '${userId}'`);
}

function noSuchToken(tokenId: AuthId): GranaryError {
  return new GranaryError('bad-request', `no such token '${tokenId}'`);
}
