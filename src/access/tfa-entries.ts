// The second factors of users as they are listed, added, changed, removed and unlocked, and how the server presents
// itself to security keys (access-control.md 9, rest-api.md 7.2 and 7.5).

import { randomUUID } from 'node:crypto';
import { type Clock, epochSeconds } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import type { ConfigFile } from '../config/config-file.ts';
import {
  emptyUserTfa,
  type TfaConfig,
  type TfaEntry,
  type TfaEntryKind,
  tfaEntryKinds,
  type UserTfa,
} from '../config/tfa-config.ts';
import type { WebauthnConfig } from '../config/webauthn-schema.ts';
import type { AuthId } from '../model/auth-id.ts';
import { generateRecoveryKeys } from './recovery-keys.ts';
import { type TfaStates, takeChallenge } from './tfa-state.ts';
import { normalizeTotpUri, verifyTotp } from './totp.ts';
import { askForRegistration, checkRegistration, credentialIds, relyingParty } from './webauthn.ts';
import { credentialId } from './webauthn-credential.ts';

/** A factor without its secret part. */
export interface TfaEntryInfo {
  type: TfaEntryKind | 'recovery';
  id: string;
  description: string;
  /** Epoch seconds. */
  created: number;
  enable?: boolean;
}

/** What keeps a user's factors from being accepted; members are absent when nothing does. */
export interface TfaLocks {
  'totp-locked'?: true;
  /** Epoch seconds. */
  'tfa-locked-until'?: number;
}

/** The parameters of adding a factor. */
export interface NewTfaEntry {
  type: TfaEntryKind | 'recovery';
  description?: string;
  totp?: string;
  value?: string;
  challenge?: string;
}

/** What adding gives: the id, or the question to a security key, or the recovery keys, which are shown only now. */
export interface AddedTfaEntry {
  id?: string;
  challenge?: string;
  recovery?: string[];
}

const recoveryId = 'recovery';
/** Seconds that registering a security key may take. */
const registrationLifetime = 120;

export class TfaEntries {
  readonly #file: ConfigFile<TfaConfig>;
  readonly #states: TfaStates;
  readonly #clock: Clock;

  constructor(file: ConfigFile<TfaConfig>, states: TfaStates, clock: Clock) {
    this.#file = file;
    this.#states = states;
    this.#clock = clock;
  }

  /** Users that have a factor, with their factors. */
  listUsers(): ({ userid: AuthId; entries: TfaEntryInfo[] } & TfaLocks)[] {
    return [...this.#file.current().value.users].flatMap(([userid, user]) => {
      const entries = infos(user);
      return entries.length === 0 ? [] : [{ userid, entries, ...this.#locks(user) }];
    });
  }

  list(userId: AuthId): TfaEntryInfo[] {
    const user = this.#file.current().value.users.get(userId);
    return user ? infos(user) : [];
  }

  /** Throws `not-found` `no such tfa entry: U/ID`. */
  get(userId: AuthId, id: string): TfaEntryInfo {
    const found = this.list(userId).find((entry) => entry.id === id);
    if (!found) throw noSuchEntry(userId, id);
    return found;
  }

  locks(userId: AuthId): TfaLocks {
    const user = this.#file.current().value.users.get(userId);
    return user ? this.#locks(user) : {};
  }

  /** The locks of all users that have some, by user. */
  locksByUser(): Map<AuthId, TfaLocks> {
    return new Map([...this.#file.current().value.users].map(([userId, user]) => [userId, this.#locks(user)]));
  }

  /** Throws `bad-request` when the factor cannot be added. */
  async add(userId: AuthId, entry: NewTfaEntry): Promise<AddedTfaEntry> {
    switch (entry.type) {
      case 'totp':
        return await this.#addTotp(userId, entry);
      case 'webauthn':
        return await this.#addWebauthn(userId, entry);
      case 'recovery':
        return await this.#addRecovery(userId);
      default:
        throw new GranaryError('bad-request', `second factors of type '${entry.type}' cannot be added on this server`);
    }
  }

  /** Throws `not-found`, and `bad-request` for recovery keys, which can only be replaced. */
  async update(userId: AuthId, id: string, change: { description?: string; enable?: boolean }): Promise<void> {
    await this.#file.update((config) => {
      const user = config.users.get(userId);
      if (id === recoveryId && user?.recovery) {
        throw new GranaryError('bad-request', 'recovery keys cannot be changed, only replaced or removed');
      }
      const entry = tfaEntryKinds.flatMap((kind) => user?.[kind] ?? []).find((one) => one.id === id);
      if (!entry) throw noSuchEntry(userId, id);
      if (change.description !== undefined) entry.description = change.description;
      if (change.enable !== undefined) entry.enable = change.enable;
    });
  }

  /** Throws `not-found`. */
  async remove(userId: AuthId, id: string): Promise<void> {
    await this.#file.update((config) => {
      const user = config.users.get(userId);
      const kind = tfaEntryKinds.find((one) => user?.[one].some((entry) => entry.id === id));
      if (user && kind) user[kind] = user[kind].filter((entry) => entry.id !== id);
      else if (user?.recovery && id === recoveryId) delete user.recovery;
      else throw noSuchEntry(userId, id);
      if (infos(user).length === 0 && Object.keys(user.rest).length === 0) config.users.delete(userId);
    });
  }

  /** Makes an end of every lock of the user's factors; true if there was one. */
  async unlock(userId: AuthId): Promise<boolean> {
    let wasLocked = false;
    await this.#file.update(async (config) => {
      const user = config.users.get(userId);
      if (!user) return;
      wasLocked = Object.keys(this.#locks(user)).length > 0;
      await this.#states.clear(userId);
      user.totpLocked = false;
      delete user.lockedUntil;
    });
    return wasLocked;
  }

  /** Forgets all factors of a user, unless `keep` says that they are needed after all. */
  async removeUser(userId: AuthId, keep: () => boolean = () => false): Promise<void> {
    if (!this.#file.current().value.users.has(userId)) return;
    await this.#file.update(async (config) => {
      if (keep()) return;
      config.users.delete(userId);
      await this.#states.clear(userId);
    });
  }

  webauthnConfig(): { data: WebauthnConfig; digest: string } {
    const { value, digest } = this.#file.current();
    return { data: value.webauthn ?? {}, digest };
  }

  /** Throws `bad-request` while name or id of the relying party would be missing. */
  async updateWebauthnConfig(
    change: WebauthnConfig,
    o: { remove?: readonly ('origin' | 'allow-subdomains')[]; digest?: string } = {},
  ): Promise<void> {
    await this.#file.update((config) => {
      const webauthn: WebauthnConfig = { ...config.webauthn };
      for (const name of o.remove ?? []) delete webauthn[name];
      if (change.rp !== undefined) webauthn.rp = change.rp;
      if (change.origin !== undefined) webauthn.origin = new URL(change.origin).origin;
      if (change.id !== undefined) webauthn.id = change.id;
      if (change['allow-subdomains'] !== undefined) webauthn['allow-subdomains'] = change['allow-subdomains'];
      relyingParty(webauthn);
      config.webauthn = webauthn;
    }, o.digest);
  }

  async #addTotp(userId: AuthId, { description, totp, value }: NewTfaEntry): Promise<AddedTfaEntry> {
    if (totp === undefined) throw missing('totp');
    if (value === undefined) throw missing('value');
    const uri = normalizeTotpUri(totp);
    if (verifyTotp({ uri }, value, this.#clock.now()) === undefined) {
      throw new GranaryError('bad-request', 'failed to verify TOTP challenge');
    }
    return await this.#insert(userId, 'totp', description, () => uri);
  }

  /** Without an answer the question, which a second call answers. */
  async #addWebauthn(userId: AuthId, o: NewTfaEntry): Promise<AddedTfaEntry> {
    const { value: config } = this.#file.current();
    const party = relyingParty(config.webauthn);
    const now = epochSeconds(this.#clock);
    if (o.challenge === undefined) {
      if (o.value !== undefined) throw missing('challenge');
      const question = await askForRegistration(party, userId, config.users.get(userId)?.webauthn ?? []);
      const open = { challenge: question.publicKey.challenge, created: now, description: o.description ?? '' };
      await this.#states.update(userId, (state) => void state.registrations.push(open));
      return { challenge: JSON.stringify(question) };
    }
    if (o.value === undefined) throw missing('value');
    const challenge = bareChallenge(o.challenge);
    const open = await this.#states.update(userId, (state) =>
      takeChallenge(state.registrations, challenge, { now, lifetime: registrationLifetime }),
    );
    if (!open) throw new GranaryError('bad-request', 'no such challenge, or it has expired');
    const entry = await checkRegistration(party, o.value, challenge);
    return await this.#insert(userId, 'webauthn', o.description ?? open.description, (latest) => {
      const taken = [...latest.users.values()].flatMap((user) => credentialIds(user.webauthn));
      if (taken.includes(credentialId(entry) ?? '')) {
        throw new GranaryError('bad-request', 'this security key is registered already');
      }
      return entry;
    });
  }

  async #addRecovery(userId: AuthId): Promise<AddedTfaEntry> {
    const { keys, stored } = generateRecoveryKeys(epochSeconds(this.#clock));
    await this.#file.update((config) => {
      userTfa(config, userId).recovery = stored;
    });
    return { id: recoveryId, recovery: keys };
  }

  async #insert(
    userId: AuthId,
    kind: TfaEntryKind,
    description: string | undefined,
    secret: (config: TfaConfig) => unknown,
  ): Promise<AddedTfaEntry> {
    const id = randomUUID();
    await this.#file.update((config) => {
      const entry: TfaEntry = {
        id,
        description: description ?? '',
        created: epochSeconds(this.#clock),
        entry: secret(config),
      };
      userTfa(config, userId)[kind].push(entry);
    });
    return { id };
  }

  #locks(user: UserTfa): TfaLocks {
    const locks: TfaLocks = {};
    if (user.totpLocked) locks['totp-locked'] = true;
    const until = user.lockedUntil ?? 0;
    if (until > epochSeconds(this.#clock)) locks['tfa-locked-until'] = until;
    return locks;
  }
}

function userTfa(config: TfaConfig, userId: AuthId): UserTfa {
  const user = config.users.get(userId) ?? emptyUserTfa();
  config.users.set(userId, user);
  return user;
}

function infos(user: UserTfa): TfaEntryInfo[] {
  const list: TfaEntryInfo[] = tfaEntryKinds.flatMap((type) =>
    user[type].map(({ id, description, created, enable }) => ({
      type,
      id,
      description,
      created,
      ...(enable === false ? { enable } : {}),
    })),
  );
  const { recovery } = user;
  if (recovery) list.push({ type: recoveryId, id: recoveryId, description: '', created: recovery.created });
  return list;
}

/** The challenge itself, or the whole question that it was part of. */
function bareChallenge(text: string): string {
  if (!text.startsWith('{')) return text;
  try {
    const question = JSON.parse(text) as { publicKey?: { challenge?: unknown } };
    return String(question.publicKey?.challenge);
  } catch {
    return text;
  }
}

function missing(name: string): GranaryError {
  const text = 'parameter is missing and it is not optional.';
  return new GranaryError('parameter-invalid', `parameter verification failed - '${name}': ${text}`, {
    parameters: { [name]: text },
  });
}

function noSuchEntry(userId: AuthId, id: string): GranaryError {
  return new GranaryError('not-found', `no such tfa entry: ${userId}/${id}`);
}
