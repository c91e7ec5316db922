// The system's own users, as PAM knows them (access-control.md 8, 11).

import { randomBytes } from 'node:crypto';
import { GranaryError, messageOf } from '../base/errors.ts';
import { rootUser } from '../model/auth-id.ts';
import { askPam, setSystemPassword } from '../os/pam.ts';
import { checkPassword } from './pbs-realm.ts';
import type { Realm } from './realms.ts';

/** The file below /etc/pam.d. */
export const pamService = 'proxmox-backup-auth';

export class PamRealm implements Realm {
  readonly name = 'pam';
  readonly #service: string;
  readonly #ownsMachine: boolean;

  /** `ownsMachine`: the server is installed in the system, and may change the password of its superuser. */
  constructor(o: { service?: string; ownsMachine?: boolean } = {}) {
    this.#service = o.service ?? pamService;
    this.#ownsMachine = o.ownsMachine ?? false;
  }

  async authenticate(name: string | undefined, password: string, o: { peer: string }): Promise<void> {
    const verdict = await askPam({
      service: this.#service,
      user: name ?? `nobody-${randomBytes(8).toString('hex')}`,
      password,
      remoteHost: addressOf(o.peer),
    });
    if (!verdict.ok) throw new GranaryError('auth-failed', verdict.reason);
    if (name === undefined) throw new GranaryError('auth-failed', 'no such user');
  }

  /** Only of root: other users of the system are none of this server's business. */
  async setPassword(name: string, password: string): Promise<void> {
    if (!this.#ownsMachine || `${name}@pam` !== rootUser) {
      const reason = this.#ownsMachine ? 'except that of root' : 'which is not installed in the system';
      throw new GranaryError(
        'bad-request',
        `passwords of realm 'pam' cannot be set on this server, ${reason}: use passwd`,
      );
    }
    checkPassword(password);
    try {
      await setSystemPassword(name, password);
    } catch (error) {
      throw new GranaryError('bad-request', `unable to set the password of root: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

/** `[::ffff:10.0.0.1]:4711` as modules that look at hosts know it: `10.0.0.1`. */
function addressOf(peer: string): string {
  const address = /^\[(.*)\]:\d+$/.exec(peer)?.[1] ?? peer;
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}
