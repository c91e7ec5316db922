// A TCP proxy that counts what passes: the bytes that a network between client and server would carry.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { native } from '../../src/os/libc.ts';
import { descriptorOf } from '../../src/os/sockets.ts';

const setsockopt = native('int setsockopt(int fd, int level, int name, const void *value, uint length)');
const getsockopt = native('int getsockopt(int fd, int level, int name, void *value, void *length)');
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** Up to and with `tcpi_bytes_acked` and `tcpi_bytes_received` of struct tcp_info. */
const infoSize = 136;
const ackedAt = 120;
const receivedAt = 128;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
/** What the proxy itself may hold in each direction of a connection counts as passed and is not: it has to be little. */
const bufferBytes = 32 * 1024;

export class CountingProxy implements AsyncDisposable {
  readonly port: number;
  /** Bytes from clients to the server, and from the server to clients, so far, with what the proxy still holds. */
  up = 0;
  down = 0;
  /** Connections to the server. */
  readonly #far = new Set<Socket>();
  /** What those carried that are closed. */
  readonly #closed = { up: 0, down: 0 };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Listens on a free port of the loopback and passes on to `port`. */
  static async start(port: number): Promise<CountingProxy> {
    let proxy: CountingProxy | undefined;
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
      const far = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      proxy!.#far.add(far);
      far.once('close', () => {
        proxy!.#far.delete(far);
        proxy!.#closed.up += far.bytesWritten;
        proxy!.#closed.down += far.bytesRead;
      });
      proxy!.#pass(near, far, (bytes) => {
        proxy!.up += bytes;
      });
      proxy!.#pass(far, near, (bytes) => {
        proxy!.down += bytes;
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = new CountingProxy(server);
    return proxy;
  }

  /** What the server's side of the network has carried: bytes that have reached the server, and those it has sent. */
  onWire(): { up: number; down: number } {
    let { up, down } = this.#closed;
    for (const far of this.#far) {
      const fd = descriptorOf(far);
      if (fd === undefined) continue;
      const info = Buffer.alloc(infoSize);
      const size = Buffer.alloc(4);
      size.writeInt32LE(infoSize);
      if (getsockopt()(fd, IPPROTO_TCP, TCP_INFO, info, size) !== 0) throw new Error('the kernel tells nothing of TCP');
      up += Number(info.readBigUInt64LE(ackedAt));
      down += Number(info.readBigUInt64LE(receivedAt));
    }
    return { up, down };
  }

  /** Cuts all connections, as a network that fails does. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(from: Socket, to: Socket, count: (bytes: number) => void): void {
    if (from.connecting) from.once('connect', () => limitBuffers(from));
    else limitBuffers(from);
    this.#sockets.add(from);
    from.on('data', (data) => {
      count(data.byteLength);
      if (!to.write(data)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
    from.on('end', () => to.end());
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}

function limitBuffers(socket: Socket): void {
  const fd = descriptorOf(socket);
  const size = Buffer.alloc(4);
  size.writeInt32LE(bufferBytes);
  if (fd === undefined) return;
  for (const name of [SO_SNDBUF, SO_RCVBUF]) setsockopt()(fd, SOL_SOCKET, name, size, size.byteLength);
}
