// Sends a notification: which targets it goes to, its texts, and each target's own way. For the process that may read
// secrets (config-and-tasks.md 8.2, 8.5, 8.7).

import { GranaryError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import { nodeConfigFile } from '../config/node-config.ts';
import { readForSending, type StoredTarget } from '../config/notification-config.ts';
import { findUser, userConfigFile } from '../config/user-config.ts';
import type { RunProgram } from '../os/run-program.ts';
import { chooseTargets } from './matcher.ts';
import type { Notification } from './notification.ts';
import { type Message, render } from './render.ts';
import { serverNames, shortHostname } from './server-names.ts';
import { isWithoutRecipient, type Surroundings } from './targets/target.ts';
import { targets as kinds } from './targets.ts';

export interface SenderOptions {
  directories: Directories;
  /** Starts sendmail. */
  run: RunProgram;
  log: Logger;
  /** PEM certificates of whoever is trusted to sign; what the system trusts when absent. */
  trusted?: readonly string[];
  /** For tests, as in `Surroundings`. */
  timeoutMs?: number;
}

/** Where a notification in the mode of old goes. */
const legacyTarget = 'legacy-sendmail';

export class Sender {
  readonly #options: SenderOptions;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** The names of the targets, each once. Those that are missing or disabled are logged and left out. */
  choose(notification: Notification): string[] {
    if (notification['mailto-user'] !== undefined) return [legacyTarget];
    const { directories, log } = this.#options;
    const { targets, matchers } = readForSending(directories);
    const chosen = chooseTargets(matchers, notification, (matcher, error) =>
      log('error', 'notification-matcher-unusable', { matcher, error }),
    );
    return chosen.filter((name) => {
      const target = targets.get(name);
      if (target === undefined) log('warn', 'notification-target-missing', { target: name });
      else if (target.disabled) log('info', 'notification-target-disabled', { target: name });
      return target !== undefined && !target.disabled;
    });
  }

  /**
   * Sends to a target that `choose` named, and tells whether that was done. It is not when the target is gone or disabled
   * by now, or when none of its users has an address, which is logged. Throws what the target throws.
   */
  async send(name: string, notification: Notification, signal?: AbortSignal): Promise<boolean> {
    const { 'mailto-user': user } = notification;
    if (user !== undefined) {
      const target: StoredTarget = {
        name: legacyTarget,
        kind: 'sendmail',
        disabled: false,
        values: { 'mailto-user': [user] },
      };
      return await this.#sendIfAnybody(target, notification, signal);
    }
    const target = readForSending(this.#options.directories).targets.get(name);
    if (target === undefined || target.disabled) {
      const event = target === undefined ? 'notification-target-missing' : 'notification-target-disabled';
      this.#options.log('warn', event, { target: name });
      return false;
    }
    return await this.#sendIfAnybody(target, notification, signal);
  }

  /** Sends the test notification to a target, be it disabled. Throws `not-found`, or what the target throws. */
  async test(name: string, timestamp: number, signal?: AbortSignal): Promise<void> {
    const target = readForSending(this.#options.directories).targets.get(name);
    if (target === undefined) throw new GranaryError('not-found', `notification target '${name}' does not exist.`);
    const { hostname } = await serverNames(this.#options.directories);
    const notification: Notification = {
      severity: 'info',
      timestamp,
      fields: { type: 'test', hostname },
      template: 'test',
      data: { target: name },
    };
    await this.#sendTo(target, notification, signal);
  }

  async #sendIfAnybody(target: StoredTarget, notification: Notification, signal?: AbortSignal): Promise<boolean> {
    try {
      await this.#sendTo(target, notification, signal);
      return true;
    } catch (error) {
      if (!isWithoutRecipient(error)) throw error;
      this.#options.log('warn', 'notification-skipped', { target: target.name, problem: messageOf(error) });
      return false;
    }
  }

  async #sendTo(target: StoredTarget, notification: Notification, signal: AbortSignal | undefined): Promise<void> {
    const message: Message = await render(
      this.#options.directories,
      await serverNames(this.#options.directories),
      notification,
      this.#options.log,
    );
    await kinds[target.kind].send(target, message, this.#surroundings(), signal);
  }

  #surroundings(): Surroundings {
    const { directories, run, log, trusted, timeoutMs } = this.#options;
    const { 'email-from': mailFrom = 'root', 'http-proxy': httpProxy } = nodeConfigFile(directories).current().value;
    return {
      run,
      log,
      hostname: shortHostname(),
      mailFrom,
      httpProxy,
      mailOf: (userId) => findUser(userConfigFile(directories).current().value, userId)?.email,
      ...(trusted === undefined ? {} : { trusted }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
  }
}
