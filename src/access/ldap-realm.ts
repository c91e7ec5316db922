// Logins of users of a directory: looked for by the server, then bound as with the given password
// (access-control.md 10, 11).

import { randomBytes } from 'node:crypto';
import { GranaryError } from '../base/errors.ts';
import { LdapConnection } from './ldap-connection.ts';
import type { LdapSettings } from './ldap-settings.ts';
import type { Realm } from './realms.ts';

export class LdapRealm implements Realm {
  readonly name: string;
  readonly #settings: LdapSettings;

  constructor(settings: LdapSettings) {
    this.name = settings.realm;
    this.#settings = settings;
  }

  async authenticate(name: string | undefined, password: string): Promise<void> {
    // Many servers take a bind without a password as one of nobody, and let it succeed.
    if (password === '' || password.includes('\0')) throw new GranaryError('auth-failed', 'empty password');
    const { baseDn, userAttribute } = this.#settings;
    const wanted = name ?? `nobody-${randomBytes(8).toString('hex')}`;
    await using connection = await LdapConnection.open(this.#settings);
    const base = baseDn ?? (await connection.defaultNamingContext());
    const [dn, second] = await connection.findByAttribute(base, userAttribute, wanted);
    if (dn === undefined || name === undefined) throw new GranaryError('auth-failed', 'not in the directory');
    if (second !== undefined) throw new GranaryError('auth-failed', `several entries have ${userAttribute} '${name}'`);
    await connection.bind(dn, password);
  }
}

/**
 * Asks the directory as a login would. Returns the base-dn, looked up if the realm has none. Throws `connection` when no
 * server can be reached or it refuses the bind, `parameter-invalid` for a base-dn that is not there.
 */
export async function checkLdap(settings: LdapSettings): Promise<string> {
  try {
    await using connection = await LdapConnection.open(settings);
    if (settings.baseDn === undefined) return await connection.defaultNamingContext();
    if (await connection.exists(settings.baseDn)) return settings.baseDn;
  } catch (error) {
    // The caller's own login has not failed.
    if (!(error instanceof GranaryError) || error.code !== 'auth-failed') throw error;
    throw new GranaryError('bad-request', error.message, { cause: error });
  }
  const problem = `the directory shows no entry '${settings.baseDn}'`;
  throw new GranaryError('parameter-invalid', `parameter verification failed - 'base-dn': ${problem}`, {
    parameters: { 'base-dn': problem },
  });
}
