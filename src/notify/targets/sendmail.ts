// Mail by the program sendmail, whichever mail server it belongs to (config-and-tasks.md 8.5).

import { withContext } from '../../base/errors.ts';
import { markForwarded } from '../forwarded-mail.ts';
import { composeMail, envelopeSender, recipientsOf, senderOf } from './mail.ts';
import type { TargetKind } from './target.ts';

/** It only queues the message, so it is quick. */
const timeoutMs = 30_000;

export const sendmail: TargetKind = {
  async send(target, message, around, signal) {
    const recipients = recipientsOf(target, around);
    const from = senderOf(target, around);
    const composed = async (): Promise<string> =>
      (await composeMail(message, from, recipients, around.hostname)).toString();
    const words = [
      '/usr/sbin/sendmail',
      '-B',
      '8BITMIME',
      '-f',
      envelopeSender(message, from) || '<>',
      '--',
      ...recipients,
    ] as const;
    // On its input lines end as everywhere on the system.
    const { mail } = message;
    const text = mail === undefined ? await composed() : markForwarded(mail, around.hostname);
    const input = text.replaceAll('\r\n', '\n');
    try {
      await around.run(words, { input, timeoutMs: around.timeoutMs ?? timeoutMs, ...(signal && { signal }) });
    } catch (error) {
      throw withContext('sendmail', error);
    }
  },
};
