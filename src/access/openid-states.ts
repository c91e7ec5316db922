// Logins that were sent to an OpenID provider and have not come back: run-time files that every process of the server
// sees, good once and for a short time (rest-api.md 7.2).

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, epochSeconds } from '../base/clock.ts';
import { GranaryError, isErrno } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { replaceFile } from '../os/atomic-file.ts';

export interface OpenLogin {
  realm: string;
  redirectUrl: string;
  nonce: string;
  codeVerifier: string;
}

/** Seconds that somebody has to log in at the provider. */
const lifetime = 600;
/** Anybody can open logins: this many are kept, the oldest go first. */
const most = 2000;

export class OpenIdStates {
  readonly #folder: string;
  readonly #clock: Clock;

  constructor(directories: Directories, clock: Clock) {
    this.#folder = join(directories.run, 'openid');
    this.#clock = clock;
  }

  /** Keeps a login; the state that is returned opens it again, once. */
  async open(login: OpenLogin): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await this.#prune();
    const time = epochSeconds(this.#clock).toString(16).padStart(8, '0');
    const state = `${time}-${randomBytes(32).toString('base64url')}`;
    await replaceFile(this.#path(state), JSON.stringify(login), { mode: 0o600, durable: false });
    return state;
  }

  /** Throws `auth-failed` for a state that was never given out, was used, or is too old. */
  async take(state: string): Promise<OpenLogin> {
    try {
      const path = this.#path(state);
      const text = await readFile(path, 'utf8');
      // Of several that try, one can remove it.
      await unlink(path);
      if (!this.#isOpen(state)) throw unknownState();
      return JSON.parse(text) as OpenLogin;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) throw unknownState();
      throw error;
    }
  }

  /** By a digest: names of files are no secrets, states are. The time in front makes names sort by age. */
  #path(state: string): string {
    const digest = createHash('sha256').update(state).digest('hex');
    return join(this.#folder, `${/^[0-9a-f]{8}(?=-)/.exec(state)?.[0] ?? ''}-${digest}`);
  }

  #isOpen(name: string): boolean {
    const age = epochSeconds(this.#clock) - Number.parseInt(name.slice(0, 8), 16);
    return age >= -60 && age <= lifetime;
  }

  async #prune(): Promise<void> {
    const names = (await readdir(this.#folder)).sort();
    const old = names.filter((name, i) => !this.#isOpen(name) || names.length - i >= most);
    await Promise.all(old.map((name) => unlink(join(this.#folder, name)).catch(() => {})));
  }
}

function unknownState(): GranaryError {
  return new GranaryError('auth-failed', 'openid login failed: unknown, used or expired state');
}
