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
  /** Open connections of either side, with what those carried that are closed. */
  readonly #carriers = {
    client: { sockets: new Set<Socket>(), read: 0, written: 0 },
    server: { sockets: new Set<Socket>(), read: 0, written: 0 },
  };
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
      proxy!.#carry('client', near);
      proxy!.#carry('server', far);
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

  /** What the network between the proxy and a side has carried, as the kernel knows it. */
  onWire(side: 'client' | 'server'): { up: number; down: number } {
    let { read, written } = this.#carriers[side];
    for (const socket of this.#carriers[side].sockets) {
      const fd = descriptorOf(socket);
      if (fd === undefined) continue;
      const info = Buffer.alloc(infoSize);
      const size = Buffer.alloc(4);
      size.writeInt32LE(infoSize);
      if (getsockopt()(fd, IPPROTO_TCP, TCP_INFO, info, size) !== 0) throw new Error('the kernel tells nothing of TCP');
      written += Number(info.readBigUInt64LE(ackedAt));
      read += Number(info.readBigUInt64LE(receivedAt));
    }
    return side === 'client' ? { up: read, down: written } : { up: written, down: read };
  }

  /** Cuts all connections, as a network that fails does. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #carry(side: 'client' | 'server', socket: Socket): void {
    const carrier = this.#carriers[side];
    carrier.sockets.add(socket);
    socket.once('close', () => {
      carrier.sockets.delete(socket);
      carrier.read += socket.bytesRead;
      carrier.written += socket.bytesWritten;
    });
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
