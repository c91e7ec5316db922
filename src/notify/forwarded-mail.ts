// Mails that the machine's own programs send to root, as notifications of type `system-mail`: what a mail says, for
// targets that are no mail (config-and-tasks.md 8.3).

import PostalMime, { type Email } from 'postal-mime';
import type { Notification } from './notification.ts';
import { shortHostname } from './server-names.ts';

/** What a mail says. */
export interface ReadMail {
  subject: string;
  /** The text, or what is left of HTML without its marks. */
  text: string;
  /** Whether this server has sent it: a notification, or a mail that it has passed on, that has come back. */
  isOwn: boolean;
  /** Whether it is what a mail server writes about a mail that it could not deliver. */
  isReport: boolean;
}

/** Longest text, characters, and longest mail that is passed on as it is, bytes: a file of the spool is bounded. */
const maxText = 100_000;
const maxMail = 300 * 1024;

/** The notification about a mail. `now` in epoch seconds. */
export function mailNotification(raw: Uint8Array, { subject, text, isReport }: ReadMail, now: number): Notification {
  const mail = raw.byteLength <= maxMail ? decodeUtf8(raw) : undefined;
  return {
    severity: 'unknown',
    timestamp: now,
    fields: { type: 'system-mail', hostname: shortHostname() },
    template: 'system-mail',
    data: { subject, text, ...(mail === undefined ? {} : { mail }), ...(isReport ? { 'is-report': true } : {}) },
  };
}

/** What a mail says, whatever it is: one that cannot be understood is shown as it came. */
export async function readMail(raw: Uint8Array): Promise<ReadMail> {
  const whole = Buffer.from(raw).toString('utf8');
  const unread = { text: whole, headers: [], attachments: [] };
  const read: Pick<Email, 'subject' | 'text' | 'html' | 'headers' | 'attachments'> = await PostalMime.parse(raw).catch(
    () => unread,
  );
  const parts = read.text ?? (read.html === undefined ? '' : withoutMarks(read.html));
  const isPlain = parts !== '' || read.attachments.length > 0;
  const text = (isPlain ? parts : bodyOf(whole)).replaceAll('\r\n', '\n').trimEnd();
  return {
    subject: (read.subject ?? '').replace(/\s+/g, ' ').trim() || 'Mail without a subject',
    text: text.length > maxText ? `${text.slice(0, maxText)}\n[...]\n` : text,
    isOwn: read.headers.some(({ key, value }) =>
      key === forwardedBy.toLowerCase()
        ? value === shortHostname()
        : // As notify/targets/mail writes it, with a semicolon that nobody else puts there.
          key === 'auto-submitted' && value === 'auto-generated;',
    ),
    isReport: read.headers.some(({ key, value }) => reportMarks[key]?.test(value) === true),
  };
}

/** Who has passed a mail on. */
const forwardedBy = 'X-Granary-Forwarded-By';

/** What mail servers write into the header of reports; Postfix, Exim and sendmail differ (RFC 3464, RFC 3834). */
const reportMarks: Readonly<Record<string, RegExp>> = {
  'return-path': /^<(?:MAILER-DAEMON)?>$/i,
  'auto-submitted': /^auto-replied\b/i,
  'content-type': /^multipart\/report\b/i,
};

/** A mail as it is passed on by the server `hostname`: `readMail` knows it again, so that it goes in no circle. */
export function markForwarded(mail: string, hostname: string): string {
  // A mail server puts a line before the header when it hands a mail to a program.
  return `${forwardedBy}: ${hostname}\n${mail.replace(/^From .*\r?\n/, '')}`;
}

/** What comes after the header. */
function bodyOf(mail: string): string {
  return /\r?\n\r?\n([\s\S]*)$/.exec(mail)?.[1] ?? '';
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
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
