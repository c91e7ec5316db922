// Mail by a relay: in the clear, with STARTTLS or over TLS from the start (config-and-tasks.md 8.5).

import { createTransport } from 'nodemailer';
import { GranaryError, messageOf } from '../../base/errors.ts';
import type { Smtp } from '../../config/notification-schema.ts';
import { composeMail, envelopeSender, recipientsOf, senderOf } from './mail.ts';
import type { TargetKind } from './target.ts';
import { trustedCertificates } from './trusted.ts';

/** For the connection and for every answer. */
const timeoutMs = 5000;
const ports = { tls: 465, starttls: 587, insecure: 25 } as const;

export const smtp: TargetKind = {
  async send(target, message, around, signal) {
    const recipients = recipientsOf(target, around);
    const { server, mode = 'tls', port = ports[mode], username, password } = target.values as Partial<Smtp>;
    if (server === undefined) throw new GranaryError('config-invalid', `smtp target '${target.name}' has no server`);
    const from = senderOf(target, around);
    const raw = await composeMail(message, from, recipients, around.hostname);
    const patience = around.timeoutMs ?? timeoutMs;
    const transport = createTransport({
      host: server.replace(/^\[(.*)\]$/, '$1'),
      port,
      secure: mode === 'tls',
      requireTLS: mode === 'starttls',
      ignoreTLS: mode === 'insecure',
      tls: { ca: trustedCertificates(around), minVersion: 'TLSv1.2' },
      ...(username === undefined ? {} : { auth: { user: username, pass: password ?? '' } }),
      connectionTimeout: patience,
      greetingTimeout: patience,
      socketTimeout: patience,
      dnsTimeout: patience,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const cancelled = Promise.withResolvers<never>();
    const abort = (): void => cancelled.reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      signal?.throwIfAborted();
      // The library cannot be told to stop; what it waits for ends by its own time limits.
      await Promise.race([
        transport.sendMail({ envelope: { from: envelopeSender(message, from), to: recipients }, raw }),
        cancelled.promise,
      ]);
    } catch (error) {
      if (signal?.aborted) throw new GranaryError('aborted', `${server}: cancelled`, { cause: error });
      throw new GranaryError('connection', `${server}:${port}: ${reasonOf(error, password)}`, { cause: error });
    } finally {
      signal?.removeEventListener('abort', abort);
      transport.close();
    }
  },
};

/** What went wrong; the relay's own words without the password, should it repeat that. */
function reasonOf(error: unknown, password: string | undefined): string {
  const text = messageOf(error);
  if (/SSL routines:.*wrong version number/.test(text)) return 'the relay does not speak TLS here: is the mode right?';
  const isAnswer = error instanceof Error && 'response' in error;
  return isAnswer && password ? text.replaceAll(password, '<password>') : text;
}
