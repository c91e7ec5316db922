// An HTTP proxy for tests that opens tunnels (CONNECT), whatever the name, to ports of this machine.

import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { http } from '../../src/os/node-http.ts';

export class ConnectProxy implements AsyncDisposable {
  /** What tunnels were asked for that were opened, `host:port`. */
  readonly tunnels: string[];
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>, tunnels: string[]) {
    this.#server = server;
    this.#sockets = sockets;
    this.tunnels = tunnels;
    this.port = (server.address() as AddressInfo).port;
  }

  /** On a free port of the loopback; `login` (`user:password`) is asked for. */
  static async start(login?: string): Promise<ConnectProxy> {
    const sockets = new Set<Socket>();
    const tunnels: string[] = [];
    const expected = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
    const server = http.createServer();
    server.on('connect', ({ url = '', headers }, client: Socket) => {
      client.on('error', () => client.destroy());
      if (expected !== undefined && headers['proxy-authorization'] !== expected) {
        client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n');
        return;
      }
      tunnels.push(url);
      const onward = connect(Number(url.split(':').at(-1)), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        client.pipe(onward).pipe(client);
      });
      for (const [one, other] of [
        [client, onward],
        [onward, client],
      ] as const) {
        sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          sockets.delete(one);
          other.destroy();
        });
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ConnectProxy(server, sockets, tunnels);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
