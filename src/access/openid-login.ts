// Logins through an OpenID Connect provider: where to send a browser, and who it is that comes back
// (access-control.md 10, rest-api.md 7.2).

import type { Configuration, CustomFetch, ServerMetadata } from 'openid-client';
import type { Clock } from '../base/clock.ts';
import { GranaryError, messageOf, withContext } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { type RealmOf, splitWords } from '../config/realm-schema.ts';
import { type UserEntry, userSchema } from '../config/user-schema.ts';
import { checkValue } from '../config/value-text.ts';
import { type AuthId, parseAuthId } from '../model/auth-id.ts';
import { checkProviderUrl, type FetchOptions, fetchFromProvider, isLoopback } from './openid-fetch.ts';
import { OpenIdStates } from './openid-states.ts';
import type { RealmStore } from './realm-store.ts';
import type { Users } from './users.ts';

type OpenIdRealm = RealmOf<'openid'>;
type Claims = Readonly<Record<string, unknown>>;

export interface OpenIdAnswer {
  state: string;
  code: string;
  redirectUrl: string;
}

const requestSeconds = 10;
/** How long what a provider says about itself is believed. */
const metadataMs = 300_000;
const defaultScopes = 'email profile';
/** The names of claims that the realm's own words stand for. */
const claimNames: Readonly<Record<string, string>> = {
  subject: 'sub',
  username: 'preferred_username',
  email: 'email',
};

export class OpenIdLogins {
  readonly #store: RealmStore;
  readonly #users: Users;
  readonly #states: OpenIdStates;
  readonly #clock: Clock;
  readonly #providers = new Map<string, { metadata: ServerMetadata; readAt: number }>();

  constructor(directories: Directories, clock: Clock, parts: { store: RealmStore; users: Users }) {
    this.#store = parts.store;
    this.#users = parts.users;
    this.#states = new OpenIdStates(directories, clock);
    this.#clock = clock;
  }

  /** The provider's page for a browser that will come back to `redirectUrl`. Throws `connection` without a provider. */
  async authUrl(realmName: string, redirectUrl: string): Promise<string> {
    const realm = this.#store.find('openid', realmName);
    if (!realm) throw new GranaryError('bad-request', `no such openid realm '${realmName}'`);
    const client = await import('openid-client');
    const config = await this.#provider(realm, redirectUrl);
    const codeVerifier = client.randomPKCECodeVerifier();
    const nonce = client.randomNonce();
    const state = await this.#states.open({ realm: realmName, redirectUrl, nonce, codeVerifier });
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUrl,
      scope: [...new Set(['openid', ...splitWords(realm.scopes ?? defaultScopes)])].join(' '),
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
      ...(realm.prompt === undefined ? {} : { prompt: splitWords(realm.prompt).join(' ') }),
      ...(realm['acr-values'] === undefined ? {} : { acr_values: splitWords(realm['acr-values']).join(' ') }),
    });
    return url.href;
  }

  /** The user that the provider vouches for, made if the realm wants that. Throws `auth-failed` with a text for the user. */
  async login(answer: OpenIdAnswer): Promise<AuthId> {
    const open = await this.#states.take(answer.state);
    if (open.redirectUrl !== answer.redirectUrl) throw failed('the redirect-url is not that of the request');
    const realm = this.#store.find('openid', open.realm);
    if (!realm) throw failed(`no such openid realm '${open.realm}'`);
    const claims = await this.#claims(realm, answer, open);
    const userId = userIdOf(realm, claims);
    if (realm.autocreate && !this.#users.exists(userId)) await this.#create(userId, claims);
    if (this.#users.isActive(userId)) return userId;
    const disabled = this.#users.exists(userId) && this.#users.get(userId).data.enable === false;
    throw new GranaryError(
      'auth-failed',
      disabled ? `user '${userId}' is disabled.` : `user account '${userId}' missing, disabled or expired.`,
    );
  }

  /** Trades the code for who it is about. */
  async #claims(
    realm: OpenIdRealm,
    answer: OpenIdAnswer,
    open: { nonce: string; codeVerifier: string },
  ): Promise<Claims> {
    const client = await import('openid-client');
    const config = await this.#provider(realm, answer.redirectUrl);
    client.enableNonRepudiationChecks(config);
    const { issuer, authorization_response_iss_parameter_supported: namesItself } = config.serverMetadata();
    const returned = new URL(answer.redirectUrl);
    returned.search = '';
    returned.searchParams.set('state', answer.state);
    returned.searchParams.set('code', answer.code);
    // The call has no such parameter; which provider was asked is known from the state.
    if (namesItself) returned.searchParams.set('iss', issuer);
    try {
      const tokens = await client.authorizationCodeGrant(config, returned, {
        expectedState: answer.state,
        expectedNonce: open.nonce,
        pkceCodeVerifier: open.codeVerifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (!claims) throw new Error('the provider sent no ID token');
      checkAudiences(realm, claims.aud);
      if (claims[claimOf(realm)] !== undefined && !realm.autocreate) return claims;
      if (config.serverMetadata().userinfo_endpoint === undefined) return claims;
      return { ...(await client.fetchUserInfo(config, tokens.access_token, claims.sub)), ...claims };
    } catch (error) {
      throw failed(providerReason(error));
    }
  }

  async #create(userid: AuthId, claims: Claims): Promise<void> {
    const user: UserEntry = { userid, enable: true };
    const properties = [
      ['firstname', 'given_name'],
      ['lastname', 'family_name'],
      ['email', 'email'],
    ] as const;
    for (const [property, claim] of properties) {
      const value = claims[claim];
      if (typeof value === 'string' && checkValue(userSchema.properties[property], value) === undefined) {
        user[property] = value;
      }
    }
    await this.#users.create(user).catch((error: unknown) => {
      // Two logins at the same time.
      if (!(error instanceof GranaryError) || error.code !== 'already-exists') throw error;
    });
  }

  /** What is needed to talk with the realm's provider. */
  async #provider(realm: OpenIdRealm, redirectUrl: string): Promise<Configuration> {
    const client = await import('openid-client');
    const metadata = await this.#metadata(realm);
    const key = realm['client-key'];
    const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const inHeader = methods.includes('client_secret_basic')
      ? client.ClientSecretBasic(key)
      : client.ClientSecretPost(key);
    const config = new client.Configuration(metadata, realm['client-id'], undefined, key ? inHeader : client.None());
    config.timeout = requestSeconds;
    config[client.customFetch] = exactRedirect(redirectUrl) as CustomFetch;
    if (isLoopback(new URL(realm['issuer-url']))) client.allowInsecureRequests(config);
    return config;
  }

  async #metadata(realm: OpenIdRealm): Promise<ServerMetadata> {
    const issuer = realm['issuer-url'];
    const known = this.#providers.get(issuer);
    if (known && Math.abs(this.#clock.now() - known.readAt) < metadataMs) return known.metadata;
    const client = await import('openid-client');
    try {
      const url = new URL(issuer);
      checkProviderUrl(url);
      const config = await client.discovery(url, realm['client-id'], undefined, client.None(), {
        timeout: requestSeconds,
        [client.customFetch]: fetchFromProvider as CustomFetch,
        ...(isLoopback(url) ? { execute: [client.allowInsecureRequests] } : {}),
      });
      const metadata = config.serverMetadata();
      this.#providers.set(issuer, { metadata, readAt: this.#clock.now() });
      return metadata;
    } catch (error) {
      const context = `cannot ask the provider of realm '${realm.realm}'`;
      if (error instanceof GranaryError) throw withContext(context, error);
      throw new GranaryError('connection', `${context}: ${providerReason(error)}`, { cause: error });
    }
  }
}

/** The library writes `https://host` as `https://host/`, which a provider takes for another address. */
function exactRedirect(redirectUrl: string): (url: string, o: FetchOptions) => Promise<Response> {
  return (url, o) => {
    if (o.body instanceof URLSearchParams && o.body.has('redirect_uri')) o.body.set('redirect_uri', redirectUrl);
    return fetchFromProvider(url, o);
  };
}

function claimOf(realm: OpenIdRealm): string {
  const name = realm['username-claim'] ?? 'subject';
  return Object.hasOwn(claimNames, name) ? claimNames[name]! : name;
}

/** Who somebody is here. A name is taken as it is or not at all: two people must never become one user. */
function userIdOf(realm: OpenIdRealm, claims: Claims): AuthId {
  const claim = claimOf(realm);
  const name = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (typeof name !== 'string' || name === '') throw failed(`the provider does not send the claim '${claim}'`);
  if (claim === 'email' && claims['email_verified'] === false) {
    throw failed('the provider has not verified the e-mail address');
  }
  const userId = `${name}@${realm.realm}`;
  const parsed = parseAuthId(userId);
  if (parsed?.userId !== userId || parsed.token !== undefined) {
    throw failed(`the claim '${claim}' does not make a valid user name`);
  }
  return userId;
}

/** A token for this server and others is good only if those others are known. */
function checkAudiences(realm: OpenIdRealm, audience: string | readonly string[]): void {
  const known = [realm['client-id'], ...splitWords(realm.audiences ?? '')];
  const other = [audience].flat().find((one) => !known.includes(one));
  if (other !== undefined) throw new Error(`the token is also for '${other}', which is not among the audiences`);
}

/** The library's texts, which hold nothing of tokens, with the word of the provider's refusal. */
function providerReason(error: unknown): string {
  const { cause, error: refusal } = error as { cause?: unknown; error?: unknown };
  const text = messageOf(cause instanceof Error ? cause : error);
  return typeof refusal === 'string' && /^[\w.-]{1,64}$/.test(refusal) ? `${text} (${refusal})` : text;
}

function failed(reason: string): GranaryError {
  return new GranaryError('auth-failed', `openid login failed: ${reason}`);
}
