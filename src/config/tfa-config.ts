// tfa.json: the second factors of users, and how the server presents itself to security keys (access-control.md 9).
// What this server has no use for (u2f, yubico, unknown members) is kept as it stands.

import { join } from 'node:path';
import { GranaryError } from '../base/errors.ts';
import type { AuthId } from '../model/auth-id.ts';
import { ConfigFile } from './config-file.ts';
import type { Directories } from './directories.ts';
import { isObject, parseJsonFile } from './json-file.ts';
import type { WebauthnConfig } from './webauthn-schema.ts';

export const tfaEntryKinds = ['totp', 'webauthn', 'u2f', 'yubico'] as const;
export type TfaEntryKind = (typeof tfaEntryKinds)[number];

/** One factor. `entry` is its secret part, of a form of its own for each kind. */
export interface TfaEntry {
  id: string;
  description: string;
  /** Epoch seconds. */
  created: number;
  /** Only false is ever written. */
  enable?: boolean;
  entry?: unknown;
}

/** Ten keys that are good once each. */
export interface RecoveryKeys {
  /** Hex of 8 bytes; these characters are the key of the HMACs. */
  secret: string;
  /** HMAC-SHA256 of each key in hex; null once it was used. */
  entries: (string | null)[];
  /** Epoch seconds. */
  created: number;
}

export interface UserTfa extends Record<TfaEntryKind, TfaEntry[]> {
  recovery?: RecoveryKeys;
  /** Set by too many wrong codes. */
  totpLocked: boolean;
  /** Epoch seconds until which no factor is accepted. */
  lockedUntil?: number;
  /** Members that are not known here. */
  rest: Record<string, unknown>;
}

export interface TfaConfig {
  webauthn?: WebauthnConfig;
  users: Map<AuthId, UserTfa>;
  /** `u2f`, and members that are not known here. */
  rest: Record<string, unknown>;
}

/** The file, mode 0600; a missing one is empty. */
export function tfaConfigFile(directories: Directories): ConfigFile<TfaConfig> {
  return new ConfigFile<TfaConfig>({
    path: join(directories.config, 'tfa.json'),
    mode: 0o600,
    parse: parseTfa,
    serialize: serializeTfa,
  });
}

/** A user without any factor. */
export function emptyUserTfa(): UserTfa {
  return { totp: [], webauthn: [], u2f: [], yubico: [], totpLocked: false, rest: {} };
}

/** Throws `config-invalid` with the line, or with the member that has the wrong form. */
export function parseTfa(text: string, path: string): TfaConfig {
  const value = parseJsonFile(text, path);
  const read = new Reader(path);
  const { webauthn, users, ...rest } = read.object(value, 'the file');
  const config: TfaConfig = { users: new Map(), rest };
  if (webauthn !== undefined && webauthn !== null) config.webauthn = read.webauthn(webauthn);
  for (const [userId, user] of Object.entries(read.object(users ?? {}, 'users'))) {
    config.users.set(userId, read.user(user, `users.${userId}`));
  }
  return config;
}

/** The file's text in the one form in which it is written. */
export function serializeTfa(config: TfaConfig): string {
  const { u2f, ...rest } = config.rest;
  const document = {
    ...(u2f === undefined ? {} : { u2f }),
    ...(config.webauthn === undefined ? {} : { webauthn: config.webauthn }),
    users: Object.fromEntries([...config.users].map(([userId, user]) => [userId, writeUser(user)])),
    ...rest,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

class Reader {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  object(value: unknown, what: string): Record<string, unknown> {
    if (!isObject(value)) throw this.#wrong(what, 'an object');
    return value;
  }

  webauthn(value: unknown): WebauthnConfig {
    const config = this.object(value, 'webauthn');
    for (const name of ['rp', 'origin', 'id']) {
      if (config[name] !== undefined && typeof config[name] !== 'string') {
        throw this.#wrong(`webauthn.${name}`, 'a string');
      }
    }
    return config as WebauthnConfig;
  }

  user(value: unknown, what: string): UserTfa {
    const {
      totp,
      webauthn,
      u2f,
      yubico,
      recovery,
      'totp-locked': totpLocked,
      'tfa-locked-until': lockedUntil,
      ...rest
    } = this.object(value, what);
    const user: UserTfa = {
      totp: this.#entries(totp, `${what}.totp`),
      webauthn: this.#entries(webauthn, `${what}.webauthn`),
      u2f: this.#entries(u2f, `${what}.u2f`),
      yubico: this.#entries(yubico, `${what}.yubico`),
      totpLocked: totpLocked === true,
      rest,
    };
    if (recovery !== undefined && recovery !== null) user.recovery = this.#recovery(recovery, `${what}.recovery`);
    if (lockedUntil !== undefined && lockedUntil !== null) {
      if (typeof lockedUntil !== 'number') throw this.#wrong(`${what}.tfa-locked-until`, 'a number');
      user.lockedUntil = lockedUntil;
    }
    return user;
  }

  #entries(value: unknown, what: string): TfaEntry[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw this.#wrong(what, 'a list');
    return value.map((item: unknown, i) => {
      const entry = this.object(item, `${what}[${i}]`);
      if (typeof entry['id'] !== 'string') throw this.#wrong(`${what}[${i}].id`, 'a string');
      return {
        ...entry,
        id: entry['id'],
        description: typeof entry['description'] === 'string' ? entry['description'] : '',
        created: typeof entry['created'] === 'number' ? entry['created'] : 0,
      };
    });
  }

  #recovery(value: unknown, what: string): RecoveryKeys {
    const { secret, entries, created } = this.object(value, what);
    if (typeof secret !== 'string') throw this.#wrong(`${what}.secret`, 'a string');
    if (!Array.isArray(entries)) throw this.#wrong(`${what}.entries`, 'a list');
    for (const entry of entries) {
      if (entry !== null && typeof entry !== 'string') throw this.#wrong(`${what}.entries`, 'a list of strings');
    }
    return { secret, entries, created: typeof created === 'number' ? created : 0 };
  }

  #wrong(what: string, wanted: string): GranaryError {
    return new GranaryError('config-invalid', `parsing "${this.#path}" failed: ${what} is not ${wanted}`);
  }
}

function writeUser(user: UserTfa): Record<string, unknown> {
  const written: Record<string, unknown> = {};
  for (const kind of tfaEntryKinds) if (user[kind].length > 0) written[kind] = user[kind].map(writeEntry);
  if (user.recovery !== undefined) written['recovery'] = user.recovery;
  if (user.totpLocked) written['totp-locked'] = true;
  if (user.lockedUntil !== undefined) written['tfa-locked-until'] = user.lockedUntil;
  return { ...written, ...user.rest };
}

/** Members in the order of the field; `enable` only when it is false. */
function writeEntry({ id, description, created, enable, entry, ...rest }: TfaEntry): Record<string, unknown> {
  return {
    id,
    description,
    created,
    ...(enable === false ? { enable } : {}),
    ...(entry === undefined ? {} : { entry }),
    ...rest,
  };
}
