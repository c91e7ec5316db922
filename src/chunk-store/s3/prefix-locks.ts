// Locks over all processes that keep writing a chunk to the bucket apart from removing it: nobody can see there whether
// a chunk that is about to go is being uploaded again. One lock for all digests with the same first two digits.

import { chownSync, mkdirSync } from 'node:fs';
import { GranaryError } from '../../base/errors.ts';
import { type FileLock, type LockMode, lockFile } from '../../os/file-lock.ts';
import { storeOwner } from '../ownership.ts';

const writerWaitMs = 600_000;
const removerWaitMs = 30_000;

export class PrefixLocks {
  readonly #directory: string;
  readonly #made = new Set<string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** For making a chunk. Throws `locked` after ten minutes. */
  async shared(hex: string): Promise<FileLock> {
    const lock = await this.#take(hex, 'shared', writerWaitMs);
    if (lock) return lock;
    throw new GranaryError('locked', `unable to lock "${this.#path(hex)}": chunks are being removed for ten minutes`);
  }

  /** For removing chunks; undefined when somebody was always writing for half a minute. */
  async exclusive(hex: string): Promise<FileLock | undefined> {
    return await this.#take(hex, 'exclusive', removerWaitMs);
  }

  #path(hex: string): string {
    return `${this.#directory}/${hex.slice(0, 2)}`;
  }

  async #take(hex: string, mode: LockMode, waitMs: number): Promise<FileLock | undefined> {
    const path = this.#path(hex);
    if (this.#made.size === 0) mkdirSync(this.#directory, { recursive: true, mode: 0o770 });
    const lock = await lockFile(path, { mode, waitMs });
    const owner = storeOwner();
    // A privileged process must not lock out the one that serves the same store.
    if (lock && owner && !this.#made.has(path)) {
      chownSync(this.#directory, owner.uid, owner.gid);
      chownSync(path, owner.uid, owner.gid);
    }
    this.#made.add(path);
    return lock;
  }
}
