// Buckets that all processes of the server share, one file a rule or endpoint in the run directory: what is left in either
// direction, and what has passed in the last seconds. A payment is a lock, a read, a write of 216 bytes and an unlock:
// some microseconds, made for portions of several milliseconds. Nobody ever waits for the lock: who does not get it pays
// together with what follows.

import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import type { Directories } from '../config/directories.ts';
import { tryLockDescriptor, unlockDescriptor } from '../os/file-lock.ts';
import { giveToOwnerOf } from '../os/inherit-owner.ts';
import { type Bucket, draw, full, type Level, monotonicMs, portionOf, type Rate } from './rate-bucket.ts';

export type Direction = 'in' | 'out';

/** Seconds of which the file keeps what has passed. */
const keptSeconds = 8;
/** Whole seconds that a current rate is the mean of. */
const meanSeconds = 3;
/** Layout, doubles of this machine: level and its time, in and out; then a ring of second, bytes in, bytes out. */
const levels = { in: 0, out: 2 } as const;
const ring = 4;
const doubles = ring + keptSeconds * 3;
/** How often the lock is tried before the payment is put off. */
const attempts = 4;
/** A payment that was put off is tried again after so many milliseconds. */
const retryMs = 1;
/** Directions without a rate are only counted, in steps of so many milliseconds. */
const countMs = 200;

/** The folder with a file for each rule that somebody pays to. */
export function bucketFolder(directories: Directories): string {
  return join(directories.run, 'traffic-control');
}

/** The state of one rule, as this process sees it. */
export class SharedRule {
  readonly #path: string;
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #state = new Float64Array(doubles);
  #fd: number | undefined;

  /** Its state is at `path`. `onError` is told when that cannot be used; bytes pass then. */
  constructor(path: string, o: { onError: (error: unknown) => void; now?: () => number }) {
    this.#path = path;
    this.#now = o.now ?? monotonicMs;
    this.#onError = o.onError;
  }

  /** A bucket of one direction; without a rate it only counts. */
  bucket(direction: Direction, rate: Rate | undefined): Bucket {
    let owed = 0;
    let countedAt = Number.NEGATIVE_INFINITY;
    const pay = (): number => {
      const now = this.#now();
      if (rate === undefined && now - countedAt < countMs) return 0;
      const wait = this.#pay(direction, owed, rate);
      if (wait === undefined) return rate === undefined ? 0 : retryMs;
      countedAt = now;
      owed = 0;
      return wait;
    };
    return {
      portion: portionOf(rate),
      rate: rate?.rate,
      take: (bytes) => {
        owed += bytes;
        try {
          return pay();
        } catch (error) {
          this.#onError(error);
          owed = 0;
          return 0;
        }
      },
    };
  }

  /** Closes the file; it is opened anew when it is needed. */
  close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Undefined when somebody else has the lock. */
  #pay(direction: Direction, bytes: number, rate: Rate | undefined): number | undefined {
    const fd = this.#open();
    for (let attempt = 1; !tryLockDescriptor(fd); attempt++) if (attempt === attempts) return undefined;
    try {
      const state = this.#state;
      read(fd, state);
      const now = this.#now();
      const wait = rate === undefined ? 0 : take(state, direction, now, bytes, rate);
      count(state, direction, Math.floor(now / 1000), bytes);
      fs.writeSync(fd, state, 0, state.byteLength, 0);
      return wait;
    } finally {
      unlockDescriptor(fd);
    }
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    const { O_RDWR, O_CREAT } = fs.constants;
    const folder = dirname(this.#path);
    if (fs.mkdirSync(folder, { recursive: true, mode: 0o755 }) !== undefined) giveToOwnerOf(dirname(folder), folder);
    this.#fd = fs.openSync(this.#path, O_RDWR | O_CREAT, 0o644);
    giveToOwnerOf(folder, this.#path);
    return this.#fd;
  }
}

/** Bytes a second that have passed under a rule, the mean of the last whole seconds. */
export function currentRates(
  directories: Directories,
  name: string,
  now: () => number = monotonicMs,
): Record<Direction, number> {
  const state = new Float64Array(doubles);
  let fd: number;
  try {
    fd = fs.openSync(join(bucketFolder(directories), name), 'r');
  } catch {
    return { in: 0, out: 0 };
  }
  try {
    read(fd, state);
  } finally {
    fs.closeSync(fd);
  }
  const sums = { in: 0, out: 0 };
  const present = Math.floor(now() / 1000);
  for (let at = ring; at < doubles; at += 3) {
    const age = present - state[at]!;
    if (age < 1 || age > meanSeconds) continue;
    sums.in += state[at + 1]!;
    sums.out += state[at + 2]!;
  }
  return { in: Math.round(sums.in / meanSeconds), out: Math.round(sums.out / meanSeconds) };
}

/** Removes the state of rules that are no more. */
export function forgetOthers(directories: Directories, names: ReadonlySet<string>): void {
  const folder = bucketFolder(directories);
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
    if (!names.has(name)) fs.rmSync(join(folder, name), { force: true });
  }
}

/** A new or short file is a full bucket. */
function read(fd: number, state: Float64Array): void {
  if (fs.readSync(fd, state, 0, state.byteLength, 0) < state.byteLength) state.fill(0);
}

function take(state: Float64Array, direction: Direction, now: number, bytes: number, rate: Rate): number {
  const slot = levels[direction];
  const at = state[slot + 1]!;
  // A file from before the machine was started anew, or a new one, has no time that could have come.
  const before: Level = at > 0 && at <= now ? { bytes: state[slot]!, at } : full;
  const { level, wait } = draw(before, now, bytes, rate);
  state[slot] = level.bytes;
  state[slot + 1] = level.at;
  return wait;
}

function count(state: Float64Array, direction: Direction, second: number, bytes: number): void {
  const slot = ring + (second % keptSeconds) * 3;
  if (state[slot] !== second) state.fill(0, slot, slot + 3);
  state[slot] = second;
  state[slot + (direction === 'in' ? 1 : 2)]! += bytes;
}
