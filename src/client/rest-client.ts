// HTTP calls of the REST API over kept-alive, verified TLS connections (rest-api.md 1 to 3).

import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Agent, request } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ErrorCode, GranaryError, messageOf } from '../base/errors.ts';
import { collect } from '../base/streams.ts';
import { http } from '../os/node-http.ts';
import { localAgent } from '../wire/privileged-door.ts';
import { formatServer } from './repository.ts';
import type { Server, TrustedTls } from './trusted-tls.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
/** Parameters of a call; undefined ones are left out, arrays are repeated. */
export type CallParameters = Readonly<Record<string, unknown>>;

export interface CallAnswer {
  data: unknown;
  /** Members beside `data`: `total`, `digest`, `active`. */
  attributes: Record<string, unknown>;
}

const userAgent = 'proxmox-backup-client/1.0';
const maxAnswer = 256 * 1024 * 1024;

const codesByStatus: Record<number, ErrorCode> = {
  401: 'auth-failed',
  403: 'permission-denied',
  404: 'not-found',
  500: 'internal',
};

/** An agent whose sockets come from `TrustedTls`, so that no request ever reaches a server that is not trusted. */
class TrustedAgent extends Agent {
  readonly #tls: TrustedTls;

  constructor(tls: TrustedTls) {
    super({ keepAlive: true, maxSockets: 8 });
    this.#tls = tls;
  }

  override createConnection(
    _options: object,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | undefined {
    this.#tls.connect().then(
      (socket) => callback?.(null, socket),
      // Beside an error the socket is not looked at.
      (error: Error) => callback?.(error, new Socket().destroy()),
    );
    return undefined;
  }
}

/** How calls reach a server. */
export interface Transport {
  /** As messages and the Host header name the server. */
  readonly name: string;
  request(options: RequestOptions): ClientRequest;
  close(): void;
}

export function tlsTransport(server: Server, tls: TrustedTls): Transport {
  const agent = new TrustedAgent(tls);
  const { host, port } = server;
  return {
    name: formatServer(server),
    request: (options) => request({ ...options, agent, host, port }),
    close: () => agent.destroy(),
  };
}

/** To the server on this machine, through its local socket. */
export function localTransport(socketPath: string): Transport {
  const agent = localAgent(socketPath);
  return {
    name: 'localhost',
    request: (options) => http.request({ ...options, agent }),
    close: () => agent.destroy(),
  };
}

/** Sends calls to one server; authentication headers are the caller's. */
export class RestClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * One call with parameters; the answer's `data` and attributes. A refusal is an error with the server's text. `onSent`
   * is called when the request has left this process.
   */
  async call(
    method: Method,
    path: string,
    parameters: CallParameters,
    headers: Record<string, string>,
    signal?: AbortSignal,
    onSent?: () => void,
  ): Promise<CallAnswer> {
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
    const asJson = method === 'POST' && given.length > 0;
    const body = asJson ? Buffer.from(JSON.stringify(Object.fromEntries(given))) : undefined;
    const url = asJson ? path : withQuery(path, given);
    const type = asJson ? 'application/json' : 'application/x-www-form-urlencoded';
    const send = () => this.#send(method, url, { ...headers, 'content-type': type }, body, signal, onSent);
    return parseAnswer(await collectAnswer(await this.#retryStale(method, send)));
  }

  /** Uploads raw bytes as the body of a call whose parameters are in the query. */
  async upload(
    path: string,
    parameters: CallParameters,
    body: Uint8Array,
    headers: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<CallAnswer> {
    const url = withQuery(path, Object.entries(parameters));
    const response = await this.#send(
      'POST',
      url,
      { ...headers, 'content-type': 'application/octet-stream' },
      body,
      signal,
    );
    return parseAnswer(await collectAnswer(response));
  }

  /** A download call; the body as a stream. */
  async download(
    path: string,
    parameters: CallParameters,
    headers: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const url = withQuery(path, Object.entries(parameters));
    const response = await this.#retryStale('GET', () => this.#send('GET', url, headers, undefined, signal));
    if (response.statusCode !== 200) throw refusal(await collectAnswer(response));
    return response;
  }

  close(): void {
    this.#transport.close();
  }

  /** A kept-alive connection may have been closed by the server just now: one more try for calls without effect. */
  async #retryStale<T>(method: Method, send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      if (method !== 'GET' || !(error instanceof GranaryError) || error.details['reused'] !== true) throw error;
      return send();
    }
  }

  #send(
    method: Method,
    path: string,
    headers: Record<string, string>,
    body: Uint8Array | undefined,
    signal?: AbortSignal,
    onSent?: () => void,
  ): Promise<IncomingMessage> {
    const { name } = this.#transport;
    return new Promise((resolve, reject) => {
      const call = this.#transport.request({
        method,
        path: `/api2/json/${path}`,
        headers: {
          'user-agent': userAgent,
          host: name,
          ...headers,
          ...(body
            ? { 'content-length': String(body.byteLength) }
            : method === 'POST'
              ? { 'content-length': '0' }
              : {}),
        },
        ...(signal ? { signal } : {}),
      });
      call.once('response', resolve);
      if (onSent) call.once('finish', onSent);
      call.once('error', (error) => {
        if (signal?.aborted) return reject(new GranaryError('aborted', messageOf(signal.reason), { cause: error }));
        if (error instanceof GranaryError) return reject(error);
        reject(
          new GranaryError('connection', `connection to ${name} failed: ${messageOf(error)}`, {
            cause: error,
            details: { reused: call.reusedSocket },
          }),
        );
      });
      call.end(body);
    });
  }
}

/** A path with a query, keys in order as the field's own client sends them. */
export function withQuery(path: string, parameters: readonly (readonly [string, unknown])[]): string {
  const query = new URLSearchParams();
  for (const [name, value] of [...parameters].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined) query.append(name, String(item));
    }
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

interface RawAnswer {
  status: number;
  text: string;
}

async function collectAnswer(response: IncomingMessage): Promise<RawAnswer> {
  try {
    const body = await collect(response, maxAnswer, 'answer');
    return { status: response.statusCode ?? 0, text: Buffer.from(body).toString('utf8') };
  } catch (error) {
    throw error instanceof GranaryError
      ? error
      : new GranaryError('connection', `the answer broke off: ${messageOf(error)}`, { cause: error });
  }
}

function parseAnswer(answer: RawAnswer): CallAnswer {
  if (answer.status !== 200) throw refusal(answer);
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer.text);
  } catch (error) {
    throw new GranaryError('protocol', `the server's answer is no JSON: ${answer.text.slice(0, 200)}`, {
      cause: error,
    });
  }
  if (parsed === null || typeof parsed !== 'object')
    throw new GranaryError('protocol', "the server's answer has no data");
  const { data = null, ...attributes } = parsed as Record<string, unknown>;
  return { data, attributes };
}

/** The error for an answer that is no success; its text is the server's. */
export function refusal(answer: RawAnswer): GranaryError {
  const text = answer.text.trim() || `the server answered with status ${answer.status}`;
  return new GranaryError(codesByStatus[answer.status] ?? 'bad-request', text, {
    status: answer.status,
    details: { remote: true },
  });
}
