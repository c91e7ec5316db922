// Connections to an object store: TLS with a certificate that the system trusts or that was pinned, over which nothing
// is sent before it was checked.

import type { Agent } from 'node:https';
import { connect as connectTcp, isIP, isIPv6, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { GranaryError } from '../base/errors.ts';
import { openTunnel, parseProxy } from '../os/http-tunnel.ts';
import { systemCertificates } from '../os/system-certificates.ts';

export interface AgentOptions {
  /** SHA-256 of the certificate that is accepted and no other, hex pairs with colons. */
  fingerprint?: string | undefined;
  /** Connections at once. */
  connections: number;
  /** What to do about a certificate that is not trusted, with its fingerprint. */
  remedy: (fingerprint: string) => string;
  /** `[http://][user:password@]host[:port]` of a proxy that is asked for a tunnel. */
  proxy?: string | undefined;
  /** Holds a new connection to limits of bandwidth, before anything is sent over it. */
  hold?: ((tcp: Socket, secure: TLSSocket) => void) | undefined;
}

const connectTimeoutMs = 20_000;

/** An agent for the requests to one server. What its connections throw is a `GranaryError` when it is the certificate. */
export async function pinnedAgent(o: AgentOptions): Promise<Agent> {
  const { Agent: HttpsAgent } = await import('node:https');
  const agent = new HttpsAgent({ keepAlive: true, maxSockets: o.connections });
  agent.createConnection = (target, done) => {
    connect(target.host ?? 'localhost', Number(target.port ?? 443), o).then(
      (socket) => done?.(null, socket),
      (error: Error) => done?.(error, new Duplex()),
    );
    return undefined;
  };
  return agent;
}

async function connect(host: string, port: number, o: AgentOptions): Promise<TLSSocket> {
  const proxy = o.proxy === undefined ? undefined : parseProxy(o.proxy, 'http-proxy of the node');
  const tcp = connectTcp({ host: proxy?.host ?? host, port: proxy?.port ?? port, noDelay: true });
  const timer = setTimeout(() => tcp.destroy(connectTimeout(host, port)), connectTimeoutMs);
  try {
    if (proxy) {
      const failed = new Promise<never>((_, reject) => tcp.once('error', reject));
      failed.catch(() => {});
      await Promise.race([
        openTunnel(tcp, `${isIPv6(host) ? `[${host}]` : host}:${port}`, proxy.authorization),
        failed,
      ]);
    }
    return await secure(tcp, host, o);
  } catch (error) {
    tcp.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function secure(tcp: Socket, host: string, o: AgentOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      socket: tcp,
      host,
      ...(isIP(host) ? {} : { servername: host }),
      ca: o.fingerprint === undefined ? systemCertificates() : [],
      rejectUnauthorized: false,
    });
    o.hold?.(tcp, socket);
    socket.on('error', reject);
    tcp.on('error', (error) => socket.destroy(error));
    socket.once('secureConnect', () => {
      const refusal = judge(socket, host, o);
      if (refusal) return socket.destroy(refusal);
      socket.off('error', reject);
      socket.setKeepAlive(true, 120_000);
      resolve(socket);
    });
  });
}

function connectTimeout(host: string, port: number): Error {
  return Object.assign(new Error(`connect ETIMEDOUT ${host}:${port}`), { code: 'ETIMEDOUT' });
}

/** Why the certificate of a server cannot be accepted. */
function judge(socket: TLSSocket, host: string, o: AgentOptions): GranaryError | undefined {
  const actual = socket.getPeerCertificate().fingerprint256;
  const pinned = o.fingerprint;
  if (pinned === undefined ? socket.authorized : actual.toLowerCase() === pinned.toLowerCase()) return undefined;
  const fingerprint = actual.toLowerCase();
  const text =
    pinned === undefined
      ? `the certificate of '${host}' is not trusted (${String(socket.authorizationError)}), its fingerprint is ${fingerprint}`
      : `certificate fingerprint differs: expected ${pinned}, '${host}' has ${fingerprint}`;
  return new GranaryError('certificate', `${text}; if you expected this, ${o.remedy(fingerprint)}`);
}
