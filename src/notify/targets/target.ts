// What a kind of target is: it sends a message, or says why it could not.

import { GranaryError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { StoredTarget } from '../../config/notification-config.ts';
import type { RunProgram } from '../../os/run-program.ts';
import type { Message } from '../render.ts';

/** What sending needs of the server. */
export interface Surroundings {
  run: RunProgram;
  /** Short name of this host. */
  hostname: string;
  /** Address of the sender of mails; node.cfg's email-from, or `root`. */
  mailFrom: string;
  /** `[http://][user:password@]host[:port]`, from node.cfg. */
  httpProxy?: string | undefined;
  /** The address of a user; undefined when there is no such user, or none with an address. */
  mailOf(userId: string): string | undefined;
  log: Logger;
  /** PEM certificates of whoever is trusted to sign; what the system trusts when absent. */
  trusted?: readonly string[];
  /** For tests: milliseconds after which a server counts as silent, instead of each target's own. */
  timeoutMs?: number;
}

export interface TargetKind {
  /**
   * Resolves once the counterpart has taken the message. Throws `connection`, `bad-request` or `config-invalid` with the
   * counterpart's words and never with a secret; whoever sends may try again, unless there is nobody to send to.
   */
  send(target: StoredTarget, message: Message, around: Surroundings, signal?: AbortSignal): Promise<void>;
}

/** Whether a target failed because nobody of those that it names has an address. */
export function isWithoutRecipient(error: unknown): boolean {
  return error instanceof GranaryError && error.details['withoutRecipient'] === true;
}
