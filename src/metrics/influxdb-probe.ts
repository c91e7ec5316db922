// Whether a metric server can be reached, asked before its settings are kept (rest-api.md 7.5).

import dgram from 'node:dgram';
import { lookup } from 'node:dns/promises';
import https from 'node:https';
import { GranaryError, messageOf } from '../base/errors.ts';
import { http } from '../os/node-http.ts';

const patienceMs = 5000;

/** Asks the server for its health. Throws `connection` when it cannot be reached or says that it is not well. */
export async function probeInfluxDbHttp(server: {
  url: string;
  token?: string | undefined;
  'verify-tls'?: boolean | undefined;
}): Promise<void> {
  const url = new URL(`${server.url.replace(/\/+$/, '')}/health`);
  const headers = server.token === undefined ? {} : { authorization: `Token ${server.token}` };
  const status = await new Promise<number>((resolve, reject) => {
    const signal = AbortSignal.timeout(patienceMs);
    const get = url.protocol === 'https:' ? https.get : http.get;
    const request = get(url, { headers, signal, rejectUnauthorized: server['verify-tls'] !== false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', (error) => reject(unreachable(server.url, signal.aborted ? 'it does not answer' : error)));
  });
  if (status < 200 || status > 299) throw unreachable(server.url, `${url.pathname} answers with status ${status}`);
}

/** Looks the host up and opens a socket to it; whether anybody listens cannot be known. Throws `connection`. */
export async function probeInfluxDbUdp(host: string): Promise<void> {
  const { name, port } = splitHostPort(host);
  try {
    const { address, family } = await lookup(name);
    const socket = dgram.createSocket(family === 6 ? 'udp6' : 'udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(port, address, resolve);
    }).finally(() => socket.close());
  } catch (error) {
    throw unreachable(host, error);
  }
}

/** The parts of `host:port`; an IPv6 address stands in brackets. */
export function splitHostPort(text: string): { name: string; port: number } {
  const at = text.lastIndexOf(':');
  return { name: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
}

function unreachable(server: string, reason: unknown): GranaryError {
  const text = reason instanceof AggregateError ? messageOf(reason.errors[0]) : messageOf(reason);
  return new GranaryError('connection', `unable to connect to metric server '${server}': ${text}`, { cause: reason });
}
