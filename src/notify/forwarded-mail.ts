// Mails that the machine's own programs send to root, as notifications of type `system-mail`: what a mail says, for
// targets that are no mail (config-and-tasks.md 8.3). Reads RFC 5322 and MIME as far as such mails go; what cannot be
// understood is shown as it is.

import type { Notification } from './notification.ts';
import { shortHostname } from './server-names.ts';

/** What a mail says. */
export interface ReadMail {
  subject: string;
  /** The text, or what is left of HTML without its marks. */
  text: string;
  /** Whether it is a notification of this product that has come back. */
  isNotification: boolean;
}

interface Part {
  /** By name in lower case, unfolded, not decoded. */
  headers: Map<string, string>;
  /** A character for each byte. */
  body: string;
}

/** Parts in parts: more than any program makes. */
const maxDepth = 8;
/** Longest text, characters, and longest mail that is passed on as it is, bytes: a file of the spool is bounded. */
const maxText = 100_000;
const maxMail = 300 * 1024;

/** The notification about a mail. `now` in epoch seconds. */
export function mailNotification(raw: Uint8Array, { subject, text }: ReadMail, now: number): Notification {
  const mail = raw.byteLength <= maxMail ? decode(Buffer.from(raw), 'utf-8', true) : undefined;
  return {
    severity: 'unknown',
    timestamp: now,
    fields: { type: 'system-mail', hostname: shortHostname() },
    template: 'system-mail',
    data: { subject, text, ...(mail === undefined ? {} : { mail }) },
  };
}

export function readMail(raw: Uint8Array): ReadMail {
  // Local mail is stored with a line in front that is no header field.
  const mail = Buffer.from(raw)
    .toString('latin1')
    .replaceAll('\r\n', '\n')
    .replace(/^From .*\n/, '');
  const root = splitPart(mail);
  const found = findText(root, 0);
  const text = found === undefined ? '' : found.isHtml ? withoutMarks(found.text) : found.text;
  return {
    subject:
      decodeWords(root.headers.get('subject') ?? '')
        .replace(/\s+/g, ' ')
        .trim() || 'Mail without a subject',
    text: text.length > maxText ? `${text.slice(0, maxText)}\n[...]\n` : text,
    // As notify/targets/mail writes it, with a semicolon that nobody else puts there.
    isNotification: root.headers.get('auto-submitted') === 'auto-generated;',
  };
}

function splitPart(text: string): Part {
  const end = text.startsWith('\n') ? 0 : text.indexOf('\n\n');
  const head = end < 0 ? text : text.slice(0, end);
  const headers = new Map<string, string>();
  for (const line of head.replace(/\n[ \t]+/g, ' ').split('\n')) {
    const [, name, value] = /^([!-9;-~]+)[ \t]*:[ \t]*(.*)$/.exec(line) ?? [];
    if (name !== undefined && !headers.has(name.toLowerCase())) headers.set(name.toLowerCase(), value!.trim());
  }
  return { headers, body: end < 0 ? '' : text.slice(end).replace(/^\n{1,2}/, '') };
}

/** The first plain text, or else the first HTML. */
function findText(part: Part, depth: number): { text: string; isHtml: boolean } | undefined {
  const type = part.headers.get('content-type') ?? 'text/plain';
  const kind = /^[\w.+-]+\/[\w.+-]+/.exec(type)?.[0].toLowerCase() ?? 'text/plain';
  if (kind.startsWith('multipart/')) {
    const boundary = parameterOf(type, 'boundary');
    if (boundary === undefined || depth >= maxDepth) return { text: part.body, isHtml: false };
    const texts = partsOf(part.body, boundary).map((one) => findText(one, depth + 1));
    const known = texts.filter((one) => one !== undefined);
    return known.find(({ isHtml }) => !isHtml) ?? known[0];
  }
  const isAttachment = /^attachment\b/i.test(part.headers.get('content-disposition') ?? '');
  if (isAttachment || (kind !== 'text/plain' && kind !== 'text/html')) return undefined;
  const bytes = decodeTransfer(part);
  return { text: decode(bytes, parameterOf(type, 'charset') ?? 'utf-8') ?? '', isHtml: kind === 'text/html' };
}

function partsOf(body: string, boundary: string): Part[] {
  const pieces = `\n${body}`.split(`\n--${boundary}`).slice(1);
  const last = pieces.findIndex((piece) => piece.startsWith('--'));
  return pieces.slice(0, last < 0 ? undefined : last).map((piece) => splitPart(piece.replace(/^[ \t]*\n/, '')));
}

function parameterOf(value: string, name: string): string | undefined {
  const found = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^\\s;]+))`, 'i').exec(value);
  return found?.[1] ?? found?.[2];
}

function decodeTransfer({ headers, body }: Part): Buffer {
  switch (headers.get('content-transfer-encoding')?.toLowerCase()) {
    case 'base64':
      return Buffer.from(body, 'base64');
    case 'quoted-printable':
      return unquote(body.replace(/[ \t]*=[ \t]*\n/g, ''));
    default:
      return Buffer.from(body, 'latin1');
  }
}

/** `=C3` is a byte. */
function unquote(text: string): Buffer {
  const bytes = text.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}

/** Undefined with `fatal` for what is no text in that character set; one that is not known is taken for Latin 1. */
function decode(bytes: Buffer, charset: string, fatal = false): string | undefined {
  try {
    return new TextDecoder(charset, { fatal }).decode(bytes);
  } catch {
    return fatal ? undefined : bytes.toString('latin1');
  }
}

/** Header text: encoded words (RFC 2047), and bytes beyond ASCII as UTF-8. */
function decodeWords(text: string): string {
  const joined = text.replace(/(=\?[^?\s]+\?[BbQq]\?[^?\s]*\?=)\s+(?==\?)/g, '$1');
  const plain = decode(Buffer.from(joined, 'latin1'), 'utf-8') ?? joined;
  return plain.replace(
    /=\?([^?\s*]+)(?:\*[^?\s]*)?\?([BbQq])\?([^?\s]*)\?=/g,
    (_, charset: string, how: string, word: string) => {
      const bytes = how.toUpperCase() === 'B' ? Buffer.from(word, 'base64') : unquote(word.replaceAll('_', ' '));
      return decode(bytes, charset) ?? '';
    },
  );
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** The text of HTML, in lines where it had some. */
function withoutMarks(html: string): string {
  return html
    .replace(/<!--[\s\S]*?-->|<(script|style|head)\b[\s\S]*?<\/\1\s*>/gi, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?<(?:br|\/p|\/div|\/tr|\/li|\/h[1-6]|\/pre)\b[^>]*> ?/gi, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (whole, decimal, hex, name) => {
      const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
      if (name !== undefined) return entities[String(name).toLowerCase()] ?? whole;
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    })
    .trim();
}
