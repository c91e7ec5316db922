// What a port speaks TLS with: the certificate, and which ciphers are offered by node.cfg (config-and-tasks.md 3).

import { stat } from 'node:fs/promises';
import { createSecureContext, DEFAULT_CIPHERS } from 'node:tls';
import { GranaryError } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { nodeConfigFile } from '../config/node-config.ts';
import type { NodeOptions } from '../config/node-schema.ts';
import { identityStamp, loadIdentity, type TlsIdentity } from './identity.ts';

type CipherOptions = Pick<NodeOptions, 'ciphers-tls-1.2' | 'ciphers-tls-1.3'>;

/**
 * One list in the notation of OpenSSL, suites of TLS 1.3 first; a version without an option has its default. Undefined
 * when there is none to choose. Throws `config-invalid` with the option when OpenSSL knows nothing of that name.
 */
export function cipherList(options: CipherOptions): string | undefined {
  const [older, newer] = [options['ciphers-tls-1.2'], options['ciphers-tls-1.3']];
  if (older === undefined && newer === undefined) return undefined;
  const defaults = DEFAULT_CIPHERS.split(':');
  const suites = newer ?? defaults.filter((name) => name.startsWith('TLS_')).join(':');
  const ciphers = older ?? defaults.filter((name) => !name.startsWith('TLS_')).join(':');
  for (const [key, text, isSuite] of [
    ['ciphers-tls-1.3', newer, true],
    ['ciphers-tls-1.2', older, false],
  ] as const) {
    if (text === undefined) continue;
    const wrong = text.split(':').find((name) => name.startsWith('TLS_') !== isSuite);
    if (wrong !== undefined) {
      throw new GranaryError('config-invalid', `node.cfg: '${key}': '${wrong}' does not belong to that version of TLS`);
    }
    try {
      createSecureContext({ ciphers: isSuite ? `${text}:${ciphers}` : text });
    } catch (error) {
      throw new GranaryError('config-invalid', `node.cfg: '${key}': OpenSSL does not take '${text}'`, { cause: error });
    }
  }
  return `${suites}:${ciphers}`;
}

/** What a port speaks TLS with. */
export interface TlsSettings extends TlsIdentity {
  /** In the notation of OpenSSL; absent for the defaults. */
  ciphers?: string;
}

/**
 * The certificate and the ciphers of a configuration directory; undefined without a certificate. Ciphers that cannot be
 * used are told to `complain` and replaced by the defaults: a server that answers is worth more.
 */
export async function loadTlsSettings(
  directories: Directories,
  complain: (error: unknown) => void,
): Promise<TlsSettings | undefined> {
  const identity = await loadIdentity(directories.config);
  if (identity === undefined) return undefined;
  try {
    const ciphers = cipherList(nodeConfigFile(directories).current().value);
    return ciphers === undefined ? identity : { ...identity, ciphers };
  } catch (error) {
    complain(error);
    return identity;
  }
}

/** Differs when the certificate, its key or the options have been written. */
export async function tlsStamp(directories: Directories): Promise<string> {
  const options = await stat(nodeConfigFile(directories).path, { bigint: true }).catch(() => undefined);
  return `${await identityStamp(directories.config)}/${options?.ino}:${options?.mtimeNs}`;
}
