// The door of this room: who a caller is, and what it may do (access-control.md, rest-api.md 4 and 7.2).

import { type Clock, epochSeconds } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import { type AclEntry, type AclTree, aclConfigFile } from '../config/acl-config.ts';
import type { ConfigFile } from '../config/config-file.ts';
import type { Directories } from '../config/directories.ts';
import type { RealmEntry } from '../config/realm-config.ts';
import { tfaConfigFile } from '../config/tfa-config.ts';
import { userConfigFile } from '../config/user-config.ts';
import { type AuthId, isToken, parseAuthId, userOf } from '../model/auth-id.ts';
import { type Privilege, privileges, type RoleId, roles } from '../model/privileges.ts';
import { type AclChange, applyChange, checkChange, checkUnprivilegedChange } from './acl-edit.ts';
import { type Explanation, explainPrivileges } from './acl-explain.ts';
import { anyPrivilegeBelow, privilegeMask, privilegeNames, resolvePrivileges } from './acl-resolve.ts';
import { AttemptLimit } from './attempt-limit.ts';
import { AuthKeys } from './auth-keys.ts';
import { AuthLog } from './auth-log.ts';
import { type ConsoleTarget, createConsoleTicket, verifyConsoleTicket } from './console-tickets.ts';
import { type RequestCredentials, readCredentials } from './credentials.ts';
import { delayFailure, type Sleep, systemSleep } from './failure-delay.ts';
import { type OpenIdAnswer, OpenIdLogins } from './openid-login.ts';
import { verifySecret } from './password-hashing.ts';
import { RealmStore } from './realm-store.ts';
import { ConfiguredRealms, type Realm, type RealmSource } from './realms.ts';
import { type SecondFactor, TfaLogin } from './second-factor.ts';
import { TfaEntries } from './tfa-entries.ts';
import { TfaStates } from './tfa-state.ts';
import { createCsrfToken, createTicket, verifyCsrfToken, verifyTicket } from './tickets.ts';
import { type TokenCheck, TokenSecrets } from './token-secrets.ts';
import { Users } from './users.ts';

export type { AclChange } from './acl-edit.ts';
export type { RequestCredentials } from './credentials.ts';

export interface AccessOptions {
  /** Besides, or instead of one of the same name, the realms that every server has. */
  realms?: readonly Realm[];
  secondFactor?: SecondFactor;
  /**
   * For a process that may not read the secrets: who checks the secrets of tokens. The keys are then taken as they
   * are, and nothing can be issued or changed by this process.
   */
  checkToken?: TokenCheck;
  sleep?: Sleep;
  logger?: Logger;
}

export interface LoginOptions {
  /** `[ip]:port`, for the log. */
  peer: string;
  /** When the request came, milliseconds of the clock. Default: now. */
  startedAt?: number;
  /** The partial ticket that the password answers. */
  tfaChallenge?: string;
}

export interface Login {
  username: AuthId;
  ticket: string;
  /** The word `invalid` with a partial ticket. */
  csrf: string;
  /** Whether the ticket is only good for answering a second factor's challenge. */
  isPartial: boolean;
}

/** By path, then by privilege: whether it holds below the path too. */
export type PermissionsMap = Record<string, Partial<Record<Privilege, boolean>>>;

const ticketPrefix = 'PBS';
/** Methods with which a ticket needs a CSRF token. Others change nothing: there is no call with them. */
const changingMethods: readonly string[] = ['POST', 'PUT', 'DELETE'];
const partialTicketMark = '!tfa!';
const partialTicketWindow = { oldest: 600, newest: -300 };
const listedPaths = ['/', '/access', '/datastore', '/remote', '/system'];

export class AccessControl {
  readonly users: Users;
  readonly realmStore: RealmStore;
  readonly #openId: OpenIdLogins;
  readonly tfa: TfaEntries;
  readonly #clock: Clock;
  readonly #sleep: Sleep;
  readonly #keys: AuthKeys;
  readonly #authLog: AuthLog;
  readonly #acl: ConfigFile<AclTree>;
  readonly #realms: RealmSource;
  readonly #secrets: TokenSecrets;
  readonly #secondFactor: SecondFactor;
  /** Of secrets that come without the name of their token. */
  readonly #attempts: AttemptLimit;

  private constructor(directories: Directories, clock: Clock, keys: AuthKeys, o: AccessOptions) {
    this.#clock = clock;
    this.#sleep = o.sleep ?? systemSleep;
    this.#keys = keys;
    this.#authLog = new AuthLog(directories, clock, o.logger ?? silentLogger);
    this.#acl = aclConfigFile(directories);
    this.realmStore = new RealmStore(directories);
    this.#realms = new ConfiguredRealms(directories, this.realmStore, o.realms);
    this.#secrets = new TokenSecrets(directories, clock, o.checkToken);
    this.#attempts = new AttemptLimit(clock);
    const tfaFile = tfaConfigFile(directories);
    const tfaStates = new TfaStates(directories);
    this.tfa = new TfaEntries(tfaFile, tfaStates, clock);
    this.#secondFactor = o.secondFactor ?? new TfaLogin(tfaFile, tfaStates, clock);
    this.users = new Users({
      file: userConfigFile(directories),
      acl: this.#acl,
      secrets: this.#secrets,
      tfa: this.tfa,
      realms: this.#realms,
      realmNames: () => this.realms().data.map((entry) => entry.realm),
      clock,
    });
    this.#openId = new OpenIdLogins(directories, clock, { store: this.realmStore, users: this.users });
  }

  /** Makes the ticket keys if the server starts for the first time and this process may. */
  static async open(directories: Directories, clock: Clock, o: AccessOptions = {}): Promise<AccessControl> {
    return new AccessControl(
      directories,
      clock,
      await AuthKeys.open(directories, { create: o.checkToken === undefined }),
      o,
    );
  }

  /**
   * Checks a password, or a ticket in its place, and gives a new ticket. Throws `auth-failed` with one text for every
   * cause, three seconds after the request came; the log has the cause.
   */
  async login(userId: string, password: string, o: LoginOptions): Promise<Login> {
    const startedAt = o.startedAt ?? this.#clock.now();
    try {
      const login = await this.#login(userId, password, o);
      if (!login.isPartial) await this.#authLog.success(userId);
      return login;
    } catch (error) {
      return await this.#refuseLogin(userId, error, { peer: o.peer, startedAt });
    }
  }

  /**
   * The page of a provider at which a browser logs in to a realm of type openid, to come back to `redirectUrl`. Throws
   * `bad-request` for other realms, `connection` when the provider cannot be asked.
   */
  async openIdUrl(realm: string, redirectUrl: string): Promise<string> {
    return await this.#openId.authUrl(realm, redirectUrl);
  }

  /**
   * Logs in whom a provider vouches for. Throws `auth-failed` with a text for that person, who has shown the provider who
   * it is, three seconds after the request came. A second factor of this server is asked for all the same.
   */
  async loginByOpenId(answer: OpenIdAnswer, o: { peer: string; startedAt?: number }): Promise<Login> {
    const startedAt = o.startedAt ?? this.#clock.now();
    try {
      const userId = await this.#openId.login(answer);
      const login = await this.#completeLogin(userId);
      if (!login.isPartial) await this.#authLog.success(userId);
      return login;
    } catch (error) {
      await this.#authLog.failure({ peer: o.peer, reason: messageOf(error) });
      await this.delayFailure(startedAt);
      const known = error instanceof GranaryError && error.code === 'auth-failed';
      throw known ? error : new GranaryError('auth-failed', 'permission check failed.', { cause: error });
    }
  }

  /** Who sends a request; throws `auth-failed`, three seconds after the request came. */
  async authenticate(request: RequestCredentials): Promise<AuthId> {
    const startedAt = request.startedAt ?? this.#clock.now();
    const claim: { user?: string } = {};
    try {
      return await this.#authenticate(request, claim);
    } catch (error) {
      await this.#authLog.failure({ peer: request.peer, user: claim.user, reason: messageOf(error) });
      await this.delayFailure(startedAt);
      // A broken configuration file is no stranger's business.
      const reason = error instanceof GranaryError && error.code === 'auth-failed' ? error.message : 'internal error';
      throw new GranaryError('auth-failed', `authentication failed - ${reason}`, { cause: error });
    }
  }

  /** Whether the secret is the token's; says nothing about whether the token may be used. */
  async checkTokenSecret(tokenId: AuthId, secret: string): Promise<boolean> {
    return this.#secrets.verify(tokenId, secret);
  }

  /** The active token whose secret this is. */
  async findToken(secret: string): Promise<AuthId | undefined> {
    return this.#secrets.find(secret, (tokenId) => this.users.isActive(tokenId));
  }

  /** Resolves when an answer to failed authentication may leave. */
  async delayFailure(startedAt: number): Promise<void> {
    await delayFailure(this.#clock, this.#sleep, startedAt);
  }

  /**
   * Lets a caller confirm a change with its own password. Throws `auth-failed` `missing password` or `invalid
   * credentials`, three seconds after the request came.
   */
  async confirmPassword(
    caller: AuthId,
    password: string | undefined,
    o: { peer: string; startedAt?: number },
  ): Promise<void> {
    const startedAt = o.startedAt ?? this.#clock.now();
    try {
      if (password === undefined) throw new GranaryError('auth-failed', 'missing password');
      const { name, realm } = parseAuthId(caller) ?? {};
      await this.#checkPassword(realm ?? '', name, password, o.peer);
    } catch (error) {
      const text = password === undefined ? 'missing password' : 'invalid credentials';
      await this.#authLog.failure({ peer: o.peer, user: caller, reason: messageOf(error) });
      await this.delayFailure(startedAt);
      throw new GranaryError('auth-failed', text, { cause: error });
    }
  }

  /** A ticket without a login, for tools on the server that may read its key. */
  issueTicket(userId: AuthId): Login {
    const now = epochSeconds(this.#clock);
    return {
      username: userId,
      ticket: createTicket(this.#keys.signing, ticketPrefix, userId, now),
      csrf: createCsrfToken(this.#keys.csrfSecret, userId, now),
      isPartial: false,
    };
  }

  /** A ticket with which a terminal that listens on `port` knows its user; good for a minute. */
  issueConsoleTicket(target: ConsoleTarget, port: number): string {
    return createConsoleTicket(this.#keys.signing, target, port, epochSeconds(this.#clock));
  }

  /**
   * Checks a console's ticket and that its user has all of `privs` (names, separated by comma or blank) on the path.
   * Throws `auth-failed` with one text for every cause, three seconds after the request came; the log has the cause.
   */
  async checkConsoleTicket(
    target: ConsoleTarget & { port?: number },
    ticket: string,
    privs: string,
    o: { peer: string; startedAt?: number },
  ): Promise<void> {
    const startedAt = o.startedAt ?? this.#clock.now();
    try {
      if (!this.users.isActive(target.authId)) {
        throw new GranaryError('auth-failed', 'user account disabled or expired.');
      }
      verifyConsoleTicket(this.#keys.verifying, ticket, target, epochSeconds(this.#clock));
      this.check(target.authId, target.path, { all: parsePrivileges(privs) });
    } catch (error) {
      await this.#refuseLogin(target.authId, error, { ...o, startedAt });
    }
  }

  privileges(authId: AuthId, path: string): Set<Privilege> {
    return new Set(privilegeNames(resolvePrivileges(this.#acl.current().value, authId, path).own));
  }

  /** Whether the path or anything that has rules below it gives one of the privileges. */
  anyBelow(authId: AuthId, path: string, any: readonly Privilege[]): boolean {
    return anyPrivilegeBelow(this.#acl.current().value, authId, path, privilegeMask(any));
  }

  /** Throws `permission-denied` unless the caller has all of `all` and, if given, one of `any`. */
  check(authId: AuthId, path: string, need: { all?: readonly Privilege[]; any?: readonly Privilege[] }): void {
    const { own } = resolvePrivileges(this.#acl.current().value, authId, path);
    const all = privilegeMask(need.all ?? []);
    const any = need.any && privilegeMask(need.any);
    if ((own & all) === all && (any === undefined || (own & any) !== 0)) return;
    throw new GranaryError('permission-denied', 'permission check failed');
  }

  /** What the auth-id may do, on `path` or wherever there are rules; paths without any privilege are left out. */
  permissionsMap(authId: AuthId, path?: string): PermissionsMap {
    const tree = this.#acl.current().value;
    const paths = path === undefined ? [...listedPaths, ...Array.from(tree.nodes(), (entry) => entry.path)] : [path];
    const map: PermissionsMap = {};
    for (const at of [...new Set(paths)].sort()) {
      const { own, propagated } = resolvePrivileges(tree, authId, at);
      if (own === 0) continue;
      map[at] = Object.fromEntries(
        privilegeNames(own).map((name) => [name, (propagated & privilegeMask([name])) !== 0]),
      );
    }
    return map;
  }

  /** `permissionsMap` as a caller may see it: its own, its tokens', or anybody's with Sys.Audit on `/access`. */
  permissionsFor(caller: AuthId, authId: AuthId = caller, path?: string): PermissionsMap {
    this.#checkMaySee(caller, authId);
    return this.permissionsMap(authId, path);
  }

  /** Why the auth-id has each privilege on the path, or why not; to be seen by whom `permissionsFor` lets. */
  explainFor(caller: AuthId, authId: AuthId, path: string): Explanation & { isActive: boolean } {
    this.#checkMaySee(caller, authId);
    return { ...explainPrivileges(this.#acl.current().value, authId, path), isActive: this.users.isActive(authId) };
  }

  /** The rules at and below a path that the caller may see: all, or only those of its own tokens. */
  listAcl(caller: AuthId, o: { path?: string; exact?: boolean } = {}): { data: AclEntry[]; digest: string } {
    const { value, digest } = this.#acl.current();
    const seen = this.privileges(caller, '/access/acl');
    const all = seen.has('Permissions.Modify') || seen.has('Sys.Audit');
    const isOwnToken = (id: AuthId): boolean => isToken(id) && userOf(id) === userOf(caller);
    const data = value.entries(o.path, o.exact);
    return { data: all ? data : data.filter((entry) => entry.ugid_type === 'user' && isOwnToken(entry.ugid)), digest };
  }

  /** Adds or removes a rule; throws `bad-request` with the texts of access-control.md 6. */
  async updateAcl(caller: AuthId, change: AclChange): Promise<void> {
    if (!this.privileges(caller, '/access/acl').has('Permissions.Modify')) checkUnprivilegedChange(caller, change);
    const who = checkChange(change, (authId) => this.users.exists(authId));
    await this.#acl.update((tree) => applyChange(tree, who, change), change.digest);
  }

  /** Every role with its privileges in order. */
  roles(): { roleid: RoleId; privs: Privilege[]; comment: string }[] {
    return (Object.keys(roles) as RoleId[]).map((roleid) => {
      const names: readonly Privilege[] = roles[roleid].privileges;
      return { roleid, privs: privileges.filter((name) => names.includes(name)), comment: roles[roleid].comment };
    });
  }

  /** Every configured realm. */
  realms(): { data: RealmEntry[]; digest: string } {
    return this.realmStore.listAll();
  }

  #checkMaySee(caller: AuthId, authId: AuthId): void {
    const own = authId === caller || (isToken(authId) && userOf(authId) === caller);
    if (own || this.privileges(caller, '/access').has('Sys.Audit')) return;
    throw new GranaryError('bad-request', `not allowed to list permissions of ${authId}`);
  }

  async #login(userId: string, password: string, o: LoginOptions): Promise<Login> {
    const parsed = parseAuthId(userId);
    if (!parsed || parsed.token !== undefined || !this.users.isActive(userId)) {
      // The work of a login, so that nobody learns from the load or the time which users exist.
      await this.#checkPassword(parsed?.realm ?? '', undefined, password, o.peer).catch(() => {});
      throw new GranaryError('auth-failed', 'user account disabled or expired.');
    }
    if (o.tfaChallenge !== undefined) {
      const challenge = this.#openPartialTicket(userId, o.tfaChallenge);
      await this.#secondFactor.verify(userId, challenge, password);
      return this.issueTicket(userId);
    }
    if (this.#isTicketOf(userId, password)) return this.issueTicket(userId);
    await this.#checkPassword(parsed.realm, parsed.name, password, o.peer);
    return await this.#completeLogin(userId);
  }

  /** The ticket, or the question for a second factor, once it is clear who somebody is. */
  async #completeLogin(userId: AuthId): Promise<Login> {
    const challenge = await this.#secondFactor.challenge(userId);
    return challenge ? this.#issuePartialTicket(userId, challenge) : this.issueTicket(userId);
  }

  /** The one answer to every failed login. */
  async #refuseLogin(user: AuthId, error: unknown, o: { peer: string; startedAt: number }): Promise<never> {
    await this.#authLog.failure({ peer: o.peer, user, reason: messageOf(error) });
    await this.delayFailure(o.startedAt);
    throw new GranaryError('auth-failed', 'permission check failed.', { cause: error });
  }

  /** Without a name: the work of a login in that realm, and its failure. */
  async #checkPassword(realm: string, name: string | undefined, password: string, peer: string): Promise<void> {
    const target = this.#realms.find(realm);
    if (!target) {
      await verifySecret(password, undefined);
      throw new GranaryError('auth-failed', `the ${realm} realm is not configured on this server`);
    }
    await target.authenticate(name, password, { peer });
  }

  /** Whether the password is a ticket that can be renewed. A password that only looks like one is none. */
  #isTicketOf(userId: AuthId, password: string): boolean {
    if (!password.startsWith(`${ticketPrefix}:`)) return false;
    try {
      return verifyTicket(this.#keys.verifying, ticketPrefix, password, epochSeconds(this.#clock)).data === userId;
    } catch (error) {
      if (error instanceof GranaryError && error.code === 'auth-failed') return false;
      throw error;
    }
  }

  #issuePartialTicket(userId: AuthId, challenge: Record<string, unknown>): Login {
    const data = `${partialTicketMark}${JSON.stringify(challenge)}`;
    const now = epochSeconds(this.#clock);
    const ticket = createTicket(this.#keys.signing, ticketPrefix, data, now, userId);
    return { username: userId, ticket, csrf: 'invalid', isPartial: true };
  }

  #openPartialTicket(userId: AuthId, ticket: string): Record<string, unknown> {
    const { data } = verifyTicket(this.#keys.verifying, ticketPrefix, ticket, epochSeconds(this.#clock), {
      aad: userId,
      window: partialTicketWindow,
    });
    if (!data.startsWith(partialTicketMark)) throw new GranaryError('auth-failed', 'not a partial ticket');
    return JSON.parse(data.slice(partialTicketMark.length)) as Record<string, unknown>;
  }

  async #authenticate(request: RequestCredentials, claim: { user?: string }): Promise<AuthId> {
    const credentials = readCredentials(request);
    if (credentials.kind === 'ticket') return this.#authenticateTicket(request, credentials.ticket, claim);
    if (credentials.kind === 'secret') {
      const tokenId = await this.#findToken(credentials.secret, request.peer);
      claim.user = tokenId;
      if (!this.users.isActive(tokenId)) {
        throw new GranaryError('auth-failed', 'user account or token disabled or expired.');
      }
      return tokenId;
    }
    claim.user = credentials.tokenId;
    // Wrong secrets and unknown tokens take the same time; what comes first is only a matter of the text.
    const active = this.users.isActive(credentials.tokenId);
    const valid = await this.#secrets.verify(credentials.tokenId, credentials.secret);
    if (!active) throw new GranaryError('auth-failed', 'user account or token disabled or expired.');
    if (!valid) throw new GranaryError('auth-failed', 'invalid credentials');
    return credentials.tokenId;
  }

  /** Throws `auth-failed` when it is nobody's, and to whoever has sent too many of these. */
  async #findToken(secret: string, peer: string): Promise<AuthId> {
    const address = peer.replace(/:\d+$/, '');
    if (!this.#attempts.allows(address)) throw new GranaryError('auth-failed', 'too many failed attempts');
    const tokenId = await this.findToken(secret);
    if (tokenId !== undefined) return tokenId;
    this.#attempts.failed(address);
    throw new GranaryError('auth-failed', 'invalid credentials');
  }

  #authenticateTicket(request: RequestCredentials, ticket: string, claim: { user?: string }): AuthId {
    const now = epochSeconds(this.#clock);
    const { data: userId } = verifyTicket(this.#keys.verifying, ticketPrefix, ticket, now);
    const parsed = parseAuthId(userId);
    if (!parsed || parsed.token !== undefined) throw new GranaryError('auth-failed', 'not a valid user id');
    claim.user = userId;
    if (!this.users.isActive(userId)) throw new GranaryError('auth-failed', 'user account disabled or expired.');
    if (changingMethods.includes(request.method)) {
      if (request.csrf === undefined) throw new GranaryError('auth-failed', 'missing CSRF prevention token');
      verifyCsrfToken(this.#keys.csrfSecret, userId, request.csrf, now);
    }
    return userId;
  }
}

/** Throws `auth-failed` for a name that is no privilege, and when there is none at all. */
function parsePrivileges(text: string): Privilege[] {
  const names = text.split(/[\s,;]+/).filter((name) => name !== '');
  const known = names.map((name) => privileges.find((privilege) => privilege === name));
  if (known.length === 0 || known.includes(undefined)) throw new GranaryError('auth-failed', 'unknown privilege');
  return known.filter((name) => name !== undefined);
}
