// An HTTPS server for tests of commands: answers calls from a table and keeps what was asked.

import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { certificateFingerprint } from '../../certificates/describe.ts';
import { makeSelfSigned } from '../../certificates/self-signed.ts';

export interface SeenCall {
  method: string;
  path: string;
  query: URLSearchParams;
  body: string;
  headers: IncomingMessage['headers'];
}

/** An answer: `data` of a success, attributes beside it, or a refusal. */
export type FakeAnswer = { data: unknown; [attribute: string]: unknown } | { status: number; text: string };
/** Answers by `METHOD path` below `/api2/json/`. */
export type FakeRoutes = Record<string, FakeAnswer | ((call: SeenCall) => FakeAnswer)>;

export class FakeServer implements AsyncDisposable {
  readonly calls: SeenCall[] = [];
  readonly port: number;
  readonly fingerprint: string;
  routes: FakeRoutes = {};
  readonly #close: () => Promise<void>;

  private constructor(port: number, fingerprint: string, close: () => Promise<void>) {
    this.port = port;
    this.fingerprint = fingerprint;
    this.#close = close;
  }

  static async start(): Promise<FakeServer> {
    const now = new Date();
    const identity = await makeSelfSigned({
      organization: 'o',
      organizationalUnit: 'u',
      commonName: 'localhost',
      alternativeNames: ['localhost'],
      notBefore: now,
      notAfter: new Date(now.getTime() + 86_400_000),
      bits: 2048,
    });
    const server = createServer({ cert: identity.certificate, key: identity.key });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const fake = new FakeServer(
      (server.address() as AddressInfo).port,
      certificateFingerprint(identity.certificate),
      () => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(() => resolve()));
      },
    );
    server.on('request', (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (data: Buffer) => parts.push(data));
      request.on('end', () => {
        const answer = fake.#answer(request, Buffer.concat(parts).toString('latin1'));
        if ('status' in answer && 'text' in answer) {
          response.statusCode = answer.status as number;
          response.end(answer.text as string);
        } else response.end(JSON.stringify(answer));
      });
    });
    return fake;
  }

  #answer(request: IncomingMessage, body: string): FakeAnswer {
    const url = new URL(request.url!, 'https://localhost');
    const path = url.pathname.replace('/api2/json/', '');
    if (path === 'access/ticket') return { data: { ticket: 'PBS:T', CSRFPreventionToken: 'C' } };
    const call = { method: request.method!, path, query: url.searchParams, body, headers: request.headers };
    this.calls.push(call);
    const route = this.routes[`${call.method} ${path}`];
    if (!route) return { status: 404, text: `Path '${path}' not found.` };
    return typeof route === 'function' ? route(call) : route;
  }

  /** The environment for a client of this server. */
  env(store = 'fixture'): Record<string, string> {
    return {
      PBS_REPOSITORY: `admin@pbs@localhost:${this.port}:${store}`,
      PBS_PASSWORD: 'secret',
      PBS_FINGERPRINT: this.fingerprint,
      HOME: '/nonexistent',
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
