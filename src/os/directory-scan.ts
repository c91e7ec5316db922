// Goes through a large directory without an object or a string for each entry: a sweep asks for three facts of every
// chunk file of a datastore (formats.md 16.4), and what node:fs makes of a name costs more than the system call.

import { closeSync, constants as fs, openSync } from 'node:fs';
import { constants } from 'node:os';
import { isErrno } from '../base/errors.ts';
import { AT_SYMLINK_NOFOLLOW, lastErrno, native, systemError } from './libc.ts';

const getdents64 = native('intptr_t getdents64(int fd, void *buffer, size_t size)');
const statx = native('int statx(int directory, const void *path, int flags, uint mask, void *result)');
const { EINTR, ENOENT } = constants.errno;
const noAutomount = 0x800;
/** Kind, access time and size. */
const wanted = 0x1 | 0x20 | 0x200;
/** `struct dirent64`: u64 inode, i64 offset, u16 record length, u8 type, name, NUL. */
const lengthAt = 16;
const nameAt = 19;

// A thread scans one directory at a time.
const entries = Buffer.alloc(64 * 1024);
const facts = Buffer.alloc(256);
const view = new DataView(facts.buffer, facts.byteOffset, facts.byteLength);

/** The entries of one directory, `.` and `..` left out, in the order of the file system. Only one may be open. */
export class DirectoryScan implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  /** In `entries`: where the next record begins, and where the last one ends. */
  #next = 0;
  #end = 0;
  #start = 0;
  #length = 0;

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  /** Undefined when there is no such directory. */
  static open(path: string): DirectoryScan | undefined {
    try {
      return new DirectoryScan(path, openSync(path, fs.O_RDONLY | fs.O_DIRECTORY));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** Goes on to the next entry; false at the end. */
  next(): boolean {
    for (;;) {
      if (this.#next >= this.#end && !this.#read()) return false;
      this.#start = this.#next + nameAt;
      this.#next += entries.readUInt16LE(this.#next + lengthAt);
      this.#length = entries.indexOf(0, this.#start) - this.#start;
      const isDots = this.#length <= 2 && /^\.\.?$/.test(this.name);
      if (!isDots) return true;
    }
  }

  /** The entry's name, made when it is asked for. */
  get name(): string {
    return entries.toString('utf8', this.#start, this.#start + this.#length);
  }

  /** Bytes of the entry's name. */
  get nameLength(): number {
    return this.#length;
  }

  /** One byte of the entry's name. */
  nameByte(at: number): number {
    return entries[this.#start + at]!;
  }

  /**
   * Asks for the facts of the entry itself, a symlink is not followed; false when it is no regular file, or gone.
   * `size` and `accessed` are valid then, until the next call.
   */
  isFile(): boolean {
    // The zero byte behind the name is part of the record.
    const name = entries.subarray(this.#start, this.#start + this.#length + 1);
    if (statx()(this.#fd, name, AT_SYMLINK_NOFOLLOW | noAutomount, wanted, facts) !== 0) {
      const errno = lastErrno();
      if (errno === ENOENT) return false;
      throw systemError(errno, 'stat', `${this.#path}/${this.name}`);
    }
    return (view.getUint16(28, true) & fs.S_IFMT) === fs.S_IFREG;
  }

  /** Bytes. */
  get size(): number {
    return view.getUint32(44, true) * 2 ** 32 + view.getUint32(40, true);
  }

  /** The access time, whole seconds since 1970. */
  get accessed(): number {
    return view.getInt32(68, true) * 2 ** 32 + view.getUint32(64, true);
  }

  #read(): boolean {
    for (;;) {
      const length = Number(getdents64()(this.#fd, entries, entries.byteLength));
      this.#next = 0;
      this.#end = Math.max(0, length);
      if (length >= 0) return length > 0;
      const errno = lastErrno();
      if (errno !== EINTR) throw systemError(errno, 'readdir', this.#path);
    }
  }
}
