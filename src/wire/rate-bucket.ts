// Token buckets: what a direction of one or many connections may carry (config-and-tasks.md 13, sync.md 11).
//
// A bucket is one number, the time until which everything that has passed is paid for. It may lie behind the present by
// as much as the burst is worth. Who takes something pays afterwards and goes on when it is paid: takers of one bucket
// queue up by that, whichever process they are in, each with its own turn.

/** Milliseconds that never jump, the same for all processes of the machine. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface Rate {
  /** Bytes a second, more than 0. */
  readonly rate: number;
  /** Bytes that may pass at once after a pause. */
  readonly burst: number;
}

/** A timer that comes late loses nothing as long as this much is allowed at once. */
const leastBurstSeconds = 0.02;

/** Undefined without a rate, or with one of 0. The burst is the rate itself by default. */
export function rateOf(rate: number | undefined, burst?: number): Rate | undefined {
  if (rate === undefined || rate <= 0) return undefined;
  return { rate, burst: Math.max(burst ?? rate, rate * leastBurstSeconds) };
}

/** The time until which a bucket is paid for once `bytes` more have passed. */
export function paidUntil(before: number, now: number, bytes: number, { rate, burst }: Rate): number {
  return Math.max(before, now - (burst / rate) * 1000) + (bytes / rate) * 1000;
}

/** What a connection pays to. */
export interface Bucket {
  /** Pays for bytes that have passed; the milliseconds until they are paid for, 0 for none. */
  take(bytes: number): number;
  /** Bytes that are worth a payment of their own: less may be paid for together with what follows. */
  readonly portion: number;
}

const portionSeconds = 0.005;
/** The content of a TLS record. */
const leastPortion = 16 * 1024;
const largestPortion = 256 * 1024;

/** How much passes in about five milliseconds, in whole TLS records. */
export function portionOf(rate: Rate | undefined): number {
  if (rate === undefined) return largestPortion;
  const records = Math.ceil((rate.rate * portionSeconds) / leastPortion);
  return Math.min(largestPortion, records * leastPortion);
}

/** A bucket of this process. */
export class LocalBucket implements Bucket {
  readonly portion: number;
  readonly #rate: Rate;
  readonly #now: () => number;
  #paidUntil = Number.NEGATIVE_INFINITY;

  constructor(rate: Rate, now: () => number = monotonicMs) {
    this.#rate = rate;
    this.#now = now;
    this.portion = portionOf(rate);
  }

  take(bytes: number): number {
    const now = this.#now();
    this.#paidUntil = paidUntil(this.#paidUntil, now, bytes, this.#rate);
    return Math.max(0, this.#paidUntil - now);
  }
}
