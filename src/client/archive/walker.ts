// Walks a tree depth first in byte order of the names and hands its entries on in archive order
// (pxar.md 10.1, 10.2, 10.4). Works relative to open directories, so nothing can lead the walk out of the tree.

import { closeSync, constants } from 'node:fs';
import { GranaryError, isErrno, withContext } from '../../base/errors.ts';
import { quotePath } from '../../base/quote.ts';
import { type DirectoryEntry, type EntryKind, type FileStat, readDirectory, readLinkAt, statAt } from '../../os/at.ts';
import { fileSystemMagic } from '../../os/statfs.ts';
import type { PxarMetadata } from '../../pxar/types.ts';
import { type ArchiveItem, type FileItem, type ItemSink, type LinkedFile, type NamedEntry, pathOf } from './entry.ts';
import type { Excludes } from './excludes.ts';
import { isVirtual } from './file-system.ts';
import type { MetadataSource } from './metadata-source.ts';
import { leaveOutReason, leaveOutReasons, openEntry } from './open-entry.ts';
import type { Pacer } from './pacer.ts';
import type { PreviousEntries } from './previous.ts';

const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFBLK, S_IFCHR } = constants;
const slash = Buffer.from('/');
const rootPath = Buffer.alloc(0);
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
  /** Called before each entry is read. */
  onEntry: (entry: NamedEntry) => void;
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
    await this.#children(fd, stat, rootPath, this.#list(fd, rootPath), this.#o.previous);
  }

  /** `base` is the directory's path from the root with a slash at its end; empty for the root. */
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
        `more than ${this.#o.entriesMax} entries in ${quotePath(Buffer.concat([slash, base]))} and the directories above it; raise --entries-max`,
      );
    }
    for (const { name, kind } of entries) {
      const entry: NamedEntry = { name, parent: base };
      this.#o.onEntry(entry);
      try {
        await this.#entry(fd, stat, entry, kind, previous);
      } catch (error) {
        if (error instanceof GranaryError) throw error;
        throw withContext(quotePath(Buffer.concat([slash, base, name])), error);
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
      if (base.byteLength === 0 && entry.name.equals(cliExcludeName)) return false;
      if (excludes.isEmpty) return true;
      if (entry.kind === 'unknown') entry.kind = kindOf(statAt(fd, entry.name));
      return !excludes.excluded(Buffer.concat([slash, base, entry.name]), entry.kind === 'directory');
    });
    return entries.sort((a, b) => Buffer.compare(a.name, b.name));
  }

  /** `stat` is that of the directory, which is open as `fd`. */
  async #entry(
    fd: number,
    stat: FileStat,
    entry: NamedEntry,
    kind: EntryKind,
    previous: PreviousEntries | undefined,
  ): Promise<void> {
    if (kind === 'unknown') {
      const known = this.#stat(fd, entry);
      if (!known) return;
      kind = kindOf(known);
    }
    if (kind === 'directory') return this.#directory(fd, stat, entry, await previous?.directory(entry.name));
    const item = kind === 'file' ? this.#file(fd, entry) : this.#other(fd, entry);
    if (item === undefined) return;
    if (previous && item.kind === 'file') await findPrevious(item, previous);
    await this.#o.items.add(item);
  }

  #file(directory: number, entry: NamedEntry): ArchiveItem | undefined {
    const { name, parent } = entry;
    const opened = openEntry(directory, name, 'file');
    if ('reason' in opened) return this.#leaveOut(entry, opened.reason);
    const { fd, stat } = opened;
    try {
      let linked: LinkedFile | undefined;
      if (stat.links > 1) {
        const key = `${stat.device}:${stat.inode}`;
        linked = this.#linked.get(key);
        if (linked) {
          closeSync(fd);
          return { kind: 'hardlink', name, parent, linked };
        }
        linked = { path: pathOf(entry) };
        this.#linked.set(key, linked);
      }
      const meta = this.#o.metadata.ofOpenFile(fd, stat, entry);
      return { kind: 'file', name, parent, meta, size: stat.size, fd, linked, previousOffset: undefined };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  async #directory(
    directory: number,
    parentStat: FileStat,
    entry: NamedEntry,
    previous: PreviousEntries | undefined,
  ): Promise<void> {
    const { name, parent } = entry;
    const opened = openEntry(directory, name, 'directory');
    if ('reason' in opened) {
      this.#leaveOut(entry, opened.reason);
      return;
    }
    const { fd, stat } = opened;
    try {
      const { items, excludes } = this.#o;
      const meta = this.#o.metadata.ofOpenFile(fd, stat, entry);
      const base = Buffer.concat([parent, name, slash]);
      const mark = excludes.mark();
      let entries: DirectoryEntry[] = [];
      if (this.#isEntered(fd, stat, parentStat)) {
        excludes.enter(fd, Buffer.concat([slash, base]));
        try {
          entries = this.#list(fd, base);
        } catch (error) {
          const reason = leaveOutReason(error);
          if (reason === undefined) throw error;
          excludes.leave(mark);
          this.#leaveOut(entry, reason);
          return;
        }
      }
      await items.add({ kind: 'directory', name, parent, meta });
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

  #other(directory: number, entry: NamedEntry): ArchiveItem | undefined {
    const stat = this.#stat(directory, entry);
    if (!stat) return undefined;
    const { name, parent } = entry;
    const meta = (): PxarMetadata => this.#o.metadata.ofEntry(directory, stat, entry);
    try {
      switch (stat.mode & S_IFMT) {
        case S_IFLNK:
          return { kind: 'symlink', name, parent, meta: meta(), target: readLinkAt(directory, name) };
        case S_IFIFO:
          return this.#o.fifos ? { kind: 'fifo', name, parent, meta: meta() } : undefined;
        case S_IFSOCK:
          return this.#o.sockets ? { kind: 'socket', name, parent, meta: meta() } : undefined;
        case S_IFCHR:
        case S_IFBLK: {
          const { major, minor } = stat;
          return this.#o.deviceNodes ? { kind: 'device', name, parent, meta: meta(), major, minor } : undefined;
        }
        default:
          return this.#leaveOut(entry, leaveOutReasons.replaced);
      }
    } catch (error) {
      const reason = isErrno(error, 'EINVAL') ? leaveOutReasons.replaced : leaveOutReason(error);
      if (reason === undefined) throw error;
      return this.#leaveOut(entry, reason);
    }
  }

  /** Undefined, with a warning, for an entry that cannot be looked at any more. */
  #stat(directory: number, entry: NamedEntry): FileStat | undefined {
    let reason: string | undefined = leaveOutReasons.vanished;
    try {
      const stat = statAt(directory, entry.name);
      if (stat) return stat;
    } catch (error) {
      reason = leaveOutReason(error);
      if (reason === undefined) throw error;
    }
    return this.#leaveOut(entry, reason);
  }

  #leaveOut(entry: NamedEntry, reason: string): undefined {
    this.#o.warn(pathOf(entry), reason);
  }
}

async function findPrevious(item: FileItem, previous: PreviousEntries): Promise<void> {
  try {
    item.previousOffset = await previous.unchangedFile(item.name, item.meta, item.size);
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
