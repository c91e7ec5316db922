// Receives datagrams at a local socket, as a service manager does, for tests of what it is told.

import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '../../base/errors.ts';
import { lastError, native } from '../libc.ts';
import { listenForDatagrams } from '../sockets.ts';

const recv = native('intptr_t recv(int fd, void *bytes, size_t size, int flags)');
const MSG_DONTWAIT = 0x40;
const pollMs = 10;

export class DatagramReceiver implements Disposable {
  readonly path: string;
  readonly #fd: number;
  readonly #waiting: string[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(path: string) {
    this.path = path;
    this.#fd = listenForDatagrams(path);
    this.#timer = setInterval(() => this.#receive(), pollMs).unref();
  }

  /** The next datagram that `matches`, from what has come since the last call on. */
  async next(matches: RegExp): Promise<string> {
    for (;;) {
      const text = this.#waiting.shift();
      if (text === undefined) await delay(pollMs);
      else if (matches.test(text)) return text;
    }
  }

  /** Takes what is there: a sender can send only so many that nobody has read. */
  #receive(): void {
    for (;;) {
      const bytes = Buffer.alloc(8192);
      const length = Number(recv()(this.#fd, bytes, bytes.byteLength, MSG_DONTWAIT));
      if (length < 0) {
        const error = lastError('recv', this.path);
        if (isErrno(error, 'EAGAIN')) return;
        throw error;
      }
      this.#waiting.push(bytes.toString('utf8', 0, length));
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    closeSync(this.#fd);
  }
}
