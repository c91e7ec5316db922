// The server's own users: passwords as hashes in shadow.json (access-control.md 8).

import { join } from 'node:path';
import { GranaryError } from '../base/errors.ts';
import type { ConfigFile } from '../config/config-file.ts';
import type { Directories } from '../config/directories.ts';
import { type Secrets, secretFile } from '../config/secret-file.ts';
import { hashSecret, verifySecret } from './password-hashing.ts';
import type { Realm } from './realms.ts';

export class PbsRealm implements Realm {
  readonly name = 'pbs';
  readonly #file: ConfigFile<Secrets>;

  constructor(directories: Directories) {
    this.#file = secretFile(join(directories.config, 'shadow.json'));
  }

  async authenticate(name: string | undefined, password: string): Promise<void> {
    const hash = name === undefined ? undefined : this.#file.current().value.get(name);
    if (!(await verifySecret(password, hash)) || name === undefined) {
      throw new GranaryError('auth-failed', 'invalid credentials');
    }
    if (hash?.startsWith('$y$')) return;
    const better = await hashSecret(password);
    await this.#file
      .update((secrets) => {
        // Somebody may have set another password meanwhile.
        if (secrets.get(name) === hash) secrets.set(name, better);
      })
      .catch(() => {
        // The old hash goes on working; the next login tries again.
      });
  }

  async setPassword(name: string, password: string): Promise<void> {
    checkPassword(password);
    const hash = await hashSecret(password);
    await this.#file.update((secrets) => void secrets.set(name, hash));
  }

  async removePassword(name: string): Promise<void> {
    if (!this.#file.current().value.has(name)) return;
    await this.#file.update((secrets) => void secrets.delete(name));
  }
}

/** The rules for new passwords; throws `parameter-invalid`. */
export function checkPassword(password: string): void {
  let problem: string | undefined;
  if (password.length < 5) problem = 'value must be at least 5 characters long';
  else if (password.length > 64) problem = 'value may only be 64 characters long';
  else if (/[\u0000-\u001f\u007f]/.test(password)) problem = 'value does not match the regex pattern';
  if (problem === undefined) return;
  throw new GranaryError('parameter-invalid', `parameter verification failed - 'password': ${problem}`, {
    parameters: { password: problem },
  });
}
