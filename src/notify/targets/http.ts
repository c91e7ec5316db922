// One HTTP request to a server that takes notifications: through the node's proxy, over TLS that is verified, bounded in
// time and size. Redirections are not followed: they would carry secrets elsewhere.

import type { Agent } from 'node:http';
import https from 'node:https';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { http } from '../../os/node-http.ts';
import type { Surroundings } from './target.ts';
import { trustedCertificates } from './trusted.ts';

/** For the whole exchange. */
const timeoutMs = 10_000;
/** Of an answer, which is read only to say why something was refused. */
const maxAnswer = 64 * 1024;
const maxQuoted = 200;

export interface HttpRequest {
  method: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
}

/**
 * Resolves when the server has answered with a status from 200 to 299. Throws `connection` that names the origin of the
 * URL only, as the rest may hold secrets, with what the server said.
 */
export async function sendHttp(request: HttpRequest, around: Surroundings, signal?: AbortSignal): Promise<void> {
  const url = parseUrl(request.url);
  const limit = AbortSignal.timeout(around.timeoutMs ?? timeoutMs);
  try {
    const { status, text } = await exchange(url, request, around, signal ? AbortSignal.any([signal, limit]) : limit);
    if (status >= 200 && status <= 299) return;
    const said = text.replace(/\s+/g, ' ').trim().slice(0, maxQuoted);
    throw new Error(`the server answered with status ${status}${said === '' ? '' : `: ${said}`}`);
  } catch (error) {
    if (signal?.aborted) throw new GranaryError('aborted', `${url.origin}: cancelled`, { cause: error });
    const reason = limit.aborted ? 'no answer in time' : reasonOf(error);
    throw new GranaryError('connection', `${url.origin}: ${reason}`, { cause: error });
  }
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new GranaryError('bad-request', 'the URL is none of HTTP');
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join(', ');
  return messageOf(error);
}

function exchange(
  url: URL,
  { method, headers, body }: HttpRequest,
  around: Surroundings,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const options = {
    method,
    signal,
    headers: { ...headers, ...(bytes && { 'content-length': String(bytes.byteLength) }) },
    agent: agentFor(url, around),
  };
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? https.request(url, options) : http.request(url, options);
    request.once('error', reject);
    request.once('response', (answer) => {
      const parts: Buffer[] = [];
      let length = 0;
      const done = (): void => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') });
      answer.on('data', (part: Buffer) => {
        length += part.byteLength;
        if (length <= maxAnswer) parts.push(part);
        else {
          // Enough to judge by.
          done();
          request.destroy();
        }
      });
      answer.once('error', reject);
      answer.once('end', done);
    });
    request.end(bytes);
  });
}

function agentFor(url: URL, around: Surroundings): Agent {
  const { httpProxy: given } = around;
  const proxy = given === undefined || /^https?:\/\//.test(given) ? given : `http://${given}`;
  if (url.protocol === 'http:') return new http.Agent(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy } });
  return new https.Agent({
    ca: trustedCertificates(around),
    ...(proxy === undefined ? {} : { proxyEnv: { HTTPS_PROXY: proxy } }),
  });
}
