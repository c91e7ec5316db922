// A mail relay on this machine that keeps what it takes.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** Of the user `backup`. */
export const relayPassword = 'sEcret"1';

export interface Relay extends AsyncDisposable {
  port: number;
  mails: { from: string; to: string[]; raw: string; secure: boolean; user: string | undefined }[];
}

/** Takes mail from anybody, and from `backup` who logs in; with `refuse` it takes none and says that. */
export async function startRelay(options: SMTPServerOptions, refuse = ''): Promise<Relay> {
  const mails: Relay['mails'] = [];
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    closeTimeout: 100,
    onAuth: ({ username, password }, _session, done) =>
      username === 'backup' && password === relayPassword
        ? done(null, { user: username })
        : done(new Error(`not today, ${password}`)),
    onData: (stream, session, done) => {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.once('end', () => {
        if (refuse !== '') return done(new Error(refuse));
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw: Buffer.concat(parts).toString(),
          secure: session.secure,
          user: session.user,
        });
        return done();
      });
    },
    ...options,
  });
  // What it hears of clients that give up.
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const close = (): Promise<void> => new Promise((closed) => server.close(() => closed()));
  return { port: (server.server.address() as AddressInfo).port, mails, [Symbol.asyncDispose]: close };
}
