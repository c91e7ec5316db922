// Answers HTTP-01 challenges by a small server of its own, while an order is under way (RFC 8555 section 8.3).

import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { http } from '../os/node-http.ts';

/** The port that validation comes to. */
export const acmeHttpPort = 80;
/** Variable for another one, to which whatever stands in front hands port 80 on. */
export const acmeHttpPortVariable = 'GRANARY_ACME_HTTP_PORT';

const prefix = '/.well-known/acme-challenge/';

export interface HttpResponder extends AsyncDisposable {
  readonly port: number;
  /** From now on the token is answered with this text. */
  answer(token: string, keyAuthorization: string): void;
}

/** Listens on all addresses. Throws `io` when the port cannot be had. */
export async function startHttpResponder(port: number): Promise<HttpResponder> {
  const answers = new Map<string, string>();
  const server = http.createServer((request, response) => {
    const url = request.url ?? '';
    const answer = url.startsWith(prefix) ? answers.get(url.slice(prefix.length)) : undefined;
    const known = answer !== undefined && (request.method === 'GET' || request.method === 'HEAD');
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/octet-stream', connection: 'close' });
    response.end(known ? answer : '');
  });
  try {
    await listenEverywhere(server, port);
  } catch (error) {
    const hint = isErrno(error, 'EACCES') ? ', which needs root' : '';
    throw new GranaryError('io', `cannot answer challenges on port ${port}${hint}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return {
    port: (server.address() as AddressInfo).port,
    answer: (token, text) => void answers.set(token, text),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listenEverywhere(server: HttpServer, port: number): Promise<void> {
  try {
    await listenOn(server, port, '::');
  } catch (error) {
    // A machine without IPv6.
    if (!isErrno(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL')) throw error;
    await listenOn(server, port, '0.0.0.0');
  }
}

function listenOn(server: HttpServer, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}
