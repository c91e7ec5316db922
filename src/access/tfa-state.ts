// What a login with a second factor leaves behind for the next one: counts of failures, and challenges that security
// keys have not answered yet. One run-time file a user, shared by all processes of the server (access-control.md 9).

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigFile } from '../config/config-file.ts';
import type { Directories } from '../config/directories.ts';
import { isObject, parseJsonFile } from '../config/json-file.ts';
import type { AuthId } from '../model/auth-id.ts';

export interface OpenChallenge {
  /** base64url, as the authenticator signs it. */
  challenge: string;
  /** Epoch seconds. */
  created: number;
  /** Of a registration: what the entry will be called. */
  description?: string;
}

export interface TfaState {
  /** Wrong one-time codes in a row. */
  'totp-failures': number;
  /** Wrong answers of any kind in a row. */
  'tfa-failures': number;
  registrations: OpenChallenge[];
  logins: OpenChallenge[];
}

/** Challenges of each kind that may be open at a time; the oldest give way. */
const maxOpen = 32;

export class TfaStates {
  readonly #folder: string;

  constructor(directories: Directories) {
    this.#folder = join(directories.run, 'tfa');
  }

  /** Changes a user's state under its lock; what `change` returns is returned once the change is durable. */
  async update<R>(userId: AuthId, change: (state: TfaState) => R): Promise<R> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    let result: { value: R } | undefined;
    await this.#file(userId).update((state) => {
      result = { value: change(state) };
      for (const kind of ['registrations', 'logins'] as const) state[kind] = state[kind].slice(-maxOpen);
    });
    return result!.value;
  }

  /** Forgets everything about a user; a file that cannot be read, too. */
  async clear(userId: AuthId): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const file = this.#file(userId);
    using _lock = await file.lock();
    fs.rmSync(file.path, { force: true });
  }

  #file(userId: AuthId): ConfigFile<TfaState> {
    // User ids may be longer than names of files.
    const path = join(this.#folder, `${createHash('sha256').update(userId).digest('hex')}.json`);
    return new ConfigFile<TfaState>({ path, mode: 0o600, parse, serialize: (state) => JSON.stringify(state) });
  }
}

/** Takes an open challenge out of a list, so that it is answered once; undefined when there is none or it is too old. */
export function takeChallenge(
  open: OpenChallenge[],
  challenge: string,
  o: { now: number; lifetime: number },
): OpenChallenge | undefined {
  const at = open.findIndex((one) => one.challenge === challenge);
  const [found] = at < 0 ? [] : open.splice(at, 1);
  if (found === undefined || o.now - found.created > o.lifetime || found.created > o.now + 60) return undefined;
  return found;
}

function parse(text: string, path: string): TfaState {
  const value = parseJsonFile(text, path);
  const from = isObject(value) ? value : {};
  const count = (name: string): number => (Number.isSafeInteger(from[name]) ? (from[name] as number) : 0);
  const list = (name: string): OpenChallenge[] => {
    const items: unknown[] = Array.isArray(from[name]) ? from[name] : [];
    return items.filter(
      (item): item is Record<string, unknown> & OpenChallenge =>
        isObject(item) && typeof item['challenge'] === 'string' && typeof item['created'] === 'number',
    );
  };
  return {
    'totp-failures': count('totp-failures'),
    'tfa-failures': count('tfa-failures'),
    registrations: list('registrations'),
    logins: list('logins'),
  };
}
