// The port: TLS, and a redirect for whoever speaks plain HTTP to it (rest-api.md 1).
// The first byte tells which; both are handed on with nothing consumed.

import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import type { Logger } from '../base/log.ts';
import type { TlsSettings } from '../certificates/tls-settings.ts';
import { http } from '../os/node-http.ts';
import { type LocalPeer, localPeer } from './origin.ts';

/** First byte of a TLS handshake record. */
const tlsHandshake = 0x16;
const firstByteMs = 10_000;
const keepAliveMs = 120_000;
export const listenBacklog = 511;

export interface ListenerHandlers {
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Whether an `Upgrade` header on this request is for `upgrade`; else it is an ordinary request. */
  isUpgrade(request: IncomingMessage): boolean;
  /** A TLS connection has been made on a TCP connection, and nothing of it was read. */
  connected?(tcp: net.Socket, tls: net.Socket): void;
  log: Logger;
}

/** What went through a listener's connections since it listens. */
export interface Traffic {
  received: number;
  sent: number;
  /** Connections that are open. */
  open: number;
}

export interface Listener {
  /** The port that is bound; the one that was asked for unless that was 0. */
  readonly port: number;
  traffic(): Traffic;
  /** New connections get this certificate and these ciphers; open ones keep theirs. */
  setTls(settings: TlsSettings): void;
  /**
   * Stops accepting and closes connections as they become idle; settles when all are closed, those left after
   * `graceMs` by force. Can be called again with less patience.
   */
  close(graceMs: number): Promise<void>;
}

const httpOptions = {
  requireHostHeader: false,
  keepAliveTimeout: keepAliveMs,
  headersTimeout: 60_000,
  // A body may take as long as it keeps flowing: uploads are not bounded in time.
  requestTimeout: 0,
};

/** Listens on an address, `host` undefined meaning all of them, or on a descriptor that listens already. */
export async function listen(
  at: { port: number; host?: string } | { fd: number },
  settings: TlsSettings,
  handlers: ListenerHandlers,
): Promise<Listener> {
  const secure = https.createServer({
    ...httpOptions,
    ...contextOf(settings),
    shouldUpgradeCallback: (request: IncomingMessage) => handlers.isUpgrade(request),
  });
  secure.on('request', handlers.request);
  secure.on('upgrade', handlers.upgrade);
  secure.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  });
  secure.on('tlsClientError', (error, socket) => {
    handlers.log('debug', 'tls-handshake-failed', { peer: socket.remoteAddress, error: error.message });
  });
  const plain = http.createServer(httpOptions, redirect);
  const sockets = new Set<net.Socket>();
  const closed = { received: 0, sent: 0 };
  const byEnds = new Map<string, net.Socket>();
  secure.prependListener('secureConnection', (tls) => {
    const tcp = byEnds.get(endsOf(tls));
    if (tcp !== undefined) handlers.connected?.(tcp, tls);
  });
  const front = net.createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    const ends = endsOf(socket);
    byEnds.set(ends, socket);
    socket.once('close', () => {
      sockets.delete(socket);
      closed.received += socket.bytesRead;
      closed.sent += socket.bytesWritten;
      if (byEnds.get(ends) === socket) byEnds.delete(ends);
    });
    // Whoever uses the connection learns of its end; this one only keeps a reset from being a defect.
    socket.on('error', () => {});
    socket.setKeepAlive(true, keepAliveMs);
    sniff(socket, (first) => (first === tlsHandshake ? secure : plain).emit('connection', socket));
  });
  await new Promise<void>((resolve, reject) => {
    front.once('error', reject);
    front.listen({ ...at, backlog: listenBacklog }, () => {
      front.removeListener('error', reject);
      resolve();
    });
  });
  front.on('error', (error) => handlers.log('error', 'listener-failed', { error: error.message }));
  return {
    port: (front.address() as AddressInfo).port,
    traffic: () => trafficOf(closed, sockets),
    setTls: (next) => secure.setSecureContext(contextOf(next)),
    close: closer(front, [secure, plain], sockets),
  };
}

function contextOf({ certificate, key, ciphers }: TlsSettings): SecureContextOptions {
  return { cert: certificate, key, ...(ciphers === undefined ? {} : { ciphers }) };
}

export interface LocalHandlers {
  request(request: IncomingMessage, response: ServerResponse, peer: LocalPeer): void;
  log: Logger;
}

/** Serves plain HTTP on a listening local socket, to those whom `localPeer` knows; others are cut off. */
export async function listenLocal(
  fd: number,
  serverUid: number | undefined,
  handlers: LocalHandlers,
): Promise<Listener> {
  const peers = new WeakMap<object, LocalPeer>();
  const plain = http.createServer(httpOptions, (request, response) => {
    handlers.request(request, response, peers.get(request.socket)!);
  });
  const sockets = new Set<net.Socket>();
  const front = net.createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {});
    const peer = localPeer(socket, serverUid);
    if (peer === undefined) {
      handlers.log('warn', 'local-connection-refused', {});
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    peers.set(socket, peer);
    plain.emit('connection', socket);
    socket.resume();
  });
  await new Promise<void>((resolve, reject) => {
    front.once('error', reject);
    front.listen({ fd, backlog: listenBacklog }, () => {
      front.removeListener('error', reject);
      resolve();
    });
  });
  front.on('error', (error) => handlers.log('error', 'listener-failed', { error: error.message }));
  return {
    port: 0,
    traffic: () => trafficOf({ received: 0, sent: 0 }, sockets),
    setTls: () => {},
    close: closer(front, [plain], sockets),
  };
}

function trafficOf(closed: { received: number; sent: number }, sockets: ReadonlySet<net.Socket>): Traffic {
  let { received, sent } = closed;
  for (const socket of sockets) {
    received += socket.bytesRead;
    sent += socket.bytesWritten;
  }
  return { received, sent, open: sockets.size };
}

/** Both ends of a connection: what a TLS socket and the TCP socket below it have in common. */
function endsOf({ localAddress, remoteAddress, remotePort }: net.Socket): string {
  return `${localAddress} ${remoteAddress} ${remotePort}`;
}

/** Reads the first byte of a connection without consuming it. Silent connections are dropped after a while. */
function sniff(socket: net.Socket, decide: (first: number) => void): void {
  const timer = setTimeout(() => socket.destroy(), firstByteMs);
  const stop = (): void => clearTimeout(timer);
  socket.once('close', stop);
  socket.once('data', (bytes: Buffer) => {
    stop();
    socket.removeListener('close', stop);
    socket.pause();
    socket.unshift(bytes);
    decide(bytes[0]!);
    process.nextTick(() => socket.resume());
  });
  socket.resume();
}

function redirect(request: IncomingMessage, response: ServerResponse): void {
  const host = request.headers.host ?? `localhost:${request.socket.localPort}`;
  response.writeHead(301, {
    location: `https://${host}${request.url ?? '/'}`,
    'content-length': 0,
    connection: 'close',
  });
  response.end();
}

const idleCheckMs = 500;
const longestTimerMs = 2 ** 31 - 1;

function closer(
  front: net.Server,
  servers: readonly (https.Server | HttpServer)[],
  sockets: ReadonlySet<net.Socket>,
): (graceMs: number) => Promise<void> {
  let closed: Promise<void> | undefined;
  const closeIdle = (): void => {
    for (const server of servers) server.closeIdleConnections();
  };
  const start = async (): Promise<void> => {
    const ended = new Promise<void>((resolve) => front.close(() => resolve()));
    for (const server of servers) server.close();
    closeIdle();
    const timer = setInterval(closeIdle, idleCheckMs);
    await ended;
    clearInterval(timer);
  };
  return async (graceMs) => {
    closed ??= start();
    // Connections that never sent a byte belong to no server yet.
    const cut = (): void => {
      for (const socket of sockets) socket.destroy();
    };
    const timer = graceMs > longestTimerMs ? undefined : setTimeout(cut, graceMs);
    await closed;
    clearTimeout(timer);
  };
}
