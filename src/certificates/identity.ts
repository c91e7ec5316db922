// The server's certificate and key: made once, loaded, replaced (config-and-tasks.md 14).

import { randomUUID } from 'node:crypto';
import { lookup, lookupService } from 'node:dns/promises';
import { readFile, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import { GranaryError, isErrno } from '../base/errors.ts';
import { certificateFingerprint, keyFits, parseCertificate } from './describe.ts';
import { type CertificateFiles, type CertificatePair, replacePair } from './pair.ts';
import { makeSelfSigned } from './self-signed.ts';

/** A certificate chain and its key, as PEM. */
export interface TlsIdentity extends CertificatePair {
  /** SHA-256 of the leaf certificate's DER: lower-case hex pairs with colons. */
  fingerprint: string;
}

/** Where the certificate and its key lie in a configuration directory. */
export function certificateFiles(configDirectory: string): CertificateFiles {
  return { certificate: path.join(configDirectory, 'proxy.pem'), key: path.join(configDirectory, 'proxy.key') };
}

/** Loads the certificate; undefined when there is none yet. Throws `certificate` when the files do not go together. */
export async function loadIdentity(configDirectory: string): Promise<TlsIdentity | undefined> {
  for (;;) {
    const stamp = await identityStamp(configDirectory);
    try {
      return await readIdentity(configDirectory);
    } catch (error) {
      // The two files are read one after the other: they may have been replaced in between.
      if (stamp === (await identityStamp(configDirectory))) throw error;
    }
  }
}

async function readIdentity(configDirectory: string): Promise<TlsIdentity | undefined> {
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
  if (!keyFits(parseCertificate(certificate, files.certificate), key)) {
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
  return replaceIdentity(configDirectory, await selfSigned(options));
}

/**
 * Puts another certificate in place, durably; a server that runs uses it for new connections within seconds. The key
 * has to fit. A crash leaves the old pair or the new one.
 */
export async function replaceIdentity(configDirectory: string, next: CertificatePair): Promise<TlsIdentity> {
  const old = async (): Promise<CertificatePair | undefined> => {
    try {
      return await loadIdentity(configDirectory);
    } catch (error) {
      // Files that do not go together are nothing to keep.
      if (error instanceof GranaryError && error.code === 'certificate') return undefined;
      throw error;
    }
  };
  await replacePair(certificateFiles(configDirectory), old, next);
  return { ...next, fingerprint: certificateFingerprint(next.certificate) };
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

async function selfSigned(options: CreateOptions): Promise<CertificatePair> {
  const host = os.hostname().split('.')[0]!;
  const fullName = options.hostName ?? (await qualifiedName());
  const start = new Date(Math.floor(options.clock.now() / 1000) * 1000);
  return makeSelfSigned({
    organization: 'Proxmox Backup Server',
    organizationalUnit: randomUUID(),
    commonName: fullName,
    alternativeNames: [...new Set(['127.0.0.1', '::1', 'localhost', host, fullName])],
    notBefore: start,
    notAfter: new Date(start.getTime() + 365_000 * 86_400_000),
    bits: options.bits ?? 4096,
  });
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
