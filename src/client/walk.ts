// Archives a directory tree: what `backup` and `pxar create` do before chunks are made of the bytes
// (pxar.md 10, 11). The parts are in archive/: walk, excludes, metadata, encoding.

import { closeSync, constants, statSync } from 'node:fs';
import { GranaryError } from '../base/errors.ts';
import type { ByteSink } from '../base/io.ts';
import { throwIfAborted } from '../base/streams.ts';
import type { CatalogWriter } from '../format/catalog.ts';
import { openAt, statOf, workingDirectory } from '../os/at.ts';
import { fileSystemMagic } from '../os/statfs.ts';
import type { PxarAccessor } from '../pxar/accessor.ts';
import { PxarEncoder } from '../pxar/encoder.ts';
import { formatPatterns, formatPrelude, type Pattern, parsePattern } from '../pxar/patterns.ts';
import type { PayloadIndex, ReusedChunk } from '../pxar/reuse.ts';
import { noAcl, noXattrs, type PxarMetadata } from '../pxar/types.ts';
import { type ArchiveCounts, Emitter } from './archive/emitter.ts';
import { type ItemSink, type NamedEntry, pathOf } from './archive/entry.ts';
import { Excludes } from './archive/excludes.ts';
import { isVirtual } from './archive/file-system.ts';
import { LookAhead } from './archive/look-ahead.ts';
import { type MetadataOptions, MetadataSource } from './archive/metadata-source.ts';
import { Pacer } from './archive/pacer.ts';
import { previousRoot } from './archive/previous.ts';
import { cliExcludeName, Walker } from './archive/walker.ts';

export type { ArchiveCounts } from './archive/emitter.ts';

/** A sink that can be told where files begin, so that chunks are cut there. */
export interface PayloadSink extends ByteSink {
  /** `offset` is a position of the stream that may be ahead of what was written. */
  suggest(offset: number): void;
  /** Metadata mode: cuts at `boundary` and puts these chunks, which the server has, behind it. */
  inject?(boundary: number, chunks: readonly ReusedChunk[]): void | Promise<void>;
}

/** The previous snapshot's split archive of the same name. */
export interface PreviousArchive {
  metadata: PxarAccessor;
  /** Of its payload archive. */
  payloadIndex: PayloadIndex;
  /** Most entries that may wait, each with an open file. The default follows from the limit of open files. */
  pendingMax?: number;
}

export interface ArchiveOptions extends MetadataOptions {
  archive: ByteSink;
  /** Given: a split archive; file content goes here. */
  payload?: PayloadSink;
  /** Metadata mode: content of files with unchanged metadata is taken from here; `payload` has to have `inject`. */
  previous?: PreviousArchive;
  /** Unsplit archives of a backup: the snapshot's catalog; `archiveName` is the directory that this archive gets in it. */
  catalog?: CatalogWriter;
  archiveName?: string;
  /** The command line's patterns, in order. */
  patterns?: readonly Pattern[];
  /** Also leave out every `lost+found`. */
  skipLostAndFound?: boolean;
  /** Device numbers (`fs.Stats.dev`) that are entered besides the root's, or all. */
  includeDevices?: ReadonlySet<number> | 'all';
  /** Most entries held in memory: of a directory and its ancestors. Default 1048576. */
  entriesMax?: number;
  /** Kinds of entries to leave out when false. */
  deviceNodes?: boolean;
  fifos?: boolean;
  sockets?: boolean;
  signal?: AbortSignal;
  /** Something is not archived exactly; `path` is from the archive root. */
  onWarning?: (path: Uint8Array, text: string) => void;
  /** About a hundred times a second. `path` is the entry that is being read. */
  onProgress?: (path: Uint8Array, counts: Readonly<ArchiveCounts>) => void;
}

export interface ArchiveSummary extends ArchiveCounts {
  warnings: number;
}

const noName = new Uint8Array(0);

/** The field's default limit of entries in memory. */
export const defaultEntriesMax = 1048576;

/**
 * Archives everything below the directory `root`, in order, into the sinks, which stay open. Entries that
 * vanish or may not be read are warnings; other errors end the archive, which then is unfinished.
 */
export async function archiveTree(root: string | Uint8Array, o: ArchiveOptions): Promise<ArchiveSummary> {
  throwIfAborted(o.signal);
  const counts: ArchiveCounts = {
    files: 0,
    directories: 0,
    symlinks: 0,
    hardLinks: 0,
    specials: 0,
    bytes: 0,
    reusedFiles: 0,
    reusedBytes: 0,
  };
  let warnings = 0;
  const warn = (path: Uint8Array, text: string): void => {
    warnings++;
    o.onWarning?.(path, text);
  };
  let current: NamedEntry = { name: noName, parent: noName };
  const pacer = new Pacer({ signal: o.signal, onTurn: () => o.onProgress?.(pathOf(current), counts) });
  const patterns = [...(o.patterns ?? [])];
  if (o.skipLostAndFound) patterns.push(parsePattern('lost+found').pattern);

  const rootPath = typeof root === 'string' ? Buffer.from(root) : root;
  const fd = openAt(workingDirectory, rootPath, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    if (isVirtual(fileSystemMagic(fd))) {
      throw new GranaryError('bad-request', `'${Buffer.from(rootPath)}' lies on a virtual file system`);
    }
    const stat = statOf(fd);
    const metadata = new MetadataSource(o, warn);
    const encoder = new PxarEncoder({
      archive: o.archive,
      payload: o.payload,
      prelude: o.payload && patterns.length > 0 ? formatPrelude(patterns) : undefined,
    });
    const { payload, catalog } = o;
    const emitter = new Emitter({
      encoder,
      catalog,
      suggest: payload && ((offset) => payload.suggest(offset)),
      counts,
      pacer,
      warn,
    });
    using items: ItemSink = withReuse(o, encoder, emitter);
    const walker = new Walker({
      items,
      metadata,
      excludes: new Excludes(patterns, warn),
      devices: o.includeDevices === 'all' ? 'all' : new Set([stat.device, ...(o.includeDevices ?? [])]),
      entriesMax: o.entriesMax ?? defaultEntriesMax,
      deviceNodes: o.deviceNodes ?? true,
      fifos: o.fifos ?? true,
      sockets: o.sockets ?? true,
      pacer,
      warn,
      onEntry: (entry) => {
        current = entry;
      },
      previous: o.previous && previousRoot(o.previous.metadata, (text) => warn(pathOf(current), text)),
    });
    await encoder.start(metadata.ofOpenFile(fd, stat, current));
    await catalog?.startDirectory(Buffer.from(o.archiveName ?? ''));
    await walker.walkRoot(fd, stat);
    await items.finish();
    if (!payload && patterns.length > 0) {
      const content = formatPatterns(patterns);
      await emitter.add({
        kind: 'synthetic',
        name: cliExcludeName,
        parent: noName,
        meta: cliMetadata(),
        content,
      });
    }
    await encoder.finish();
    await catalog?.endDirectory();
    o.onProgress?.(pathOf(current), counts);
  } finally {
    closeSync(fd);
  }
  return { ...counts, warnings };
}

/** In metadata mode entries wait in front of the emitter. */
function withReuse({ previous, payload }: ArchiveOptions, encoder: PxarEncoder, emitter: Emitter): ItemSink {
  if (!previous) return emitter;
  if (!payload?.inject) throw new GranaryError('internal', 'metadata mode without a payload sink that takes chunks');
  const inject = payload.inject.bind(payload);
  return new LookAhead({ encoder, emitter, index: previous.payloadIndex, limit: previous.pendingMax, inject });
}

/** Of the file that keeps the command line's patterns in an unsplit archive (pxar.md 11.5). */
const cliMetadata = (): PxarMetadata => ({
  mode: 0o100600,
  flags: 0n,
  uid: process.geteuid?.() ?? 0,
  gid: process.getegid?.() ?? 0,
  mtime: { seconds: 0n, nanos: 0 },
  xattrs: noXattrs,
  acl: noAcl,
});

/** Device numbers of paths, for `includeDevices`. */
export function devicesOf(paths: readonly string[]): Set<number> {
  return new Set(paths.map((path) => statSync(path).dev));
}
