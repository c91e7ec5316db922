// Text of several lines as the server keeps it: UTF-8 in base64.

import { fromBase64, toBase64 } from './sealed/bytes.ts';

/** What is no base64 is shown as it is, and what is no UTF-8 in it as marks. */
export function decodeText(base64: string): string {
  const bytes = fromBase64(base64);
  return bytes === undefined ? base64 : new TextDecoder().decode(bytes);
}

export function encodeText(text: string): string {
  return toBase64(new TextEncoder().encode(text));
}
