// A chunk's file, open for whoever sends it on. What may wait for the disk goes to Node's threads; what the kernel has in
// memory is read at once, by the thread that then encrypts it, out of the same processor's cache.

import * as fs from 'node:fs';
import { GranaryError, isErrno, messageOf } from '../../base/errors.ts';
import { readCached } from '../../os/cached-read.ts';
import type { OpenChunk } from '../contract.ts';
import { restoreSwept } from './chunk-files.ts';

export class ChunkFile implements OpenChunk {
  readonly size: number;
  readonly #fd: number;
  readonly #path: string;
  #reads = 0;
  #disposed = false;

  private constructor(fd: number, path: string, size: number) {
    this.#fd = fd;
    this.#path = path;
    this.size = size;
  }

  /** Throws a system error. */
  static async open(path: string): Promise<ChunkFile> {
    let fd: number;
    try {
      fd = await open(path);
    } catch (error) {
      if (!isErrno(error, 'ENOENT') || !restoreSwept(path)) throw error;
      fd = await open(path);
    }
    try {
      return new ChunkFile(fd, path, fs.fstatSync(fd).size);
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  async read(target: Uint8Array, position: number): Promise<void> {
    this.#reads++;
    try {
      for (let at = 0; at < target.byteLength; ) {
        const rest = target.subarray(at);
        const n = readCached(this.#fd, rest, position + at) || (await read(this.#fd, rest, position + at));
        if (n === 0) throw new GranaryError('io', `chunk file '${this.#path}' became shorter while it was read`);
        at += n;
      }
    } catch (error) {
      throw readingFailed(this.#path, error);
    } finally {
      this.#reads--;
      this.#closeIfOver();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#closeIfOver();
  }

  /** The descriptor's number may be another file's as soon as it is closed. */
  #closeIfOver(): void {
    if (this.#disposed && this.#reads === 0) fs.closeSync(this.#fd);
  }
}

export function readingFailed(path: string, error: unknown): GranaryError {
  if (error instanceof GranaryError) return error;
  return new GranaryError('io', `reading chunk file '${path}' failed: ${messageOf(error)}`, { cause: error });
}

function open(path: string): Promise<number> {
  const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW;
  return new Promise((resolve, reject) => {
    fs.open(path, flags, (error, fd) => (error ? reject(error) : resolve(fd)));
  });
}

function read(fd: number, target: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, target, 0, target.byteLength, position, (error, n) => (error ? reject(error) : resolve(n)));
  });
}
