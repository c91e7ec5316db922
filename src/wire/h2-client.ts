// The client half of a session: the upgrade from HTTP/1.1 (backup-protocol.md 1 to 3), and requests over the HTTP/2
// connection that follows, with the protocol's envelope and error texts (4).

import type { Duplex } from 'node:stream';
import { copyBytes } from '../base/bytes.ts';
import { type ErrorCode, GranaryError, messageOf } from '../base/errors.ts';
import { collect, throwIfAborted } from '../base/streams.ts';
import { http } from '../os/node-http.ts';
import { H2Connection, type RequestStream } from './h2-connection.ts';
import type { HeaderField } from './hpack.ts';

/** How long the server may take to answer the upgrade (backup-protocol.md 1). */
const upgradeTimeoutMs = 120_000;
const keepAliveMs = 120_000;
/** Longest answer that is kept whole: an envelope, or the text of an error. */
const maxAnswer = 16 * 1024 * 1024;
const userAgent = 'granary/1.0';

export interface H2ConnectOptions {
  /** A connected, trusted TLS socket, which belongs to the session from now on. */
  socket: Duplex;
  /** `host:port`, for the headers and in error messages. */
  authority: string;
  /** With query: `/api2/json/backup?store=...`. */
  path: string;
  /** `proxmox-backup-protocol-v1` or `proxmox-backup-reader-protocol-v1`. */
  protocol: string;
  /** Authentication. */
  headers: Readonly<Record<string, string>>;
  /** Ends the whole session. */
  signal?: AbortSignal;
}

export type QueryValue = string | number | boolean | undefined;

export interface RequestOptions {
  /** Undefined members are left out. */
  query?: Readonly<Record<string, QueryValue>>;
  /** Sent as a JSON body. */
  json?: unknown;
  /** Raw body, sent without a copy: it must not change before the request has settled. */
  body?: Uint8Array | readonly Uint8Array[];
  signal?: AbortSignal;
}

/**
 * Asks the server for a session on this connection. Rejects with the server's own text when it refuses
 * (`auth-failed`, `permission-denied`, `not-found`, else `bad-request`), and with `connection` when it is lost.
 */
export async function connectH2(options: H2ConnectOptions): Promise<H2Session> {
  const { socket, authority, signal } = options;
  throwIfAborted(signal);
  if ('setKeepAlive' in socket && typeof socket.setKeepAlive === 'function') socket.setKeepAlive(true, keepAliveMs);
  if ('setNoDelay' in socket && typeof socket.setNoDelay === 'function') socket.setNoDelay(true);
  const head = await upgrade(options);
  if (head.length > 0) socket.unshift(head);
  return new H2Session(new H2Connection(socket, authority), authority, signal);
}

function upgrade(options: H2ConnectOptions): Promise<Buffer> {
  const { socket, authority, path, protocol, headers, signal } = options;
  return new Promise((resolve, reject) => {
    const request = http.request({
      createConnection: () => socket,
      path,
      headers: { host: authority, 'user-agent': userAgent, ...headers, connection: 'upgrade', upgrade: protocol },
    });
    const timer = setTimeout(
      () => fail(new GranaryError('connection', `${authority} did not answer the request for a session in time`)),
      upgradeTimeoutMs,
    );
    const settled = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    const fail = (error: unknown): void => {
      settled();
      socket.destroy();
      reject(error);
    };
    const abort = (): void => fail(new GranaryError('aborted', 'aborted', { cause: signal?.reason }));
    signal?.addEventListener('abort', abort, { once: true });
    request.on('error', (error) =>
      fail(new GranaryError('connection', `connection to ${authority} failed: ${error.message}`, { cause: error })),
    );
    request.on('response', (response) => {
      collect(response, maxAnswer, 'answer')
        .then((text) => fail(refusal(response.statusCode ?? 0, text)))
        .catch(fail);
    });
    request.on('upgrade', (response, _socket, head) => {
      if (response.headers.upgrade?.toLowerCase() !== protocol) {
        fail(new GranaryError('protocol', `${authority} upgraded to '${response.headers.upgrade}', not ${protocol}`));
        return;
      }
      settled();
      resolve(head);
    });
    request.end();
  });
}

/** Requests of one session; many may be under way. Disposing closes the connection. */
export class H2Session implements AsyncDisposable {
  /** `host:port` of the server. */
  readonly authority: string;
  /** Resolves when the connection is gone, with the reason unless it was closed in order. */
  readonly closed: Promise<Error | undefined>;
  readonly #connection: H2Connection;

  constructor(connection: H2Connection, authority: string, signal?: AbortSignal) {
    this.#connection = connection;
    this.authority = authority;
    this.closed = connection.closed;
    const abort = (): void => connection.destroy(new GranaryError('aborted', 'aborted', { cause: signal?.reason }));
    signal?.addEventListener('abort', abort, { once: true });
    if (signal) void this.closed.then(() => signal.removeEventListener('abort', abort));
    if (signal?.aborted) abort();
  }

  /** The `data` of the answer. Rejects with the server's text when it refuses. */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<unknown> {
    const answer = new CollectedAnswer(`${method} ${path}`);
    const text = await this.#run(method, path, options, answer);
    let parsed: unknown;
    try {
      parsed = JSON.parse(text.toString('utf8'));
    } catch (error) {
      throw new GranaryError('protocol', `answer to ${method} ${path} is not JSON: ${messageOf(error)}`);
    }
    if (typeof parsed !== 'object' || parsed === null || !('data' in parsed)) {
      throw new GranaryError('protocol', `answer to ${method} ${path} has no data`);
    }
    return parsed.data;
  }

  /**
   * The raw answer as a stream, once the server has accepted the request. The server is held back while nobody
   * reads; leaving the loop early cancels.
   */
  async download(path: string, query: RequestOptions['query'] = {}): Promise<AsyncIterable<Uint8Array>> {
    const answer = new StreamedAnswer();
    answer.stream = this.#start('GET', path, { query }, answer);
    await answer.accepted;
    return answer;
  }

  /** Reads the raw answer into `target` and gives its length; an answer that is longer than that is `protocol`. */
  downloadInto(
    path: string,
    query: RequestOptions['query'],
    target: Uint8Array,
    options: { signal?: AbortSignal } = {},
  ): Promise<number> {
    const answer = new StoredAnswer(`GET ${path}`, target);
    return this.#run('GET', path, { query, signal: options.signal }, answer);
  }

  /** Ends the connection in order. What is under way fails with `aborted`. */
  async close(): Promise<void> {
    this.#connection.close();
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run<T>(method: string, path: string, options: RequestOptions, answer: SettledAnswer<T>): Promise<T> {
    const { signal } = options;
    throwIfAborted(signal);
    const stream = this.#start(method, path, options, answer);
    answer.stream = stream;
    const abort = (): void => {
      stream.cancel();
      answer.fail(new GranaryError('aborted', 'aborted', { cause: signal?.reason }));
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await answer.result;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  #start(method: string, path: string, options: RequestOptions, answer: Answer): RequestStream {
    const { body, contentType } = encodeBody(options);
    const fields: HeaderField[] = [
      [':method', method],
      [':scheme', 'https'],
      [':authority', this.authority],
      [':path', `/${path}${encodeQuery(options.query)}`],
      ['user-agent', userAgent],
      ['content-type', contentType],
    ];
    return this.#connection.request(fields, body, answer);
  }
}

function encodeBody(options: RequestOptions): { body: readonly Uint8Array[]; contentType: string } {
  if (options.json !== undefined) {
    return { body: [Buffer.from(JSON.stringify(options.json))], contentType: 'application/json' };
  }
  const { body } = options;
  if (body === undefined) return { body: [], contentType: 'application/x-www-form-urlencoded' };
  return { body: body instanceof Uint8Array ? [body] : body, contentType: 'application/octet-stream' };
}

function encodeQuery(query: RequestOptions['query'] = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.append(name, String(value));
  return search.size === 0 ? '' : `?${search}`;
}

const codesByStatus: Record<number, ErrorCode> = { 401: 'auth-failed', 403: 'permission-denied', 404: 'not-found' };

/** The server's refusal: its text is the message. */
function refusal(status: number, text: Uint8Array): GranaryError {
  const message = Buffer.from(text).toString('utf8').trim() || `the server answered with status ${status}`;
  return new GranaryError(codesByStatus[status] ?? 'bad-request', message, { status });
}

/** What all answers have in common: anything but a 2xx is an error whose text has to be read first. */
abstract class Answer {
  stream: RequestStream | undefined;
  #status = 0;
  readonly #text: Uint8Array[] = [];
  #textLength = 0;

  headers(status: number): void {
    this.#status = status;
    if (this.#refused) return;
    this.accept();
  }

  data(piece: Uint8Array): void {
    if (!this.#refused) {
      this.take(piece);
      return;
    }
    this.stream?.credit(piece.length);
    this.#textLength += piece.length;
    if (this.#textLength <= maxAnswer) this.#text.push(Uint8Array.from(piece));
  }

  end(): void {
    if (this.#refused) this.fail(refusal(this.#status, Buffer.concat(this.#text)));
    else this.complete();
  }

  get #refused(): boolean {
    return this.#status < 200 || this.#status > 299;
  }

  abstract fail(error: GranaryError): void;
  protected accept(): void {}
  protected abstract take(piece: Uint8Array): void;
  protected abstract complete(): void;
}

abstract class SettledAnswer<T> extends Answer {
  readonly result: Promise<T>;
  protected readonly resolve: (value: T) => void;
  readonly #reject: (error: GranaryError) => void;

  constructor() {
    super();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.result = promise;
    this.resolve = resolve;
    this.#reject = reject;
  }

  override fail(error: GranaryError): void {
    this.#reject(error);
  }
}

class CollectedAnswer extends SettledAnswer<Buffer> {
  readonly #what: string;
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  constructor(what: string) {
    super();
    this.#what = what;
  }

  protected override take(piece: Uint8Array): void {
    this.stream?.credit(piece.length);
    this.#length += piece.length;
    if (this.#length > maxAnswer) {
      this.stream?.cancel();
      this.fail(new GranaryError('protocol', `answer to ${this.#what} is longer than ${maxAnswer} bytes`));
    } else this.#parts.push(Uint8Array.from(piece));
  }

  protected override complete(): void {
    this.resolve(Buffer.concat(this.#parts));
  }
}

class StoredAnswer extends SettledAnswer<number> {
  readonly #what: string;
  readonly #target: Uint8Array;
  #length = 0;

  constructor(what: string, target: Uint8Array) {
    super();
    this.#what = what;
    this.#target = target;
  }

  protected override take(piece: Uint8Array): void {
    this.stream?.credit(piece.length);
    if (this.#length + piece.length > this.#target.length) {
      this.stream?.cancel();
      this.fail(new GranaryError('protocol', `answer to ${this.#what} is longer than ${this.#target.length} bytes`));
      return;
    }
    copyBytes(this.#target, piece, this.#length);
    this.#length += piece.length;
  }

  protected override complete(): void {
    this.resolve(this.#length);
  }
}

class StreamedAnswer extends Answer implements AsyncIterable<Uint8Array> {
  /** Settles with the server's decision. */
  readonly accepted: Promise<void>;
  readonly #accept: () => void;
  readonly #refuse: (error: GranaryError) => void;
  readonly #queue: Uint8Array[] = [];
  #failure: GranaryError | undefined;
  #done = false;
  #wake: (() => void) | undefined;

  constructor() {
    super();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.accepted = promise;
    this.#accept = resolve;
    this.#refuse = reject;
  }

  override fail(error: GranaryError): void {
    this.#failure = error;
    this.#refuse(error);
    this.#wake?.();
  }

  protected override accept(): void {
    this.#accept();
  }

  protected override take(piece: Uint8Array): void {
    this.#queue.push(Uint8Array.from(piece));
    this.#wake?.();
  }

  protected override complete(): void {
    this.#done = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const piece = this.#queue.shift();
        if (piece) {
          yield piece;
          this.stream?.credit(piece.length);
        } else if (this.#failure) throw this.#failure;
        else if (this.#done) return;
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = undefined;
        }
      }
    } finally {
      if (!this.#done) this.stream?.cancel();
    }
  }
}
