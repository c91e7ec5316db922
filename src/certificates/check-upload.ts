// Certificates that an administrator brings: whether chain and key go together, before they replace what works
// (rest-api.md 7.6).

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { keyFits, nameLine } from './describe.ts';
import type { CertificatePair } from './pair.ts';

/** How long before its end a certificate is worth a warning. */
const warnMs = 30 * 86_400_000;

export interface CheckedPair extends CertificatePair {
  /** What is allowed but should be known. */
  warnings: string[];
}

/**
 * Checks a chain, the server's certificate first and each followed by the one that issued it, and its key, both PEM.
 * `allowInvalid` accepts a certificate that is not valid at this time. Throws `parameter-invalid` about
 * `certificates` or `key`.
 */
export function checkPair(given: CertificatePair, options: { clock: Clock; allowInvalid?: boolean }): CheckedPair {
  const chain = parseChain(given.certificate);
  const leaf = chain[0]!;
  const key = onlyKey(given.key);
  if (!keyFits(leaf.certificate, key)) {
    throw invalid(
      'certificates',
      `the key does not belong to the first certificate (${nameLine(leaf.certificate.subject)})`,
    );
  }
  const warnings = [...checkOrder(chain), ...checkTime(leaf.certificate, options)];
  const certificate = chain.map((one) => one.pem).join('');
  try {
    createSecureContext({ cert: certificate, key });
  } catch (error) {
    throw invalid('certificates', `a server cannot use this certificate: ${messageOf(error)}`);
  }
  return { certificate, key, warnings };
}

interface Link {
  certificate: X509Certificate;
  pem: string;
}

function parseChain(text: string): Link[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw invalid('certificates', 'there is no certificate in PEM form');
  return blocks.map((block, index) => {
    try {
      const certificate = new X509Certificate(block);
      return { certificate, pem: certificate.toString() };
    } catch (error) {
      throw invalid('certificates', `certificate ${index + 1} cannot be read`, error);
    }
  });
}

/** The one private key of a text; other blocks, like the parameters of a curve, are left out. */
function onlyKey(text: string): string {
  const blocks =
    text.match(/-----BEGIN ([A-Z ]*)PRIVATE KEY-----(?:(?!-----)[\s\S])*-----END \1PRIVATE KEY-----/g) ?? [];
  if (blocks.length !== 1) {
    throw invalid(
      'key',
      blocks.length === 0 ? 'there is no private key in PEM form' : 'there is more than one private key',
    );
  }
  const block = blocks[0]!;
  if (/ENCRYPTED/.test(block)) {
    throw invalid('key', 'it is protected by a passphrase, which nobody can enter when the server starts');
  }
  try {
    createPrivateKey(block);
  } catch (error) {
    throw invalid('key', 'it cannot be read', error);
  }
  return `${block}\n`;
}

function checkOrder(chain: readonly Link[]): string[] {
  chain.slice(1).forEach(({ certificate: issuer }, index) => {
    const { certificate } = chain[index]!;
    if (certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)) return;
    throw invalid(
      'certificates',
      `certificate ${index + 2} (${nameLine(issuer.subject)}) did not issue certificate ${index + 1} ` +
        `(${nameLine(certificate.subject)}): the server's certificate comes first, then each one's issuer`,
    );
  });
  const last = chain.at(-1)!.certificate;
  const selfSigned = last.checkIssued(last);
  return chain.length === 1 && !selfSigned
    ? [`the certificate of its issuer (${nameLine(last.issuer)}) is not in the chain: clients may need it`]
    : [];
}

function checkTime(leaf: X509Certificate, options: { clock: Clock; allowInvalid?: boolean }): string[] {
  const now = options.clock.now();
  const problem =
    leaf.validFromDate.getTime() > now
      ? `the certificate is not valid before ${leaf.validFromDate.toISOString()}`
      : leaf.validToDate.getTime() <= now
        ? `the certificate has expired, ${leaf.validToDate.toISOString()}`
        : undefined;
  if (problem !== undefined) {
    if (options.allowInvalid) return [problem];
    throw invalid('certificates', `${problem}; set force to use it all the same`);
  }
  const leftMs = leaf.validToDate.getTime() - now;
  return leftMs < warnMs ? [`the certificate expires in ${Math.floor(leftMs / 86_400_000)} days`] : [];
}

function invalid(parameter: 'certificates' | 'key', text: string, cause?: unknown): GranaryError {
  return new GranaryError('parameter-invalid', `parameter verification failed - '${parameter}': ${text}`, {
    parameters: { [parameter]: text },
    cause,
  });
}
