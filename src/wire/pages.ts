// Pages beside the API: texts that a browser may have without logging in.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { sendWhole } from './answer.ts';

export interface Page {
  contentType: string;
  text: string;
}

/** Pages by path. */
export type Pages = ReadonlyMap<string, () => Page>;

interface Ready {
  contentType: string;
  plain: Buffer;
  gzip: Buffer;
}

/** Nothing is loaded from anywhere, and nobody may put the page into a frame. */
const headers = {
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/** Answers requests for pages, each made at its first request. */
export class PageServer {
  readonly #pages: Pages;
  readonly #ready = new Map<string, Ready>();

  constructor(pages: Pages) {
    this.#pages = pages;
  }

  /** Sends the page and returns its bytes; undefined when there is none, and nothing was sent. */
  answer(request: IncomingMessage, response: ServerResponse): number | undefined {
    const pathname = (request.url ?? '/').split('?', 1)[0]!.replace(/(?<=.)\/$/, '');
    const make = this.#pages.get(pathname);
    if (make === undefined || request.method !== 'GET') return undefined;
    const ready = this.#ready.get(pathname) ?? prepare(make());
    this.#ready.set(pathname, ready);
    response.setHeader('content-type', ready.contentType);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.setHeader('vary', 'accept-encoding');
    if (!/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) return sendWhole(response, ready.plain);
    response.setHeader('content-encoding', 'gzip');
    return sendWhole(response, ready.gzip);
  }
}

function prepare(page: Page): Ready {
  const plain = Buffer.from(page.text);
  return { contentType: page.contentType, plain, gzip: gzipSync(plain) };
}
