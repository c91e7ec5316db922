// A fixed sum of memory for any number of users: each gets a part of what is left, so that there is always something
// for the next, and nobody waits for somebody who does not give back.

/** A user's part. */
export interface MemoryShare {
  readonly bytes: number;
  /** Gives it back; further calls do nothing. */
  release(): void;
}

export class MemoryBudget {
  readonly #part: number;
  #left: number;

  /** A user gets at most the `part`-th part of what is left of `bytes`. */
  constructor(bytes: number, part: number) {
    this.#left = bytes;
    this.#part = part;
  }

  /** Bytes that nobody holds; negative when many had to have their least. */
  get left(): number {
    return this.#left;
  }

  /** At most `most` bytes, and `least` even when nothing is left. */
  take(most: number, least = 0): MemoryShare {
    const bytes = Math.max(least, Math.min(most, Math.floor(this.#left / this.#part)));
    this.#left -= bytes;
    let held = true;
    return {
      bytes,
      release: () => {
        if (held) this.#left += bytes;
        held = false;
      },
    };
  }
}
