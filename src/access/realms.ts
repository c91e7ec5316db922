// What a source of users has to be able to do, and the list of those this server has (access-control.md 10, 11).

import type { Directories } from '../config/directories.ts';
import { PbsRealm } from './pbs-realm.ts';

/** One realm: users of the form `name@realm` log in here. */
export interface Realm {
  /** As in user ids. */
  readonly name: string;
  /**
   * Resolves when the password is right; otherwise throws an error whose message says why, for the log only.
   * A wrong password and an unknown name take the same time. `peer` is `[ip]:port`.
   */
  authenticate(name: string, password: string, o: { peer: string }): Promise<void>;
  /** Sets a user's password; throws `bad-request` when it breaks the realm's rules. Absent: not possible here. */
  setPassword?(name: string, password: string): Promise<void>;
  /** Forgets a user's password, if there is one. */
  removePassword?(name: string): Promise<void>;
}

/** The realms that every server has. */
export function builtInRealms(directories: Directories): Realm[] {
  return [new PbsRealm(directories)];
}
