// What a takeover of a group notes down for the run after it, should it break off: bytes that are only ever appended, in a
// file of the group's below `.imports`. What they mean is the caller's; they may be torn, old or damaged, and whoever
// reads them has to check them.

import { hash } from 'node:crypto';
import * as fs from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isErrno } from '../base/errors.ts';
import { makeDirectorySync, storeOwner } from '../chunk-store/ownership.ts';
import { type BackupGroup, groupPath, type Namespace } from '../model/backup.ts';
import { asGranaryError, type StoreContext } from './store-context.ts';

/** No namespace and no type of backup starts with a dot. */
export const importRecords = '.imports';
/** What is longer ago than this says nothing any more: garbage collection has taken the chunks of a broken run. */
const keptMs = 7 * 86_400_000;
const pieceSize = 64 * 1024;

/** Of one group; only whoever has its lock may use it. Disposing of it keeps what was noted. */
export class ImportRecord implements AsyncDisposable {
  readonly #directory: string;
  readonly #path: string;
  readonly #now: () => number;
  #file: FileHandle | undefined;
  /** Written when the write before it is done. */
  #waiting: Uint8Array[] = [];
  #writing: Promise<void> | undefined;

  constructor({ base, clock }: StoreContext, ns: Namespace, group: BackupGroup) {
    this.#directory = `${base}/${importRecords}`;
    this.#path = `${this.#directory}/${hash('sha256', groupPath(ns, group))}`;
    this.#now = () => clock.now();
  }

  /** What earlier runs have noted, in pieces of whole entries of `entrySize` bytes. */
  async *read(entrySize: number): AsyncGenerator<Uint8Array> {
    let file: FileHandle;
    try {
      file = await open(this.#path, 'r');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return;
      throw asGranaryError(`reading "${this.#path}" failed`, error);
    }
    await using _file = file;
    const room = new Uint8Array(Math.floor(pieceSize / entrySize) * entrySize);
    for (let at = 0; ; ) {
      const { bytesRead } = await file.read(room, 0, room.byteLength, at);
      const whole = bytesRead - (bytesRead % entrySize);
      if (whole === 0) return;
      yield room.subarray(0, whole);
      at += whole;
    }
  }

  /**
   * Notes an entry, soon; all entries of a record are as long. It is not made durable, and when it cannot be written
   * nothing more is noted: then the next run knows less, which is no reason for this one to fail.
   */
  append(entry: Uint8Array): void {
    this.#waiting.push(entry);
    this.#writing ??= this.#write(entry.byteLength);
  }

  /** Forgets everything: the group has been taken over. */
  async remove(): Promise<void> {
    await this[Symbol.asyncDispose]();
    fs.rmSync(this.#path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #write(entrySize: number): Promise<void> {
    try {
      this.#file ??= await this.#open(entrySize);
      while (this.#waiting.length > 0) await this.#file.appendFile(Buffer.concat(this.#waiting.splice(0)));
      this.#writing = undefined;
    } catch {
      // `#writing` stays, so that nobody tries again.
      this.#waiting = [];
    }
  }

  async #open(entrySize: number): Promise<FileHandle> {
    makeDirectorySync(this.#directory, 0o700);
    this.#removeOld();
    const file = await open(this.#path, 'a', 0o600);
    const owner = storeOwner();
    if (owner) await file.chown(owner.uid, owner.gid);
    // An entry that was cut short would shift those behind it.
    const { size } = await file.stat();
    await file.truncate(size - (size % entrySize));
    return file;
  }

  #removeOld(): void {
    for (const name of fs.readdirSync(this.#directory)) {
      const path = `${this.#directory}/${name}`;
      const changed = fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.NaN;
      if (this.#now() - changed > keptMs) fs.rmSync(path, { force: true });
    }
  }
}
