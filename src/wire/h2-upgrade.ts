// The one place where a TLS connection changes from HTTP/1.1 to HTTP/2, server side (backup-protocol.md 1, 2.3, 4).

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { GranaryError } from '../base/errors.ts';
import type { AuthId } from '../model/auth-id.ts';
import { H2Server, maxStreams, type ServerStream } from './h2-server.ts';
import { takeWaitingShare } from './waiting-uploads.ts';

/** What the HTTP server knows of a request to a session path. Without `socket` it was no upgrade request. */
export interface UpgradeRequest {
  authId: AuthId;
  /** The request as it came. */
  message: IncomingMessage;
  /** Checked against the session's contract. */
  params: Record<string, unknown>;
  /** The peer's address as logs show it. */
  peer: string;
  peerPort: number;
  /** When the request came, milliseconds of the clock. */
  startedMs: number;
  /** Value of the Upgrade header. */
  upgrade: string | undefined;
  httpVersion: string;
  socket?: Duplex;
  /** Bytes that came after the request and belong to HTTP/2. */
  head?: Buffer;
}

/** Refuses a request that is no upgrade to `protocol`, in the order and with the texts of backup-protocol.md 2.2. */
export function checkUpgrade(
  request: Pick<UpgradeRequest, 'upgrade' | 'httpVersion' | 'socket'>,
  protocol: string,
): Duplex {
  if (request.upgrade === undefined) throw new GranaryError('bad-request', 'missing Upgrade header');
  if (request.upgrade !== protocol) throw new GranaryError('bad-request', 'invalid protocol name');
  if (Number(request.httpVersion) >= 2 || !request.socket) {
    throw new GranaryError('bad-request', `unexpected http version '${request.httpVersion}' (expected version < 2)`);
  }
  return request.socket;
}

/**
 * Answers 101 and starts HTTP/2 on the same connection, whose requests `onRequest` answers; it never rejects. Rejects
 * with `connection` when the peer has gone; nothing can be answered on the socket then.
 */
export async function upgradeToHttp2(
  socket: Duplex,
  head: Buffer | undefined,
  protocol: string,
  onRequest: (stream: ServerStream) => Promise<void>,
): Promise<H2Server> {
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
  const share = takeWaitingShare();
  const connection = new H2Server(socket, { head, streamWindow: Math.floor(share.bytes / maxStreams), onRequest });
  void connection.closed.then(share.release);
  return connection;
}
