// What a source of users has to be able to do, and which ones this server has (access-control.md 10, 11).

import { type Directories, isInstalled } from '../config/directories.ts';
import { PamRealm } from './pam-realm.ts';
import { PbsRealm } from './pbs-realm.ts';

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

/** The realms that every server has, whatever its configuration says; those given come first. */
export class ConfiguredRealms implements RealmSource {
  readonly #fixed: readonly Realm[];

  constructor(directories: Directories, given: readonly Realm[] = []) {
    this.#fixed = [...given, new PbsRealm(directories), new PamRealm({ ownsMachine: isInstalled(directories) })];
  }

  find(name: string): Realm | undefined {
    return this.#fixed.find((realm) => realm.name === name);
  }
}
