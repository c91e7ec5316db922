// How far a group has come in the middle of its archives, told from time to time: what is done of the content of all the
// snapshots that a run takes of it, and how long the rest will take.

import type { Clock } from '../base/clock.ts';
import { formatBytes } from '../base/human.ts';
import { timeLeft } from '../base/time-left.ts';
import type { SyncLog } from './run-groups.ts';

/** Milliseconds between two lines. */
const interval = 15_000;

/** Told the place in an archive up to which everything is done, in bytes of content. */
export type OnPosition = (position: number) => void;

export interface GroupProgressOptions {
  /** `host/a`. */
  group: string;
  /** Bytes of content of the snapshots, in the order in which they are done. */
  sizes: readonly number[];
  log: SyncLog;
  clock: Clock;
}

export class GroupProgress {
  readonly #o: GroupProgressOptions;
  readonly #total: number;
  readonly #left: (share: number) => string;
  /** Snapshots that are through, and the bytes of their content. */
  #snapshots = 0;
  #done = 0;
  /** Bytes of the files of this snapshot that are through. */
  #files = 0;
  #told: number;

  constructor(o: GroupProgressOptions) {
    this.#o = o;
    this.#total = o.sizes.reduce((sum, size) => sum + size, 0);
    this.#left = timeLeft(() => o.clock.now());
    this.#told = o.clock.now();
  }

  /** A snapshot is through, whatever of it had to be done. */
  snapshotDone(): void {
    this.#done += this.#o.sizes[this.#snapshots++] ?? 0;
    this.#files = 0;
  }

  /** An archive of `size` bytes begins; `name` is what the lines about it open with. */
  archive(name: string, size: number): OnPosition {
    const before = this.#files;
    this.#files += size;
    return (position) => {
      const now = this.#o.clock.now();
      // The clock may have been put back.
      if (Math.abs(now - this.#told) < interval) return;
      this.#told = now;
      const { group, sizes, log } = this.#o;
      const share = Math.min(1, (this.#done + before + position) / Math.max(1, this.#total));
      log.log(
        `${name}: at ${formatBytes(position)} of ${formatBytes(size)}, ` +
          `${group} at ${Math.floor(share * 100)}% (${this.#snapshots}/${sizes.length} snapshots)${this.#left(share)}`,
      );
    };
  }
}
