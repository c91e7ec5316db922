// OpenID Connect providers for tests, on loopback: a real one with people who log in by its forms, and one whose tokens
// are whatever a test wants.

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';
import { http } from '../../src/os/node-http.ts';

export type OpenIdClient = {
  client_id: string;
  client_secret?: string;
  redirect_uris: string[];
  token_endpoint_auth_method?: 'client_secret_basic' | 'client_secret_post' | 'none';
};

class LoopbackServer implements AsyncDisposable {
  readonly issuer: string;
  readonly server: HttpServer;

  constructor(server: HttpServer) {
    this.server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async listen(): Promise<HttpServer> {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export class OpenIdProvider extends LoopbackServer {
  /** `people`: claims by what somebody logs in as. Names and addresses come from the user info only. */
  static async start(clients: OpenIdClient[], people: Record<string, object>): Promise<OpenIdProvider> {
    const provider = new OpenIdProvider(await LoopbackServer.listen());
    const configuration: Configuration = {
      clients,
      claims: {
        openid: ['sub'],
        email: ['email', 'email_verified'],
        profile: ['preferred_username', 'given_name', 'family_name'],
      },
      pkce: { required: () => true },
      cookies: { keys: ['test'] },
      findAccount: async (_context, sub) => ({ accountId: sub, claims: async () => ({ sub, ...people[sub] }) }),
    };
    provider.server.on('request', new Provider(provider.issuer, configuration).callback());
    return provider;
  }

  /** Logs in at the page and agrees; the address to which the browser is sent back. */
  async logIn(page: string, login: string): Promise<URL> {
    const cookies = new Map<string, string>();
    const visit = async (url: string, form?: Record<string, string>): Promise<URL> => {
      const answer = await fetch(url, {
        redirect: 'manual',
        headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
        ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
      });
      for (const cookie of answer.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        if (name !== undefined) cookies.set(name, value ?? '');
      }
      const location = answer.headers.get('location');
      if (location === null) throw new Error(`${answer.status} ${url}: ${await answer.text()}`);
      return new URL(location, this.issuer);
    };
    let at = new URL(page);
    while (at.origin === this.issuer) {
      if (!at.pathname.startsWith('/interaction/')) at = await visit(at.href);
      else {
        // Asked to log in first, to agree then.
        const asked = await fetch(at, { headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') } });
        const prompt = /name="prompt" value="(\w+)"/.exec(await asked.text())?.[1] ?? '';
        at = await visit(at.href, { prompt, login, password: 'any' });
      }
    }
    return at;
  }
}

/** A provider that answers every code with an ID token of a test's making. */
export class ForgingProvider extends LoopbackServer {
  /** Claims of the next token; `iss`, `exp`, `iat` are right unless given. */
  claims: Record<string, unknown> = {};
  /** Signs the next token; the published key unless a test sets another. */
  key: KeyObject | undefined;
  /** The algorithm that the next token names. */
  algorithm = 'RS256';

  static async start(): Promise<ForgingProvider> {
    const provider = new ForgingProvider(await LoopbackServer.listen());
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    provider.server.on('request', (request, response) => {
      const { issuer } = provider;
      const now = Math.floor(Date.now() / 1000);
      const answers: Record<string, () => object> = {
        '/.well-known/openid-configuration': () => ({
          issuer,
          authorization_endpoint: `${issuer}/auth`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
          response_types_supported: ['code'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['RS256'],
        }),
        '/jwks': () => ({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig', alg: 'RS256' }] }),
        '/token': () => ({
          access_token: 'a',
          token_type: 'Bearer',
          id_token: signedToken(
            { alg: provider.algorithm, kid: 'k' },
            { iss: issuer, iat: now, exp: now + 60, ...provider.claims },
            provider.key ?? privateKey,
          ),
        }),
      };
      const answer = answers[new URL(request.url ?? '/', issuer).pathname];
      response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer?.() ?? {}));
    });
    return provider;
  }
}

function signedToken(header: { alg: string; kid: string }, claims: object, key: KeyObject): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${header.alg === 'none' ? '' : sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}
