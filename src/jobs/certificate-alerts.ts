// Tells in time that the server's certificate is about to expire, whoever is to renew it. One that is ordered from an
// ACME server is renewed with 30 days or a third of its life left (certificates/renewal.ts): whoever is told has seen
// that fail for weeks, or has a certificate of his own.

import { epochSeconds } from '../base/clock.ts';
import { describeCertificate } from '../certificates/describe.ts';
import { loadIdentity } from '../certificates/identity.ts';
import type { Notification } from '../notify/notification.ts';
import { shortHostname } from '../notify/server-names.ts';
import type { ServerContext } from '../wire/context.ts';
import { type Level, lookAt } from './crossing.ts';
import { CrossingStates } from './crossing-states.ts';
import { tell } from './job-notice.ts';

const daySeconds = 86_400;
const key = 'certificate';

/** Warning with 14 days or a sixth of its life left, critical with 3 days or a thirtieth, whichever is less. */
export function expiryLevel(certificate: { notbefore: number; notafter: number }, now: number): Level | undefined {
  const life = certificate.notafter - certificate.notbefore;
  const left = certificate.notafter - now;
  if (left < Math.min(3 * daySeconds, life / 30)) return 'critical';
  return left < Math.min(14 * daySeconds, life / 6) ? 'warning' : undefined;
}

/** One look at the certificate in use. Throws when it cannot be read or nothing can be spooled. */
export async function watchCertificate(server: Pick<ServerContext, 'directories' | 'clock' | 'log'>): Promise<void> {
  const identity = await loadIdentity(server.directories.config);
  if (identity === undefined) return;
  const certificate = describeCertificate('proxy.pem', identity.certificate);
  const now = epochSeconds(server.clock);
  const states = new CrossingStates(server.directories, 'certificate', server.log);
  const before = (await states.read()).get(key);
  const { next, tell: what } = lookAt(before, expiryLevel(certificate, now), now);
  const left = certificate.notafter - now;
  if (what !== undefined) {
    const severity = next === undefined ? 'info' : next.level === 'critical' ? 'error' : 'warning';
    const notification: Notification = {
      severity,
      timestamp: now,
      fields: { type: 'acme', hostname: shortHostname() },
      template: 'certificate-expiry',
      data: {
        renewed: next === undefined,
        expired: left <= 0,
        remaining: left < daySeconds ? left : Math.floor(left / daySeconds) * daySeconds,
        subject: certificate.subject,
        fingerprint: certificate.fingerprint,
        notafter: certificate.notafter,
      },
    };
    await tell(server, undefined, notification);
  }
  if (next !== before) await states.write(new Map(next === undefined ? [] : [[key, next]]));
}
