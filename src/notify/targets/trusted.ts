// Who may sign the certificates of servers that notifications are sent to.

import { getCACertificates } from 'node:tls';
import { systemCertificates } from '../../os/system-certificates.ts';

/** What is given, else what the system trusts, else what Node brings along where the system has no list. */
export function trustedCertificates(around: { trusted?: readonly string[] }): string[] {
  if (around.trusted !== undefined) return [...around.trusted];
  const own = systemCertificates();
  return own.length > 0 ? own : getCACertificates('bundled');
}
