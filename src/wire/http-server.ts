// The life of a request: URL, route, authentication, authorization, parameters, handler, answer (rest-api.md 1 to 4).
// Sessions take the same way up to their parameters and are then handed over with their socket.

import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import type { TlsSettings } from '../certificates/tls-settings.ts';
import type { Source as CounterSource } from '../metrics/server-counters.ts';
import type { AuthId } from '../model/auth-id.ts';
import type { EndpointContract } from '../model/endpoint.ts';
import { AccessLog } from './access-log.ts';
import { refuseUpgrade, sendBytes, sendFormatted, sendWhole, TextAnswer } from './answer.ts';
import { auditedCall } from './audited-call.ts';
import { noTicketCookie } from './auth-cookie.ts';
import { checkDatastoreAccess, checkStaticAccess } from './authorize.ts';
import type { ByteAnswer, CallContext, ServerContext, UpgradeHandler } from './context.ts';
import { formatError, formatResult, isOutputFormat, type OutputFormat } from './formatter.ts';
import { type Listener, listen, listenLocal } from './listener.ts';
import { forwardedCallerHeader, localOrigin, type Origin, portOrigin } from './origin.ts';
import { PageServer, type Pages } from './pages.ts';
import { parseParameters } from './parameters.ts';
import { type PrivilegedDoor, tokenCheckPath } from './privileged-door.ts';
import { type Match, matchTemplate, maxUrlBytes, pathComponents, type Route, type Router } from './router.ts';
import { takeSocket } from './take-socket.ts';
import type { TrafficControl } from './traffic-control.ts';
import type { WebFiles } from './web-files.ts';

/** Longest body of a call whose parameters are in the body. */
const maxParameterBody = 512 * 1024;
/** Up to here a body that is refused is read anyway. */
const maxDrainedBody = 16 * 1024 * 1024;
/** How long a parameter body may take. */
const bodyMs = 60_000;

/** A path whose GET turns the connection into a session. */
export interface SessionEndpoint {
  readonly contract: EndpointContract;
  /** Makes every check from the privilege on. */
  readonly handle: UpgradeHandler;
}

/** A session's path as it was called. */
interface SessionMatch {
  endpoint: SessionEndpoint;
  variables: Record<string, string>;
}

export interface ApiServerOptions {
  server: ServerContext;
  router: Router;
  sessions: readonly SessionEndpoint[];
  pages?: Pages;
  /** The browser interface. */
  web?: WebFiles;
  /** Needed for `listen`. */
  tls?: TlsSettings;
  /** Where protected calls are handed to. Without it this process has all rights and makes them itself. */
  privileged?: PrivilegedDoor;
  /** Holds the connections at the port to their rates. */
  traffic?: TrafficControl;
  /** Least time from the start of a request to the answer, so that failures tell nothing by their timing. */
  delays?: { unauthorized: number; forbidden: number };
}

/** Strangers may send any word as a method. */
const countedMethods = new Set(['GET', 'POST', 'PUT', 'DELETE']);
/** The one secret that comes in a URL, as a browser's WebSocket can send nothing else. */
const secretInQuery = /([?&]vncticket=)[^&]*/g;
const defaultDelays = { unauthorized: 3000, forbidden: 500 };

interface Target {
  format: OutputFormat;
  route: Route;
  session?: SessionMatch;
  /** As sent, without the query. */
  path: string;
  query: string;
}

/** What the access log needs to know of one request. */
interface Trace {
  authId?: AuthId;
  origin: Origin;
}

/** An error before the request has a format: status, text and type of the answer. */
class PlainError extends Error {
  readonly status: number;
  readonly contentType: string | undefined;
  constructor(status: number, text: string, contentType?: string) {
    super(text);
    this.status = status;
    this.contentType = contentType;
  }
}

/** Serves the API of one process. `listen` and `listenLocal` may be called once each. */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #delays: { unauthorized: number; forbidden: number };
  readonly #accessLog: AccessLog;
  readonly #pages: PageServer;
  #listener: Listener | undefined;
  #local: Listener | undefined;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#delays = options.delays ?? defaultDelays;
    this.#pages = new PageServer(options.pages ?? new Map());
    const { directories, clock, log } = options.server;
    this.#accessLog = new AccessLog(path.join(directories.log, 'api', 'access.log'), clock, log);
  }

  /** Starts to accept connections and returns the port. */
  async listen(at: { port: number; host?: string } | { fd: number }): Promise<number> {
    const { tls, server, traffic } = this.#options;
    if (tls === undefined) throw new GranaryError('internal', 'a port needs a certificate');
    this.#listener = await listen(at, tls, {
      request: (request, response) => void this.#request(request, response, portOrigin(request, server.clock.now())),
      upgrade: (request, socket, head) => void this.#upgrade(request, socket, head),
      isUpgrade: (request) => this.#isUpgrade(request),
      ...(traffic === undefined ? {} : { connected: (tcp, secure) => traffic.connected(tcp, secure) }),
      log: server.log,
    });
    server.counters.addSource(() => this.#traffic());
    return this.#listener.port;
  }

  /**
   * Also serves a listening local socket: root and this process's user need no login there, and processes of the user
   * `serverUid` may hand on what came to them.
   */
  async listenLocal(fd: number, serverUid?: number): Promise<void> {
    const { server } = this.#options;
    this.#local = await listenLocal(fd, serverUid, {
      request: (request, response, peer) => {
        if (request.url === tokenCheckPath && request.method === 'POST') void this.#checkToken(request, response);
        else void this.#request(request, response, localOrigin(request.headers, peer, server.clock.now()));
      },
      log: server.log,
    });
  }

  setTls(settings: TlsSettings): void {
    this.#listener?.setTls(settings);
  }

  /** Stops accepting; open requests and sessions get `graceMs` before they are cut. */
  async close(graceMs: number): Promise<void> {
    await Promise.all([this.#listener?.close(graceMs), this.#local?.close(graceMs)]);
    await this.#accessLog.flush();
  }

  *#traffic(): ReturnType<CounterSource> {
    const { received, sent, open } = this.#listener?.traffic() ?? { received: 0, sent: 0, open: 0 };
    yield ['pbs_network_receive_bytes_total', {}, received];
    yield ['pbs_network_transmit_bytes_total', {}, sent];
    yield ['pbs_open_connections', {}, open];
  }

  #isUpgrade(request: IncomingMessage): boolean {
    try {
      return this.#target(request).session !== undefined;
    } catch {
      return false;
    }
  }

  /** Takes a URL apart. Throws `PlainError` when it has no known format. */
  #target(request: IncomingMessage): Target {
    const url = relativeUrl(request.url ?? '/');
    if (Buffer.byteLength(url) > maxUrlBytes) throw new PlainError(414, '');
    const mark = url.indexOf('?');
    const urlPath = mark < 0 ? url : url.slice(0, mark);
    const query = mark < 0 ? '' : url.slice(mark + 1);
    let components: string[];
    try {
      components = pathComponents(urlPath);
    } catch (error) {
      throw new PlainError(400, messageOf(error));
    }
    const [root, format, ...rest] = components;
    if (root !== 'api2') throw new PlainError(404, `Path '${urlPath}' not found.`);
    if (format === undefined) throw new PlainError(404, `invalid api path '${urlPath}'`);
    if (!isOutputFormat(format)) throw new PlainError(400, `Unsupported output format '${format}'.`);
    const method = request.method ?? '';
    const session = method === 'GET' ? this.#session(rest) : undefined;
    const route = this.#options.router.resolve(method, rest);
    return session === undefined
      ? { format, route, path: urlPath, query }
      : { format, route, session, path: urlPath, query };
  }

  #session(components: readonly string[]): SessionMatch | undefined {
    for (const endpoint of this.#options.sessions) {
      const variables = matchTemplate(endpoint.contract.path, components);
      if (variables !== undefined) return { endpoint, variables };
    }
    return undefined;
  }

  async #request(request: IncomingMessage, response: ServerResponse, origin: Origin): Promise<void> {
    if (request.headers.upgrade !== undefined && origin.via === 'port' && this.#isUpgrade(request)) {
      await this.#upgrade(request, await takeSocket(request, response), Buffer.alloc(0));
      return;
    }
    const trace: Trace = { origin };
    let bytes = 0;
    response.on('error', () => {});
    try {
      bytes =
        this.#pages.answer(request, response) ??
        this.#options.web?.answer(request, response) ??
        (await this.#answer(request, response, trace));
    } catch (error) {
      bytes = await this.#plainAnswer(response, error, trace);
    } finally {
      this.#record(request, trace, response.statusCode, bytes);
    }
  }

  /** Answers a request in its format; throws what has to be answered without one. */
  async #answer(request: IncomingMessage, response: ServerResponse, trace: Trace): Promise<number> {
    const target = this.#target(request);
    if (target.session !== undefined) {
      await this.#startSession(target.session, request, target, trace);
      return 0;
    }
    const { format, route } = target;
    const { privileged } = this.#options;
    if (privileged !== undefined && route.kind === 'endpoint' && route.match.endpoint.contract.protected === true) {
      return await this.#forward(privileged, request, response, format, trace);
    }
    await this.#authenticate(request, target.route, trace);
    if (trace.origin.via === 'forwarded' && trace.authId !== undefined) {
      response.setHeader(forwardedCallerHeader, trace.authId);
    }
    const attributes: Record<string, unknown> = {};
    try {
      if (route.kind === 'none') throw new GranaryError('not-found', `Path '${target.path}' not found.`);
      if (route.kind === 'directory') {
        const list = route.children.map((subdir) => ({ subdir }));
        return await sendFormatted(response, formatResult(format, list, {}));
      }
      const value = await this.#call(route.match, request, response, target, trace, attributes);
      if (route.match.endpoint.contract.answer === 'download') {
        await sendBytes(response, value as ByteAnswer);
        return 0;
      }
      if (value instanceof TextAnswer) {
        response.setHeader('content-type', value.contentType);
        return sendWhole(response, Buffer.from(value.text));
      }
      return await sendFormatted(response, formatResult(format, value, attributes));
    } catch (error) {
      const known = this.#known(error, target.path);
      if (response.headersSent) {
        // Part of the body is out: only a cut connection can tell that the rest is missing.
        this.#options.server.log('warn', 'answer-cut', { path: target.path, error: known.message });
        response.destroy();
        return 0;
      }
      await this.#delay(known, trace);
      leaveUnread(request, response, trace.origin);
      return await sendFormatted(response, formatError(format, known));
    }
  }

  /** Lets the privileged process make the call, from authentication on. */
  async #forward(
    door: PrivilegedDoor,
    request: IncomingMessage,
    response: ServerResponse,
    format: OutputFormat,
    trace: Trace,
  ): Promise<number> {
    try {
      const { authId, bytes } = await door.forward(request, response, trace.origin);
      if (authId !== undefined) this.#identified(request, trace, authId);
      return bytes;
    } catch (error) {
      if (response.headersSent || response.destroyed) {
        response.destroy();
        return 0;
      }
      this.#options.server.log('error', 'privileged-process-failed', { url: request.url, error: messageOf(error) });
      leaveUnread(request, response, trace.origin);
      const text = 'the privileged part of the server (proxmox-backup) does not answer';
      return await sendFormatted(response, formatError(format, new GranaryError('connection', text, { status: 503 })));
    }
  }

  /** Answers an unprivileged process whether a token's secret is right, or whose it is. */
  async #checkToken(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { tokenid, secret } = JSON.parse(Buffer.from(await readBody(request)).toString()) as Record<
        string,
        unknown
      >;
      const { access } = this.#options.server;
      const answer =
        tokenid === undefined
          ? ((await access.findToken(String(secret))) ?? null)
          : await access.checkTokenSecret(String(tokenid), String(secret));
      sendWhole(response, Buffer.from(JSON.stringify(answer)));
    } catch (error) {
      this.#options.server.log('error', 'token-check-failed', { error: messageOf(error) });
      response.statusCode = 500;
      sendWhole(response, Buffer.from('failed'));
    }
  }

  async #call(
    match: Match,
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
    trace: Trace,
    attributes: Record<string, unknown>,
  ): Promise<unknown> {
    const { server } = this.#options;
    const { contract, handle } = match.endpoint;
    checkStaticAccess(server, contract.access, trace.authId, match.variables);
    const upload = contract.body === 'upload';
    const parameters = parseParameters(contract.parameters, {
      query: target.query,
      path: match.variables,
      ...(upload ? {} : { body: await readBody(request), contentType: request.headers['content-type'] }),
    });
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new GranaryError('aborted', 'the client has gone'));
    });
    const call: CallContext = {
      server,
      ...(trace.authId === undefined ? {} : { authId: trace.authId }),
      peer: trace.origin.peer,
      peerPort: trace.origin.peerPort,
      startedAt: trace.origin.startedMs,
      signal: gone.signal,
      body: request,
      requestHeaders: request.headers,
      ...(contract.access.kind === 'datastore'
        ? { reach: checkDatastoreAccess(server, contract.access, trace.authId!, parameters) }
        : {}),
      setAttribute: (name, value) => {
        attributes[name] = value;
      },
      setHeader: (name, value) => void response.setHeader(name, value),
    };
    return await auditedCall(contract, parameters, call, () => handle(parameters, call));
  }

  /** Checks the credentials unless the world may call. Throws `PlainError` 401. */
  async #authenticate(request: IncomingMessage, route: Route, trace: Trace): Promise<void> {
    if (route.kind === 'endpoint' && route.match.endpoint.contract.access.kind === 'world') return;
    const { headers } = request;
    const { peer, peerPort, startedMs, caller } = trace.origin;
    if (caller !== undefined) {
      trace.authId = caller;
      return;
    }
    try {
      const authId = await this.#options.server.access.authenticate({
        method: request.method ?? 'GET',
        cookie: headers.cookie,
        authorization: headers.authorization,
        csrf: single(headers['csrfpreventiontoken']),
        bearer: route.kind === 'endpoint' && route.match.endpoint.contract.bearer === true,
        peer: `[${peer}]:${peerPort}`,
        startedAt: startedMs,
      });
      this.#identified(request, trace, authId);
    } catch (error) {
      if (!(error instanceof GranaryError) || error.status !== 401) throw error;
      throw new PlainError(401, error.message);
    }
  }

  #identified(request: IncomingMessage, trace: Trace, authId: AuthId): void {
    trace.authId = authId;
    this.#options.traffic?.identified(request.socket, authId);
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const trace: Trace = { origin: portOrigin(request, this.#options.server.clock.now()) };
    const ignore = (): void => {};
    socket.on('error', ignore);
    let status = 101;
    try {
      const target = this.#target(request);
      await this.#startSession(target.session!, request, target, trace, socket, head);
    } catch (error) {
      const plain = await this.#refusal(error, request.url ?? '/', trace);
      status = plain.status;
      refuseUpgrade(socket, plain.status, plain.contentType, plain.message);
    } finally {
      this.#record(request, trace, status, 0);
    }
  }

  /** The part of a session's start that is the same for all: authentication and parameters. */
  async #startSession(
    { endpoint, variables }: SessionMatch,
    request: IncomingMessage,
    target: Target,
    trace: Trace,
    socket?: Duplex,
    head?: Buffer,
  ): Promise<void> {
    const { server } = this.#options;
    await this.#authenticate(request, { kind: 'none' }, trace);
    const authId = trace.authId!;
    const params = parseParameters(endpoint.contract.parameters, { query: target.query, path: variables });
    await endpoint.handle(server, {
      authId,
      message: request,
      params,
      peer: trace.origin.peer,
      peerPort: trace.origin.peerPort,
      startedMs: trace.origin.startedMs,
      upgrade: request.headers.upgrade,
      httpVersion: request.httpVersion,
      ...(socket === undefined ? {} : { socket }),
      ...(head === undefined ? {} : { head }),
    });
  }

  /** Answers an error that has no format. */
  async #plainAnswer(response: ServerResponse, error: unknown, trace: Trace): Promise<number> {
    const plain = await this.#refusal(error, response.req.url ?? '/', trace);
    if (response.headersSent) {
      response.destroy();
      return 0;
    }
    leaveUnread(response.req, response, trace.origin);
    response.statusCode = plain.status;
    if (plain.contentType !== undefined) response.setHeader('content-type', plain.contentType);
    if (plain.status === 401) response.setHeader('set-cookie', noTicketCookie);
    return sendWhole(response, Buffer.from(plain.message));
  }

  /** Turns anything thrown into a plain answer, after its delay. */
  async #refusal(error: unknown, url: string, trace: Trace): Promise<PlainError> {
    const plain =
      error instanceof PlainError
        ? error
        : ((known) => new PlainError(known.status, known.message, 'application/json;charset=UTF-8'))(
            this.#known(error, url),
          );
    await this.#delay(plain, trace);
    return plain;
  }

  /** What the caller may see of an error. Defects are logged with their stack and told without detail. */
  #known(error: unknown, url: string): GranaryError {
    if (error instanceof GranaryError && (error.status < 500 || error.code !== 'internal')) return error;
    if (isErrno(error, 'ENOENT')) {
      return new GranaryError('io', 'No such file or directory (os error 2)', { cause: error });
    }
    if (isErrno(error, 'ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR')) {
      return new GranaryError('connection', 'the connection was closed', { cause: error });
    }
    if (error instanceof Error && typeof (error as NodeJS.ErrnoException).errno === 'number') {
      return new GranaryError('io', messageOf(error), { cause: error });
    }
    this.#options.server.log('error', 'request-failed', {
      url,
      error: messageOf(error),
      stack: error instanceof Error ? error.stack : undefined,
    });
    return new GranaryError('internal', 'internal server error', { cause: error });
  }

  async #delay(error: { status: number; code?: string; message: string }, trace: Trace): Promise<void> {
    const total =
      error.status === 401
        ? this.#delays.unauthorized
        : error.status === 403 && error.message === 'permission check failed'
          ? this.#delays.forbidden
          : 0;
    const rest = trace.origin.startedMs + total - this.#options.server.clock.now();
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(rest, total)));
  }

  #record(request: IncomingMessage, trace: Trace, status: number, bytes: number): void {
    // Whoever handed it on writes the line.
    if (trace.origin.via === 'forwarded') return;
    const { clock, counters } = this.#options.server;
    const seconds = Math.max(0, clock.now() - trace.origin.startedMs) / 1000;
    const method = countedMethods.has(request.method ?? '') ? request.method! : 'other';
    counters.observe('pbs_http_request_duration_seconds', { method, code: `${Math.floor(status / 100)}xx` }, seconds);
    this.#accessLog.write({
      peer: trace.origin.peer,
      ...(trace.authId === undefined ? {} : { authId: trace.authId }),
      method: request.method ?? '-',
      url: (request.url ?? '-').replace(secretInQuery, '$1***'),
      status,
      bytes,
      ...(request.headers['user-agent'] === undefined ? {} : { userAgent: request.headers['user-agent'] }),
    });
  }
}

/** The path and query of a request target, which may be an absolute URL. */
function relativeUrl(url: string): string {
  const absolute = /^https?:\/\/[^/?#]*/i.exec(url);
  return absolute === null ? url : url.slice(absolute[0].length) || '/';
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** Reads a parameter body. One that is somewhat too long is read to its end, so that the answer can arrive. */
async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let length = 0;
  const timer = setTimeout(
    () => request.destroy(new GranaryError('connection', 'the request body came too slowly')),
    bodyMs,
  );
  try {
    for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += part.byteLength;
      if (length <= maxParameterBody) parts.push(part);
      if (length > maxDrainedBody) break;
    }
  } finally {
    clearTimeout(timer);
  }
  if (length > maxParameterBody) throw new GranaryError('bad-request', 'Request body too large');
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/**
 * What becomes of a body that nobody reads: its connection cannot carry the next request. One that is handed on is read
 * to its end instead, or until the other process gives up: closed with bytes in it, it could lose the answer.
 */
function leaveUnread(request: IncomingMessage, response: ServerResponse, origin: Origin): void {
  if (request.complete) return;
  if (origin.via === 'forwarded') request.resume();
  else response.setHeader('connection', 'close');
}
