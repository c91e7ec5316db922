// How much memory uploads may hold that wait for room and are not read yet (docs/decisions/0001): a fixed sum for the
// process, whatever number of connections shares it.

import { defaultWindow } from './h2-frames.ts';
import { maxStreams } from './h2-server.ts';

/** All windows of waiting uploads of the process together. */
export const waitingMemory = 48 * 1024 * 1024;

/** A connection's part. */
export interface WaitingShare {
  readonly bytes: number;
  /** Gives it back; further calls do nothing. */
  release(): void;
}

/** Gives each connection a quarter of what is left, so that there is always something for the next. */
export class WaitingUploads {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** Bytes that no connection holds. */
  get left(): number {
    return this.#left;
  }

  take(): WaitingShare {
    const bytes = Math.min(maxStreams * defaultWindow, Math.floor(this.#left / 4));
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

/** Those of this process. */
export const waitingUploads: WaitingUploads = new WaitingUploads(waitingMemory);
