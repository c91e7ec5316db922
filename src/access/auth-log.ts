// The authentication log, read by tools such as fail2ban (rest-api.md 1): one line per login and per failure.

import { join } from 'node:path';
import { type Clock, epochSeconds, formatLocal } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import { appendToLog } from '../os/inherit-owner.ts';

export class AuthLog {
  readonly path: string;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(directories: Directories, clock: Clock, logger: Logger) {
    this.path = join(directories.log, 'api', 'auth.log');
    this.#clock = clock;
    this.#logger = logger;
  }

  async success(user: string): Promise<void> {
    await this.#append(`successful auth for user '${oneLine(user)}'`);
  }

  /** `peer` is `[ip]:port`; `user` only if the caller gave one. */
  async failure(o: { peer: string; user?: string; reason: string }): Promise<void> {
    const user = o.user === undefined ? '' : ` user=${oneLine(o.user)}`;
    await this.#append(`authentication failure; rhost=${oneLine(o.peer)}${user} msg=${oneLine(o.reason)}`);
  }

  /** The log being unwritable stops nobody. */
  async #append(text: string): Promise<void> {
    const line = `${formatLocal(epochSeconds(this.#clock))}: ${text}\n`;
    try {
      await appendToLog(this.path, line);
    } catch (error) {
      this.#logger('error', 'auth-log-failed', { path: this.path, error: messageOf(error) });
    }
  }
}

/** Names and reasons come from strangers: they must not make lines, or parts of lines, of their own. */
function oneLine(text: string): string {
  return text.slice(0, 256).replace(/[\s\u0000-\u001f\u007f]/g, (char) => (char === ' ' ? ' ' : '?'));
}
