// The server's secrets for tickets: the signing key pair and the CSRF secret, made on the first start
// (access-control.md 8, rest-api.md 4.2).

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { GranaryError, isErrno, withContext } from '../base/errors.ts';
import { ConfigFile, ownerFor } from '../config/config-file.ts';
import type { Directories } from '../config/directories.ts';
import { createFileExclusive, replaceFile } from '../os/atomic-file.ts';

export class AuthKeys {
  readonly #private: ConfigFile<KeyObject | undefined>;
  readonly #public: ConfigFile<KeyObject | undefined>;
  readonly #csrf: ConfigFile<Buffer | undefined>;

  private constructor(directories: Directories) {
    const file = <T>(name: string, mode: number, parse: (text: string) => T) =>
      new ConfigFile<T | undefined>({
        path: join(directories.config, name),
        mode,
        parse: (text, path) => (text === '' ? undefined : parsePart(path, () => parse(text))),
        serialize: () => '',
      });
    this.#private = file('authkey.key', 0o600, createPrivateKey);
    this.#public = file('authkey.pub', 0o640, createPublicKey);
    this.#csrf = file('csrf.key', 0o640, parseCsrfSecret);
  }

  /** Opens the keys and makes what is missing, unless this is a process that has to take them as they are. */
  static async open(directories: Directories, o: { create: boolean }): Promise<AuthKeys> {
    const keys = new AuthKeys(directories);
    if (o.create) await keys.#create();
    return keys;
  }

  /** Signs tickets. Throws `internal` in a process that may not read the key. */
  get signing(): KeyObject {
    return this.#present(this.#private);
  }

  /** Verifies tickets; follows a change of the file. */
  get verifying(): KeyObject {
    return this.#present(this.#public);
  }

  get csrfSecret(): Buffer {
    return this.#present(this.#csrf);
  }

  #present<T>(file: ConfigFile<T | undefined>): T {
    const { value } = file.current();
    if (value === undefined) throw new GranaryError('internal', `"${file.path}" is missing`);
    return value;
  }

  async #create(): Promise<void> {
    // Several processes of a server start at the same time; they must agree on one pair.
    using _lock = await this.#private.lock();
    if (!fs.existsSync(this.#private.path)) {
      const pair = generateKeyPairSync('ed25519');
      await create(this.#private.path, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600);
    }
    const wanted = this.#derivePublic();
    if (wanted !== undefined && !this.#isPublicKey(wanted)) {
      const owner = ownerFor(this.#public.path, 0o640);
      await replaceFile(this.#public.path, wanted, { mode: 0o640, durable: true, owner });
    }
    if (!fs.existsSync(this.#csrf.path)) {
      await create(this.#csrf.path, randomBytes(64).toString('base64'), 0o640);
    }
  }

  /** The public half as PEM; undefined in a process that may not read the private one. */
  #derivePublic(): string | undefined {
    try {
      return createPublicKey(this.signing).export({ type: 'spki', format: 'pem' }).toString();
    } catch (error) {
      const cause = error instanceof GranaryError ? error.cause : error;
      if (isErrno(cause, 'EACCES') && fs.existsSync(this.#public.path)) return undefined;
      throw error;
    }
  }

  #isPublicKey(pem: string): boolean {
    return this.#public.current().value?.equals(createPublicKey(pem)) ?? false;
  }
}

async function create(path: string, data: string | Buffer, mode: number): Promise<void> {
  await createFileExclusive(path, data, { mode, durable: true, owner: ownerFor(path, mode) });
}

function parsePart<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new GranaryError('config-invalid', withContext(`unable to parse "${path}"`, error).message, { cause: error });
  }
}

function parseCsrfSecret(text: string): Buffer {
  const secret = Buffer.from(text.trim(), 'base64');
  if (secret.byteLength < 16) throw new Error('not a base64 secret of at least 16 bytes');
  return secret;
}
