// The server's certificate: made once, loaded, described (config-and-tasks.md 14).

import { createHash, createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { lookup, lookupService } from 'node:dns/promises';
import { readFile, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import { GranaryError, isErrno } from '../base/errors.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { makeSelfSigned } from './certificate.ts';

/** A certificate chain and its key, as PEM. */
export interface TlsIdentity {
  certificate: string;
  key: string;
  /** SHA-256 of the leaf certificate's DER: lower-case hex pairs with colons. */
  fingerprint: string;
}

export interface CertificateFiles {
  certificate: string;
  key: string;
}

/** Where the certificate and its key lie in a configuration directory. */
export function certificateFiles(configDirectory: string): CertificateFiles {
  return { certificate: path.join(configDirectory, 'proxy.pem'), key: path.join(configDirectory, 'proxy.key') };
}

/** The fingerprint that clients pin. Throws `certificate` when the text holds no certificate. */
export function certificateFingerprint(pem: string): string {
  const digest = createHash('sha256').update(parseCertificate(pem).raw).digest('hex');
  return digest.match(/../g)!.join(':');
}

/** Loads the certificate; undefined when there is none yet. Throws `certificate` when the files do not go together. */
export async function loadIdentity(configDirectory: string): Promise<TlsIdentity | undefined> {
  const files = certificateFiles(configDirectory);
  let certificate: string;
  let key: string;
  try {
    [certificate, key] = await Promise.all([readFile(files.certificate, 'utf8'), readFile(files.key, 'utf8')]);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw new GranaryError('io', `cannot read ${files.certificate} or ${files.key}: ${String(error)}`, {
      cause: error,
    });
  }
  const parsed = parseCertificate(certificate, files.certificate);
  if (!matchesKey(parsed, key)) {
    throw new GranaryError(
      'certificate',
      `the key in ${files.key} does not belong to the certificate in ${files.certificate}`,
    );
  }
  return { certificate, key, fingerprint: certificateFingerprint(certificate) };
}

export interface CreateOptions {
  clock: Clock;
  /** Replaces a certificate that is there. */
  force?: boolean;
  /** Fully qualified name; the machine's own by default. */
  hostName?: string;
  /** RSA bits; tests take fewer. */
  bits?: number;
}

/** Loads the certificate, and makes a self-signed one first when there is none or `force` is given. */
export async function ensureIdentity(configDirectory: string, options: CreateOptions): Promise<TlsIdentity> {
  if (options.force !== true) {
    const existing = await loadIdentity(configDirectory);
    if (existing !== undefined) return existing;
  }
  const made = await selfSigned(options);
  const files = certificateFiles(configDirectory);
  await replaceFile(files.key, made.key, { mode: 0o640 });
  await replaceFile(files.certificate, made.certificate, { mode: 0o640 });
  return made;
}

/** When the certificate's files were last written: a value that changes with them. */
export async function identityStamp(configDirectory: string): Promise<string> {
  const files = certificateFiles(configDirectory);
  const stamps = await Promise.all(
    [files.certificate, files.key].map(async (file) => {
      try {
        const s = await stat(file, { bigint: true });
        return `${s.ino}:${s.mtimeNs}:${s.size}`;
      } catch {
        return 'missing';
      }
    }),
  );
  return stamps.join('/');
}

/** One certificate as `certificates/info` and `cert info` show it (rest-api.md 7.6). */
export interface CertificateInfo {
  filename: string;
  subject: string;
  san: string[];
  issuer: string;
  notbefore: number;
  notafter: number;
  pem: string;
  'public-key-type': string;
  'public-key-bits'?: number;
  fingerprint: string;
}

/** Describes the first certificate of a PEM text. */
export function describeCertificate(filename: string, pem: string): CertificateInfo {
  const certificate = parseCertificate(pem, filename);
  const details = certificate.publicKey.asymmetricKeyDetails;
  const info: CertificateInfo = {
    filename,
    subject: nameLine(certificate.subject),
    san: (certificate.subjectAltName ?? '').split(', ').filter((name) => name !== ''),
    issuer: nameLine(certificate.issuer),
    notbefore: Math.floor(certificate.validFromDate.getTime() / 1000),
    notafter: Math.floor(certificate.validToDate.getTime() / 1000),
    pem,
    'public-key-type': certificate.publicKey.asymmetricKeyType ?? 'unknown',
    fingerprint: certificateFingerprint(pem),
  };
  if (details?.modulusLength !== undefined) info['public-key-bits'] = details.modulusLength;
  return info;
}

async function selfSigned(options: CreateOptions): Promise<TlsIdentity> {
  const host = os.hostname().split('.')[0]!;
  const fullName = options.hostName ?? (await qualifiedName());
  const start = new Date(Math.floor(options.clock.now() / 1000) * 1000);
  const made = await makeSelfSigned({
    organization: 'Proxmox Backup Server',
    organizationalUnit: randomUUID(),
    commonName: fullName,
    alternativeNames: [...new Set(['127.0.0.1', '::1', 'localhost', host, fullName])],
    notBefore: start,
    notAfter: new Date(start.getTime() + 365_000 * 86_400_000),
    bits: options.bits ?? 4096,
  });
  return { ...made, fingerprint: certificateFingerprint(made.certificate) };
}

async function qualifiedName(): Promise<string> {
  const host = os.hostname();
  if (host.includes('.')) return host;
  try {
    const { address } = await lookup(host);
    const { hostname } = await lookupService(address, 8007);
    return hostname.startsWith(`${host}.`) ? hostname : host;
  } catch {
    return host;
  }
}

function parseCertificate(pem: string, what = 'certificate'): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new GranaryError('certificate', `${what} holds no certificate in PEM form`, { cause: error });
  }
}

function matchesKey(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

const nameLine = (name: string): string => name.split('\n').join(', ').replaceAll('=', ' = ');
