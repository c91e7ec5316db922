// What a source of users has to be able to do, and which ones this server has (access-control.md 10, 11).

import { type Directories, isInstalled } from '../config/directories.ts';
import { ldapSettings } from './ldap-settings.ts';
import { PamRealm } from './pam-realm.ts';
import { PbsRealm } from './pbs-realm.ts';
import type { RealmStore } from './realm-store.ts';

/** One realm: users of the form `name@realm` log in here. */
export interface Realm {
  /** As in user ids. */
  readonly name: string;
  /**
   * Resolves when the password is right; otherwise throws an error whose message says why, for the log only.
   * Without a name it does the work of a login that fails, so that nobody learns from the time which users this
   * server knows. `peer` is `[ip]:port`.
   */
  authenticate(name: string | undefined, password: string, o: { peer: string }): Promise<void>;
  /** Sets a user's password; throws `bad-request` when it breaks the realm's rules. Absent: not possible here. */
  setPassword?(name: string, password: string): Promise<void>;
  /** Forgets a user's password, if there is one. */
  removePassword?(name: string): Promise<void>;
}

/** Realms by name, as they are configured at the moment. */
export interface RealmSource {
  /** Undefined when there is none of that name. Throws `config-invalid` when the configuration cannot be read. */
  find(name: string): Realm | undefined;
}

/**
 * The realms that every server has, whatever its configuration says, and those of domains.cfg; those given come first.
 * Somebody logs in to a realm of type openid without a password: it is none of these.
 */
export class ConfiguredRealms implements RealmSource {
  readonly #fixed: readonly Realm[];
  readonly #store: RealmStore;

  constructor(directories: Directories, store: RealmStore, given: readonly Realm[] = []) {
    const pam = new PamRealm({ ownsMachine: isInstalled(directories) });
    this.#fixed = [...given, new PbsRealm(directories), pam];
    this.#store = store;
  }

  find(name: string): Realm | undefined {
    return this.#fixed.find((realm) => realm.name === name) ?? this.#configured(name);
  }

  #configured(name: string): Realm | undefined {
    const entry = this.#store.find('ldap', name) ?? this.#store.find('ad', name);
    if (!entry) return undefined;
    return {
      name,
      authenticate: async (user, password) => {
        // The library is of no use to the many commands that only need a ticket.
        const { LdapRealm } = await import('./ldap-realm.ts');
        await new LdapRealm(ldapSettings(entry, this.#store.passwordOf(name))).authenticate(user, password);
      },
    };
  }
}
