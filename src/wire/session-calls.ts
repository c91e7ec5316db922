// Calls inside an upgraded HTTP/2 session: path, parameters, envelope, errors, raw bodies (backup-protocol.md 4).
// What the calls mean is in backup/session.ts and reader/session.ts.

import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { pipeline } from 'node:stream/promises';
import type { TObject } from 'typebox';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { collect } from '../base/streams.ts';
import { parseParameters } from './parameters.ts';

/** Longest body of a call whose parameters are in the body. */
const maxParameterBody = 512 * 1024;
/**
 * Most bytes of an answer in one write. Whatever all streams have to write is encrypted at once, into new memory:
 * as much of it as the peer's windows allow would be tens of megabytes.
 */
const writeUnit = 128 * 1024;

export interface SessionCall {
  params: Record<string, unknown>;
  stream: ServerHttp2Stream;
}

/** An answer that is bytes, not JSON. */
export class RawAnswer {
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  constructor(body: Uint8Array | AsyncIterable<Uint8Array>) {
    this.body = body;
  }
}

export interface SessionService<Call extends string = string> {
  calls: Record<Call, TObject>;
  handlers: Record<Call, (call: SessionCall) => unknown>;
  /** Calls whose body is raw; their parameters come from the query only. */
  rawBody: ReadonlySet<string>;
  /** Told one line per failed call, and with `debug` one per call. */
  log(line: string): void;
  debug: boolean;
}

/** Answers every stream of the session until it ends. */
export function serveSession<Call extends string>(session: ServerHttp2Session, service: SessionService<Call>): void {
  session.on('stream', (stream, headers) => {
    // A reset stream ends its own call only.
    stream.on('error', () => {});
    void answer(stream, headers, service as unknown as SessionService);
  });
}

async function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, service: SessionService): Promise<void> {
  const method = String(headers[':method']);
  const target = String(headers[':path']);
  try {
    const result = await dispatch(stream, headers, method, target, service);
    if (stream.destroyed || stream.closed) return;
    if (result instanceof RawAnswer) await sendRaw(stream, result);
    else sendJson(stream, result);
  } catch (error) {
    sendError(stream, error, `${method} ${target.split('?')[0]}`, service);
  }
}

async function dispatch(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  method: string,
  target: string,
  service: SessionService,
): Promise<unknown> {
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? '' : target.slice(question + 1);
  const components = path.split('/').filter((part) => part !== '');
  if (components.some((part) => part.startsWith('.'))) {
    throw new GranaryError('bad-request', 'path contains illegal components');
  }
  if (service.debug) service.log(`${method} ${path}`);
  if (components.length === 0 && method === 'GET') return directory(service);
  const key = `${method} ${components.join('/')}`;
  const schema = service.calls[key];
  const handler = service.handlers[key];
  if (!schema || !handler) throw new GranaryError('not-found', `Path '${path}' not found.`);
  const raw = service.rawBody.has(key);
  const body = raw || method === 'GET' ? undefined : await collectBody(stream);
  const contentType = raw || method === 'GET' ? undefined : headers['content-type'];
  const params = parseParameters(schema, { query, body, contentType });
  return handler({ params, stream });
}

async function collectBody(stream: ServerHttp2Stream): Promise<Uint8Array | undefined> {
  if (stream.readableEnded) return undefined;
  try {
    // A body that is too long must not destroy the stream: the refusal goes out on it.
    const body: AsyncIterable<Buffer> = stream.iterator({ destroyOnReturn: false });
    return await collect(body, maxParameterBody, 'Request body');
  } catch (error) {
    if (error instanceof GranaryError) throw new GranaryError('bad-request', 'Request body too large');
    throw error;
  }
}

function directory(service: SessionService): { subdir: string }[] {
  const names = new Set(Object.keys(service.calls).map((key) => key.slice(key.indexOf(' ') + 1)));
  return [...names].sort().map((subdir) => ({ subdir }));
}

function sendJson(stream: ServerHttp2Stream, data: unknown): void {
  const body = JSON.stringify({ data: data ?? null });
  stream.respond({
    ':status': 200,
    'content-type': 'application/json;charset=UTF-8',
    'content-length': Buffer.byteLength(body),
  });
  stream.end(body);
  stream.resume();
}

async function sendRaw(stream: ServerHttp2Stream, answer: RawAnswer): Promise<void> {
  const { body } = answer;
  if (body instanceof Uint8Array) {
    stream.respond({
      ':status': 200,
      'content-type': 'application/octet-stream',
      'content-length': body.byteLength,
    });
    // What fails here is the connection, which its session tells.
    await pipeline(piecesOf(body), stream).catch(() => {});
    return;
  }
  stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' });
  await pipeline(body, stream);
}

function* piecesOf(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.byteLength; at += writeUnit) yield body.subarray(at, at + writeUnit);
}

function sendError(stream: ServerHttp2Stream, error: unknown, call: string, service: SessionService): void {
  const status = error instanceof GranaryError ? error.status : 400;
  const text = messageOf(error);
  const peerLeft = stream.destroyed && error instanceof GranaryError && error.code === 'connection';
  if (!peerLeft) service.log(`${call}: ${status} ${reasons[status] ?? 'Error'}: ${text}`);
  if (stream.destroyed || stream.closed) return;
  if (stream.headersSent) {
    stream.close(2);
    return;
  }
  stream.respond({ ':status': status, 'content-type': 'application/json;charset=UTF-8' });
  stream.end(text);
  // What the peer still sends of the body is thrown away, so that the connection's window stays free.
  stream.resume();
}

const reasons: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  500: 'Internal Server Error',
};

/** How a session came to its end. */
export interface SessionEnd {
  /** Absent when the peer closed in order. */
  error?: string;
}

const resetByPeer = 'connection error: Connection reset by peer (os error 104)';

/** Resolves once the connection is gone, with the reason as the protocol words it. */
export function sessionEnd(session: ServerHttp2Session): Promise<SessionEnd> {
  return new Promise((resolve) => {
    let failure: string | undefined;
    let greeted = false;
    session.on('remoteSettings', () => {
      greeted = true;
    });
    session.on('error', (error) => {
      failure ??= describeLoss(error);
    });
    session.on('goaway', (code) => {
      if (code !== 0) failure ??= `connection error: GOAWAY with code ${code}`;
    });
    session.on('close', () => {
      // Whoever closes before any HTTP/2 byte has not ended a session in order.
      if (!greeted) failure ??= resetByPeer;
      resolve(failure === undefined ? {} : { error: failure });
    });
  });
}

function describeLoss(error: Error): string {
  if (isErrno(error, 'ECONNRESET')) return resetByPeer;
  if (isErrno(error, 'EPIPE')) return 'connection error: Broken pipe (os error 32)';
  return `connection error: ${error.message}`;
}
