// Opens TLS connections to servers whose certificate is trusted: by the system, by a pinned fingerprint, by one
// accepted earlier, or by asking (cli.md 3). The only place of the client that decides about trust.

import { mkdir, readFile } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { openTunnel, parseProxy } from '../os/http-tunnel.ts';
import { systemCertificates } from '../os/system-certificates.ts';
import type { Limiter } from '../wire/rate-limit.ts';
import { formatServer } from './repository.ts';

export interface Server {
  readonly host: string;
  readonly port: number;
}

export interface TrustOptions {
  /** SHA-256 fingerprint that is accepted, with colons, any case. */
  pinned?: string | undefined;
  /** File with lines `HOST FINGERPRINT` of certificates accepted before. */
  storedFile?: string | undefined;
  /** Asks whether to accept a certificate; absent when nobody can answer. */
  accept?: ((fingerprint: string, changed: boolean) => Promise<boolean>) | undefined;
  /** How whoever expected a certificate with that fingerprint has it trusted; by default with PBS_FINGERPRINT. */
  remedy?: ((fingerprint: string) => string) | undefined;
  /** `[http://][user:pass@]host[:port]` of a CONNECT proxy. */
  proxy?: string | undefined;
}

const connectTimeoutMs = 10_000;

/** Opens verified connections to one server; asks at most once. */
export class TrustedTls {
  readonly #server: Server;
  readonly #trust: TrustOptions;
  readonly #limiter: Limiter | undefined;
  /** A fingerprint known to be good: pinned, stored, or accepted in this process. */
  #known: string | undefined;
  #stored: Promise<string | undefined> | undefined;
  #useSystem = false;

  /** All connections together are held to the limiter's limits. */
  constructor(server: Server, trust: TrustOptions, limiter?: Limiter) {
    this.#server = server;
    this.#trust = trust;
    this.#limiter = limiter;
    this.#known = trust.pinned === undefined ? undefined : checkFingerprint(trust.pinned);
  }

  /** A connection whose certificate is trusted. Throws `connection` or `certificate`. */
  async connect(signal?: AbortSignal): Promise<TLSSocket> {
    if (this.#known === undefined) {
      this.#stored ??= this.#loadStored();
      this.#known = await this.#stored;
    }
    // Loading the system's certificates takes a tenth of a second: not needed while a known fingerprint matches.
    const first = await this.#handshake(this.#useSystem || this.#known === undefined, signal);
    const fingerprint = fingerprintOf(first);
    if (first.authorized || fingerprint === this.#known) return first;
    let reason = String(first.authorizationError ?? 'not trusted');
    if (!this.#useSystem && this.#known !== undefined) {
      first.destroy();
      const second = await this.#handshake(true, signal);
      if (second.authorized) {
        this.#useSystem = true;
        return second;
      }
      reason = String(second.authorizationError ?? reason);
      return this.#decide(second, fingerprintOf(second), reason);
    }
    return this.#decide(first, fingerprint, reason);
  }

  async #decide(socket: TLSSocket, fingerprint: string, reason: string): Promise<TLSSocket> {
    try {
      const known = this.#known;
      if (this.#trust.pinned === undefined && this.#trust.accept) {
        if (await this.#trust.accept(fingerprint, known !== undefined)) {
          this.#known = fingerprint;
          await this.#store(fingerprint);
          return socket;
        }
        throw new GranaryError('certificate', 'certificate validation failed - the fingerprint was not accepted');
      }
      throw this.#refusal(fingerprint, known, reason);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  #refusal(fingerprint: string, known: string | undefined, reason: string): GranaryError {
    const server = formatServer(this.#server);
    const text =
      known === undefined
        ? `the certificate of ${server} is not trusted (${reason}), its fingerprint is ${fingerprint}`
        : `certificate fingerprint differs: expected ${known}, ${server} has ${fingerprint}`;
    const remedy = this.#trust.remedy?.(fingerprint) ?? `set PBS_FINGERPRINT=${fingerprint}`;
    return new GranaryError('certificate', `certificate validation failed - ${text}; if you expected this, ${remedy}`, {
      details: { fingerprint, expected: known },
    });
  }

  async #handshake(withSystem: boolean, signal?: AbortSignal): Promise<TLSSocket> {
    const { host } = this.#server;
    const tcp = await this.#openTcp(signal);
    return new Promise((resolve, reject) => {
      const socket = connectTls({
        socket: tcp,
        host,
        ...(isIP(host) ? {} : { servername: host }),
        rejectUnauthorized: false,
        ca: withSystem ? systemCertificates() : [],
      });
      this.#limiter?.hold(tcp, socket);
      const timer = setTimeout(() => socket.destroy(new Error('timed out')), connectTimeoutMs);
      const fail = (error: Error): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(this.#connectionError(error));
      };
      socket.once('error', fail);
      socket.once('close', () => fail(new Error('the server closed the connection')));
      socket.once('secureConnect', () => {
        clearTimeout(timer);
        socket.removeAllListeners('error');
        socket.removeAllListeners('close');
        socket.setKeepAlive(true, 120_000);
        socket.setNoDelay(true);
        resolve(socket);
      });
    });
  }

  #openTcp(signal?: AbortSignal): Promise<Socket> {
    const proxy = this.#trust.proxy ? parseProxy(this.#trust.proxy, 'ALL_PROXY') : undefined;
    const target = proxy ?? this.#server;
    return new Promise((resolve, reject) => {
      const socket = connectTcp({ host: target.host, port: target.port, signal });
      const timer = setTimeout(() => socket.destroy(new Error('timed out')), connectTimeoutMs);
      const fail = (error: Error): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(signal?.aborted ? new GranaryError('aborted', messageOf(signal.reason)) : this.#connectionError(error));
      };
      socket.once('error', fail);
      socket.once('connect', () => {
        const done = (): void => {
          clearTimeout(timer);
          socket.removeListener('error', fail);
          resolve(socket);
        };
        if (proxy) openTunnel(socket, formatServer(this.#server), proxy.authorization).then(done, fail);
        else done();
      });
    });
  }

  #connectionError(error: Error): GranaryError {
    const server = formatServer(this.#server);
    if (error instanceof GranaryError) return error;
    return new GranaryError('connection', `cannot connect to ${server}: ${connectReason(error)}`, {
      cause: error,
      details: { hint: 'Check the address and port in the repository, and that the server runs and can be reached.' },
    });
  }

  async #loadStored(): Promise<string | undefined> {
    const entries = this.#trust.storedFile ? await readFingerprints(this.#trust.storedFile) : [];
    return entries.find(([host]) => host === this.#server.host)?.[1];
  }

  async #store(fingerprint: string): Promise<void> {
    const file = this.#trust.storedFile;
    if (!file) return;
    const entries = (await readFingerprints(file)).filter(([host]) => host !== this.#server.host);
    entries.push([this.#server.host, fingerprint]);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await replaceFile(file, entries.map(([host, text]) => `${host} ${text}\n`).join(''), { mode: 0o600 });
  }
}

/** Lower-case pairs with colons, the form in which fingerprints are shown. */
function fingerprintOf(socket: TLSSocket): string {
  return (socket.getPeerX509Certificate()?.fingerprint256 ?? '').toLowerCase();
}

function checkFingerprint(text: string): string {
  const hex = text.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hex)) {
    throw new GranaryError('usage', `PBS_FINGERPRINT is no SHA-256 fingerprint of 32 bytes: '${text}'`);
  }
  return hex.match(/../g)!.join(':');
}

async function readFingerprints(file: string): Promise<[string, string][]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw new GranaryError('io', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
  const entries: [string, string][] = [];
  for (const line of text.split('\n')) {
    const [host, fingerprint] = line.trim().split(/\s+/);
    if (host && fingerprint) entries.push([host, fingerprint.toLowerCase()]);
  }
  return entries;
}

function connectReason(error: NodeJS.ErrnoException): string {
  const reasons: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    ENOTFOUND: 'no such host name',
    EAI_AGAIN: 'the host name could not be resolved',
    EHOSTUNREACH: 'no route to host',
    ENETUNREACH: 'network is unreachable',
    ETIMEDOUT: 'timed out',
    ECONNRESET: 'connection reset',
  };
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return connectReason(error.errors[0]);
  return reasons[error.code ?? ''] ?? error.message;
}
