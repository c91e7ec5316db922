// Where chunks lie: `<base>/.chunks/<first 4 digits>/<64 digits>` and the store lock file `<base>/.lock`
// (formats.md 13.1). Makes and recognises that tree.

import * as fs from 'node:fs';
import { toHex } from '../base/bytes.ts';
import { GranaryError, isErrno } from '../base/errors.ts';
import { throwIfAborted } from '../base/streams.ts';
import { makeDirectorySync, storeOwner } from './ownership.ts';

export const prefixCount = 65536;

export function chunksDirectory(base: string): string {
  return `${base}/.chunks`;
}

/** `0000` to `ffff` */
export function prefixName(prefix: number): string {
  return prefix.toString(16).padStart(4, '0');
}

export function isPrefixName(name: string): boolean {
  return /^[0-9a-f]{4}$/.test(name);
}

/** The directory of a digest in hex. */
export function prefixDirectory(base: string, hex: string): string {
  return `${base}/.chunks/${hex.slice(0, 4)}`;
}

/** The file of a digest in hex. */
export function chunkPath(base: string, hex: string): string {
  return `${base}/.chunks/${hex.slice(0, 4)}/${hex}`;
}

/** The hex form of a digest, which has to be 32 bytes. */
export function digestName(digest: Uint8Array): string {
  if (digest.byteLength !== 32) {
    throw new GranaryError('bad-request', `a chunk digest has 32 bytes, not ${digest.byteLength}`);
  }
  return toHex(digest);
}

export function isChunkName(name: string): boolean {
  return name.length === 64 && /^[0-9a-f]{64}$/.test(name);
}

/** A corrupt copy that was set aside: `DIGEST.N.bad`. */
export function isBadName(name: string): boolean {
  return name.length === 70 && /^[0-9a-f]{64}\.\d\.bad$/.test(name);
}

/** `<64 digits>.tmp_x7Kq2P`: a chunk while it is written, or for ever when its writer was killed. */
export function isTemporaryName(name: string): boolean {
  return /^[0-9a-f]{64}\.tmp_[A-Za-z0-9]{6}$/.test(name);
}

/** The name of a chunk while a sweep decides about it; a crash may leave it. */
export const sweptSuffix = '.swept';

/** True when `base` holds a chunk store. Throws when something else stands in its place. */
export function hasChunks(base: string): boolean {
  try {
    if (fs.statSync(chunksDirectory(base)).isDirectory()) return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  throw new GranaryError('bad-request', `'${chunksDirectory(base)}' is not a directory`);
}

/**
 * Makes `.lock`, `.chunks` and the 65,536 directories below it in an existing `base`. `.chunks` gets its name
 * last of all, so a tree that was only half made is not taken for a store; one left behind is made anew.
 * `onProgress` is told each whole percent from 1 to 99.
 */
export async function createChunkTree(
  base: string,
  options: { onProgress?: (percent: number) => void; signal?: AbortSignal } = {},
): Promise<void> {
  const unfinished = `${base}/.chunks.tmp_create`;
  fs.rmSync(unfinished, { recursive: true, force: true });
  try {
    makeDirectorySync(unfinished, 0o750);
    let percent = 0;
    for (let prefix = 0; prefix < prefixCount; prefix++) {
      makeDirectorySync(`${unfinished}/${prefixName(prefix)}`, 0o750);
      const done = Math.floor(((prefix + 1) * 100) / prefixCount);
      if (done === percent || done === 100) continue;
      percent = done;
      options.onProgress?.(percent);
      await new Promise((resolve) => setImmediate(resolve));
      throwIfAborted(options.signal);
    }
    createLockFile(base);
    fs.renameSync(unfinished, chunksDirectory(base));
  } catch (error) {
    fs.rmSync(unfinished, { recursive: true, force: true });
    throw error;
  }
}

/** `.lock` is permanent: made if missing, otherwise never touched (formats.md 15.1). */
export function createLockFile(base: string): void {
  let fd: number;
  try {
    fd = fs.openSync(`${base}/.lock`, 'wx', 0o644);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return;
    throw error;
  }
  try {
    fs.fchmodSync(fd, 0o644);
    const owner = storeOwner();
    if (owner) fs.fchownSync(fd, owner.uid, owner.gid);
  } finally {
    fs.closeSync(fd);
  }
}
