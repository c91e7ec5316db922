// Token buckets: what a direction of one or many connections may carry (config-and-tasks.md 13, sync.md 11).
//
// Who has carried something pays for it afterwards, on credit if need be, and goes on when the debt is paid: takers of one
// bucket queue up by that, whichever process they are in, each with its own turn.

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

/** What is in a bucket at a time. */
export interface Level {
  /** Bytes; less than 0 is a debt. */
  readonly bytes: number;
  /** Milliseconds, as `monotonicMs` gives them. */
  readonly at: number;
}

/** A full bucket, whatever its size. */
export const full: Level = { bytes: Number.POSITIVE_INFINITY, at: 0 };

/** The level after `bytes` were taken, and the milliseconds until a debt is paid. */
export function draw(before: Level, now: number, bytes: number, { rate, burst }: Rate): { level: Level; wait: number } {
  const gained = Math.max(0, ((now - before.at) / 1000) * rate);
  const left = Math.min(burst, before.bytes + gained) - bytes;
  return { level: { bytes: left, at: now }, wait: left >= 0 ? 0 : (-left / rate) * 1000 };
}

/** What a connection pays to. */
export interface Bucket {
  /** Pays for bytes that have passed; the milliseconds until they are paid for, 0 for none. */
  take(bytes: number): number;
  /** Bytes that are worth a payment of their own: less may be paid for together with what follows. */
  readonly portion: number;
  /** Bytes a second, undefined when it only counts. */
  readonly rate: number | undefined;
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
  readonly rate: number;
  readonly #rate: Rate;
  readonly #now: () => number;
  #level = full;

  constructor(rate: Rate, now: () => number = monotonicMs) {
    this.#rate = rate;
    this.rate = rate.rate;
    this.#now = now;
    this.portion = portionOf(rate);
  }

  take(bytes: number): number {
    const { level, wait } = draw(this.#level, this.#now(), bytes, this.#rate);
    this.#level = level;
    return wait;
  }
}
