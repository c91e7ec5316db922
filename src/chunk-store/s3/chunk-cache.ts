// Local copies of chunks whose home is a bucket: `.cache/XX/DIGEST`, those that were used last, up to a size. A copy is
// believed only if its CRC is right; whatever is wrong with the cache, the bucket has the chunk.

import * as fs from 'node:fs';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { isErrno } from '../../base/errors.ts';
import { checkBlob } from '../../format/blob.ts';
import { replaceFile } from '../../os/atomic-file.ts';
import { touchAccessTimeSync } from '../../os/times.ts';
import { makeDirectorySync, storeOwner } from '../ownership.ts';

/** A cache leaves a fifth of the space that it could have, whatever its limit: indexes and manifests have to fit, too. */
const shareOfFree = 0.8;
/** Each process looks what all have written after it has written this share of what there may be, at most 1 GiB. */
const shareUnseen = 1 / 32;
const mostUnseen = 2 ** 30;
/** What is left after chunks were removed, so that some processes together stay below the limit. */
const shareKept = 3 / 4;

export class ChunkCache {
  readonly #directory: string;
  readonly #limit: number;
  /** Bytes that this process has written since it looked, and after how many it looks again. */
  #unseen = 0;
  #nextLook = 0;
  #trimming: Promise<void> | undefined;

  /** `limit` in bytes; 0 for no cache, undefined for as much as the file system has room for. */
  constructor(base: string, limit: number | undefined) {
    this.#directory = `${base}/.cache`;
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
  }

  #path(hex: string): string {
    return `${this.#directory}/${hex.slice(0, 2)}/${hex}`;
  }

  /** A sound copy of a chunk, as it is stored. */
  async read(hex: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#limit === 0) return undefined;
    const path = this.#path(hex);
    try {
      const bytes = Uint8Array.from(await fs.promises.readFile(path));
      checkBlob(bytes, '');
      touchAccessTimeSync(path);
      return bytes;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) this.drop(hex);
      return undefined;
    }
  }

  /** Keeps a copy, if that is possible. */
  async write(hex: string, bytes: Uint8Array): Promise<void> {
    if (this.#limit === 0) return;
    const path = this.#path(hex);
    const owner = storeOwner();
    const write = () => replaceFile(path, bytes, { durable: false, ...(owner ? { owner } : {}) });
    try {
      await write().catch(async (error: unknown) => {
        if (!isErrno(error, 'ENOENT')) throw error;
        makeDirectorySync(this.#directory, 0o750);
        makeDirectorySync(`${this.#directory}/${hex.slice(0, 2)}`, 0o750);
        await write();
      });
      this.#unseen += bytes.byteLength;
    } catch {
      // No space is no reason to fail: what is asked for is in the bucket.
      this.#nextLook = 0;
    }
    if (this.#unseen >= this.#nextLook) this.#trim();
  }

  drop(hex: string): void {
    fs.rmSync(this.#path(hex), { force: true });
  }

  /** Settles when nothing is being removed. */
  async settled(): Promise<void> {
    await this.#trimming;
  }

  #trim(): void {
    this.#unseen = 0;
    this.#trimming ??= this.#removeOldest()
      .catch(() => {})
      .finally(() => {
        this.#trimming = undefined;
      });
  }

  async #removeOldest(): Promise<void> {
    const found: { path: string; size: number; used: number }[] = [];
    let total = 0;
    for (const prefix of readNames(this.#directory)) {
      for (const name of readNames(`${this.#directory}/${prefix}`)) {
        const path = `${this.#directory}/${prefix}/${name}`;
        const stat = fs.lstatSync(path, { throwIfNoEntry: false });
        if (!stat?.isFile()) continue;
        found.push({ path, size: stat.size, used: stat.atimeMs });
        total += stat.size;
      }
      await yieldToOthers();
    }
    const limit = Math.min(this.#limit, await this.#room(total));
    this.#nextLook = Math.min(mostUnseen, limit * shareUnseen);
    if (total <= limit * (1 - shareUnseen)) return;
    for (const { path, size } of found.sort((a, b) => a.used - b.used)) {
      if (total <= limit * shareKept) return;
      fs.rmSync(path, { force: true });
      total -= size;
    }
  }

  async #room(used: number): Promise<number> {
    const { bavail, bsize } = await fs.promises.statfs(this.#directory);
    return (bavail * bsize + used) * shareOfFree;
  }
}

function readNames(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
