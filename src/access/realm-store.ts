// The realms of domains.cfg as the API changes them, with the passwords that directory servers are asked with
// (access-control.md 8, 10; rest-api.md 7.5).

import { join } from 'node:path';
import { GranaryError } from '../base/errors.ts';
import type { ConfigFile } from '../config/config-file.ts';
import type { Directories } from '../config/directories.ts';
import {
  findRealm,
  listRealms,
  putRealm,
  type RealmEntry,
  realmConfigFile,
  realmsOfType,
  typeOfRealm,
} from '../config/realm-config.ts';
import type { RealmOf, RealmType } from '../config/realm-schema.ts';
import { type Secrets, secretFile } from '../config/secret-file.ts';
import type { Sections } from '../config/section-config.ts';
import type { Changed, ChangeOptions, ConfigTable } from '../config/section-store.ts';

/** What is known of realms, and the tables that change them. */
export class RealmStore {
  readonly #file: ConfigFile<Sections>;
  readonly #passwords: ConfigFile<Secrets>;

  constructor(directories: Directories) {
    this.#file = realmConfigFile(directories);
    this.#passwords = secretFile(join(directories.config, 'ldap_passwords.json'));
  }

  /** Every realm, those that are always there too. */
  listAll(): { data: RealmEntry[]; digest: string } {
    const { value, digest } = this.#file.current();
    return { data: listRealms(value), digest };
  }

  /** Undefined when there is no realm of that name and type. */
  find<T extends RealmType>(type: T, realm: string): RealmOf<T> | undefined {
    return findRealm(this.#file.current().value, type, realm);
  }

  /** The password of the realm's bind-dn. */
  passwordOf(realm: string): string | undefined {
    return this.#passwords.current().value.get(realm);
  }

  table<T extends RealmType>(type: T): RealmTable<T> {
    return new RealmTable(type, this.#file, this.#passwords);
  }
}

/** `password` is that of the bind-dn; `null` forgets it, undefined leaves it as it is. */
export type RealmChangeOptions<T extends RealmType> = ChangeOptions<RealmOf<T>> & {
  password?: string | null | undefined;
};

/**
 * The realms of one type. Changes run under the lock of domains.cfg; a password comes before the realm that it is for,
 * and goes before it, so that no realm gets a password of the past.
 */
export class RealmTable<T extends RealmType> implements ConfigTable<RealmOf<T>> {
  readonly #type: T;
  readonly #file: ConfigFile<Sections>;
  readonly #passwords: ConfigFile<Secrets>;

  constructor(type: T, file: ConfigFile<Sections>, passwords: ConfigFile<Secrets>) {
    this.#type = type;
    this.#file = file;
    this.#passwords = passwords;
  }

  list(): { data: RealmOf<T>[]; digest: string } {
    const { value, digest } = this.#file.current();
    return { data: realmsOfType(value, this.#type), digest };
  }

  get(realm: string): { data: RealmOf<T>; digest: string } {
    const { value, digest } = this.#file.current();
    return { data: this.#require(value, realm), digest };
  }

  /** Throws the error of `create` when the name is taken. */
  checkNew(realm: string): void {
    if (typeOfRealm(this.#file.current().value, realm)) throw realmExists(realm);
  }

  async create(value: RealmOf<T>, o: RealmChangeOptions<T> = {}): Promise<Changed<RealmOf<T>>> {
    await this.#file.update(async (sections) => {
      await o.check?.(value, undefined, realmsOfType(sections, this.#type));
      if (typeOfRealm(sections, value.realm)) throw realmExists(value.realm);
      await this.#setPassword(value.realm, o.password ?? null);
      putRealm(sections, this.#type, value);
    }, o.digest);
    return { before: undefined, next: value };
  }

  async update(
    realm: string,
    change: Partial<RealmOf<T>>,
    o: RealmChangeOptions<T> & { remove?: readonly string[] | undefined } = {},
  ): Promise<Changed<RealmOf<T>>> {
    const changed: Changed<RealmOf<T>> = { before: undefined, next: undefined };
    await this.#file.update(async (sections) => {
      changed.before = this.#require(sections, realm);
      changed.next = changedRealm(changed.before, change, o.remove);
      await o.check?.(changed.next, changed.before, realmsOfType(sections, this.#type));
      if (o.password !== undefined) await this.#setPassword(realm, o.password);
      putRealm(sections, this.#type, changed.next);
    }, o.digest);
    return changed;
  }

  /** Users of the realm stay; they can no longer log in. */
  async remove(realm: string, o: ChangeOptions<RealmOf<T>> = {}): Promise<Changed<RealmOf<T>>> {
    const changed: Changed<RealmOf<T>> = { before: undefined, next: undefined };
    await this.#file.update(async (sections) => {
      changed.before = findRealm(sections, this.#type, realm);
      if (!changed.before) throw new GranaryError('not-found', `realm '${realm}' does not exist.`);
      await o.check?.(undefined, changed.before, realmsOfType(sections, this.#type));
      await this.#setPassword(realm, null);
      sections.delete(realm);
    }, o.digest);
    return changed;
  }

  #require(sections: Sections, realm: string): RealmOf<T> {
    const entry = findRealm(sections, this.#type, realm);
    if (!entry) throw new GranaryError('bad-request', `no such realm '${realm}'`);
    return entry;
  }

  async #setPassword(realm: string, password: string | null): Promise<void> {
    if (password === null && !this.#passwords.current().value.has(realm)) return;
    await this.#passwords.update((secrets) => {
      if (password === null) secrets.delete(realm);
      else secrets.set(realm, password);
    });
  }
}

/** The realm with what `change` gives, without the properties that `remove` names. */
export function changedRealm<E extends object>(entry: E, change: Partial<E>, remove: readonly string[] = []): E {
  const kept = Object.entries(entry).filter(([key]) => !remove.includes(key));
  const set = Object.entries(change).filter(([, value]) => value !== undefined);
  return Object.fromEntries([...kept, ...set]) as E;
}

function realmExists(realm: string): GranaryError {
  const text = `realm '${realm}' already exists.`;
  return new GranaryError('already-exists', `parameter verification failed - 'realm': ${text}`, {
    parameters: { realm: text },
  });
}
