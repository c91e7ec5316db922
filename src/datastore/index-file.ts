// An index file while it is written: under a temporary name in the snapshot's directory, renamed when it is closed
// (formats.md 13.3). What is not closed is unlinked.

import * as fs from 'node:fs';
import { GranaryError, isErrno } from '../base/errors.ts';
import { storeOwner } from '../chunk-store/ownership.ts';
import { failpoint } from '../os/failpoint.ts';
import type { Mirror } from './mirror.ts';
import { asGranaryError } from './store-context.ts';

const fileMode = 0o644;

export class IndexFile {
  readonly path: string;
  readonly #temporary: string;
  #fd: number | undefined;

  private constructor(path: string, temporary: string, fd: number) {
    this.path = path;
    this.#temporary = temporary;
    this.#fd = fd;
  }

  /** Makes the temporary file of `path`: `NAME.tmp_didx` for `NAME.didx`, with a number while another writer has that. */
  static create(path: string): IndexFile {
    const dot = path.lastIndexOf('.');
    const temporary = `${path.slice(0, dot)}.tmp_${path.slice(dot + 1)}`;
    for (let n = 0; ; n++) {
      const name = n === 0 ? temporary : `${temporary}_${n}`;
      try {
        const fd = fs.openSync(name, 'wx+', fileMode);
        const file = new IndexFile(path, name, fd);
        fs.fchmodSync(fd, fileMode);
        const owner = storeOwner();
        if (owner) fs.fchownSync(fd, owner.uid, owner.gid);
        return file;
      } catch (error) {
        if (!isErrno(error, 'EEXIST')) throw asGranaryError(`unable to create index file "${name}"`, error);
      }
    }
  }

  #open(): number {
    if (this.#fd === undefined) throw new GranaryError('internal', `index file "${this.path}" is closed`);
    return this.#fd;
  }

  write(bytes: Uint8Array, at: number): void {
    const fd = this.#open();
    try {
      failpoint('index:write');
      for (let done = 0; done < bytes.byteLength; ) {
        done += fs.writeSync(fd, bytes, done, bytes.byteLength - done, at + done);
      }
    } catch (error) {
      throw asGranaryError(`writing index file "${this.path}" failed`, error);
    }
  }

  /** Calls `take` with everything from `start` on, in pieces that are valid during the call only. */
  async read(start: number, take: (piece: Uint8Array) => void): Promise<void> {
    const fd = this.#open();
    const room = new Uint8Array(1024 * 1024);
    for (let at = start; ; ) {
      const n = await readAsync(fd, room, at);
      if (n === 0) return;
      take(room.subarray(0, n));
      at += n;
    }
  }

  /**
   * Gives the finished file its name, replacing what had it; `mirror` has it before. With `durable` it and its name
   * survive a crash then.
   */
  async finish(length: number, { durable, mirror }: { durable: boolean; mirror: Mirror }): Promise<void> {
    const fd = this.#open();
    try {
      fs.ftruncateSync(fd, length);
      failpoint('index:before-fsync');
      if (durable) await fsyncAsync(fd);
      failpoint('index:after-fsync');
      await mirror.putFile(this.path, this.#temporary);
      this.#close();
      fs.renameSync(this.#temporary, this.path);
      failpoint('index:after-rename');
    } catch (error) {
      this.discard();
      throw asGranaryError(`finishing index file "${this.path}" failed`, error);
    }
  }

  /** Unlinks the temporary file; does nothing once the file is finished or discarded. */
  discard(): void {
    if (this.#fd === undefined) return;
    this.#close();
    fs.rmSync(this.#temporary, { force: true });
  }

  #close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function readAsync(fd: number, room: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, room, 0, room.byteLength, at, (error, n) => (error ? reject(error) : resolve(n)));
  });
}

function fsyncAsync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fs.fsync(fd, (error) => (error ? reject(error) : resolve())));
}
