// A TCP relay in front of a server: counts what passes, and cuts connections where a test wants it.

import { once } from 'node:events';
import net from 'node:net';

export class Relay implements AsyncDisposable {
  /** Where the server is; may change, for instance after a restart. */
  to: number;
  /** Bytes that clients have sent since it was set to 0. */
  sent = 0;
  /** Bytes that the server has sent since it was set to 0. */
  received = 0;
  /** As `onPiece`, for every piece that the server sends. */
  onAnswer: (piece: Buffer) => boolean = () => false;
  /** Called with every piece that a client sends, before it goes on; true cuts all connections instead. */
  onPiece: (piece: Buffer) => boolean = () => false;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(to: number) {
    this.to = to;
    this.#server = net.createServer((client) => this.#relay(client));
  }

  static async start(to: number): Promise<Relay> {
    const relay = new Relay(to);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #relay(client: net.Socket): void {
    const server = net.connect(this.to, '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (piece: Buffer) => {
      this.sent += piece.length;
      if (this.onPiece(piece)) this.cut();
      else if (!server.write(piece)) client.pause();
    });
    server.on('data', (piece: Buffer) => {
      this.received += piece.length;
      if (this.onAnswer(piece)) this.cut();
      else if (!client.write(piece)) server.pause();
    });
    server.on('drain', () => client.resume());
    client.on('drain', () => server.resume());
    client.on('end', () => server.end());
    server.on('end', () => client.end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
