// How often somebody may be wrong: for credentials whose check costs the server more than it costs to send them.

import type { Clock } from '../base/clock.ts';

const windowMs = 60_000;
/** Ten a minute are invisible to whoever made a mistake (rest-api.md 4.7). */
const failuresOfOne = 10;
const failuresOfAll = 60;
const rememberedPeers = 10_000;

/** Counts failures of this process in windows of a minute, by address and together. */
export class AttemptLimit {
  readonly #clock: Clock;
  #since = Number.NEGATIVE_INFINITY;
  #all = 0;
  readonly #failures = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether `address` may try. */
  allows(address: string): boolean {
    const age = this.#clock.now() - this.#since;
    if (age >= windowMs || age < 0) return true;
    return this.#all < failuresOfAll && (this.#failures.get(address) ?? 0) < failuresOfOne;
  }

  failed(address: string): void {
    const now = this.#clock.now();
    if (now - this.#since >= windowMs || now < this.#since || this.#failures.size >= rememberedPeers) {
      this.#since = now;
      this.#all = 0;
      this.#failures.clear();
    }
    this.#all++;
    this.#failures.set(address, (this.#failures.get(address) ?? 0) + 1);
  }
}
