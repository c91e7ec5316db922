// Walks a tree depth first in byte order of the names and hands its entries on in archive order
// (pxar.md 10.1, 10.2, 10.4). Works relative to open directories, so nothing can lead the walk out of the tree.

import { closeSync, constants } from 'node:fs';
import { GranaryError, isErrno, withContext } from '../../base/errors.ts';
import { quotePath } from '../../base/quote.ts';
import { type DirectoryEntry, type FileStat, readDirectory, readLinkAt, statAt } from '../../os/at.ts';
import { fileSystemMagic } from '../../os/statfs.ts';
import type { PxarMetadata } from '../../pxar/types.ts';
import type { ArchiveItem, FileItem, ItemSink, LinkedFile } from './entry.ts';
import type { Excludes } from './excludes.ts';
import { isVirtual } from './file-system.ts';
import type { MetadataSource } from './metadata-source.ts';
import { leaveOutReason, leaveOutReasons, openEntry } from './open-entry.ts';
import type { Pacer } from './pacer.ts';
import type { PreviousEntries } from './previous.ts';

const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFBLK, S_IFCHR } = constants;
const slash = Buffer.from('/');
/** Name of the file that the archiver itself adds to unsplit archives; a real one is never archived. */
export const cliExcludeName = Buffer.from('.pxarexclude-cli');

export interface WalkerOptions {
  items: ItemSink;
  metadata: MetadataSource;
  excludes: Excludes;
  /** Devices whose directories are entered, or `all`. */
  devices: ReadonlySet<number> | 'all';
  /** Most entries of a directory and its ancestors together that may be held in memory. */
  entriesMax: number;
  deviceNodes: boolean;
  fifos: boolean;
  sockets: boolean;
  pacer: Pacer;
  warn: (path: Uint8Array, text: string) => void;
  /** Called with the path of each entry before it is read. */
  onEntry: (path: Uint8Array) => void;
  /** Metadata mode: the root of the previous archive. */
  previous?: PreviousEntries;
}

export class Walker {
  readonly #o: WalkerOptions;
  /** Files with several names that have been met, by device and inode. */
  readonly #linked = new Map<string, LinkedFile>();
  #collected = 0;

  constructor(options: WalkerOptions) {
    this.#o = options;
  }

  /** Hands on everything below the root, which is open as `fd`. */
  async walkRoot(fd: number, stat: FileStat): Promise<void> {
    this.#o.excludes.enter(fd, slash);
    await this.#children(fd, stat, slash, this.#list(fd, slash), this.#o.previous);
  }

  /** `base` is the directory's path from the root with a slash at both ends. */
  async #children(
    fd: number,
    stat: FileStat,
    base: Buffer,
    entries: readonly DirectoryEntry[],
    previous: PreviousEntries | undefined,
  ): Promise<void> {
    this.#collected += entries.length;
    if (this.#collected > this.#o.entriesMax) {
      throw new GranaryError(
        'bad-request',
        `more than ${this.#o.entriesMax} entries in ${quotePath(base)} and the directories above it; raise --entries-max`,
      );
    }
    for (const entry of entries) {
      const path = Buffer.concat([base, entry.name]);
      this.#o.onEntry(path.subarray(1));
      try {
        await this.#entry(fd, stat, entry, path, previous);
      } catch (error) {
        if (error instanceof GranaryError) throw error;
        throw withContext(quotePath(path), error);
      }
      const pause = this.#o.pacer.pause();
      if (pause) await pause;
    }
    this.#collected -= entries.length;
  }

  /** The entries to archive, sorted. */
  #list(fd: number, base: Buffer): DirectoryEntry[] {
    const { excludes } = this.#o;
    const entries = readDirectory(fd).filter((entry) => {
      if (base.byteLength === 1 && entry.name.equals(cliExcludeName)) return false;
      if (excludes.isEmpty) return true;
      if (entry.kind === 'unknown') entry.kind = kindOf(statAt(fd, entry.name));
      return !excludes.excluded(Buffer.concat([base, entry.name]), entry.kind === 'directory');
    });
    return entries.sort((a, b) => Buffer.compare(a.name, b.name));
  }

  /** `path` with a leading slash. */
  async #entry(
    directory: number,
    parent: FileStat,
    entry: DirectoryEntry,
    path: Buffer,
    previous: PreviousEntries | undefined,
  ): Promise<void> {
    const { name } = entry;
    let { kind } = entry;
    if (kind === 'unknown') {
      const stat = this.#stat(directory, name, path);
      if (!stat) return;
      kind = kindOf(stat);
    }
    if (kind === 'directory') return this.#directory(directory, parent, name, path, await previous?.directory(name));
    let item = kind === 'file' ? this.#file(directory, name, path) : this.#other(directory, name, path);
    if (item === undefined) return;
    if (previous && item.kind === 'file') item = await withPrevious(item, previous);
    await this.#o.items.add(item);
  }

  #file(directory: number, name: Buffer, path: Buffer): ArchiveItem | undefined {
    const opened = openEntry(directory, name, 'file');
    const relative = path.subarray(1);
    if ('reason' in opened) return this.#leaveOut(relative, opened.reason);
    const { fd, stat } = opened;
    try {
      let linked: LinkedFile | undefined;
      if (stat.links > 1) {
        const key = `${stat.device}:${stat.inode}`;
        linked = this.#linked.get(key);
        if (linked) {
          closeSync(fd);
          return { kind: 'hardlink', name, path: relative, linked };
        }
        linked = { path: relative };
        this.#linked.set(key, linked);
      }
      const meta = this.#o.metadata.ofOpenFile(fd, stat, relative);
      return { kind: 'file', name, path: relative, meta, size: stat.size, fd, ...(linked ? { linked } : undefined) };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  async #directory(
    directory: number,
    parent: FileStat,
    name: Buffer,
    path: Buffer,
    previous: PreviousEntries | undefined,
  ): Promise<void> {
    const opened = openEntry(directory, name, 'directory');
    const relative = path.subarray(1);
    if ('reason' in opened) {
      this.#leaveOut(relative, opened.reason);
      return;
    }
    const { fd, stat } = opened;
    try {
      const { items, excludes } = this.#o;
      const meta = this.#o.metadata.ofOpenFile(fd, stat, relative);
      const base = Buffer.concat([path, slash]);
      const mark = excludes.mark();
      let entries: DirectoryEntry[] = [];
      if (this.#isEntered(fd, stat, parent)) {
        excludes.enter(fd, base);
        try {
          entries = this.#list(fd, base);
        } catch (error) {
          const reason = leaveOutReason(error);
          if (reason === undefined) throw error;
          excludes.leave(mark);
          this.#leaveOut(relative, reason);
          return;
        }
      }
      await items.add({ kind: 'directory', name, path: relative, meta });
      await this.#children(fd, stat, base, entries, previous);
      excludes.leave(mark);
      await items.add({ kind: 'end-directory' });
    } finally {
      closeSync(fd);
    }
  }

  /** Whether the content is archived too: not that of virtual and of other file systems that were not asked for. */
  #isEntered(fd: number, stat: FileStat, parent: FileStat): boolean {
    if (stat.device === parent.device) return true;
    if (isVirtual(fileSystemMagic(fd))) return false;
    return this.#o.devices === 'all' || this.#o.devices.has(stat.device);
  }

  #other(directory: number, name: Buffer, path: Buffer): ArchiveItem | undefined {
    const relative = path.subarray(1);
    const stat = this.#stat(directory, name, path);
    if (!stat) return undefined;
    const meta = (): PxarMetadata => this.#o.metadata.ofEntry(directory, name, stat, relative);
    try {
      switch (stat.mode & S_IFMT) {
        case S_IFLNK:
          return { kind: 'symlink', name, path: relative, meta: meta(), target: readLinkAt(directory, name) };
        case S_IFIFO:
          return this.#o.fifos ? { kind: 'fifo', name, path: relative, meta: meta() } : undefined;
        case S_IFSOCK:
          return this.#o.sockets ? { kind: 'socket', name, path: relative, meta: meta() } : undefined;
        case S_IFCHR:
        case S_IFBLK: {
          const { major, minor } = stat;
          return this.#o.deviceNodes ? { kind: 'device', name, path: relative, meta: meta(), major, minor } : undefined;
        }
        default:
          return this.#leaveOut(relative, leaveOutReasons.replaced);
      }
    } catch (error) {
      const reason = isErrno(error, 'EINVAL') ? leaveOutReasons.replaced : leaveOutReason(error);
      if (reason === undefined) throw error;
      return this.#leaveOut(relative, reason);
    }
  }

  /** Undefined, with a warning, for an entry that cannot be looked at any more. */
  #stat(directory: number, name: Buffer, path: Buffer): FileStat | undefined {
    let reason: string | undefined = leaveOutReasons.vanished;
    try {
      const stat = statAt(directory, name);
      if (stat) return stat;
    } catch (error) {
      reason = leaveOutReason(error);
      if (reason === undefined) throw error;
    }
    return this.#leaveOut(path.subarray(1), reason);
  }

  #leaveOut(path: Uint8Array, reason: string): undefined {
    this.#o.warn(path, reason);
  }
}

async function withPrevious(item: FileItem, previous: PreviousEntries): Promise<FileItem> {
  try {
    const previousOffset = await previous.unchangedFile(item.name, item.meta, item.size);
    return previousOffset === undefined ? item : { ...item, previousOffset };
  } catch (error) {
    closeSync(item.fd);
    throw error;
  }
}

function kindOf(stat: FileStat | undefined): 'file' | 'directory' | 'other' {
  if (stat === undefined) return 'other';
  const type = stat.mode & S_IFMT;
  return type === S_IFDIR ? 'directory' : type === S_IFREG ? 'file' : 'other';
}
