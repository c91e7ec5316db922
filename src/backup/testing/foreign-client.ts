// Calls over node:http2, an implementation of HTTP/2 that is not ours, with everything that an answer has.

import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';

export interface ForeignCall {
  query?: Record<string, string | number>;
  body?: Uint8Array;
  /** Undefined members are left out. */
  headers?: Record<string, string | undefined>;
  /** Leaves the body open after `body`. */
  open?: boolean;
}

export interface ForeignAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  text: string;
}

/** Starts a request; nobody waits for its answer. */
export function begin(
  session: ClientHttp2Session,
  method: string,
  path: string,
  call: ForeignCall = {},
): ClientHttp2Stream {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) query.append(name, String(value));
  const headers: Record<string, string> = { ':method': method, ':path': `${path}${query.size > 0 ? `?${query}` : ''}` };
  for (const [name, value] of Object.entries(call.headers ?? {})) if (value !== undefined) headers[name] = value;
  const stream = session.request(headers, { endStream: call.body === undefined && !call.open });
  stream.on('error', () => {});
  if (call.body !== undefined && call.open) stream.write(call.body);
  else if (call.body !== undefined) stream.end(call.body);
  return stream;
}

/** The answer to a request that was begun; rejects when the stream ends without one. */
export function answerTo(stream: ClientHttp2Stream): Promise<ForeignAnswer> {
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {};
    const parts: Buffer[] = [];
    stream.on('response', (received) => {
      headers = received;
    });
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('error', reject);
    stream.on('close', () => {
      const body = Buffer.concat(parts);
      const status = Number(headers[':status'] ?? 0);
      if (status === 0) reject(new Error(`no answer, code ${stream.rstCode}`));
      else resolve({ status, headers, body, text: body.toString() });
    });
  });
}

export function call(
  session: ClientHttp2Session,
  method: string,
  path: string,
  options: ForeignCall = {},
): Promise<ForeignAnswer> {
  return answerTo(begin(session, method, path, options));
}
