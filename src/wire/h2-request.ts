// What a request's header fields have to be (RFC 9113 section 8.2 and 8.3), checked before anybody looks at them.

import type { HeaderField } from './hpack.ts';

export interface RequestHead {
  method: string;
  /** Path and query as sent. */
  target: string;
  contentType: string | undefined;
  /** Bytes of the body, if the peer told. */
  contentLength: number | undefined;
}

const pseudoNames = new Set([':method', ':scheme', ':path', ':authority']);
/** Fields of a single HTTP/1.1 connection. */
const connectionFields = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** Takes the fields of a request apart; undefined when they are malformed. */
export function readRequestHead(fields: readonly HeaderField[]): RequestHead | undefined {
  const pseudo = new Map<string, string>();
  let regular = false;
  let contentType: string | undefined;
  let contentLength: number | undefined;
  for (const [name, value] of fields) {
    if (!isValue(value)) return undefined;
    if (name.startsWith(':')) {
      if (regular || pseudo.has(name) || !pseudoNames.has(name)) return undefined;
      pseudo.set(name, value);
      continue;
    }
    regular = true;
    if (!isRegularField(name, value)) return undefined;
    if (name === 'content-type') contentType ??= value;
    if (name !== 'content-length') continue;
    if (!/^\d{1,15}$/.test(value) || (contentLength !== undefined && contentLength !== Number(value))) return undefined;
    contentLength = Number(value);
  }
  const method = pseudo.get(':method');
  const target = pseudo.get(':path');
  if (!method || !target || !pseudo.get(':scheme')) return undefined;
  return { method, target, contentType, contentLength };
}

/** Whether these may be the fields behind a body. */
export function areTrailers(fields: readonly HeaderField[]): boolean {
  return fields.every(([name, value]) => isValue(value) && isRegularField(name, value));
}

function isRegularField(name: string, value: string): boolean {
  // Lower-case tokens: no capitals, no separators, nothing beyond ASCII.
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) return false;
  return !connectionFields.has(name) && (name !== 'te' || value === 'trailers');
}

/** No line breaks, no NUL. */
function isValue(value: string): boolean {
  return !/[\0\r\n]/.test(value);
}
