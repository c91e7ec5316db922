// Calls inside an upgraded HTTP/2 session: path, parameters, envelope, errors, raw bodies (backup-protocol.md 4).
// What the calls mean is in backup/session.ts and reader/session.ts.

import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { Gate } from '../base/gate.ts';
import type { TObject } from '../model/type.ts';
import type { H2End, ServerStream } from './h2-server.ts';
import type { HeaderField } from './hpack.ts';
import { parseParameters } from './parameters.ts';

/** Longest body of a call whose parameters are in the body, and how many are collected at once. */
const maxParameterBody = 512 * 1024;
const parallelBodies = 4;

export interface SessionCall {
  params: Record<string, unknown>;
  stream: ServerStream;
}

/** An answer that is bytes, not JSON. */
export class RawAnswer {
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  /** Of all pieces together, if it is known. */
  readonly length: number | undefined;
  /** Told once nothing of the answer is sent any more: whether all of it was. */
  readonly done: (sent: boolean) => void;

  /** A piece is not touched any more once the next one is asked for. */
  constructor(
    body: Uint8Array | AsyncIterable<Uint8Array>,
    o: { length?: number; done?: (sent: boolean) => void } = {},
  ) {
    this.body = body;
    this.length = body instanceof Uint8Array ? body.byteLength : o.length;
    this.done = o.done ?? (() => {});
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
  /** Told how long each known call took, in seconds. */
  observe?(call: string, seconds: number): void;
}

/** What answers the requests of one session. */
export function answerCalls<Call extends string>(
  service: SessionService<Call>,
): (stream: ServerStream) => Promise<void> {
  const bodies = new Gate(parallelBodies);
  return (stream) => answer(stream, service, bodies);
}

async function answer(stream: ServerStream, service: SessionService, bodies: Gate): Promise<void> {
  const { method, target } = stream.head;
  const began = service.observe === undefined ? 0 : performance.now();
  try {
    const result = await dispatch(stream, service, bodies);
    if (result instanceof RawAnswer) await sendRaw(stream, result);
    else await sendJson(stream, result);
  } catch (error) {
    await sendError(stream, error, `${method} ${target.split('?')[0]}`, service);
  }
  if (service.observe === undefined) return;
  const call = `${method} ${target.split('?')[0]?.replace(/^\/+/, '')}`;
  if (call in service.calls) service.observe(call, (performance.now() - began) / 1000);
}

async function dispatch(stream: ServerStream, service: SessionService, bodies: Gate): Promise<unknown> {
  const { method, target } = stream.head;
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
  const body = raw || method === 'GET' || stream.ended ? undefined : await bodies.run(() => collectBody(stream));
  const contentType = raw || method === 'GET' ? undefined : stream.head.contentType;
  const params = parseParameters(schema, { query, body, contentType });
  return handler({ params, stream });
}

async function collectBody(stream: ServerStream): Promise<Uint8Array> {
  const body = await stream.collect(maxParameterBody);
  if (!body) throw new GranaryError('bad-request', 'Request body too large');
  return body;
}

function directory(service: SessionService): { subdir: string }[] {
  const names = new Set(Object.keys(service.calls).map((key) => key.slice(key.indexOf(' ') + 1)));
  return [...names].sort().map((subdir) => ({ subdir }));
}

const jsonType = 'application/json;charset=UTF-8';

function fieldsOf(status: number, contentType: string, length?: number): HeaderField[] {
  const fields: HeaderField[] = [
    [':status', String(status)],
    ['content-type', contentType],
    ['date', new Date().toUTCString()],
  ];
  if (length !== undefined) fields.push(['content-length', String(length)]);
  return fields;
}

async function sendJson(stream: ServerStream, data: unknown): Promise<void> {
  const body = Buffer.from(JSON.stringify({ data: data ?? null }));
  await stream.answer(fieldsOf(200, jsonType, body.byteLength), body);
}

async function sendRaw(stream: ServerStream, { body, length, done }: RawAnswer): Promise<void> {
  const type = 'application/octet-stream';
  let sent = false;
  try {
    if (body instanceof Uint8Array) {
      sent = await stream.answer(fieldsOf(200, type, length), body);
      return;
    }
    stream.begin(fieldsOf(200, type, length));
    for await (const piece of body) if (!(await stream.write(piece))) return;
    stream.end();
    sent = true;
  } finally {
    done(sent);
  }
}

async function sendError(stream: ServerStream, error: unknown, call: string, service: SessionService): Promise<void> {
  const status = error instanceof GranaryError ? error.status : 400;
  const text = messageOf(error);
  const peerLeft = stream.gone && error instanceof GranaryError && error.code === 'connection';
  if (!peerLeft) service.log(`${call}: ${status} ${reasons[status] ?? 'Error'}: ${text}`);
  // Part of a body is out: the stream's end tells that the rest is missing.
  if (stream.answered) stream.abort();
  else await stream.answer(fieldsOf(status, jsonType), Buffer.from(text));
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

/** The reason why a connection is gone, as the protocol words it. */
export async function sessionEnd(closed: Promise<H2End>): Promise<SessionEnd> {
  const { error, goAwayCode, greeted } = await closed;
  if (error) return { error: describeLoss(error) };
  if (goAwayCode !== undefined) return { error: `connection error: GOAWAY with code ${goAwayCode}` };
  // Whoever closes before any HTTP/2 byte has not ended a session in order.
  return greeted ? {} : { error: resetByPeer };
}

function describeLoss(error: Error): string {
  if (isErrno(error, 'ECONNRESET')) return resetByPeer;
  if (isErrno(error, 'EPIPE')) return 'connection error: Broken pipe (os error 32)';
  return `connection error: ${error.message}`;
}
