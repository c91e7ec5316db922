// The browser interface as it was built: its page at every address that is nobody else's, its files below `/assets/`.

import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { sendWhole } from './answer.ts';

/** Everything comes from this server, and nobody may put the page into a frame. Styles are set by its own scripts. */
const pageHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; " +
    "media-src blob:; frame-src blob:; connect-src 'self'; font-src 'self'; worker-src 'self'; form-action 'self'; " +
    "base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};
const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css;charset=UTF-8',
  '.html': 'text/html;charset=UTF-8',
  '.js': 'text/javascript;charset=UTF-8',
};
const notBuilt = `<!doctype html><html lang="en"><title>Granary</title><h1>Granary</h1>
<p>The web interface has not been built: run <code>npm start</code>, or <code>scripts/build-web.ts</code>.
<p>The REST API is described at <a href="/docs/api-viewer">/docs/api-viewer</a>.`;

interface Loaded {
  plain: Buffer;
  br?: Buffer;
  gzip?: Buffer;
}

export class WebFiles {
  readonly #folder: string;
  /** Files below `assets/` never change: their names hold a hash of what is in them. */
  readonly #assets = new Map<string, Loaded>();

  /** `folder` is what the build made; a missing one is told to whoever asks for a page. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Sends a file and returns its bytes; undefined when the address is none of this, and nothing was sent. */
  answer(request: IncomingMessage, response: ServerResponse): number | undefined {
    if (request.method !== 'GET') return undefined;
    const pathname = (request.url ?? '/').split('?', 1)[0]!;
    const asset = /^\/assets\/([A-Za-z0-9_-]+\.(?:js|css))$/.exec(pathname)?.[1];
    if (asset !== undefined) return this.#asset(asset, request, response);
    if (/^\/(?:api2|docs|assets)(?:\/|$)/.test(pathname)) return undefined;
    // Probes that look whether the server is there ask for the first page, whatever they accept.
    if (pathname !== '/' && !/\btext\/html\b/.test(request.headers.accept ?? '')) return undefined;
    // Read anew each time: it names the files of the build that is there now.
    const page = load(path.join(this.#folder, 'index.html')) ?? { plain: Buffer.from(notBuilt) };
    response.setHeader('cache-control', 'no-cache');
    return send(request, response, '.html', page);
  }

  #asset(name: string, request: IncomingMessage, response: ServerResponse): number | undefined {
    const loaded = this.#assets.get(name) ?? load(path.join(this.#folder, 'assets', name));
    if (loaded === undefined) return undefined;
    this.#assets.set(name, loaded);
    response.setHeader('cache-control', 'public, max-age=31536000, immutable');
    return send(request, response, path.extname(name), loaded);
  }
}

function load(file: string): Loaded | undefined {
  if (!existsSync(file)) return undefined;
  return {
    plain: readFileSync(file),
    ...(existsSync(`${file}.br`) ? { br: readFileSync(`${file}.br`) } : {}),
    ...(existsSync(`${file}.gz`) ? { gzip: readFileSync(`${file}.gz`) } : {}),
  };
}

function send(request: IncomingMessage, response: ServerResponse, extension: string, loaded: Loaded): number {
  response.setHeader('content-type', contentTypes[extension]!);
  for (const [name, value] of Object.entries(pageHeaders)) response.setHeader(name, value);
  response.setHeader('vary', 'accept-encoding');
  const accepted = String(request.headers['accept-encoding'] ?? '');
  for (const [name, body] of [
    ['br', loaded.br],
    ['gzip', loaded.gzip],
  ] as const) {
    if (body === undefined || !new RegExp(`\\b${name}\\b`).test(accepted)) continue;
    response.setHeader('content-encoding', name);
    return sendWhole(response, body);
  }
  return sendWhole(response, loaded.plain);
}
