// What a certificate says: its fingerprint, and the facts that `certificates/info` and `cert info` show
// (rest-api.md 7.6, config-and-tasks.md 14).

import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { GranaryError } from '../base/errors.ts';

/** One certificate as `certificates/info` lists it. */
export interface CertificateInfo {
  filename: string;
  subject: string;
  /** Names and addresses, without their kind. */
  san: string[];
  issuer: string;
  /** Epoch seconds. */
  notbefore: number;
  notafter: number;
  pem: string;
  /** The name of the algorithm, as OpenSSL has it. */
  'public-key-type': string;
  'public-key-bits'?: number;
  fingerprint: string;
}

/** The fingerprint that clients pin. Throws `certificate` when the text holds no certificate. */
export function certificateFingerprint(pem: string): string {
  const digest = createHash('sha256').update(parseCertificate(pem).raw).digest('hex');
  return digest.match(/../g)!.join(':');
}

/** Describes the first certificate of a PEM text. Throws `certificate`. */
export function describeCertificate(filename: string, pem: string): CertificateInfo {
  const certificate = parseCertificate(pem, filename);
  const { type, bits } = describeKey(certificate.publicKey);
  return {
    filename,
    subject: nameLine(certificate.subject),
    san: alternativeNames(certificate),
    issuer: nameLine(certificate.issuer),
    notbefore: epoch(certificate.validFromDate),
    notafter: epoch(certificate.validToDate),
    pem,
    'public-key-type': type,
    ...(bits === undefined ? {} : { 'public-key-bits': bits }),
    fingerprint: certificateFingerprint(pem),
  };
}

/** The names and addresses that a certificate holds for. */
export function alternativeNames(certificate: X509Certificate): string[] {
  const text = certificate.subjectAltName ?? '';
  return [...text.matchAll(/(?:^|, )[A-Za-z ]+:("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(([, name = '']) =>
    name.startsWith('"') ? (JSON.parse(name) as string) : shortAddress(name),
  );
}

/** Throws `certificate`, naming `what`. */
export function parseCertificate(pem: string, what = 'certificate'): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new GranaryError('certificate', `${what} holds no certificate in PEM form`, { cause: error });
  }
}

/** Whether a PEM text is the private key of the certificate. */
export function keyFits(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** `O = Proxmox Backup Server, CN = name`, from the lines that Node gives. */
export function nameLine(name: string | undefined): string {
  return (name ?? '')
    .split('\n')
    .map((part) => part.replace('=', ' = '))
    .join(', ');
}

const epoch = (date: Date): number => Math.floor(date.getTime() / 1000);

/** Node writes all eight groups of an IPv6 address in capitals. */
function shortAddress(name: string): string {
  return /^[0-9A-F:]+:[0-9A-F:]+$/.test(name) ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name;
}

const algorithms: Readonly<Record<string, string>> = {
  rsa: 'rsaEncryption',
  'rsa-pss': 'rsassaPss',
  ec: 'id-ecPublicKey',
  dsa: 'dsaEncryption',
  ed25519: 'ED25519',
  ed448: 'ED448',
};
const curveBits: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384, secp521r1: 521 };

function describeKey(key: KeyObject): { type: string; bits: number | undefined } {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const kind = key.asymmetricKeyType ?? 'unknown';
  return { type: algorithms[kind] ?? kind, bits: modulusLength ?? curveBits[namedCurve ?? ''] };
}
