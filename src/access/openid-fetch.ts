// HTTP requests to an OpenID provider: over TLS that the system trusts, in the clear to this machine only, bounded in
// time and size (access-control.md 10).

import https from 'node:https';
import tls from 'node:tls';
import { GranaryError } from '../base/errors.ts';
import { http } from '../os/node-http.ts';
import { systemCertificates } from '../os/system-certificates.ts';

/** The part of fetch's options that the library uses. */
export interface FetchOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal;
}

const largestAnswer = 1024 * 1024;

/** Whether the host of a URL is this machine. */
export function isLoopback(url: URL): boolean {
  return url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(url.hostname);
}

/** Throws `bad-request` for anything but https, and http to this machine. */
export function checkProviderUrl(url: URL): void {
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))) return;
  throw new GranaryError(
    'bad-request',
    `'${url.origin}' is no https URL: only a provider on this machine may do without`,
  );
}

/** `fetch` as the library calls it; redirections are answers like others. */
export async function fetchFromProvider(address: string, o: FetchOptions): Promise<Response> {
  const url = new URL(address);
  checkProviderUrl(url);
  const body = o.body === undefined || o.body === null ? undefined : Buffer.from(String(o.body));
  const headers = { ...o.headers, ...(body && { 'content-length': String(body.byteLength) }) };
  const options = { method: o.method ?? 'GET', headers, signal: o.signal };
  return await new Promise((resolve, reject) => {
    const request =
      url.protocol === 'https:' ? https.request(url, { ...options, ca: trusted() }) : http.request(url, options);
    request.once('error', reject);
    request.once('response', (answer) => {
      const parts: Buffer[] = [];
      let length = 0;
      answer.on('data', (part: Buffer) => {
        length += part.byteLength;
        parts.push(part);
        if (length > largestAnswer) request.destroy(new Error('the answer is too large'));
      });
      answer.once('error', reject);
      answer.once('end', () => {
        const type = answer.headers['content-type'];
        const status = answer.statusCode ?? 0;
        const empty = status === 204 || status === 304;
        resolve(
          new Response(empty ? null : Buffer.concat(parts), { status, headers: type ? { 'content-type': type } : {} }),
        );
      });
    });
    request.end(body);
  });
}

/** What the system trusts; what Node brings along where the system has no list. */
function trusted(): string[] {
  const own = systemCertificates();
  return own.length > 0 ? own : tls.getCACertificates('bundled');
}
