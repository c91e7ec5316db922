// A server for tests of the client half: takes the upgrade on a loopback port without TLS, and then speaks HTTP/2
// through node:http2, so that two independent implementations meet.

import { once } from 'node:events';
import type { Server as HttpServer, IncomingHttpHeaders } from 'node:http';
import http2, { type ServerHttp2Session, type ServerHttp2Stream, type Settings } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { http } from '../../os/node-http.ts';
import { connectH2, type H2Session } from '../h2-client.ts';

export interface PeerCall {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  stream: ServerHttp2Stream;
  /** The whole request body. */
  body(): Promise<Buffer>;
}

/** The value for the envelope; a `Buffer` is answered raw; throw `PeerRefusal` for an error; undefined: answered already. */
export type PeerHandler = (call: PeerCall) => unknown;

export class PeerRefusal extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

export interface PeerOptions {
  settings?: Settings;
  connectionWindow?: number;
  /** Refuses the upgrade. */
  refuse?: { status: number; text: string };
}

export class SessionPeer implements AsyncDisposable {
  readonly #server: HttpServer;
  readonly #sockets = new Set<Socket>();
  readonly sessions: ServerHttp2Session[] = [];

  private constructor(server: HttpServer) {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(handler: PeerHandler, options: PeerOptions = {}): Promise<SessionPeer> {
    const peer = new SessionPeer(http.createServer());
    peer.#server.on('upgrade', (request, socket, head) => {
      if (options.refuse) {
        const { status, text } = options.refuse;
        socket.end(
          `HTTP/1.1 ${status} No\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
        );
        return;
      }
      const answer = `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${request.headers.upgrade}\r\n\r\n`;
      socket.write(answer, () => {
        if (head.length > 0) socket.unshift(head);
        const session = http2.performServerHandshake(socket, {
          settings: { initialWindowSize: 1024 * 1024, maxFrameSize: 4 * 1024 * 1024, ...options.settings },
          maxSessionMemory: 1000,
        });
        session.setLocalWindowSize(options.connectionWindow ?? 32 * 1024 * 1024);
        session.on('error', () => {});
        session.on('stream', (stream, headers) => void serve(stream, headers, handler));
        peer.sessions.push(session);
      });
    });
    peer.#server.listen(0, '127.0.0.1');
    await once(peer.#server, 'listening');
    return peer;
  }

  async socket(): Promise<Socket> {
    const { port } = this.#server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  }

  async connect(signal?: AbortSignal): Promise<H2Session> {
    return connectH2({
      socket: await this.socket(),
      authority: 'localhost:8007',
      path: '/api2/json/backup?store=test',
      protocol: 'proxmox-backup-protocol-v1',
      headers: { authorization: 'PBSAPIToken a@pbs!b:c' },
      signal,
    });
  }

  /** Cuts all connections without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, handler: PeerHandler): Promise<void> {
  stream.on('error', () => {});
  const url = new URL(String(headers[':path']), 'https://localhost');
  const body = async (): Promise<Buffer> => Buffer.concat(await stream.toArray());
  const call = {
    method: String(headers[':method']),
    path: url.pathname,
    query: url.searchParams,
    headers,
    stream,
    body,
  };
  try {
    const answer = await handler(call);
    if (answer === undefined || stream.destroyed) return;
    const raw = Buffer.isBuffer(answer);
    stream.respond({ ':status': 200, 'content-type': raw ? 'application/octet-stream' : 'application/json' });
    stream.end(raw ? answer : JSON.stringify({ data: answer }));
  } catch (error) {
    if (stream.destroyed) return;
    stream.respond({ ':status': error instanceof PeerRefusal ? error.status : 500 });
    stream.end(String(error instanceof Error ? error.message : error));
  }
  stream.resume();
}
