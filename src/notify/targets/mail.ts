// What the two targets that send mail share: to whom, from whom, and the message itself (config-and-tasks.md 8.5).

import MimeNode from 'nodemailer/lib/mime-node';
import { GranaryError } from '../../base/errors.ts';
import type { StoredTarget } from '../../config/notification-config.ts';
import type { Message } from '../render.ts';
import type { Surroundings } from './target.ts';

/**
 * The addresses of a target, each once: those it names, and those of users that have one. Throws `bad-request`, which
 * `isWithoutRecipient` recognizes, when there are none.
 */
export function recipientsOf(target: StoredTarget, around: Surroundings): string[] {
  const { mailto = [], 'mailto-user': users = [] } = target.values as { mailto?: string[]; 'mailto-user'?: string[] };
  const found = users.map((user) => around.mailOf(user)).filter((address) => address !== undefined);
  const recipients = [...new Set([...mailto, ...found])];
  if (recipients.length > 0) return recipients;
  const who = users.length === 0 ? '' : `: no e-mail address is known of ${users.join(', ')}`;
  throw new GranaryError('bad-request', `target '${target.name}' has no recipient${who}`, {
    details: { withoutRecipient: true },
  });
}

interface Sender {
  name: string;
  address: string;
}

/** The author and the address that a mail comes from. */
export function senderOf(target: StoredTarget, around: Surroundings): Sender {
  const { author, 'from-address': from } = target.values as { author?: string; 'from-address'?: string };
  return { name: author ?? `Proxmox Backup Server - ${around.hostname}`, address: from ?? around.mailFrom };
}

/** The address that is told when the mail cannot be delivered; none for a report about that very thing (RFC 5321, 4.5.5). */
export function envelopeSender(message: Message, from: Sender): string {
  return message.isReport ? '' : from.address;
}

/** The message in the form of RFC 5322, text and HTML, in ASCII; lines end with CR LF. */
export async function composeMail(
  message: Message,
  from: Sender,
  recipients: readonly string[],
  hostname: string,
): Promise<Buffer> {
  // Content comes from here alone, so nothing in it may be taken for a file or an address to fetch.
  const options = { hostname, textEncoding: 'B', disableFileAccess: true, disableUrlAccess: true };
  const root = new MimeNode('multipart/alternative', options);
  root.setHeader('From', from);
  root.setHeader(
    'To',
    recipients.map((address) => ({ name: '', address })),
  );
  root.setHeader('Subject', message.title);
  root.setHeader('Date', new Date(message.timestamp * 1000));
  // Nobody is to answer that he is on holiday (RFC 3834).
  root.setHeader('Auto-Submitted', { prepared: true, value: 'auto-generated;' });
  root.createChild('text/plain; charset=utf-8', { textEncoding: 'Q' }).setContent(message.text);
  root.createChild('text/html; charset=utf-8', { textEncoding: 'Q' }).setContent(message.html);
  // A name of words needs no quotes; the library puts them around a dash.
  const mail = (await root.build()).toString('latin1').replace(/^From: "([\w!#$%&'*+/=?^`{|}~ -]+)" </, 'From: $1 <');
  return Buffer.from(mail, 'latin1');
}
