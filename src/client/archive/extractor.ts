// Makes files from the entries of an archive, in archive order. Every entry is made by name in its open
// parent directory, so that neither the archive nor symlinks in an existing tree lead out of the target.

import { closeSync, constants } from 'node:fs';
import { GranaryError, isErrno } from '../../base/errors.ts';
import { quotePath } from '../../base/quote.ts';
import { linkAt, makeDirectoryAt, openAt, statAt, symlinkAt, unlinkAt } from '../../os/at.ts';
import { makeNodeAt } from '../../os/special-files.ts';
import { OffsetSet } from '../../pxar/offset-set.ts';
import type { PatternList } from '../../pxar/patterns.ts';
import {
  type DeviceEvent,
  type DirectoryEvent,
  type FifoEvent,
  type FileEvent,
  fileTypeMask,
  type HardLinkEvent,
  type PxarEvent,
  type SocketEvent,
  type SymlinkEvent,
} from '../../pxar/types.ts';
import type { Pacer } from './pacer.ts';
import { type MetadataRestorer, withoutLocks } from './restore-metadata.ts';
import type { RestoreReport } from './restore-report.ts';
import { SparseWriter } from './sparse-write.ts';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
const { S_IFMT, S_IFDIR, S_IFREG } = constants;

/** What has been restored so far. */
export interface ExtractCounts {
  files: number;
  directories: number;
  symlinks: number;
  hardLinks: number;
  specials: number;
  /** Bytes of file content. */
  bytes: number;
}

export interface ExtractorOptions {
  /** The target directory, open. */
  root: number;
  /** Decides what is restored; undefined = everything. */
  patterns: PatternList | undefined;
  /** Whether what no pattern matches, and whose directory has no decision, is restored. */
  selectedByDefault: boolean;
  allowExistingDirectories: boolean;
  overwriteFiles: boolean;
  overwriteSymlinks: boolean;
  overwriteHardLinks: boolean;
  overwriteSpecials: boolean;
  deviceNodes: boolean;
  fifos: boolean;
  sockets: boolean;
  counts: ExtractCounts;
  metadata: MetadataRestorer;
  report: RestoreReport;
  pacer: Pacer;
}

interface OpenDirectory {
  readonly event: DirectoryEvent;
  readonly selected: boolean;
  /** Undefined until it is needed. */
  fd: number | undefined;
  /** It could not be made: nothing below it is restored. */
  failed: boolean;
}

type SpecialEvent = DeviceEvent | FifoEvent | SocketEvent;

export class Extractor {
  readonly #o: ExtractorOptions;
  readonly #open: OpenDirectory[] = [];
  readonly #slash = Buffer.from('/');
  /** Archive positions of the files that were restored: only these may be linked to. */
  readonly #restored = new OffsetSet();
  #sourceError: unknown;

  constructor(options: ExtractorOptions) {
    this.#o = options;
  }

  /** Takes the next event; the content of a file is consumed before it returns. */
  handle(event: PxarEvent): void | Promise<void> {
    switch (event.kind) {
      case 'prelude':
        return;
      case 'directory':
        return this.#directory(event);
      case 'end-directory':
        return this.#endDirectory();
    }
    if (!this.#isSelected(event, false)) return;
    const parent = this.#parent();
    if (parent === undefined) return;
    try {
      checkName(event.name);
      switch (event.kind) {
        case 'file':
          return this.#file(parent, event);
        case 'symlink':
          return this.#symlink(parent, event);
        case 'hardlink':
          return this.#hardLink(parent, event);
        default:
          return this.#special(parent, event);
      }
    } catch (error) {
      this.#o.report.fail(event.path, error);
    }
  }

  /** Closes what is open, after an error. */
  [Symbol.dispose](): void {
    for (const { fd } of this.#open) if (fd !== undefined && fd !== this.#o.root) closeSync(fd);
    this.#open.length = 0;
  }

  #directory(event: DirectoryEvent): void {
    const isRoot = this.#open.length === 0;
    const selected = this.#isSelected(event, true);
    const parent = this.#open.at(-1);
    this.#open.push({
      event,
      selected,
      fd: isRoot ? this.#o.root : undefined,
      failed: parent?.failed ?? false,
    });
    if (selected && !isRoot) this.#parent();
  }

  #endDirectory(): void {
    const directory = this.#open.at(-1)!;
    const { event, fd, selected } = directory;
    const isRoot = this.#open.length === 1;
    try {
      // The target itself keeps its own metadata when only parts of the archive were asked for.
      if (fd !== undefined && (!isRoot || selected)) {
        const parent = this.#open.at(-2)?.fd ?? fd;
        this.#o.metadata.apply({ directory: parent, name: event.name, fd }, event.meta, event.path);
      }
    } finally {
      this.#open.pop();
      if (fd !== undefined && !isRoot) closeSync(fd);
    }
  }

  /** A directory's decision holds for its content until a pattern matches there. */
  #isSelected(event: { readonly path: Uint8Array }, isDirectory: boolean): boolean {
    const { patterns, selectedByDefault } = this.#o;
    const inherited = this.#open.at(-1)?.selected ?? selectedByDefault;
    if (patterns === undefined) return inherited;
    const decision = patterns.match(Buffer.concat([this.#slash, event.path]), isDirectory);
    return decision === undefined ? inherited : decision === 'include';
  }

  /** The directory that the current entry goes into, made now if it was not needed before; undefined if it failed. */
  #parent(): number | undefined {
    for (let i = this.#open.length - 1, missing = i; ; i--) {
      const directory = this.#open[i]!;
      if (directory.failed) return undefined;
      if (directory.fd === undefined) continue;
      for (i++; i <= missing; i++) this.#makeDirectory(this.#open[i]!, this.#open[i - 1]!);
      return this.#open[missing]!.fd;
    }
  }

  #makeDirectory(directory: OpenDirectory, parent: OpenDirectory): void {
    const { name } = directory.event;
    if (parent.failed || parent.fd === undefined) {
      directory.failed = true;
      return;
    }
    try {
      checkName(name);
      // Nobody else may look inside before the metadata is applied, and the owner must be able to.
      if (!makeDirectoryAt(parent.fd, name, 0o700) && !this.#o.allowExistingDirectories) throw existsError('directory');
      directory.fd = openAt(parent.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
      this.#o.counts.directories++;
    } catch (error) {
      directory.failed = true;
      this.#o.report.fail(directory.event.path, error);
    }
  }

  async #file(parent: number, event: FileEvent): Promise<void> {
    const { name, meta } = event;
    const path = event.path;
    try {
      const fd = this.#createFile(parent, name);
      let complete = false;
      const writer = new SparseWriter(fd);
      try {
        this.#o.metadata.beforeContent(fd, meta, path);
        for (;;) {
          const next = this.#read(event);
          const piece = next instanceof Promise ? await next : next;
          if (piece === undefined) break;
          writer.write(piece);
          const pause = this.#o.pacer.pause();
          if (pause) await pause;
        }
        writer.finish();
        complete = true;
        this.#o.metadata.apply({ directory: parent, name, fd }, meta, path);
        this.#restored.add(event.offset);
        this.#o.counts.files++;
        this.#o.counts.bytes += writer.position;
      } finally {
        closeSync(fd);
        if (!complete) removePartial(parent, name);
      }
    } catch (error) {
      if (error === this.#sourceError) throw error;
      this.#o.report.fail(path, error);
    }
  }

  /** The next piece; what goes wrong here is the archive's fault, not the file's. */
  #read(event: FileEvent): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const failed = (error: unknown): never => {
      this.#sourceError = error;
      throw error;
    };
    try {
      const piece = event.read();
      return piece instanceof Promise ? piece.catch(failed) : piece;
    } catch (error) {
      return failed(error);
    }
  }

  #createFile(parent: number, name: Uint8Array): number {
    const create = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    try {
      return openAt(parent, name, create, 0o600);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      if (!this.#o.overwriteFiles) throw existsError('file');
    }
    try {
      // A new file instead of a truncated one: the old one may have other names, users and attributes.
      this.#remove(parent, name);
      return openAt(parent, name, create, 0o600);
    } catch (error) {
      // Something that is mounted, or lies in a directory that may not be changed, is written in place.
      if (!isErrno(error, 'EBUSY', 'EPERM', 'EACCES')) throw error;
      if ((statAt(parent, name)?.mode ?? 0) >> 12 !== S_IFREG >> 12) throw error;
      return openAt(parent, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK);
    }
  }

  /** Removes what is in the way of an entry, unless it is a directory. */
  #remove(parent: number, name: Uint8Array): void {
    const stat = statAt(parent, name);
    if (stat && (stat.mode & S_IFMT) === S_IFDIR) {
      throw Object.assign(new Error('EISDIR: a directory is in its place'), { code: 'EISDIR' });
    }
    if (stat) unlinkAt(parent, name);
  }

  /** Runs `make`; where something exists already it is removed first if that is allowed. */
  #make(parent: number, name: Uint8Array, overwrite: boolean, kind: string, make: () => void): void {
    try {
      make();
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      if (!overwrite) throw existsError(kind);
      this.#remove(parent, name);
      make();
    }
  }

  #symlink(parent: number, event: SymlinkEvent): void {
    const { name, target } = event;
    this.#make(parent, name, this.#o.overwriteSymlinks, 'symlink', () => symlinkAt(target, parent, name));
    this.#o.counts.symlinks++;
    this.#o.metadata.apply({ directory: parent, name, fd: undefined }, event.meta, event.path);
  }

  #special(parent: number, event: SpecialEvent): void {
    const { name, meta, kind } = event;
    const wanted = { device: this.#o.deviceNodes, fifo: this.#o.fifos, socket: this.#o.sockets }[kind];
    if (!wanted) return;
    const { major, minor } = event.kind === 'device' ? event : { major: 0, minor: 0 };
    const mode = meta.mode & (fileTypeMask | 0o7777);
    try {
      this.#make(parent, name, this.#o.overwriteSpecials, kind, () => makeNodeAt(parent, name, mode, major, minor));
    } catch (error) {
      if (!isErrno(error, 'EPERM', 'EINVAL', 'ENOTSUP')) throw error;
      this.#o.report.refuse(
        ({ device: 'device nodes', fifo: 'fifos', socket: 'sockets' } as const)[kind],
        event.path,
        error,
      );
      return;
    }
    this.#o.counts.specials++;
    this.#o.metadata.apply({ directory: parent, name, fd: undefined }, meta, event.path);
  }

  #hardLink(parent: number, event: HardLinkEvent): void {
    const { name } = event;
    // What lies under the target's name otherwise is not the archive's file.
    if (!this.#restored.has(event.targetOffset)) throw targetMissing(event.target);
    const { directory, last } = this.#openTarget(event.target);
    try {
      const link = () => linkAt(directory, last, parent, name);
      const linkAnyway = () => {
        try {
          link();
        } catch (error) {
          if (!isErrno(error, 'EPERM') || !withoutLocks(directory, last, link)) throw error;
        }
      };
      this.#make(parent, name, this.#o.overwriteHardLinks, 'hard link', linkAnyway);
      this.#o.counts.hardLinks++;
    } finally {
      if (directory !== this.#o.root) closeSync(directory);
    }
  }

  /** The directory of a hard link's target, reached from the root without following symlinks, and its name there. */
  #openTarget(target: Uint8Array): { directory: number; last: Buffer } {
    const parts = splitPath(target);
    const last = parts.pop()!;
    let directory = this.#o.root;
    try {
      for (const part of parts) {
        const next = openAt(directory, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
        if (directory !== this.#o.root) closeSync(directory);
        directory = next;
      }
      const stat = statAt(directory, last);
      if (stat && (stat.mode & S_IFMT) === S_IFREG) return { directory, last };
      throw targetMissing(target);
    } catch (error) {
      if (directory !== this.#o.root) closeSync(directory);
      throw error;
    }
  }
}

/** A file that got only a part of its content must not look like a restored one. */
function removePartial(parent: number, name: Uint8Array): void {
  try {
    unlinkAt(parent, name);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EBUSY', 'EPERM', 'EACCES')) throw error;
  }
}

function targetMissing(target: Uint8Array): GranaryError {
  return new GranaryError('not-found', `the file that it is a hard link to, ${quotePath(target)}, was not restored`);
}

function existsError(kind: string): Error {
  return Object.assign(new Error(`EEXIST: a ${kind} cannot be made: something of that name exists`), {
    code: 'EEXIST',
  });
}

/** Names come from the decoder, which has checked them; one that could lead elsewhere is refused here again. */
function checkName(name: Uint8Array): void {
  if (!isPlainName(Buffer.from(name.buffer, name.byteOffset, name.byteLength))) {
    throw new GranaryError('pxar-invalid', `'${Buffer.from(name)}' is no file name`);
  }
}

function splitPath(path: Uint8Array): Buffer[] {
  const parts: Buffer[] = [];
  const bytes = Buffer.from(path);
  for (let start = 0; start <= bytes.byteLength; ) {
    const found = bytes.indexOf(0x2f, start);
    const end = found < 0 ? bytes.byteLength : found;
    const part = bytes.subarray(start, end);
    if (!isPlainName(part)) throw new GranaryError('pxar-invalid', `'${bytes}' is no path below the archive root`);
    parts.push(part);
    start = end + 1;
  }
  return parts;
}

function isPlainName(name: Buffer): boolean {
  if (name.byteLength === 0 || name.includes(0) || name.includes(0x2f)) return false;
  return !(name[0] === 0x2e && (name.byteLength === 1 || (name.byteLength === 2 && name[1] === 0x2e)));
}
