// Bad weather on the way to an HTTPS server: answers in its place, cuts connections, loses answers.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';

/**
 * What happens to a request: `slow-down` is answered with 503 and `broken` with 500 in the server's place, `cut` never
 * reaches it, `lost` is carried out, but its answer does not come back, `short` loses the second half of its answer.
 */
export type Fate = 'pass' | 'slow-down' | 'broken' | 'cut' | 'lost' | 'short';

const refusals = {
  'slow-down': [503, 'SlowDown', 'Please reduce your request rate.'],
  broken: [500, 'InternalError', 'We encountered an internal error.'],
} as const;

export class Weather implements AsyncDisposable {
  /** Decides about each request; by default all pass. */
  fate: (method: string, path: string) => Fate = () => 'pass';
  readonly seen: string[] = [];
  /** Requests that were passed on and are not carried out yet. */
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false });

  private constructor(to: number, identity: { certificate: Buffer; key: Buffer }) {
    this.#server = createServer({ cert: identity.certificate, key: identity.key }, (incoming, answer) =>
      this.#pass(to, incoming, answer),
    );
  }

  /** In front of the server at a port of this machine, with its certificate. */
  static async start(to: number, identity: { certificate: Buffer; key: Buffer }): Promise<Weather> {
    const weather = new Weather(to, identity);
    weather.#server.listen(0, '127.0.0.1');
    await once(weather.#server, 'listening');
    return weather;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #pass(to: number, incoming: IncomingMessage, answer: ServerResponse): void {
    const { method = '', url = '', headers } = incoming;
    this.seen.push(`${method} ${url}`);
    const fate = this.fate(method, url);
    if (fate === 'cut') return void incoming.socket.destroy();
    if (fate === 'slow-down' || fate === 'broken') {
      const [status, code, message] = refusals[fate];
      const error = `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
      incoming.resume();
      answer.writeHead(status, { 'content-type': 'application/xml' });
      answer.end(`<?xml version="1.0" encoding="UTF-8"?>${error}`);
      return;
    }
    const onward = request({ host: '127.0.0.1', port: to, method, path: url, headers, agent: this.#agent }, (back) => {
      const pieces: Buffer[] = [];
      back.on('data', (piece: Buffer) => pieces.push(piece));
      back.on('end', () => {
        if (fate === 'lost') return void incoming.socket.destroy();
        const body = Buffer.concat(pieces);
        answer.writeHead(back.statusCode ?? 500, back.headers);
        if (fate === 'pass') return void answer.end(body);
        answer.write(body.subarray(0, body.length / 2), () => incoming.socket.destroy());
      });
    });
    onward.on('error', () => incoming.socket.destroy());
    // What has come of a request whose sender died goes no further.
    incoming.on('error', () => onward.destroy());
    const carriedOut = once(onward, 'close').finally(() => this.#underWay.delete(carriedOut));
    carriedOut.catch(() => {});
    this.#underWay.add(carriedOut);
    incoming.pipe(onward);
  }

  /** Settles when every request that was passed on is carried out. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
