// Writes answers to sockets: formatted text, bytes, and plain answers to refused upgrades.

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { http } from '../os/node-http.ts';
import type { ByteAnswer } from './context.ts';
import type { FormattedAnswer } from './formatter.ts';

/** Text up to this length is sent with its length, in one piece. */
const wholeLength = 256 * 1024;

/** Sends a formatted answer and returns the bytes of its body, 0 if it was streamed. Pieces are made as the socket takes them. */
export async function sendFormatted(response: ServerResponse, answer: FormattedAnswer): Promise<number> {
  response.statusCode = answer.status;
  response.setHeader('content-type', answer.contentType);
  const pieces = answer.pieces[Symbol.iterator]();
  let text = '';
  let next = pieces.next();
  while (!next.done && text.length < wholeLength) {
    text += next.value;
    next = pieces.next();
  }
  if (next.done) return sendWhole(response, Buffer.from(text));
  await sendStream(response, laterPieces(text, next.value, pieces));
  return 0;
}

function* laterPieces(first: string, second: string, rest: Iterator<string>): Generator<Uint8Array> {
  yield Buffer.from(first);
  yield Buffer.from(second);
  for (let next = rest.next(); !next.done; next = rest.next()) yield Buffer.from(next.value);
}

/** The other form of an answer, for whoever asks for it: see `alternative` of a contract. */
export class TextAnswer {
  readonly contentType: string;
  readonly text: string;
  constructor(contentType: string, text: string) {
    this.contentType = contentType;
    this.text = text;
  }
}

/** Sends a body of known bytes and returns their number. */
export function sendWhole(response: ServerResponse, body: Uint8Array): number {
  response.setHeader('content-length', body.byteLength);
  response.end(body);
  return body.byteLength;
}

/**
 * Sends what an endpoint streams. The first bytes are awaited before the head is written, so that an error up to
 * there is still an ordinary answer; a later one must cut the connection, or the body would look complete.
 */
export async function sendBytes(response: ServerResponse, answer: ByteAnswer): Promise<void> {
  const source = iterate(answer.body);
  const first = await source.next();
  response.statusCode = 200;
  response.setHeader('content-type', answer.contentType);
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (answer.length !== undefined) response.setHeader('content-length', answer.length);
  if (first.done) {
    response.end();
    return;
  }
  await sendStream(response, prepend(first.value, source));
}

async function* iterate(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* source;
}

async function* prepend(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

/** Writes a stream at the pace of the other side; returns early when that has gone. */
async function sendStream(
  response: ServerResponse,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  response.once('close', onClose);
  try {
    for await (const bytes of source) {
      if (gone.signal.aborted) return;
      if (response.write(bytes)) continue;
      try {
        await once(response, 'drain', { signal: gone.signal });
      } catch {
        return;
      }
    }
    response.end();
  } finally {
    response.removeListener('close', onClose);
  }
}

/** Refuses an upgrade request over plain HTTP/1.1 and ends the connection. */
export function refuseUpgrade(socket: Duplex, status: number, contentType: string | undefined, text: string): void {
  if (socket.destroyed) return;
  const head = [
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? 'Error'}`,
    ...(contentType === undefined ? [] : [`content-type: ${contentType}`]),
    `content-length: ${Buffer.byteLength(text)}`,
    `date: ${new Date().toUTCString()}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}
