// Reads the mails of this room's tests: header fields, and the parts of a multipart message decoded.

import assert from 'node:assert/strict';

export interface ReadMail {
  /** By name in lower case, folded lines joined, encoded words decoded. */
  headers: Record<string, string>;
  text: string;
  html: string;
}

export function readMail(raw: string): ReadMail {
  const mail = raw.replaceAll('\r\n', '\n');
  const { headers, body } = split(mail);
  const boundary = /^multipart\/alternative;\s*boundary="([^"]+)"/.exec(headers['content-type'] ?? '')?.[1];
  assert.ok(boundary, `no multipart message: ${raw}`);
  const parts = body.split(`--${boundary}`);
  assert.equal(parts.length, 4);
  assert.match(parts[3]!, /^--\s*$/);
  const [text, html] = parts.slice(1, 3).map((part) => split(part.slice(1)));
  assert.match(text!.headers['content-type']!, /^text\/plain; charset=utf-8$/);
  assert.match(html!.headers['content-type']!, /^text\/html; charset=utf-8$/);
  return { headers, text: decodeBody(text!), html: decodeBody(html!) };
}

interface Part {
  headers: Record<string, string>;
  body: string;
}

function split(mail: string): Part {
  const end = mail.indexOf('\n\n');
  const headers: Record<string, string> = {};
  for (const line of mail
    .slice(0, end)
    .replace(/\n[ \t]+/g, ' ')
    .split('\n')) {
    const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
    headers[name.toLowerCase()] = decodeWords(value);
  }
  return { headers, body: mail.slice(end + 2) };
}

/** RFC 2047, in the encoding B. */
function decodeWords(text: string): string {
  const joined = text.replace(/\?=\s+=\?/g, '?==?');
  return joined.replace(/=\?UTF-8\?B\?([^?]*)\?=/gi, (_, base64: string) => Buffer.from(base64, 'base64').toString());
}

function decodeBody({ headers, body }: Part): string {
  const encoding = headers['content-transfer-encoding'];
  // The line end before a boundary belongs to it.
  const content = body.replace(/\n$/, '');
  if (encoding === '7bit') return content;
  assert.equal(encoding, 'quoted-printable');
  const bytes = content.replace(/=\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => `%${hex}`);
  return bytes.replace(/(?:%[0-9A-F]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString());
}
