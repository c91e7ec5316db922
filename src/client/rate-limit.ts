// A token bucket in front of a socket: what passes in each direction is held to a rate, after a burst (cli.md 4).

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Clock } from '../base/clock.ts';

export interface RateLimits {
  /** Bytes a second. */
  rate: number;
  /** Bytes that may pass at once after a pause; the rate itself by default. */
  burst?: number | undefined;
}

/** Fine-grained time for buckets: milliseconds, with fractions. */
export const bucketClock: Clock = { now: () => performance.now() };

export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  readonly #clock: Clock;
  #tokens: number;
  #last: number;

  constructor(limits: RateLimits, clock: Clock = bucketClock) {
    this.#rate = limits.rate;
    this.#burst = Math.max(1, limits.burst ?? limits.rate);
    this.#clock = clock;
    this.#tokens = this.#burst;
    this.#last = clock.now();
  }

  /** Takes tokens, on credit if need be; the milliseconds to wait until the debt is paid. */
  take(bytes: number): number {
    const now = this.#clock.now();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#last) / 1000) * this.#rate);
    this.#last = now;
    this.#tokens -= bytes;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#rate) * 1000;
  }
}

const largestPiece = 64 * 1024;

/** A connected socket whose traffic keeps to the limits, each direction by itself. */
export class LimitedSocket extends Duplex {
  readonly #socket: Socket;
  readonly #out: TokenBucket;
  readonly #in: TokenBucket;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(socket: Socket, limits: RateLimits) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#out = new TokenBucket(limits);
    this.#in = new TokenBucket(limits);
    socket.on('data', (data: Buffer) => this.#received(data));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  #received(data: Buffer): void {
    const room = this.push(data);
    const wait = this.#in.take(data.byteLength);
    if (wait > 0 || !room) this.#socket.pause();
    if (wait > 0) this.#later(wait, () => this.#socket.resume());
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.destroyed) run();
    }, ms);
    this.#timers.add(timer);
  }

  override _read(): void {
    if (this.#socket.isPaused() && this.#timers.size === 0) this.#socket.resume();
  }

  override _write(data: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const send = (at: number): void => {
      if (at >= data.byteLength) {
        done();
        return;
      }
      const piece = data.subarray(at, at + largestPiece);
      const wait = this.#out.take(piece.byteLength);
      this.#socket.write(piece, (error) => {
        if (error) done(error);
        else if (wait > 0) this.#later(wait, () => send(at + piece.byteLength));
        else send(at + piece.byteLength);
      });
    };
    send(0);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#socket.destroy();
    done(error);
  }
}
