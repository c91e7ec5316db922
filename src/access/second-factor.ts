// The second factor of a login (access-control.md 9, rest-api.md 4.5): who has one, and that nobody who has one gets
// in without it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GranaryError, isErrno } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import type { AuthId } from '../model/auth-id.ts';

export interface SecondFactor {
  /** What the user has to answer after the password, as the JSON of the partial ticket; undefined = nothing. */
  challenge(userId: AuthId): Promise<Record<string, unknown> | undefined>;
  /** Resolves when `response` answers `challenge`; throws with the reason otherwise. */
  verify(userId: AuthId, challenge: Record<string, unknown>, response: string): Promise<void>;
}

/** For a server without a way to ask: a user with an enabled entry in tfa.json cannot log in with a password. */
export class RequiredSecondFactor implements SecondFactor {
  readonly #path: string;

  constructor(directories: Directories) {
    this.#path = join(directories.config, 'tfa.json');
  }

  async challenge(userId: AuthId): Promise<undefined> {
    if (!this.#hasEntries(userId)) return undefined;
    throw new GranaryError('auth-failed', 'a second factor is required, and this server cannot ask for one');
  }

  async verify(): Promise<void> {
    throw new GranaryError('auth-failed', 'this server has not asked for a second factor');
  }

  #hasEntries(userId: AuthId): boolean {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      throw error;
    }
    const data: unknown = text.trim() === '' ? {} : JSON.parse(text);
    const users = isRecord(data) && isRecord(data['users']) ? data['users'] : {};
    const user = Object.hasOwn(users, userId) ? users[userId] : undefined;
    return isRecord(user) && Object.values(user).some(isEnabled);
  }
}

/** A list of entries with one that is not disabled, or the set of recovery keys. */
function isEnabled(kind: unknown): boolean {
  if (Array.isArray(kind)) return kind.some((entry) => !isRecord(entry) || entry['enable'] !== false);
  return isRecord(kind) && kind['enable'] !== false;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
