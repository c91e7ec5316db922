// Whom this system trusts to sign certificates.

import { getCACertificates } from 'node:tls';

let known: string[] | undefined;

/** PEM certificates of the system's list and of NODE_EXTRA_CA_CERTS. The first call takes a tenth of a second. */
export function systemCertificates(): string[] {
  known ??= [...getCACertificates('system'), ...getCACertificates('extra')];
  return known;
}
