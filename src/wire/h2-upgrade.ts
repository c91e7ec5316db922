// The one place where a TLS connection changes from HTTP/1.1 to HTTP/2, server side (backup-protocol.md 1, 2.3, 4).
// The order matters: the session may be made only after the 101 has left, or Node aborts the process.

import type { ServerHttp2Session } from 'node:http2';
import http2 from 'node:http2';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { GranaryError } from '../base/errors.ts';
import type { AuthId } from '../model/auth-id.ts';
import { systemError } from '../os/libc.ts';

/** What the HTTP server knows of a request to a session path. Without `socket` it was no upgrade request. */
export interface UpgradeRequest {
  authId: AuthId;
  /** Checked against the session's contract. */
  params: Record<string, unknown>;
  /** The peer's address as logs show it. */
  peer: string;
  /** Value of the Upgrade header. */
  upgrade: string | undefined;
  httpVersion: string;
  socket?: Duplex;
  /** Bytes that came after the request and belong to HTTP/2. */
  head?: Buffer;
}

/** Window of one stream: an upload that waits for room holds at most this much (docs/decisions/0001). */
const streamWindow = 1024 * 1024;
/** Window of the connection: what may be on its way. */
const connectionWindow = 32 * 1024 * 1024;
/** Uploads, and with them the windows of waiting ones, are bounded by this. */
const maxStreams = 200;

/** Refuses a request that is no upgrade to `protocol`, in the order and with the texts of backup-protocol.md 2.2. */
export function checkUpgrade(request: UpgradeRequest, protocol: string): Duplex {
  if (request.upgrade === undefined) throw new GranaryError('bad-request', 'missing Upgrade header');
  if (request.upgrade !== protocol) throw new GranaryError('bad-request', 'invalid protocol name');
  if (Number(request.httpVersion) >= 2 || !request.socket) {
    throw new GranaryError('bad-request', `unexpected http version '${request.httpVersion}' (expected version < 2)`);
  }
  return request.socket;
}

/** A connection that speaks HTTP/2 now. */
export interface UpgradedConnection {
  session: ServerHttp2Session;
  /** Ends it at once, whatever is still to be written. */
  drop(error?: Error): void;
}

/**
 * Answers 101 and starts HTTP/2 on the same connection. Rejects with `connection` when the peer has gone; nothing can
 * be answered on the socket then.
 */
export async function upgradeToHttp2(
  socket: Duplex,
  head: Buffer | undefined,
  protocol: string,
): Promise<UpgradedConnection> {
  await new Promise<void>((resolve, reject) => {
    const lost = (error?: Error | null) =>
      reject(new GranaryError('connection', 'connection error: not connected', { cause: error }));
    if (socket.destroyed) return lost();
    socket.once('close', lost);
    const answer = `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\ndate: ${new Date().toUTCString()}\r\n\r\n`;
    socket.write(answer, (error) => {
      socket.removeListener('close', lost);
      if (error) lost(error);
      else resolve();
    });
  });
  if (head && head.byteLength > 0) socket.unshift(head);
  const session = http2.performServerHandshake(socket, {
    settings: {
      initialWindowSize: streamWindow,
      maxFrameSize: 4 * 1024 * 1024,
      maxHeaderListSize: 16 * 1024 * 1024,
      maxConcurrentStreams: maxStreams,
    },
    maxSessionMemory: 1000,
  });
  session.setLocalWindowSize(connectionWindow);
  const drop = (error?: Error): void => {
    session.destroy(error);
    // A session that is destroyed still waits for the write that is under way.
    socket.destroy();
  };
  watchConnection(socket, session, drop);
  return { session, drop };
}

const watchMs = 1000;

/**
 * Ends the session when its connection is gone. Node can miss that while there is much to write: after a failed write
 * of the TLS layer the next one never ends, and HTTP/2 does not read while it writes. So the kernel is asked.
 */
function watchConnection(socket: Duplex, session: ServerHttp2Session, drop: (error: Error) => void): void {
  const timer = setInterval(() => {
    if (!isConnected(socket)) drop(systemError(constants.errno.ECONNRESET, 'read', 'connection'));
  }, watchMs).unref();
  session.once('close', () => clearInterval(timer));
}

/** Asks for the peer's address, which a socket has as long as it is connected; the public property is a cached one. */
function isConnected(socket: Duplex): boolean {
  const handle = (socket as { _handle?: { getpeername?(address: object): number } | null })._handle;
  return handle?.getpeername === undefined || handle.getpeername({}) === 0;
}
