// The access log: one line a request, in the form that log readers know (rest-api.md 1).

import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { appendToLog } from '../os/inherit-owner.ts';

export interface AccessEntry {
  /** Peer address as logs show it. */
  peer: string;
  authId?: string;
  method: string;
  /** Path and query as sent. */
  url: string;
  status: number;
  /** Bytes of the body; 0 for streamed answers. */
  bytes: number;
  userAgent?: string;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** `{ip} - {auth-id} [{dd/mm/yyyy:HH:MM:SS ±zzzz}] "{METHOD} {path}" {status} {bytes} {user-agent}` */
export function formatAccessEntry(entry: AccessEntry, epochMs: number): string {
  const d = new Date(epochMs);
  const offset = -d.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const time =
    `${two(d.getDate())}/${two(d.getMonth() + 1)}/${d.getFullYear()}:` +
    `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())} ${zone}`;
  const plain = (text: string): string => text.replace(/[\u0000-\u001f\u007f]/g, ' ');
  return (
    `${entry.peer} - ${entry.authId ?? '-'} [${time}] "${entry.method} ${plain(entry.url)}" ` +
    `${entry.status} ${entry.bytes} ${plain(entry.userAgent ?? '-')}\n`
  );
}

/** The address of a peer as logs show it: IPv4 in its mapped form. */
export function shownAddress(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  return /^\d+\.\d+\.\d+\.\d+$/.test(address) ? `::ffff:${address}` : address;
}

/**
 * Appends lines in batches. The file is opened anew for each batch, so that a rotated file is let go of.
 * A log that cannot be written is reported once and never fails a request.
 */
export class AccessLog {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  #lines: string[] = [];
  #writing: Promise<void> | undefined;
  #reported = false;

  constructor(file: string, clock: Clock, log: Logger) {
    this.#file = file;
    this.#clock = clock;
    this.#log = log;
  }

  write(entry: AccessEntry): void {
    this.#lines.push(formatAccessEntry(entry, this.#clock.now()));
    this.#writing ??= this.#drain();
  }

  async #drain(): Promise<void> {
    await Promise.resolve();
    try {
      while (this.#lines.length > 0) await appendToLog(this.#file, this.#lines.splice(0).join(''));
    } catch (error) {
      this.#lines = [];
      if (!this.#reported) this.#log('error', 'access-log-failed', { file: this.#file, error: String(error) });
      this.#reported = true;
    } finally {
      this.#writing = undefined;
    }
  }

  /** Settles when everything written so far is in the file. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }
}
